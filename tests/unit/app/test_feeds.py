"""How feeds are shown: the simulated one while it makes history, and the report cards of the connectors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import running_desk

from powerdesk.access.types import SYSTEM
from powerdesk.app import simfeed
from powerdesk.markets import queries, report_card
from powerdesk.simulation import feed, payloads
from servers.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from running_desk import RunningDesk


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    with running_desk.running(tmp_path) as served:
        yield served


def publish(desk: RunningDesk, *, age: timedelta) -> None:
    """Take in a real-time price file of the simulated market that was published so long ago."""
    upto = desk.clock.now() + timedelta(minutes=20) - age
    due = feed.due(seed=1, after=upto - timedelta(minutes=10), upto=upto)
    newest = max((one for one in due if one.kind not in simfeed.OF_DAYS), key=lambda one: one.published_at)
    desk.clock.instant = newest.published_at + age
    name = f"{newest.kind.value}-{newest.interval.start:%Y%m%dT%H%M}Z"
    desk.desk._receive_simulated(payloads.payload(newest, seed=1, size=None), name, newest)


def status(desk: RunningDesk) -> queries.FeedStatus:
    with desk.desk.engines.records.reader() as reader:
        (found,) = queries.feed_statuses(
            reader, feeds=[simfeed.SPEC], as_of=desk.clock.now() + timedelta(minutes=1), principal=SYSTEM
        )
    return found


def recorded(desk: RunningDesk, payloads_wanted: int) -> queries.FeedStatus:
    """Return the status once so many payloads were parsed."""

    def parsed() -> bool:
        found = status(desk)
        return found.payloads_24h >= payloads_wanted and found.last_rows is not None and found.rows_24h > 0

    until(parsed, what=f"recording {payloads_wanted} payloads")
    return status(desk)


def test_history_being_made__runs_and_says_nothing_about_lag(desk: RunningDesk) -> None:
    assert status(desk).state == "waiting"
    publish(desk, age=timedelta(hours=3))
    found = recorded(desk, 1)
    assert (found.state, found.last_ok_at is None) == ("running", False)
    assert (found.p50_publication_lag_s, found.outcomes) == (None, {})
    publish(desk, age=timedelta(minutes=3))
    assert recorded(desk, 2).p50_publication_lag_s is None
    publish(desk, age=timedelta(seconds=20))
    until(lambda: status(desk).p50_publication_lag_s is not None, what="a lag")
    assert status(desk).outcomes == {"ok": 1}
    lag_s = status(desk).p50_publication_lag_s
    assert lag_s is not None
    assert 0 < lag_s < 400


def test_feeds__show_their_report_card(tmp_path: Path) -> None:
    with running_desk.running(tmp_path / "cards", feeds="caiso") as served:
        (shown,) = served.operator().get("/v1/feeds").json()["feeds"]
    cards = report_card.card("caiso")
    assert [line["rule"] for line in shown["card"]] == [rule.rule for rule in cards]
    assert {line["verdict"] for line in shown["card"]} == {"done", "unverified", "exempt"}
    assert all(line["note"] for line in shown["card"])
