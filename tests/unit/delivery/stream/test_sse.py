"""Server-sent events: the same messages as over WebSocket, and a browser's own reconnecting resumes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from store_cases import T0, batch, row
from stream_cases import DESCRIBED, TICKS, asker, connect, desk, run, subscribe

from powerdesk.delivery.stream import messages, sse
from powerdesk.delivery.stream.hub import HubLimits
from powerdesk.delivery.stream.session import TooManySocketsError
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from stream_cases import Desk

CHANNEL = ("channel", TICKS.id)


def at_desk(folder: Path, body: Callable[[Desk], Awaitable[None]], **options: Any) -> None:
    async def work() -> None:
        async with desk(folder, **options) as served:
            await body(served)

    run(work())


class Source:
    """Reads events as a browser does."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.chunks = chunks
        self.last_id: str | None = None

    async def next(self) -> dict[str, Any]:
        """Return the next message that is not a heartbeat."""
        until = asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < until:
            chunk = await asyncio.wait_for(anext(self.chunks), PATIENCE_S)
            fields = dict(line.split(": ", 1) for line in chunk.decode().removesuffix("\n\n").split("\n"))
            self.last_id = fields.get("id", self.last_id)
            message = msgspec.json.decode(fields["data"])
            assert fields["event"] == message["t"]
            DESCRIBED.check(message)
            if message["t"] != "hb":
                return message
        raise AssertionError("nothing but heartbeats")

    async def close(self) -> None:
        """Go away."""
        await self.chunks.aclose()


def source(served: Desk, *params: tuple[str, str], last_event_id: str | None = None) -> Source:
    every = served.gate.askers["all"]
    return Source(sse.events(served.hub, every, [CHANNEL, *params], last_event_id=last_event_id))


def test_events__equal_the_messages_of_a_socket(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0), row(1, 2.0)))
        client, events = await connect(served), source(served, ("market", "AAA"), ("from", "snapshot"))
        over_socket = [await subscribe(client, id=1, filter={"market": ["AAA"]}, **{"from": "snapshot"})]
        over_events = [await events.next() for _ in range(2)][1:]
        await served.put(batch(row(2, 3.0), row(0, 9.0, location="BBB:X")))
        for _ in range(3):
            over_socket.append(await client.until("snap", "snap_end", "upd"))
            over_events.append(await events.next())
        assert over_socket == over_events
        assert [each["t"] for each in over_events] == ["ack", "snap", "snap_end", "upd"]
        await events.close()
        assert len(served.hub.sessions) == 1

    at_desk(tmp_path, body)


def test_events__resume_by_the_last_event_id(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0)))
        first = source(served, ("from", "snapshot"))
        while (await first.next())["t"] != "snap_end":
            pass
        await served.put(batch(row(1, 2.0)))
        assert (await first.next())["columns"]["price_per_mwh"] == [2.0]
        await first.close()
        await served.put(batch(row(2, 3.0)))
        again = source(served, ("from", "snapshot"), last_event_id=first.last_id)
        heard = [await again.next() for _ in range(3)]
        assert [each["t"] for each in heard] == ["welcome", "ack", "upd"]
        assert (heard[2]["prev"], heard[2]["columns"]["price_per_mwh"]) == (2, [3.0])
        await again.close()

    at_desk(tmp_path, body)


