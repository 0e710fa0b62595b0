"""Large reads: how many at once, who waits, who is refused, and that a slow client holds up nobody else."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running_desk import prices
from starlette.responses import Response

from powerdesk.delivery.rest import encoding, lanes, parameters
from powerdesk.delivery.rest.lanes import Lane, LaneLimits, ReadsBusyError, TooManyReadsError
from powerdesk.markets import datasets
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from running_desk import RunningDesk


class Slow:
    """Work that ends when it is let go, and says when it has begun."""

    def __init__(self) -> None:
        self.begun, self._end = asyncio.Event(), threading.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> str:
        """Wait."""
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self._end.wait(PATIENCE_S)
        return "read"

    def let_go(self) -> None:
        """End."""
        self._end.set()


async def settled() -> None:
    """Let everything that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def work() -> None:
        await asyncio.wait_for(body(), PATIENCE_S)

    asyncio.run(work())


def test_large_reads__of_one_account_wait_for_one_another_and_not_for_those_of_others() -> None:
    async def body() -> None:
        lane = Lane(LaneLimits(at_once=2, of_account=1))
        first, second, other = Slow(), Slow(), Slow()
        one = asyncio.create_task(lane.read("a", first))
        await first.begun.wait()
        two = asyncio.create_task(lane.read("a", second))
        third = asyncio.create_task(lane.read("b", other))
        await other.begun.wait()
        assert not second.begun.is_set()
        first.let_go()
        answer, turn = await one
        await settled()
        assert answer == "read"
        assert not second.begun.is_set()  # its account has not taken the first answer
        turn.end()
        turn.end()
        await second.begun.wait()
        for work in (second, other):
            work.let_go()
        await asyncio.gather(two, third)

    run(body)


def test_an_answer_on_its_way__keeps_nobody_else_waiting() -> None:
    async def body() -> None:
        lane = Lane(LaneLimits(at_once=1, of_account=1, wait_s=0.01))
        _, untaken = await lane.read("a", lambda: 1)
        assert (await lane.read("b", lambda: 2))[0] == 2
        with pytest.raises(TooManyReadsError):
            await lane.read("a", lambda: 3)
        untaken.end()
        assert (await lane.read("a", lambda: 4))[0] == 4

    run(body)


def test_a_full_line__refuses_an_account_first_and_then_everybody() -> None:
    async def body() -> None:
        lane = Lane(LaneLimits(at_once=1, of_account=1, waiting=2))
        running = Slow()
        tasks = [asyncio.create_task(lane.read("a", running))]
        await running.begun.wait()
        tasks.append(asyncio.create_task(lane.read("a", lambda: "a")))
        await settled()
        with pytest.raises(TooManyReadsError) as many:
            await lane.read("a", lambda: "never")
        tasks.append(asyncio.create_task(lane.read("b", lambda: "b")))
        await settled()
        with pytest.raises(ReadsBusyError) as busy:
            await lane.read("c", lambda: "never")
        assert [(error.value.status, error.value.retry_after_s) for error in (many, busy)] == [(429, 5.0), (503, 5.0)]
        running.let_go()
        (await tasks[0])[1].end()
        for task in tasks[1:]:
            (await task)[1].end()

    run(body)


def test_waiting__has_an_end() -> None:
    async def body() -> None:
        lane = Lane(LaneLimits(at_once=1, of_account=1, wait_s=0.01))
        running = Slow()
        first = asyncio.create_task(lane.read("a", running))
        await running.begun.wait()
        with pytest.raises(TooManyReadsError):
            await lane.read("a", lambda: "never")
        with pytest.raises(ReadsBusyError):
            await lane.read("b", lambda: "never")
        running.let_go()
        (await first)[1].end()
        assert (await lane.read("b", lambda: "again"))[0] == "again"

    run(body)


@settings(max_examples=50, deadline=None)
@given(
    accounts=st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    fates=st.lists(st.sampled_from(("ends", "fails", "left")), min_size=12, max_size=12),
)
def test_any_order_of_reads__stays_within_the_bounds_and_leaves_nothing_behind(
    accounts: list[str], fates: list[str]
) -> None:
    limits = LaneLimits(at_once=2, of_account=1, waiting=6)
    lock, under_way, most = threading.Lock(), [], []

    async def body() -> None:
        lane = Lane(limits)

        def work(account: str, fate: str) -> None:
            with lock:
                under_way.append(account)
                most.append((len(under_way), under_way.count(account)))
            with lock:
                under_way.remove(account)
            if fate == "fails":
                raise ZeroDivisionError

        async def one(account: str, fate: str) -> None:
            _, turn = await lane.read(account, lambda: work(account, fate))
            await asyncio.sleep(0)
            turn.end()

        pairs = list(zip(accounts, fates, strict=False))
        tasks = [asyncio.create_task(one(*pair)) for pair in pairs]
        await asyncio.sleep(0)
        for task, (_, fate) in zip(tasks, pairs, strict=True):
            if fate == "left":
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for account in "abc":  # every place is free again
            (await lane.read(account, lambda: None))[1].end()
        assert not lane._asked
        assert not lane._accounts

    run(body)
    assert all(every <= limits.at_once and own <= limits.of_account for every, own in most)


def test_a_large_answer__is_sent_as_it_is_taken_and_then_ends_its_turn() -> None:
    async def body() -> None:
        lane, sent, taken = Lane(LaneLimits(of_account=1)), [], asyncio.Event()
        whole = bytes(range(256)) * 4_096

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "http.response.body":
                await taken.wait()

        answer = lanes.Large(*await lane.read("a", lambda: Response(whole, headers={"X-Commit": "3"})))
        sending = asyncio.create_task(answer({}, _nothing, send))
        await settled()
        assert len(sent) == 2
        assert lane._asked == {"a": 1}
        taken.set()
        await sending
        assert not lane._asked
        assert (b"content-length", str(len(whole)).encode()) in sent[0]["headers"]
        assert b"".join(message["body"] for message in sent[1:]) == whole
        assert [message["more_body"] for message in sent[1:]] == [True] * 3 + [False]

    run(body)


async def _nothing() -> Any:
    raise AssertionError("nothing is received")


@pytest.mark.parametrize(
    ("query", "large"),
    [
        ([], False),
        ([("limit", "5000")], False),
        ([("limit", "5001")], True),
        ([("limit", "9999"), ("estimate", "true")], False),
    ],
)
def test_reads__of_more_rows_than_a_screen_shows_are_large(query: list[tuple[str, str]], large: bool) -> None:  # noqa: FBT001 - a parameter of the case
    asked = parameters.read(datasets.PRICES, query, accept="", display_only=False)
    assert lanes.is_large(asked) is large


@pytest.mark.parametrize("wanted", encoding.Format)
def test_rows__asked_for_in_bulk_are_those_of_a_small_read(served: RunningDesk, wanted: encoding.Format) -> None:
    served.accept(prices("SIM", "LANE"))
    where = f"/v1/datasets/markets.prices/rows?market=SIM&location=SIM:LANE&format={wanted.value}"
    small, large = (served.operator().get(f"{where}&limit={limit}") for limit in (5_000, 5_001))
    assert small.status_code == large.status_code == 200
    assert small.headers["X-Commit"] == large.headers["X-Commit"]
    if wanted is not encoding.Format.PARQUET:  # it keeps the moment of the read
        assert small.content == large.content
    refused = served.operator().get(f"{where}&limit=9999&cursor=x")
    assert refused.status_code == 400
