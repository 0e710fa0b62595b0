"""Compute on a pool of spawned processes, started when first needed, one BLAS thread each."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent import futures
from concurrent.futures import process
from typing import TYPE_CHECKING, Any

from powerdesk.engines import lean_arrow
from powerdesk.engines.ports import compute as port

if TYPE_CHECKING:
    from collections.abc import Callable

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
IDLE_S = 60.0


class ProcessCompute:
    """The Compute port on at most `workers` processes.

    Processes start one by one as calls arrive. When one dies, the calls it takes along fail with
    ComputeCrashedError and the next call starts a fresh pool. A worker ends when its parent is gone. After `idle_s`
    seconds without a call the processes end and give their memory back; the next call starts them again.
    """

    def __init__(self, workers: int, *, idle_s: float = IDLE_S) -> None:
        self._workers = workers
        self._idle_s = idle_s
        self._active = 0
        self._resting: threading.Timer | None = None
        self._lock = threading.Lock()
        self._pool: process.ProcessPoolExecutor | None = None
        self._closed = False

    def version(self) -> str:
        """Return what this is."""
        return f"process pool of {self._workers}"

    def submit(
        self, function: Callable[port.P, port.R], /, *args: port.P.args, **kwargs: port.P.kwargs
    ) -> futures.Future[port.R]:
        """Start the call and return its future."""
        self._begin()
        pool = self._running_pool(instead_of=None)
        try:
            inner = pool.submit(function, *args, **kwargs)
        except process.BrokenProcessPool:
            inner = self._running_pool(instead_of=pool).submit(function, *args, **kwargs)
        inner.add_done_callback(lambda _: self._end())
        outer: futures.Future[port.R] = futures.Future()
        inner.add_done_callback(lambda done: _hand_on(done, outer))
        outer.add_done_callback(lambda given: inner.cancel() if given.cancelled() else None)
        return outer

    def _begin(self) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("found a call after shutdown; allowed: calls before it; start a new desk")
            self._active += 1
            if self._resting is not None:
                self._resting.cancel()
                self._resting = None

    def _end(self) -> None:
        with self._lock:
            self._active -= 1
            if self._active == 0 and not self._closed:
                self._resting = threading.Timer(self._idle_s, self._rest)
                self._resting.daemon = True
                self._resting.start()

    def _rest(self) -> None:
        """End idle processes; a call that came meanwhile keeps them."""
        with self._lock:
            if self._active:
                return
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True)

    def _running_pool(self, *, instead_of: process.ProcessPoolExecutor | None) -> process.ProcessPoolExecutor:
        """Return the pool, started if need be; a broken one is replaced by the first caller that noticed."""
        with self._lock:
            if self._pool is None or self._pool is instead_of:
                if self._pool is not None:
                    self._pool.shutdown(wait=False)
                self._pool = process.ProcessPoolExecutor(
                    max_workers=self._workers,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_prepare_worker,
                )
            return self._pool

    def shutdown(self) -> None:
        """Finish what runs, refuse more."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            if self._resting is not None:
                self._resting.cancel()
        if pool is not None:
            pool.shutdown(wait=True)


def _prepare_worker() -> None:
    """Pin BLAS to one thread (before numpy is imported here), end when the parent is gone, and keep Arrow lean."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer; it ends its workers
    for name in THREAD_SETTINGS:
        os.environ[name] = "1"  # noqa: TID251 - BLAS libraries take this setting from nowhere else
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    lean_arrow.lean()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)  # a killed parent cannot tell its workers to stop


def _hand_on(done: futures.Future[Any], outer: futures.Future[Any]) -> None:
    if done.cancelled() or not outer.set_running_or_notify_cancel():
        return
    error = done.exception()
    if isinstance(error, process.BrokenProcessPool):
        crashed = port.ComputeCrashedError(
            found="a worker process died while this call was waiting or running",
            allowed="work that fits the memory of the machine",
            remedy="repeat the call; if it dies again, make the work smaller or give the machine more memory",
        )
        crashed.__cause__ = error
        outer.set_exception(crashed)
    elif error is not None:
        outer.set_exception(error)
    else:
        outer.set_result(done.result())
