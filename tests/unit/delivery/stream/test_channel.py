"""One subscription's state: sequence, policies of slow readers, conflation, parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.delivery.stream import frames, subscription
from powerdesk.delivery.stream.channel import MERGE_EVERY_ROWS, Conflation, Delivery, Subscriber
from powerdesk.delivery.stream.subscription import Spec

if TYPE_CHECKING:
    from powerdesk.delivery.stream.channel import Policy

SPEC = Spec(
    dataset="d", market_column="market", key=("market", "place"), within=(), columns=("market", "place", "mw"),
    markets=("A",),
)  # fmt: skip


def table(**mw: float | None) -> pa.Table:
    return pa.table({"market": ["A"] * len(mw), "place": list(mw), "mw": pa.array(list(mw.values()), pa.float64())})


def delivery(seq: int, **mw: float) -> Delivery:
    rows = table(**mw)
    return Delivery(seq=seq, rows=rows, parts=frames.parts(rows))


def subscriber(policy: Policy = "conflate") -> Subscriber:
    found = Subscriber(sid="s", spec=SPEC, policy=policy, seq=5)
    assert found.join(seq=5, writable=True, now_s=0.0) == ()
    return found


def told(sent: tuple[frames.Frame, ...]) -> list[tuple[int, int]]:
    return [(found["prev"], found["seq"]) for found in (msgspec.json.decode(frame.text) for frame in sent)]


def test_updates__name_the_one_before() -> None:
    one = subscriber()
    assert told(one.offer(delivery(7, x=1.0), writable=True, now_s=0.0)) == [(5, 7)]
    assert told(one.offer(delivery(8), writable=True, now_s=0.0)) == []
    assert told(one.offer(delivery(9, x=2.0), writable=True, now_s=0.0)) == [(7, 9)]


def test_parts__but_the_last_leave_the_sequence_where_it_was() -> None:
    rows = table(**{f"place{n}": float(n) for n in range(4000)})
    whole = Delivery(seq=9, rows=rows, parts=frames.parts(rows, limit_bytes=20_000))
    found = told(whole.frames(sid="s", prev=5))
    assert len(found) > 3
    assert found == [(5, 5)] * (len(found) - 1) + [(5, 9)]


def test_frames__are_shared_by_subscribers_in_step() -> None:
    shared = delivery(7, x=1.0)
    first, second = subscriber(), subscriber()
    sent = first.offer(shared, writable=True, now_s=0.0)
    assert second.offer(shared, writable=True, now_s=0.0)[0] is sent[0]


def test_updates__wait_for_the_snapshot() -> None:
    one = Subscriber(sid="s", spec=SPEC, policy="conflate", seq=5)
    assert one.offer(delivery(7, x=1.0), writable=True, now_s=0.0) == ()
    assert told(one.join(seq=5, writable=True, now_s=0.0)) == [(5, 7)]


def test_conflate__keeps_the_newest_per_key_for_a_slow_reader() -> None:
    one = subscriber()
    for seq, value in ((6, 1.0), (7, 2.0), (8, 3.0)):
        assert one.offer(delivery(seq, x=value, y=0.0), writable=False, now_s=float(seq)) == ()
    assert one.offer(delivery(9, z=9.0), writable=True, now_s=9.0) == ()  # order: what waits goes first
    waiting = one.take_behind()
    assert waiting is not None
    assert waiting.rows.to_pydict() == {"market": ["A"] * 3, "place": ["x", "y", "z"], "mw": [3.0, 0.0, 9.0]}
    assert (waiting.seq, waiting.superseded, waiting.since_s) == (9, 4, 6.0)
    one.caught_up(Delivery(seq=9, rows=waiting.rows, parts=()))
    assert not one.behind
    assert told(one.offer(delivery(10, x=4.0), writable=True, now_s=10.0)) == [(9, 10)]


def test_conflate__stays_behind_while_more_comes() -> None:
    one = subscriber()
    one.offer(delivery(6, x=1.0), writable=False, now_s=0.0)
    waiting = one.take_behind()
    one.offer(delivery(7, x=2.0), writable=True, now_s=0.0)
    assert waiting is not None
    one.caught_up(Delivery(seq=6, rows=waiting.rows, parts=()))
    assert one.behind
    assert one.seq == 6


def test_skip__counts_what_it_leaves_out_and_says_the_gap() -> None:
    one = subscriber("skip")
    one.offer(delivery(6, x=1.0, y=1.0), writable=False, now_s=0.0)
    one.offer(delivery(8, x=2.0), writable=False, now_s=0.0)
    gap, skipped = one.take_gap()
    found = msgspec.json.decode(gap.text)
    assert (found["from"], found["to"], found["reason"], skipped) == (5, 8, "slow", 3)
    assert told(one.offer(delivery(9, x=3.0), writable=True, now_s=0.0)) == [(8, 9)]


def test_block__sends_everything() -> None:
    one = subscriber("block")
    assert told(one.offer(delivery(6, x=1.0), writable=False, now_s=0.0)) == [(5, 6)]
    assert not one.behind


def test_waiting_rows__are_bounded_by_the_number_of_keys() -> None:
    one, waiting = subscriber(), Conflation(("place",))
    most = 0
    for seq in range(6, 40):
        burst = pa.concat_tables([table(x=float(seq))] * 3000)
        one.offer(Delivery(seq=seq, rows=burst, parts=()), writable=False, now_s=0.0)
        waiting.add(burst)
        most = max(most, one._waiting_rows, waiting._rows)
    assert most <= MERGE_EVERY_ROWS
    found = one.take_behind()
    assert found is not None
    assert found.rows.column("mw").to_pylist() == [39.0]
    assert found.superseded == 34 * 3000 - 1
    assert waiting.take().column("mw").to_pylist() == [39.0]
    assert not waiting


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.none() | st.floats(allow_nan=False)), max_size=30
    )
)
def test_newest__is_what_a_dictionary_would_keep(rows: list[tuple[str, str, float | None]]) -> None:
    given_rows = pa.table(
        {
            "market": pa.array([row[0] for row in rows], pa.string()),
            "place": pa.array([row[1] for row in rows], pa.string()),
            "mw": pa.array([row[2] for row in rows], pa.float64()),
        }
    )
    found = subscription.newest(given_rows, ("market", "place"))
    kept = {(row["market"], row["place"]): row["mw"] for row in found.to_pylist()}
    assert kept == {(market, place): mw for market, place, mw in rows}
    assert found.num_rows == len(kept)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40) | st.none(), min_size=1, max_size=200), st.integers(600, 5000))
def test_parts__keep_within_the_limit_and_lose_nothing(texts: list[str | None], limit: int) -> None:
    rows = pa.table({"text": pa.array(texts, pa.string()), "n": list(range(len(texts)))})
    found = frames.parts(rows, limit_bytes=limit)
    again = [msgspec.json.decode(part) for part in found]
    assert [value for part in again for value in part["text"]] == texts
    assert all(len(part) <= limit - frames.HEADROOM_BYTES or len(msgspec.json.decode(part)["n"]) == 1 for part in found)


def test_values__are_written_as_rest_writes_them() -> None:
    micros = pa.array([0, 1_767_225_600_123_456, -1], pa.timestamp("us", tz="UTC"))
    rows = pa.table({
        "at": micros, "mw": pa.array([1.5, None, float("nan")]), "n": pa.array([1, None, 2**53 + 1], pa.int64()),
        "ok": [True, None, False], "text": ['"', None, "é"],
    })  # fmt: skip
    (part,) = frames.parts(rows)
    assert msgspec.json.decode(part) == {
        "at": ["1970-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z", "1969-12-31T23:59:59.999999Z"],
        "mw": [1.5, None, None],
        "n": [1, None, 2**53 + 1],
        "ok": [True, None, False],
        "text": ['"', None, "é"],
    }
