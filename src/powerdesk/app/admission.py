"""How many connections are open, of everybody and of each client address, and who is refused."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from powerdesk.access import connections
from powerdesk.kernel import problem

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

RETRY_S = 5.0


class TooManyConnectionsError(problem.Problem):
    """A client address has as many connections open as it may."""

    status = 429
    slug = "too-many-connections"
    title = "Too many connections from one address"


class PortFullError(problem.Problem):
    """The port has as many connections open as it may."""

    status = 503
    slug = "port-full"
    title = "Too many connections"


class Admission:
    """Open connections and whose they are: an IPv4 address, an IPv6 /64, or None for those of a trusted proxy."""

    def __init__(self, *, most: int, of_address: int) -> None:
        self._most, self._of_address_most = most, of_address
        self._open: dict[asyncio.Transport, str | None] = {}
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def __iter__(self) -> Iterator[asyncio.Transport]:
        """Yield each that is open."""
        return iter(tuple(self._open))

    def admit(self, transport: asyncio.Transport, *, address: str | None) -> None:
        """Count a connection; raise PortFullError or TooManyConnectionsError when there are too many."""
        if len(self._open) >= self._most:
            raise PortFullError(
                found=f"{len(self._open)} open connections",
                allowed=f"{self._most}",
                remedy="try again shortly",
                retry_after_s=RETRY_S,
            )
        self._count(transport, address)

    def know(self, transport: asyncio.Transport, *, address: str) -> None:
        """Count a proxy's connection by the client that it is for, now that this is known; raise as `admit` does."""
        if self._open.get(transport, "") is None:
            self._count(transport, address)

    def leave(self, transport: asyncio.Transport) -> None:
        """Uncount a connection."""
        whose = self._open.pop(transport, None)
        if whose is not None:
            self._of_address[whose] -= 1
            if not self._of_address[whose]:
                del self._of_address[whose]

    def _count(self, transport: asyncio.Transport, address: str | None) -> None:
        whose = None if address is None else connections.neighbourhood(address)
        if whose is not None:
            if self._of_address[whose] >= self._of_address_most:
                raise TooManyConnectionsError(
                    found=f"{self._of_address[whose]} open connections from {whose}",
                    allowed=f"{self._of_address_most} (the setting connections_of_address)",
                    remedy="close some; keep connections and use them again",
                    retry_after_s=RETRY_S,
                )
            self._of_address[whose] += 1
        self._open[transport] = whose
