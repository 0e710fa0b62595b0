"""Compute on processes of this machine, started when first needed, one BLAS thread each."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any

from powerdesk.engines import lean_memory
from powerdesk.engines.embedded import compute_child
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
IDLE_S = 5.0
LEAVING_S = 10.0


class ProcessCompute:
    """The Compute port on at most `workers` processes, each served by a thread of its own while it computes.

    multiprocessing's pool does the same and keeps one process more, of 12 MB, to look after its semaphores.

    Processes start one by one as calls arrive. When one dies, its call fails with ComputeCrashedError and the next call
    starts another. A worker ends when its parent is gone. After `idle_s` seconds without a call the processes end and
    give their memory back; the next call starts them again.
    """

    def __init__(self, workers: int, *, idle_s: float = IDLE_S) -> None:
        self._workers = workers
        self._idle_s = idle_s
        self._threads = futures.ThreadPoolExecutor(workers, thread_name_prefix="compute")
        self._free: list[Worker] = []
        self._active = 0
        self._resting: threading.Timer | None = None
        self._lock = threading.Lock()
        self._closed = False

    def version(self) -> str:
        """Return what this is."""
        return f"process pool of {self._workers}"

    def submit(
        self, function: Callable[port.P, port.R], /, *args: port.P.args, **kwargs: port.P.kwargs
    ) -> futures.Future[port.R]:
        """Start the call and return its future."""
        with self._lock:
            if self._closed:
                raise RuntimeError("found a call after shutdown; allowed: calls before it; start a new desk")
            self._active += 1
            if self._resting is not None:
                self._resting.cancel()
                self._resting = None
            future = self._threads.submit(self._called, function, args, kwargs)
        future.add_done_callback(lambda _: self._end())
        return future

    def _called(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Have a free worker, or a new one, make the call; keep it for the next if it lives."""
        message = pickle.dumps((function, args, kwargs), pickle.HIGHEST_PROTOCOL)
        with self._lock:
            worker = self._free.pop() if self._free else None
        worker = worker or Worker()
        try:
            done, result = worker.ask(message)
        except BaseException:
            worker.end(within_s=0.0)
            raise
        with self._lock:
            self._free.append(worker)
        if not done:
            raise result
        return result

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
            idle, self._free = self._free, []
        for worker in idle:
            worker.end(within_s=LEAVING_S)

    def shutdown(self) -> None:
        """Finish what runs, refuse more."""
        with self._lock:
            self._closed = True
            if self._resting is not None:
                self._resting.cancel()
        self._threads.shutdown(wait=True)
        self._active = 0
        self._rest()


def apart(function: Callable[port.P, port.R], /, *args: port.P.args, **kwargs: port.P.kwargs) -> port.R:
    """Return what the call returns, made in a process of its own that ends with it."""
    pool = ProcessCompute(workers=1)
    try:
        return pool.submit(function, *args, **kwargs).result()
    finally:
        pool.shutdown()


class Worker:
    """One process that computes; whoever holds it is alone with it."""

    def __init__(self) -> None:
        environment = {**os.environ, **dict.fromkeys(THREAD_SETTINGS, "1")}  # noqa: TID251 - a process's own settings
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        lean_memory.choose(environment)
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
            [sys.executable, "-m", compute_child.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def ask(self, message: bytes) -> tuple[bool, Any]:
        """Return whether the call was done, and its result or error; raise ComputeCrashedError if the process dies."""
        taken, given = self._process.stdin, self._process.stdout
        assert taken is not None  # noqa: S101 - both are pipes
        assert given is not None  # noqa: S101 - as above
        try:
            compute_child.send(taken, message)
            answer = compute_child.receive(given)
        except (EOFError, OSError) as error:
            raise port.ComputeCrashedError(
                found="a worker process died while this call was waiting or running",
                allowed="work that fits the memory of the machine",
                remedy="repeat the call; if it dies again, make the work smaller or give the machine more memory",
            ) from error
        found: tuple[bool, Any] = pickle.loads(answer)  # noqa: S301 - from our own worker
        return found

    def end(self, *, within_s: float) -> None:
        """Let the process end, which it does when it sees no more of its parent; kill it after `within_s` seconds."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not sent cannot be sent any more
                    pipe.close()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
