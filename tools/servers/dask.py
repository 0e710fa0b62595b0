"""A Dask cluster: a scheduler and workers of one thread each, BLAS on one thread too."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from servers import base

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ANSWER_S = 2


class Dask(base.Server):
    """The scheduler is the server; its workers are started after it and end with it."""

    name = "dask"

    def __init__(self, folder: Path, *, port: int | None = None, workers: int = 2) -> None:
        super().__init__(folder, port=port)
        self._count = workers
        self._workers: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str | None:
        """Return what is lacking: the library."""
        if importlib.util.find_spec("distributed") is None:
            return "the library: python tools/setup.py --extra scaled"
        return None

    @classmethod
    def install(cls) -> None:
        """Do nothing: it comes with the extra."""

    @property
    def url(self) -> str:
        """Return the address of the scheduler."""
        return f"dask://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """Return the command line of the scheduler."""
        return [*_dask("scheduler"), "--port", str(self.port)]

    def healthy(self) -> bool:
        """Start the workers once the scheduler listens, and wait for them."""
        import distributed  # noqa: PLC0415 - an extra that a laptop may lack

        with socket.create_connection(("127.0.0.1", self.port), ANSWER_S):
            pass
        if self._workers is None:
            with (self.folder / "workers.log").open("ab") as log:
                counted = ["--nworkers", str(self._count), "--nthreads", "1", "--death-timeout", "60"]
                command = [*_dask("worker"), f"tcp://127.0.0.1:{self.port}", *counted]
                self._workers = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        address = f"tcp://127.0.0.1:{self.port}"
        with distributed.Client(address, timeout=ANSWER_S, set_as_default=False) as client:
            client.wait_for_workers(self._count, timeout=self.start_s)
        return True

    def kill(self) -> None:
        """End the scheduler at once, and its workers."""
        super().kill()
        self._end_workers()

    def stop(self) -> None:
        """Ask the scheduler to end; its workers follow."""
        super().stop()
        self._end_workers()

    def _end_workers(self) -> None:
        if self._workers is not None:
            self._workers.terminate()  # the nannies take their workers along
            try:
                self._workers.wait(base.STOP_S)
            except subprocess.TimeoutExpired:
                self._workers.kill()
            self._workers = None


def _dask(part: str) -> list[str]:
    return [sys.executable, "-m", "distributed.cli.dask_" + part, "--host", "127.0.0.1", "--no-dashboard"]
