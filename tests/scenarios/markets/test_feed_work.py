"""What people and schedules do with feeds: poll, back-fill, refill, import, pause, look."""

from __future__ import annotations

import functools
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import market_desk
import pytest
import simulated_payloads as payloads
from simulated_iso import Fault, IsoServer

from powerdesk.access.types import SYSTEM, Channel, Entitlement, Grants, Principal, PrincipalKind
from powerdesk.markets import datasets, fetching, jobs, planner, queries
from powerdesk.markets.operations import feed_states, recording, services
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries
from servers import base
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from market_desk import Desk

TRADER = Principal(
    id="u1",
    kind=PrincipalKind.USER,
    tenant="t",
    name="a trader",
    grants=Grants(version=1, entitlements=(Entitlement("NYISO", "prices", "hub"),)),
)


def told(desk: Desk, principal: Principal = SYSTEM) -> dict[str, queries.FeedStatus]:
    with desk.records.reader() as reader:
        found = queries.feed_statuses(
            reader, feeds=desk.services.feeds.values(), as_of=desk.clock.now(), principal=principal
        )
    return {one.id: one for one in found}


def backfill(desk: Desk, **arguments: str) -> tuple[str, list[float]]:
    shares: list[float] = []
    text = jobs.backfill(
        desk.services, arguments=arguments, progress=lambda share, _: shares.append(share), cancelled=lambda: False
    )
    desk.handle()
    return text, shares


def test_a_backfill__fills_the_range_and_reports_progress(desk: Desk) -> None:
    text, shares = backfill(
        desk, feed="nyiso", reports="da-prices", start="2026-10-30T04:00:00Z", end="2026-11-03T05:00:00Z"
    )
    assert (text, shares) == ("nyiso: all ok, 4 ok", [0.25, 0.5, 0.75, 1.0])
    assert desk.rows("markets.prices", "NYISO").num_rows == 97 * 15  # one of the four days has 25 hours
    assert desk.gaps() == ()
    status = told(desk)["nyiso"]
    assert (status.state, status.payloads_24h, status.rows_24h) == ("running", 4, 97 * 15)
    assert status.outcomes == {"ok": 4}
    assert status.last_ok_at is not None


def test_a_backfill_through_an_outage__leaves_gaps_that_a_refill_closes(desk: Desk, iso: IsoServer) -> None:
    iso.inject(Fault.UNAVAILABLE, times=2)
    text, _ = backfill(
        desk, feed="caiso", reports="rt5-prices", start="2026-11-02T08:00:00Z", end="2026-11-02T20:00:00Z"
    )
    assert text == "caiso: 1 transient"
    assert len(desk.gaps()) == 7
    assert told(desk)["caiso"].state == "unreachable"
    assert "503" in (told(desk)["caiso"].last_error or "")

    iso.heal()
    desk.clock.instant += timedelta(hours=1)
    jobs.refill(desk.services, feed_id="caiso", progress=lambda *_: None, cancelled=lambda: False)
    desk.handle()
    assert desk.gaps() == ()
    assert told(desk)["caiso"].state == "running"
    assert desk.rows("markets.prices", "CAISO").num_rows == 7 * 144


