"""Compute on a Dask cluster: `dask://host:port`, or `dask://host:port?ca=...&cert=...&key=...` over TLS."""

from __future__ import annotations

import contextlib
import functools
import pickle
import re
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import distributed
from distributed.scheduler import KilledWorker

from powerdesk.engines.ports import compute as port
from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}")
FILES = frozenset({"ca", "cert", "key"})
TIMEOUT_S = 10.0
AGAIN_S = 2.0
UNPICKLED = (TypeError, AttributeError, pickle.PicklingError)


class DaskCompute:
    """The Compute port on the workers of a cluster, which have this version of the house installed.

    A call whose worker dies is started again on another, as often as the cluster allows (`allowed-failures`); after
    that it fails with ComputeCrashedError, and so does every call under way when the scheduler is lost. Workers pin
    BLAS to one thread each (their nanny does) and run one call at a time when started with `--nthreads 1`.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._address, self._security = parsed(url)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._closed = False
        self._waiting: set[futures.Future[Any]] = set()
        self._client = self._connected(timeout_s)

    def submit(
        self, function: Callable[port.P, port.R], /, *args: port.P.args, **kwargs: port.P.kwargs
    ) -> futures.Future[port.R]:
        """Start the call and return its future."""
        outer: futures.Future[port.R] = futures.Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("found a call after shutdown; allowed: calls before it; start a new desk")
            if self._client.status == "closed":  # it looked for a lost scheduler and gave up
                self._client = self._connected(AGAIN_S)
            if self._client.status != "running":
                raise self._unreachable(f"the connection is {self._client.status}")
            client = self._client
            self._waiting.add(outer)
        outer.add_done_callback(self._waiting.discard)
        call = functools.partial(function, *args, **kwargs)
        try:
            inner = client.submit(call, pure=False)
        except UNPICKLED as error:
            outer.set_exception(error)
            return outer
        inner.add_done_callback(functools.partial(_hand_on, outer))
        outer.add_done_callback(lambda given: inner.cancel() if given.cancelled() else None)
        return outer

    def version(self) -> str:
        """Ask the scheduler for its workers."""
        if self._client.status != "running":
            raise self._unreachable(f"the connection is {self._client.status}")
        try:
            workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, TimeoutError) as error:
            raise self._unreachable(str(error)) from error
        return f"Dask {distributed.__version__}, {workers} worker(s)"

    def shutdown(self) -> None:
        """Finish what runs, refuse more. The cluster goes on for others."""
        with self._lock:
            self._closed = True
            waiting = tuple(self._waiting)
        if self._client.status == "running":
            futures.wait(waiting)
        with contextlib.suppress(OSError, TimeoutError):  # a scheduler that is gone has nothing to be told
            self._client.close(timeout=self._timeout_s)

    def _connected(self, timeout_s: float) -> distributed.Client:
        try:
            return distributed.Client(
                self._address, timeout=timeout_s, security=self._security, set_as_default=False, name="powerdesk"
            )
        except (OSError, TimeoutError) as error:
            raise self._unreachable(str(error)) from error

    def _unreachable(self, why: str) -> faults.EngineUnavailableError:
        return unreachable(self._address, why)


def unreachable(address: str, why: str) -> faults.EngineUnavailableError:
    """Return the problem of a scheduler that does not answer."""
    return faults.EngineUnavailableError(
        found=f"the Dask scheduler at {address}: {why}",
        allowed="a scheduler that answers",
        remedy="start it, or correct compute.url; a client that lost it comes back by itself",
    )


def parsed(url: str) -> tuple[str, distributed.Security | None]:
    """Return the scheduler's address in Dask's words and what proves both ends to each other."""
    parts = urlsplit(url)
    asked = {name: given[-1] for name, given in parse_qs(parts.query).items()}
    fit = parts.scheme == "dask" and HOST.fullmatch(parts.netloc) and not parts.path.strip("/")
    if not fit or asked.keys() not in (set(), FILES):
        raise faults.UnfitRequestError(
            found=f"compute address {url!r}",
            allowed="dask://host:port, for TLS with ?ca=FILE&cert=FILE&key=FILE",
            remedy="correct the address",
        )
    if not asked:
        return f"tcp://{parts.netloc}", None
    security = distributed.Security(
        require_encryption=True,
        tls_ca_file=asked["ca"],
        tls_client_cert=asked["cert"],
        tls_client_key=asked["key"],
    )
    return f"tls://{parts.netloc}", security


def _hand_on(outer: futures.Future[Any], inner: distributed.Future) -> None:
    """Give the outcome of a call of the cluster to the caller's future."""
    if outer.cancelled() or not outer.set_running_or_notify_cancel():
        return
    try:
        if inner.status == "finished":
            outer.set_result(inner.result(timeout=TIMEOUT_S))
            return
        error = inner.exception(timeout=TIMEOUT_S) if inner.status == "error" else None
    except Exception as lost:  # noqa: BLE001 - what hinders the way back is the call's outcome
        error = lost
    if error is None or isinstance(error, (KilledWorker, futures.CancelledError, TimeoutError, OSError)):
        outer.set_exception(_crashed(error))
    else:
        outer.set_exception(error)


def _crashed(cause: BaseException | None) -> port.ComputeCrashedError:
    crashed = port.ComputeCrashedError(
        found="the workers that took this call died, or the cluster was lost while it was waiting or running",
        allowed="work that fits the memory of a worker, on a cluster that stays",
        remedy="repeat the call; if it dies again, make the work smaller or give the workers more memory",
    )
    crashed.__cause__ = cause
    return crashed
