"""A worker of the Dask cluster: a process of one core beside this one, started again when it dies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import distributed

from powerdesk.engines.scaled import compute

if TYPE_CHECKING:
    import threading

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def work(url: str, stop: threading.Event) -> None:
    """Take calls from the scheduler until told to stop; raise EngineUnavailableError when it cannot be reached."""
    asyncio.run(_work(url, stop))


async def _work(url: str, stop: threading.Event) -> None:
    address, security = compute.parsed(url)
    nanny = distributed.Nanny(
        address, nthreads=1, security=security, env=ONE_THREAD, dashboard=False, death_timeout=compute.TIMEOUT_S
    )
    try:
        await asyncio.wait_for(nanny, compute.TIMEOUT_S)
    except (OSError, TimeoutError) as error:
        raise compute.unreachable(address, str(error)) from error
    try:
        told = asyncio.create_task(asyncio.to_thread(stop.wait))
        ended = asyncio.create_task(nanny.finished())
        await asyncio.wait((told, ended), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await nanny.close(timeout=compute.TIMEOUT_S)
