"""Long-running parts of the process: each a thread that stops when told and is seen when it fails."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("powerdesk.app")
RESTART_AFTER_S = 1.0
JOIN_S = 10.0


class Workers:
    """Threads by name; a loop that raises is logged and started again after a second."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, loop: Callable[[threading.Event], None]) -> None:
        """Run `loop(stop)` on a thread of its own; it returns soon after `stop` is set."""
        thread = threading.Thread(target=self._guard, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def every(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        """Run `work` again and again with a pause between."""

        def loop(stop: threading.Event) -> None:
            while not stop.wait(seconds):
                work()

        self.start(name, loop)

    def alive(self) -> dict[str, bool]:
        """Tell which threads live."""
        return {thread.name: thread.is_alive() for thread in self._threads}

    def close(self) -> None:
        """Tell all to stop and wait for them, bounded."""
        self.stop.set()
        for thread in reversed(self._threads):
            thread.join(JOIN_S)

    def _guard(self, name: str, loop: Callable[[threading.Event], None]) -> None:
        while not self.stop.is_set():
            try:
                loop(self.stop)
            except Exception:
                log.exception("%s failed and starts again", name)
                self.stop.wait(RESTART_AFTER_S)
            else:
                return
