"""What every server here can do; one module beside this one for each kind."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import psutil

from servers.waiting import LOOK_EVERY_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STOP_S = 60.0
FIRST_PORT, PORTS, PORTS_EACH = 15_000, 17_000, 61
"""Below the ports that systems give by themselves: from 32768 on Linux, from 49152 elsewhere."""
_turns = itertools.count()


class ServerDidNotStartError(RuntimeError):
    """The process ended or stayed silent; the message carries the tail of its log."""


class Server(ABC):
    """One server process in its own folder, on 127.0.0.1; started again there it has its data back."""

    name: str
    start_s: float = PATIENCE_S
    stop_signal: ClassVar[int] = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Return the address as the settings take it."""

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """Return what is lacking to start one here and how to get it; None when nothing is."""

    @classmethod
    @abstractmethod
    def install(cls) -> None:
        """Get what is lacking, where this machine allows it."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line."""

    @abstractmethod
    def healthy(self) -> bool:
        """Tell whether it answers a real request."""

    def prepare(self) -> None:  # noqa: B027 - most servers need no files
        """Make files that the first start needs; a second call changes nothing."""

    def environment(self) -> Mapping[str, str] | None:
        """Return the environment of the process; None passes ours on."""
        return None

    def start(self) -> None:
        """Start it and wait until it answers; raise ServerDidNotStartError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command()),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment(),
                start_new_session=True,  # Ctrl-C is for us, who then stop it
            )
        pause = threading.Event()
        until = time.monotonic() + self.start_s
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(Exception):
                if self.healthy():
                    return
            pause.wait(LOOK_EVERY_S)
        tail = (self.folder / "server.log").read_text(errors="replace")[-2000:]
        self.kill()
        raise ServerDidNotStartError(f"{self.name} did not answer within {self.start_s:.0f} s:\n{tail}")

    def kill(self) -> None:
        """End it and its children at once, as a power cut would (kill -9)."""
        family = self._signal("SIGKILL")
        if self.process is not None:
            self.process.wait(STOP_S)
        psutil.wait_procs(family, timeout=STOP_S)

    def pause(self) -> None:
        """Let it hold its connections and answer nothing (SIGSTOP)."""
        self._signal("SIGSTOP")

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal("SIGCONT")

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self._signal("SIGCONT")
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def _signal(self, name: str) -> list[psutil.Process]:
        """Send a signal to the children, then to the process, which is held meanwhile; return the children."""
        if self.process is None or self.process.poll() is not None:
            return []
        number = getattr(signal, name)
        if hasattr(signal, "SIGSTOP"):
            self.process.send_signal(signal.SIGSTOP)
        family = psutil.Process(self.process.pid).children(recursive=True)
        for child in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(number)
        self.process.send_signal(number)
        return family


def free_port() -> int:
    """Return a port of loopback that nobody listens on now and that the system gives to nobody by itself.

    One that `bind` chose could be chosen again before its server has it, or be a client's while its server is down.
    Processes begin at different places, so that those that look at once find different ones.
    """
    for turn in itertools.islice(_turns, PORTS):
        port = FIRST_PORT + (os.getpid() * PORTS_EACH + turn) % PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerDidNotStartError(f"none of the ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")
