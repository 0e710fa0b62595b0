"""The stream end to end on the embedded engines: snapshots, deltas, resumption, policies, revocation."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema_rs import ValidationError
from schema_cases import Described
from store_cases import T0, batch, row
from stream_cases import TICKS, asker, connect, desk, dial, run, subscribe

from powerdesk.access.types import Channel
from powerdesk.delivery.stream import asyncapi, messages, tokens
from powerdesk.delivery.stream.hub import HubLimits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from stream_cases import Client, Desk

SNAPSHOT: dict[str, Any] = {"from": "snapshot"}
X0, X1, X2 = (("AAA:X", f"2026-03-01T0{hour}:00:00Z") for hour in range(3))
ROWS = 1000


def at_desk(folder: Path, body: Callable[[Desk], Awaitable[None]], *, fast: bool = True, **options: Any) -> None:
    async def work() -> None:
        async with desk(folder, **options) as served:
            await body(served)

    run(work(), fast=fast)


def wide(hour: int, price: float) -> Any:
    return batch(*(row(hour, price + number, location=f"AAA:N{number}") for number in range(ROWS)))


@pytest.mark.parametrize("fast", [True, False])
def test_stream__gives_a_snapshot_then_updates(tmp_path: Path, *, fast: bool) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0), row(1, 2.0), row(0, 3.0, location="BBB:Y")))
        client = await connect(served)
        ack = await subscribe(client, **SNAPSHOT)
        assert (ack["series"], ack["denied"]) == (2, [])
        end = await client.until("snap_end")
        assert client.tables[ack["sid"]] == {X1: 2.0, ("BBB:Y", X0[1]): 3.0}
        commit = await served.put(batch(row(2, 5.0)))
        upd = await client.until("upd")
        assert (upd["prev"], upd["seq"]) == (end["seq"], commit)
        assert upd["columns"]["price_per_mwh"] == [5.0]
        assert upd["columns"]["interval_start"] == [X2[1]]

    at_desk(tmp_path, body, fast=fast)


def test_sub__narrows_rows_and_columns_and_takes_the_newest_hours(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(98, 1.0), row(99, 2.0), row(99, 9.0, location="AAA:Y"), row(1, 0.0)))
        client = await connect(served)
        ack = await subscribe(
            client, filter={"location": ["AAA:X"]}, fields=["price_per_mwh"], hours=3, **SNAPSHOT
        )  # fmt: skip
        snap = await client.until("snap")
        assert list(snap["columns"]) == ["market", "location", "interval_start", "price_per_mwh"]
        assert snap["columns"]["price_per_mwh"] == [1.0, 2.0]
        await served.put(batch(row(99, 7.0, location="AAA:Y"), row(99, 4.0)))
        assert (await client.until("upd"))["columns"]["price_per_mwh"] == [4.0]
        assert ack["series"] == 2

    at_desk(tmp_path, body)


def test_updates__are_beliefs_in_force_unless_every_one_is_wanted(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0, location="BBB:X")), source="better")
        state, every = await connect(served), await connect(served)
        await subscribe(state)
        await subscribe(every, policy="block", fields=["price_per_mwh", "source", "revision"])
        late = served.clock.now() - timedelta(days=60)
        await served.put(batch(row(0, 2.0, location="BBB:X"), row(0, 3.0)))
        assert (await state.until("upd"))["columns"]["price_per_mwh"] == [3.0]
        await served.put(batch(row(0, 4.0, published_at=late)))  # an older belief that is learnt of only now
        await served.put(batch(row(1, 5.0)))
        assert (await state.until("upd"))["columns"]["price_per_mwh"] == [5.0]
        assert not state.faults
        raw = [value for _ in range(3) for value in (await every.until("upd"))["columns"]["price_per_mwh"]]
        assert sorted(raw) == [2.0, 3.0, 4.0, 5.0]

    at_desk(tmp_path, body)


def test_rows_published_later_than_now__wait_and_hold_the_sequence(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        ack = await subscribe(client)
        soon = served.clock.now() + timedelta(minutes=5)
        await served.put(batch(row(0, 1.0, published_at=soon)))
        await served.put(batch(row(1, 2.0)))
        first = await client.until("upd")
        assert first["columns"]["price_per_mwh"] == [2.0]
        assert first["seq"] == ack["seq"] == 0  # resuming from here brings the row that waits
        fresh = await connect(served)
        await subscribe(fresh, **SNAPSHOT)
        await fresh.until("snap_end")
        assert list(*fresh.tables.values()) == [X1]
        served.clock.instant += timedelta(minutes=5)
        assert (await client.until("upd"))["columns"]["price_per_mwh"] == [1.0]
        assert (await fresh.until("upd"))["seq"] == 2
        assert not client.faults + fresh.faults

    at_desk(tmp_path, body, limits=HubLimits(heartbeat_s=0.1))


def test_conflation__sends_the_newest_per_key_once_a_window(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        ack = await subscribe(client, conflate_ms=500)
        began = asyncio.get_running_loop().time()
        await served.put(batch(row(0, 0.0)))
        await client.until("upd")  # the first after a pause leaves at once
        for price in range(1, 6):
            await served.put(batch(row(0, float(price)), row(1, float(price))))
        while client.tables[ack["sid"]].get(X1) != 5.0:
            await client.until("upd")
        assert client.tables[ack["sid"]] == {X0: 5.0, X1: 5.0}
        assert client.updates <= 2 + (asyncio.get_running_loop().time() - began) / 0.5  # however long the batches took
        assert not client.faults

    at_desk(tmp_path, body)


def test_resume__by_seq_or_token_brings_what_was_missed_once(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0)))
        client = await connect(served)
        ack = await subscribe(client, **SNAPSHOT)
        await client.until("hb")
        assert client.resume is not None
        assert tokens.read(client.resume) == tokens.Resume(epoch="folder-1", seq={ack["sid"]: 1})
        await client.close()
        await served.put(batch(row(1, 2.0)))
        await served.put(batch(row(2, 3.0)))
        for options in ({"resume": client.resume}, {}):
            again = await connect(served, **options)
            start = {} if options else {"from": {"seq": 1}}
            assert (await subscribe(again, **start))["seq"] == 1
            upd = await again.until("upd")
            assert (upd["prev"], upd["seq"], upd["columns"]["price_per_mwh"]) == (1, 3, [2.0, 3.0])
            assert not again.faults

    at_desk(tmp_path, body, limits=HubLimits(heartbeat_s=0.1))


@pytest.mark.parametrize(
    ("token", "start", "reason"),
    [
        (tokens.write(tokens.Resume(epoch="another", seq={"x": 3})), "resume", "epoch"),
        (tokens.write(tokens.Resume(epoch="folder-1", seq={"x": 3})), "resume", "unknown-subscription"),
        ("nonsense", "resume", "unknown-subscription"),
        ("nonsense", None, "unknown-subscription"),
        (None, {"seq": 99}, "ahead"),
        (None, {"seq": 0}, "too-far"),
    ],
)
def test_resume__that_cannot_be_is_said_and_followed_by_a_snapshot(
    tmp_path: Path, token: str | None, start: Any, reason: str
) -> None:
    async def body(served: Desk) -> None:
        for hour in range(4):
            await served.put(batch(row(hour, float(hour))))
        client = await connect(served, resume=token)
        ack = await subscribe(client, filter={"market": ["AAA"]}, **{"from": start})
        gap = await client.until("gap")
        assert gap["reason"] == reason
        assert gap["rest"] == "/v1/datasets/test.ticks/rows?market=AAA"
        await client.until("snap_end")
        assert list(client.tables[ack["sid"]].values()) == [3.0]

    at_desk(tmp_path, body, limits=HubLimits(resume_rows=3))


def test_from_as_of__shows_the_past_then_what_came_since(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0), row(0, 8.0, location="AAA:Y")))
        before = served.clock.now()
        served.clock.instant += timedelta(hours=1)
        await served.put(batch(row(0, 2.0)))
        client = await connect(served)
        ack = await subscribe(client, **{"from": {"as_of": before.isoformat()}})
        snap = await client.until("snap")
        assert snap["columns"]["price_per_mwh"] == [1.0, 8.0]
        assert (await client.until("upd"))["columns"]["price_per_mwh"] == [2.0]
        assert client.tables[ack["sid"]][X0] == 2.0
        later = (served.clock.now() + timedelta(hours=1)).isoformat()
        assert (await subscribe(client, **{"from": {"as_of": later}}))["problem"]["found"].startswith("as_of")

    at_desk(tmp_path, body)


def test_replay__plays_a_window_as_it_was_learnt_at_the_pace_asked(tmp_path: Path) -> None:
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    async def body(served: Desk) -> None:
        stamp = lambda minutes: T0 + timedelta(minutes=minutes)  # noqa: E731 - one expression, used in the lines below only
        await served.put(batch(row(1, 3.0, published_at=stamp(70)), row(0, 1.0, published_at=stamp(10))))
        await served.put(batch(row(0, 2.0, published_at=stamp(40)), row(2, 4.0, published_at=stamp(90))))
        client = await connect(served)
        window = {"start": stamp(5).isoformat(), "end": stamp(90).isoformat(), "speed": 60.0}
        await subscribe(client, replay=window)
        heard = [await client.until("upd") for _ in range(3)]
        assert [upd["columns"]["price_per_mwh"] for upd in heard] == [[1.0], [2.0], [3.0]]
        assert [(upd["prev"], upd["seq"]) for upd in heard] == [(0, 1), (1, 2), (2, 3)]
        await client.until("replay_end")
        assert paused == [5.0, 30.0, 30.0]

    at_desk(tmp_path, body, pause=pause)


def test_block__gives_each_commit_by_itself_however_many_were_read_together(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        state, every = await connect(served), await connect(served)
        await subscribe(state)
        await subscribe(every, policy="block")
        async with served.hub._channels["test.ticks"].lock:  # the next read begins after all three
            for price in (1.0, 2.0, 3.0):
                await served.put(batch(row(0, price), row(1, price)))
        heard = [await every.until("upd") for _ in range(3)]
        assert [(upd["prev"], upd["seq"]) for upd in heard] == [(0, 1), (1, 2), (2, 3)]
        assert [upd["columns"]["price_per_mwh"] for upd in heard] == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
        newest = await state.until("upd")
        assert (newest["seq"], newest["columns"]["price_per_mwh"]) == (3, [3.0, 3.0])

    at_desk(tmp_path, body)


def test_spend__counts_one_call_per_subscription_with_its_rows(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0), row(1, 2.0)))
        client = await connect(served)
        past = {"start": T0.isoformat(), "end": (served.clock.now() + timedelta(days=1)).isoformat(), "speed": 1e9}
        spent = []
        for options, end in (({}, "ack"), (SNAPSHOT, "snap_end"), ({"from": {"seq": 0}}, "upd"),
                             ({"replay": past}, "replay_end"), ({"from": {"seq": 99}}, "snap_end")):  # fmt: skip
            client.send({"t": "sub", "id": 1, "channel": "test.ticks", **options})
            await client.until(end)
            spent.append(served.gate.spent[:])
            served.gate.spent.clear()
        assert spent == [[("all", "prices", rows)] for rows in (0, 1, 2, 2, 1)]

    at_desk(tmp_path, body)


def test_entitlement__denies_in_the_ack_or_refuses_all(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        served.gate.set("some", asker("some", "AAA"))
        await served.put(batch(row(0, 1.0), row(0, 2.0, location="BBB:X")))
        client = await connect(served, token="some")
        ack = await subscribe(client, **SNAPSHOT)
        assert ack["denied"] == [{"market": "BBB", "product": "prices", "channel": "stream"}]
        await client.until("snap_end")
        assert client.tables[ack["sid"]] == {X0: 1.0}
        await served.put(batch(row(1, 3.0, location="BBB:X"), row(1, 4.0)))
        assert (await client.until("upd"))["columns"]["price_per_mwh"] == [4.0]
        for named in ({"market": ["BBB"]}, {"location": ["BBB:X", "BBB:Y"]}, {"market": ["nowhere"]}):
            refused = await subscribe(client, filter=named)
            assert (refused["t"], refused["problem"]["status"]) == ("err", 403)
            (lacked,) = refused["problem"]["entitlement"]
            assert (lacked["product"], lacked["channel"]) == ("prices", "stream")
        assert len(served.gate.denials) == 3
        mixed = await subscribe(client, filter={"location": ["AAA:X", "BBB:X"]}, **SNAPSHOT)
        await client.until("snap_end")
        assert list(client.tables[mixed["sid"]]) == [X1]

    at_desk(tmp_path, body)


def test_revocation__reaches_an_open_socket_without_waiting_for_a_heartbeat(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        served.gate.set("some", asker("some", "AAA", "BBB"))
        client = await connect(served, token="some")
        both = await subscribe(client)
        one = await subscribe(client, filter={"market": ["AAA"]})
        served.gate.set("some", asker("some", "AAA"))
        revoked = await client.until("revoked")
        assert (revoked["sid"], [each["market"] for each in revoked["denied"]]) == (both["sid"], ["BBB"])
        await served.put(batch(row(0, 1.0), row(0, 2.0, location="BBB:X")))
        upd = await client.until("upd")
        assert (upd["sid"], upd["columns"]["price_per_mwh"]) == (one["sid"], [1.0])
        served.gate.set("some", None)
        assert (await client.until("revoked"))["sid"] == one["sid"]
        assert (await client.until("bye"))["reason"] == "revoked"
        assert (await client.until("closed"))["code"] == 4403

    at_desk(tmp_path, body, limits=HubLimits(heartbeat_s=1_000.0))


def test_a_credential_that_ends_by_itself__is_noticed_without_waiting_for_a_heartbeat(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        await subscribe(client)
        del served.gate.askers["all"]  # as a key does on its day: nobody calls back
        assert (await client.until("bye"))["reason"] == "revoked"

    at_desk(tmp_path, body, limits=HubLimits(heartbeat_s=1_000.0))


def test_revocation__waits_for_no_read(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        await subscribe(client)
        release = threading.Event()
        reads = [asyncio.ensure_future(served.hub.in_thread(release.wait)) for _ in range(3)]
        try:
            served.gate.set("all", None)
            assert (await client.until("bye"))["reason"] == "revoked"
        finally:
            release.set()
            await asyncio.gather(*reads)

    at_desk(tmp_path, body, limits=HubLimits(heartbeat_s=1_000.0))


def test_entitlement__that_runs_out_ends_the_subscription(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        served.gate.set("some", asker("some", "AAA", valid_to=served.clock.now() + timedelta(hours=1)))
        client = await connect(served, token="some")
        await subscribe(client, filter={"market": ["AAA"]})
        served.clock.instant += timedelta(hours=1)
        await client.until("revoked")
        assert (await client.until("closed"))["code"] == 4403

    at_desk(tmp_path, body)


def test_messages_of_every_kind__are_as_the_document_says(tmp_path: Path) -> None:
    known = Described(asyncapi.document({TICKS.id: TICKS}), dataset=TICKS.id)

    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0, published_at=T0 + timedelta(minutes=10))))
        served.gate.set("some", asker("some", "AAA"))
        client = await dial(served.url)

        async def say(message: dict[str, Any], *until: str) -> dict[str, Any]:
            known.check(message)
            client.send(message)
            while True:
                heard = await client.hear()
                known.check(heard)
                if heard["t"] in until:
                    return heard

        await say({"t": "hello", "proto": 1, "token": "some", "features": []}, "welcome")
        await say({"t": "ping"}, "pong")
        sub = {"t": "sub", "id": 7, "channel": TICKS.id}
        window = {"start": T0.isoformat(), "end": (T0 + timedelta(hours=1)).isoformat(), "speed": 1e9}
        await say({**sub, "fields": ["price_per_mwh"], "replay": window}, "replay_end")
        assert (await say({**sub, "channel": "nothing"}, "err"))["problem"]["status"] == 404
        ended = await say({**sub, "filter": {"market": ["AAA"]}, "from": {"seq": 99}, "hours": 700.0}, "gap")
        assert (await say({"t": "ping"}, "snap_end"))["sid"] == ended["sid"]
        await say({"t": "unsub", "sid": ended["sid"]}, "hb")
        await say({**sub, "policy": "conflate", "from": "now"}, "ack")
        await _stall(served, client, commits=14)
        await say({"t": "ping"}, "warn")
        served.gate.set("some", None)
        await say({"t": "ping"}, "bye")
        every = (*messages.CLIENT_MESSAGES, *messages.SERVER_MESSAGES)
        assert known.heard == {each.__struct_config__.tag for each in every}

    at_desk(tmp_path, body, limits=HubLimits(heartbeat_s=0.1))


@pytest.mark.parametrize("planted", [{"more": 1}, {"seq": "2"}, {"columns": {"nothing": [1]}}, {"t": "update"}])
def test_a_message_that_the_document_does_not_tell__is_refused(planted: dict[str, Any]) -> None:
    known = Described(asyncapi.document({TICKS.id: TICKS}), dataset=TICKS.id)
    message = {"t": "upd", "sid": "a", "seq": 2, "prev": 1, "columns": {"price_per_mwh": [1.0, None]}}
    known.check(message)
    with pytest.raises((ValidationError, KeyError)):
        known.check({**message, **planted})


async def _stall(served: Desk, client: Client, *, commits: int) -> None:
    """Let a client that does not read fall behind, by commits that the hub has read one by one."""
    client.transport.underlying_transport.pause_reading()
    channel = served.hub._channels["test.ticks"]
    for number in range(commits):
        commit = await served.put(wide(0, float(number)))
        while channel.groups and channel.position < commit:  # noqa: ASYNC110 - nobody is told of what was read
            await asyncio.sleep(0.001)
    client.transport.underlying_transport.resume_reading()


@pytest.mark.parametrize("fast", [True, False])
def test_slow_reader__conflating_gets_the_newest_and_a_warning(tmp_path: Path, *, fast: bool) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        ack = await subscribe(client)
        await _stall(served, client, commits=14)
        warn = await client.until("warn")
        assert warn["code"] == "slow"
        assert warn["dropped"] >= ROWS
        await served.put(batch(row(1, 1.0)))
        while client.tables[ack["sid"]] != served.table():
            await client.until("upd")
        assert not client.faults

    at_desk(tmp_path, body, fast=fast)


def test_slow_reader__skipping_is_told_the_gap(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        ack = await subscribe(client, policy="skip")
        await _stall(served, client, commits=14)
        gap = await client.until("gap")
        assert gap["reason"] == "slow"
        assert (await client.until("warn"))["dropped"] >= ROWS
        commit = await served.put(batch(row(1, 1.0)))
        while client.seq[ack["sid"]] != commit:
            await client.hear()
        assert not client.faults

    at_desk(tmp_path, body)


def test_slow_reader__that_must_lose_nothing_is_parted_with_and_resumes(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        ack = await subscribe(client, policy="block")
        await _stall(served, client, commits=14)
        bye = await client.until("bye")
        assert bye["reason"] == "slow"
        assert (await client.until("closed"))["code"] == 4409
        again = await connect(served, resume=bye["resume"])
        again.tables = client.tables
        await subscribe(again, policy="block")
        while again.tables[ack["sid"]] != served.table():
            await again.until("upd")
        assert not client.faults + again.faults

    at_desk(tmp_path, body, limits=HubLimits(queue_bytes=700_000))


def test_snapshot__of_a_slow_reader_loses_nothing_meanwhile(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        for hour in range(12):
            await served.put(wide(hour, 0.0))
        client = await connect(served)
        client.send({"t": "sub", "id": 1, "channel": "test.ticks", "from": "snapshot", "hours": 200})
        client.transport.underlying_transport.pause_reading()
        for number in range(3):
            await served.put(wide(3, float(number)))
        client.transport.underlying_transport.resume_reading()
        await client.until("snap_end")
        (sid,) = client.tables
        while client.tables[sid] != served.table():
            await client.hear()
        assert not client.faults

    at_desk(tmp_path, body)


def test_limits__are_said(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        served.gate.set("page", asker("page", "*", channel=Channel.HUB))
        await served.put(batch(*(row(hour, 1.0, location=f"AAA:L{hour}") for hour in range(6))))
        client = await connect(served)
        acks = [await subscribe(client) for _ in range(2)]
        assert acks[1]["sid"] == acks[0]["sid"] + "-2"
        assert (await subscribe(client))["problem"]["type"].endswith("too-many-subscriptions")
        client.send({"t": "unsub", "sid": acks[0]["sid"]})
        assert (await subscribe(client, **SNAPSHOT))["series"] == 6
        page = await connect(served, token="page")
        assert (await subscribe(page, **SNAPSHOT))["problem"]["type"].endswith("too-many-rows")
        many = await subscribe(page, channel="test.nothing")
        assert (many["problem"]["status"], many["problem"]["allowed"]) == (404, "test.ticks")
        wrong = await subscribe(page, filter={"interval_start": ["x"], "market": []}, fields=["nope"])
        assert [each["pointer"] for each in wrong["problem"]["errors"]] == [
            "filter.interval_start", "filter.market", "fields",
        ]  # fmt: skip

    at_desk(tmp_path, body, limits=HubLimits(subscriptions=2, display_rows=5))


def test_stop__says_bye_with_a_token(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        ack = await subscribe(client)
        await served.hub.stop()
        bye = await client.until("bye")
        assert bye["reason"] == "stopping"
        assert ack["sid"] in tokens.read(bye["resume"]).seq
        assert (await client.until("closed"))["code"] == 1001

    at_desk(tmp_path, body)


def test_reads__are_noted_for_the_audit_log(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await served.put(batch(row(0, 1.0), row(0, 1.0, location="AAA:Y")))
        client = await connect(served)
        await subscribe(client, **SNAPSHOT)
        await served.put(batch(row(1, 1.0)))
        await client.until("upd")
        client.send({"t": "unsub", "sid": next(iter(client.tables))})
        client.send({"t": "ping"})
        await client.until("pong")
        await served.hub.stop()
        assert [(who, rows) for who, _, rows in served.gate.reads] == [("all", 2), ("all", 1)]

    at_desk(tmp_path, body)
