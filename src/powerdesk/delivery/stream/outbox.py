"""When queued frames leave: at once on an idle desk, together with what follows within milliseconds on a busy one."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

_log = logging.getLogger(__name__)
WINDOW_S = 0.002
"""How long frames may wait for others after many sockets were written to."""
FEW_WRITERS = 16
"""So many sockets are written to so quickly that nothing is gained by waiting."""


class Writer(Protocol):
    """One socket with frames that wait."""

    def flush(self) -> None:
        """Write what waits, in one piece."""
        ...


class Outbox:
    """Sockets of one event loop with frames that wait.

    The first frame after a pause leaves before the loop waits again. After a round over more than FEW_WRITERS sockets
    the next round begins no sooner than WINDOW_S later: a system call per socket costs more than all else about a
    message, and then carries several.
    """

    def __init__(self) -> None:
        self._waiting: dict[Writer, None] = {}
        self._armed = False

    def mark(self, writer: Writer) -> None:
        """Have a socket flushed in the next round."""
        self._waiting[writer] = None
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for writer in waiting:
            try:
                writer.flush()
            except Exception:  # noqa: BLE001 - one socket's fault must not keep frames of the others; it is logged
                _log.exception("a socket could not be written to")
        loop = asyncio.get_running_loop()
        if len(waiting) > FEW_WRITERS:
            loop.call_later(WINDOW_S, self._round)
        elif self._waiting:
            loop.call_soon(self._round)
        else:
            self._armed = False
