"""Model-based: whatever happens to clients, the table each keeps becomes the server's table, and no gap is silent."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from desk_cases import HandClock, close
from store_cases import HOUR, batch, row
from stream_cases import Client, Doorkeeper, connect, open_store, run, serving, subscribe

from powerdesk.delivery.stream.hub import HubLimits
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from stream_cases import Desk

LOCATIONS = ("AAA:X", "AAA:Y", "BBB:X", "BBB:Y")
QUICK = HubLimits(heartbeat_s=0.1)
STEPS = 30


class Reader:
    """A client that dies and comes back, keeping its table and its token."""

    def __init__(self, options: dict[str, Any], locations: tuple[str, ...]) -> None:
        self.options = options
        self.locations = locations
        self.client: Client | None = None
        self.sid = ""
        self.table: dict[tuple[str, ...], float | None] = {}
        self.resume: str | None = None
        self.faults: list[str] = []

    async def come(self, served: Desk) -> None:
        """Connect; go on by the token when there is one, else from a snapshot."""
        self.client = await connect(served, resume=self.resume)
        start = "snapshot" if self.resume is None else "resume"
        within = {"filter": {"location": list(self.locations)}} if self.locations != LOCATIONS else {}
        self.client.resume = self.resume
        ack = await subscribe(self.client, **within, **self.options, **{"from": start}, hours=400)
        self.sid = ack["sid"]
        if self.resume is None:
            self.table = {}
        self.client.tables[self.sid] = self.table

    async def die(self) -> None:
        """Vanish without a word, with what was heard by then."""
        if self.client is not None:
            self.hear_all()
            self.faults += self.client.faults
            self.table = self.client.tables[self.sid]
            self.resume = self.client.resume
            await self.client.close()
            self.client = None

    def hear_all(self) -> None:
        """Apply what has come."""
        while self.client is not None and not self.client.ear.queue.empty():
            self.client.apply(self.client.ear.queue.get_nowait())

    async def agrees(self, served: Desk) -> bool:
        """Hear until the table is the server's, or patience ends."""
        if self.client is None:
            return False
        want = served.table(within={"location": self.locations})
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while (self.client.tables[self.sid] != want) and asyncio.get_running_loop().time() < deadline:
            await self.client.hear()
        self.faults += self.client.faults
        return self.client.tables[self.sid] == want


def readers() -> list[Reader]:
    return [
        Reader({}, LOCATIONS),
        Reader({"conflate_ms": 20}, LOCATIONS),
        Reader({"policy": "skip"}, LOCATIONS[:1]),
        Reader({"conflate_ms": 50, "fields": ["price_per_mwh"]}, LOCATIONS[1:3]),
        Reader({"fields": ["price_per_mwh", "revision"]}, LOCATIONS[2:]),
    ]


async def step(served: Desk, chance: np.random.Generator, crowd: list[Reader]) -> None:
    """Do one random thing."""
    what = chance.integers(10)
    reader = crowd[chance.integers(len(crowd))]
    if what < 6:
        stamps = (
            None,
            served.clock.now() - 50 * HOUR,
            served.clock.now() + timedelta(minutes=int(chance.integers(1, 90))),
        )
        rows = {}
        for _ in range(chance.integers(1, 6)):
            location, hour = LOCATIONS[chance.integers(4)], int(chance.integers(90, 100))
            price = None if chance.random() < 0.1 else float(chance.integers(100))
            stamp = stamps[chance.choice(3, p=(0.7, 0.15, 0.15))]
            reason = "withdrawn" if price is None else None
            rows[location, hour] = row(hour, price, location=location, published_at=stamp, reason=reason)
        source = "better" if chance.random() < 0.3 else "test"
        await served.put(batch(*rows.values()), source=source)
    elif what < 7:
        served.clock.instant += timedelta(minutes=int(chance.integers(1, 40)))
    elif what < 9:
        await (reader.come(served) if reader.client is None else reader.die())
    else:
        await asyncio.sleep(0.02)
    reader.hear_all()


@pytest.mark.parametrize("seed", range(3))
def test_clients_that_die_and_resume__keep_the_servers_table(tmp_path: Path, seed: int) -> None:
    async def body() -> None:
        chance = np.random.default_rng(seed)
        clock, gate, crowd = HandClock(), Doorkeeper(), readers()
        store = open_store(tmp_path, clock)
        try:
            for _life in range(2):  # the second hub knows nothing of the first
                async with serving(store, clock, gate=gate, limits=QUICK) as served:
                    for _ in range(STEPS):
                        await step(served, chance, crowd)
                    for reader in crowd:
                        if reader.client is None:
                            await reader.come(served)
                    served.clock.instant += timedelta(hours=2)
                    for reader in crowd:
                        assert await reader.agrees(served)
                        await reader.die()
            assert [reader.faults for reader in crowd] == [[]] * len(crowd)
        finally:
            close(store)

    run(body(), fast=seed % 2 == 0)