def test_events__end_when_revoked(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        events = source(served)
        assert [(await events.next())["t"] for _ in range(2)] == ["welcome", "ack"]
        served.gate.set("all", asker("all", "nothing"))
        assert [(await events.next())["t"] for _ in range(2)] == ["revoked", "bye"]
        with pytest.raises(StopAsyncIteration):
            await events.next()
        assert not served.hub.sessions

    at_desk(tmp_path, body)


def test_events__of_a_slow_reader_are_conflated(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        events = source(served)
        assert [(await events.next())["t"] for _ in range(2)] == ["welcome", "ack"]
        for number in range(14):
            rows = (row(0, 10.0 * number + place / 1000, location=f"AAA:N{place}") for place in range(800))
            await served.put(batch(*rows))
        updates, prices, prev = 0, {}, 0
        while len(prices) < 800 or max(prices.values()) < 130:
            message = await events.next()
            if message["t"] == "upd":
                updates += 1
                assert message["prev"] == prev
                prev = message["seq"]
                columns = message["columns"]
                prices.update(zip(columns["location"], columns["price_per_mwh"], strict=True))
        assert updates < 14
        assert min(prices.values()) == 130
        await events.close()

    at_desk(tmp_path, body)


def test_events__that_cannot_begin_say_why(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        for params, pointer in (
            ([("channel", TICKS.id), ("conflate_ms", "soon")], "conflate_ms"),
            ([("channel", TICKS.id), ("hours", "nan")], "hours"),
            ([("channel", TICKS.id), ("from", "yesterday")], "from"),
            ([("market", "AAA")], "message"),
            ([("channel", TICKS.id), ("replay_start", "2026-01-01T00:00:00Z")], "replay"),
            ([("channel", TICKS.id), ("speed", "fast")], "replay.speed"),
        ):
            with pytest.raises(messages.BadMessageError) as caught:
                await anext(sse.events(served.hub, served.gate.askers["all"], params))
            assert caught.value.findings[0].pointer == pointer
        unknown = source(served, ("nothing", "x"))
        assert (await unknown.next())["t"] == "welcome"
        assert (await unknown.next())["problem"]["errors"][0]["pointer"] == "filter.nothing"
        held = source(served)
        await held.next()
        with pytest.raises(TooManySocketsError):
            await source(served).next()
        await held.close()
        await unknown.close()

    at_desk(tmp_path, body, limits=HubLimits(sockets_per_principal=2))


def test_events__of_a_replay_end_with_it(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        stamp = lambda minutes: (T0 + timedelta(minutes=minutes)).isoformat()  # noqa: E731 - one expression, used in the lines below only
        for minutes in (10, 20, 30):
            await served.put(batch(row(0, float(minutes), published_at=T0 + timedelta(minutes=minutes))))
        for start, prices in ((5, [10.0, 20.0]), (25, [])):
            window = (("replay_start", stamp(start)), ("replay_end", stamp(30)), ("speed", "1e6"))
            events = source(served, *window, ("market", "AAA"), ("from", "snapshot"))
            heard = []
            while not heard or heard[-1]["t"] != "replay_end":
                heard.append(await events.next())
            assert [each["t"] for each in heard] == ["welcome", "ack", *["upd"] * len(prices), "replay_end"]
            assert [price for each in heard[2:-1] for price in each["columns"]["price_per_mwh"]] == prices
            assert events.last_id is None
            with pytest.raises(StopAsyncIteration):
                await events.next()
            assert not served.hub.sessions

    at_desk(tmp_path, body)


def test_read__takes_the_parameters_of_a_subscription() -> None:
    found = sse.read([CHANNEL, ("market", "AAA,BBB"), ("market", "CCC"), ("from", "12"), ("conflate_ms", "250"),
                      ("fields", "price_per_mwh,stage"), ("policy", "skip"), ("hours", "1.5")])  # fmt: skip
    assert found.filter == {"market": ("AAA", "BBB", "CCC")}
    assert found.start == messages.Origin(seq=12)
    assert (found.conflate_ms, found.fields, found.policy, found.hours) == (
        250,
        ("price_per_mwh", "stage"),
        "skip",
        1.5,
    )
    past = sse.read([CHANNEL, ("as_of", "2026-01-01T00:00:00Z")])
    assert past.start == messages.Origin(as_of="2026-01-01T00:00:00Z")
    window = [("replay_start", "2026-01-01T00:00:00Z"), ("replay_end", "2026-01-02T00:00:00Z"), ("speed", "60")]
    found = sse.read([CHANNEL, *window, ("market", "AAA")])
    assert found.replay == messages.ReplayWindow(start="2026-01-01T00:00:00Z", end="2026-01-02T00:00:00Z", speed=60.0)
    assert found.filter == {"market": ("AAA",)}