def test_an_unreachable_host__is_told_with_its_cause_since_when_and_its_next_try(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{base.free_port()}"
    desk = market_desk.Desk(tmp_path, base_url=address, limits=fetching.Limits(connect_s=PATIENCE_S, attempts=3))
    try:
        jobs.poll(desk.services, feed_id="nyiso", report_id="load")
        first = told(desk)["nyiso"]
        desk.clock.wait(10.0)
        jobs.poll(desk.services, feed_id="nyiso", report_id="fuel-mix")  # its host is left alone
        left_alone = told(desk)["nyiso"]
    finally:
        desk.close()
    for status in (first, left_alone):
        assert status.state == "unreachable"
        assert (status.last_error or "").startswith("transient: ConnectError: ")
        assert status.last_error_at == status.since == first.since
        assert status.next_try_at is not None
        assert status.since is not None
        assert status.next_try_at > status.since
    assert left_alone.next_try_at == first.next_try_at
    assert {"transient"} == set(left_alone.outcomes)


def test_old_payloads__go_and_say_so_and_their_rows_stay(desk: Desk) -> None:
    backfill(desk, feed="nyiso", reports="load", start="2026-11-01T04:00:00Z", end="2026-11-02T05:00:00Z")
    desk.clock.instant += timedelta(days=9)
    backfill(desk, feed="nyiso", reports="load", start="2026-11-03T05:00:00Z", end="2026-11-04T05:00:00Z")
    rows = desk.rows("markets.load", "NYISO")
    keep = timedelta(days=7)
    assert jobs.forget_payloads(desk.services, keep=keep, cancelled=lambda: False) == 1
    assert jobs.forget_payloads(desk.services, keep=keep, cancelled=lambda: False) == 0
    with desk.records.reader() as reader:
        kept, gone = queries.payloads(reader, as_of=desk.clock.now(), principal=SYSTEM)
        assert (kept.forgotten_at, gone.forgotten_at) == (None, desk.clock.now())
        read = functools.partial(queries.payload_bytes, reader, desk.store.objects, principal=SYSTEM)
        assert len(read(sha256=kept.sha256)) == kept.bytes
        with pytest.raises(queries.UnknownPayloadError, match=r"deleted at 2026-11-12T20:0"):
            read(sha256=gone.sha256)
        lost = {
            one.sha256: store_queries.lost(reader, lineage_id=queries.payload_lineages(reader, sha256=[one.sha256])[1])
            for one in (kept, gone)
        }
    assert lost == {kept.sha256: None, gone.sha256: "retention deleted the payload"}
    assert desk.rows("markets.load", "NYISO") == rows


def test_a_payload_that_comes_again__is_kept_again(desk: Desk) -> None:
    data, feed = payloads.nyiso_load_csv(datetime(2026, 11, 1, tzinfo=UTC).date()).encode(), "nyiso"
    for _ in range(2):
        with desk.records.unit() as unit:
            recording.import_payload(unit, desk.services, feed_id=feed, payload=data, name="pal.csv")
        with desk.records.reader() as reader:
            (kept,) = queries.payloads(reader, as_of=desk.clock.now(), principal=SYSTEM)
            assert kept.forgotten_at is None
            assert queries.payload_bytes(reader, desk.store.objects, sha256=kept.sha256, principal=SYSTEM) == data
        desk.clock.instant += timedelta(days=9)
        assert jobs.forget_payloads(desk.services, keep=timedelta(days=7), cancelled=lambda: False) == 1


def test_a_cancelled_backfill__stops_between_requests(desk: Desk) -> None:
    text = jobs.backfill(
        desk.services,
        arguments={"feed": "nyiso", "start": "2026-11-02T05:00:00Z", "end": "2026-11-03T05:00:00Z"},
        progress=lambda *_: None,
        cancelled=lambda: True,
    )
    assert text == "nyiso: 5 cancelled"


def test_every_report_of_every_feed__can_be_polled(desk: Desk) -> None:
    for feed in desk.services.feeds.values():
        for report in feed.reports:
            assert "all ok" in jobs.poll(desk.services, feed_id=feed.id, report_id=report.id)
    recorded = desk.handle()
    assert [one.findings for one in recorded] == [()] * len(recorded)
    held = {
        dataset.id: desk.rows(dataset.id, market).num_rows
        for dataset in datasets.DATASETS
        for market in ("CAISO", "NYISO")
        if desk.rows(dataset.id, market).num_rows
    }
    assert set(held) == {dataset.id for dataset in datasets.DATASETS}
    assert desk.gaps() == ()


def test_a_paused_feed__is_not_polled(desk: Desk, iso: IsoServer) -> None:
    with desk.records.unit() as unit:
        feed_states.pause(unit, feed=desk.services.feed("nyiso"), paused=True, now=desk.clock.now())
    assert jobs.poll(desk.services, feed_id="nyiso", report_id="load") == "nyiso is paused"
    assert iso.requests == []
    assert told(desk)["nyiso"].state == "paused"


def test_an_imported_file__takes_the_same_path_and_a_second_time_brings_nothing(desk: Desk) -> None:
    body = payloads.nyiso_csv("damlbmp", datetime(2026, 11, 2, tzinfo=UTC).date()).encode()
    outcomes = []
    for _ in range(2):
        with desk.records.unit() as unit:
            recorded = recording.import_payload(
                unit, desk.services, feed_id="nyiso", payload=body, name="20261102damlbmp_zone.csv"
            )
        assert (recorded.kind, recorded.rows, recorded.findings, recorded.gaps) == ("nyiso.lbmp.da", 360, (), ())
        outcomes.append(store_operations.settled(desk.store, recorded.accepted[0]))
    assert outcomes[0].new == 360
    assert desk.rows("markets.prices", "NYISO").num_rows == 360
    with desk.records.reader() as reader:
        (row,) = queries.payloads(reader, as_of=desk.clock.now(), principal=SYSTEM)
    assert (row.sha256, row.outcome, row.rows) == (hashlib.sha256(body).hexdigest(), "ok", 360)


def test_a_file_imported_again__brings_back_what_retention_deleted(desk: Desk) -> None:
    body = payloads.nyiso_csv("damlbmp", datetime(2026, 9, 2, tzinfo=UTC).date()).encode()
    new = []
    for _ in range(2):
        with desk.records.unit() as unit:
            recorded = recording.import_payload(unit, desk.services, feed_id="nyiso", payload=body, name="a.csv")
        new.append(store_operations.settled(desk.store, recorded.accepted[0]).new)
        assert desk.rows("markets.prices", "NYISO").num_rows == 360
        desk.store.tables.forget("markets.prices", before=datetime(2026, 10, 1, tzinfo=UTC))
        assert desk.rows("markets.prices", "NYISO").num_rows == 0
    assert new == [360, 360]


def test_an_unreadable_file__is_recorded_with_its_findings_and_says_nothing_of_the_source(desk: Desk) -> None:
    with desk.records.unit() as unit:
        recorded = recording.import_payload(unit, desk.services, feed_id="caiso", payload=b"a,b\n1,2\n", name="x.csv")
    assert (recorded.kind, recorded.rows, recorded.outcome.value) == ("unreadable", 0, "schema")
    assert recorded.findings
    assert recorded.detail
    assert told(desk)["caiso"].last_error is None


def test_an_unknown_feed__is_a_problem_that_names_the_known_ones(desk: Desk) -> None:
    with pytest.raises(services.UnknownFeedError, match="caiso, nyiso"):
        desk.services.feed("nyso")


def test_raw_payloads_and_gaps__are_shown_only_to_those_who_may(desk: Desk, iso: IsoServer) -> None:
    iso.inject(Fault.UNAVAILABLE, times=2)
    backfill(desk, feed="caiso", reports="da-prices", start="2026-11-02T08:00:00Z", end="2026-11-03T08:00:00Z")
    backfill(desk, feed="nyiso", reports="da-prices", start="2026-11-02T05:00:00Z", end="2026-11-03T05:00:00Z")
    desk.clock.instant += timedelta(hours=1)
    backfill(desk, feed="nyiso", reports="load", start="2026-11-02T05:00:00Z", end="2026-11-03T05:00:00Z")
    with desk.records.reader() as reader:
        sha256 = queries.payloads(reader, as_of=desk.clock.now(), principal=SYSTEM)[0].sha256
        with pytest.raises(queries.PayloadRefusedError):
            queries.payload_bytes(reader, desk.services.objects, sha256=sha256, principal=TRADER)
        with pytest.raises(queries.UnknownPayloadError):
            queries.payload_bytes(reader, desk.services.objects, sha256="0" * 64, principal=SYSTEM)
        body = queries.payload_bytes(reader, desk.services.objects, sha256=sha256, principal=SYSTEM)
        assert hashlib.sha256(body).hexdigest() == sha256
        seen, left_out = queries.gaps_of(
            reader, dataset=datasets.PRICES, principal=TRADER, channel=Channel.HUB, as_of=desk.clock.now()
        )
    assert {one.gap.market for one in seen} == {"NYISO"}
    assert [(one.market, one.product) for one in left_out] == [("CAISO", "prices")]


def test_gaps_as_of_a_past_moment__are_those_open_then(desk: Desk, iso: IsoServer) -> None:
    arguments = {
        "feed": "caiso",
        "reports": "da-prices",
        "start": "2026-11-02T08:00:00Z",
        "end": "2026-11-03T08:00:00Z",
    }
    iso.inject(Fault.UNAVAILABLE)
    backfill(desk, **arguments)
    then = desk.clock.now()
    desk.clock.instant += timedelta(hours=1)
    backfill(desk, **arguments)
    with desk.records.reader() as reader:
        counts = [
            len(
                queries.gaps_of(reader, dataset=datasets.PRICES, principal=SYSTEM, channel=Channel.API, as_of=instant)[
                    0
                ]
            )
            for instant in (then - timedelta(hours=1), then, desk.clock.now())
        ]
    assert counts == [0, 7, 0]


def test_estimates__come_before_the_work(desk: Desk) -> None:
    feed = desk.services.feed("caiso")
    plan = planner.backfill(
        feed,
        reports=("da-prices",),
        start=datetime(2026, 1, 1, 8, tzinfo=UTC),
        end=datetime(2026, 2, 1, 8, tzinfo=UTC),
        now=desk.clock.now(),
    )
    assert planner.estimate(plan, seconds_per_request=feed.seconds_per_request) == planner.Estimate(31, 150.0)
