"""Subscribers of one spec, told together; and the channel of a dataset, which reads once for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from powerdesk.delivery.stream import frames
from powerdesk.delivery.stream.channel import Conflation, Delivery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    import pyarrow as pa

    from powerdesk.delivery.stream.channel import Subscriber
    from powerdesk.delivery.stream.reading import Cells, Selected
    from powerdesk.delivery.stream.subscription import Spec
    from powerdesk.store.dataset import Dataset

MS = 1000.0


class Teller(Protocol):
    """Whoever passes a delivery on to one subscriber: its session."""

    def tell(self, subscriber: Subscriber, delivery: Delivery) -> None:
        """Send what the subscriber's policy says."""
        ...


class Group:
    """All subscribers of one spec.

    `position` is the commit up to which rows have left the group, `told` what may be claimed: rows stamped later than
    now hold it back. With conflation both stand still while rows wait.
    """

    def __init__(
        self, spec: Spec, *, position: int, told: int, encode: Callable[[pa.Table], Awaitable[Delivery]]
    ) -> None:
        self.spec = spec
        self.position = position
        self.told = told
        self.members: dict[Subscriber, Teller] = {}
        self.snapshots: dict[tuple[int, float | None], asyncio.Task[tuple[datetime, Cells]]] = {}
        """Snapshots being read or just read, by position and hours; void when anything is told."""
        self._encode = encode
        self._waiting = Conflation(spec.key)
        self._next = (position, told)
        self._flush: asyncio.Task[None] | None = None
        self._left_s = float("-inf")

    def take(self, found: Selected, *, position: int, told: int) -> None:
        """Tell the rows of a batch, or let them wait for the end of the conflation window."""
        self._next = (position, told)
        if found.rows.num_rows and self.spec.conflate_ms:
            self._waiting.add(found.rows)
        if self._flush is not None:
            return
        if self._waiting:
            self._flush = asyncio.get_running_loop().create_task(self._flush_later())
            return
        self._leave(Delivery(seq=told, rows=found.rows, parts=found.parts), position)

    def close(self) -> None:
        """Forget what waits."""
        if self._flush is not None:
            self._flush.cancel()

    def _leave(self, delivery: Delivery, position: int) -> None:
        self.position, self.told = position, max(self.told, delivery.seq)
        if delivery.rows.num_rows:
            self.snapshots.clear()
            for subscriber, teller in tuple(self.members.items()):
                teller.tell(subscriber, delivery)

    async def _flush_later(self) -> None:
        loop = asyncio.get_running_loop()
        wait_s = self._left_s + self.spec.conflate_ms / MS - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        while self._waiting:
            position, told = self._next
            delivery = await self._encode(self._waiting.take())
            self._left_s = loop.time()
            self._leave(Delivery(seq=told, rows=delivery.rows, parts=delivery.parts), position)
            if self._waiting:
                await asyncio.sleep(self.spec.conflate_ms / MS)
        self._flush = None
        self.position, self.told = self._next[0], max(self.told, self._next[1])


class Channel:
    """One dataset while somebody is subscribed: how far it was read, and rows stamped later than now."""

    def __init__(self, declared: Dataset, *, position: int, held: pa.Table) -> None:
        self.declared = declared
        self.position = position
        self.target = position
        self.held = held
        self.groups: dict[Spec, Group] = {}
        self.lock = asyncio.Lock()
        self.pump: asyncio.Task[None] | None = None

    @property
    def told(self) -> int:
        """The commit up to which everything has been told: rows held back keep it before them."""
        if self.held.num_rows == 0:
            return self.position
        return min(self.position, int(min(self.held.column("commit").to_numpy())) - 1)


def encoded(rows: pa.Table) -> Delivery:
    """Return a delivery of the rows that claims nothing."""
    return Delivery(seq=0, rows=rows, parts=frames.parts(rows))
