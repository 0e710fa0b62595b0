"""Reads: how feeds stand, which payloads came, which gaps are open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from powerdesk.access.types import Channel, Missing
from powerdesk.kernel import problem
from powerdesk.kernel.belief import Knowledge
from powerdesk.markets import datasets, gaps, tables
from powerdesk.markets.gaps import OpenGap
from powerdesk.markets.types import Coverage, Gap
from powerdesk.store import queries as store_queries
from powerdesk.store.lineage import Kind, Lineage
from powerdesk.store.operations import HOUSE
from powerdesk.store.types import Request as StoreRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from powerdesk.access.types import Principal
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.records import Reader
    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Store

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How a feed stands, as the status page shows it: in `state` since `since`, what the last failed try met and when.

    `next_try_at` is before when nothing is asked, None when nothing holds the next poll back.
    """

    id: str
    market: str
    title: str
    tier: str
    state: str
    since: datetime | None
    last_ok_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    next_try_at: datetime | None
    last_payload_sha256: str | None
    last_rows: int | None
    payloads_24h: int
    rows_24h: int
    p50_publication_lag_s: float | None
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class PayloadRow:
    """A payload as kept and what parsing it gave."""

    sha256: str
    feed: str
    url: str
    name: str | None
    received_at: datetime
    bytes: int
    outcome: str
    kind: str | None
    rows: int | None
    rejected: int | None
    duplicates: int | None
    findings: tuple[problem.Finding, ...]
    forgotten_at: datetime | None
    """When retention deleted the bytes; None while they are kept."""


def feed_statuses(
    reader: Reader, *, feeds: Iterable[FeedSpec], as_of: datetime, principal: Principal
) -> tuple[FeedStatus, ...]:
    """Return the state of feeds over the day before `as_of`; it shows no market rows, so any principal may ask."""
    del principal
    rows = {row.id: row for row in reader.connection.execute(sa.select(tables.feeds))}
    return tuple(_status(reader, feed, rows.get(feed.id), as_of) for feed in feeds)


def _status(reader: Reader, feed: FeedSpec, row: Any, as_of: datetime) -> FeedStatus:
    fetched, payload = tables.fetches, tables.payloads
    recent = sa.and_(fetched.c.feed == feed.id, fetched.c.at > as_of - _DAY, fetched.c.at <= as_of)
    outcomes = reader.connection.execute(
        sa.select(fetched.c.outcome, sa.func.count()).where(recent).group_by(fetched.c.outcome)
    ).all()
    lags = sorted(
        reader.connection.execute(sa.select(fetched.c.lag_s).where(recent, fetched.c.lag_s.is_not(None))).scalars()
    )
    came = sa.and_(payload.c.feed == feed.id, payload.c.received_at > as_of - _DAY, payload.c.received_at <= as_of)
    count, total = reader.connection.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(payload.c.rows), 0)).where(came)
    ).one()
    paused = row is not None and row.paused
    return FeedStatus(
        id=feed.id,
        market=feed.market,
        title=feed.title,
        tier=feed.tier,
        state="paused" if paused else (row.state if row is not None else "waiting"),
        since=row.since if row is not None else None,
        last_ok_at=row.last_ok_at if row is not None else None,
        last_error=row.last_error if row is not None else None,
        last_error_at=row.last_error_at if row is not None else None,
        next_try_at=row.next_try_at if row is not None else None,
        last_payload_sha256=row.last_payload_sha256 if row is not None else None,
        last_rows=row.last_rows if row is not None else None,
        payloads_24h=int(count),
        rows_24h=int(total),
        p50_publication_lag_s=lags[len(lags) // 2] if lags else None,
        outcomes={outcome: int(number) for outcome, number in outcomes},
    )


def paused(reader: Reader, *, feed_id: str) -> bool:
    """Tell whether somebody paused the feed."""
    return bool(
        reader.connection.execute(sa.select(tables.feeds.c.paused).where(tables.feeds.c.id == feed_id)).scalar()
    )


def payloads(
    reader: Reader, *, as_of: datetime, principal: Principal, feed: str | None = None, limit: int = 100
) -> tuple[PayloadRow, ...]:
    """Return payloads received by `as_of`, newest first: metadata only, which any principal may see."""
    del principal
    table = tables.payloads
    chosen = sa.select(table).where(table.c.received_at <= as_of)
    if feed is not None:
        chosen = chosen.where(table.c.feed == feed)
    found = reader.connection.execute(chosen.order_by(table.c.received_at.desc()).limit(limit))
    return tuple(_payload(row) for row in found)


def _payload(row: Any) -> PayloadRow:
    findings = msgspec.json.decode(row.findings) if row.findings else []
    return PayloadRow(
        sha256=row.sha256,
        feed=row.feed,
        url=row.url,
        name=row.name,
        received_at=row.received_at,
        bytes=row.bytes,
        outcome=row.outcome,
        kind=row.kind,
        rows=row.rows,
        rejected=row.rejected,
        duplicates=row.duplicates,
        findings=tuple(problem.Finding(**one) for one in findings),
        forgotten_at=row.forgotten_at,
    )


def payload_lineages(reader: Reader, *, sha256: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the lineages of payloads: of every dataset and parser version that may have written rows."""
    rows = reader.connection.execute(sa.select(tables.payloads).where(tables.payloads.c.sha256.in_(sha256))).all()
    return tuple(
        Lineage(
            kind=Kind.PAYLOAD,
            name=f"markets.{row.feed}",
            version=version,
            dataset=dataset.id,
            payload_sha256=row.sha256,
        ).id
        for row in rows
        for version in range(1, (row.parser_version or 0) + 1)
        for dataset in datasets.DATASETS
    )


class PayloadRefusedError(problem.Problem):
    """The raw payload is not for this principal."""

    status = 403
    slug = "payload-refused"
    title = "Raw payloads are for data administrators"


class UnknownPayloadError(problem.Problem):
    """No payload of that hash was kept."""

    status = 404
    slug = "unknown-payload"
    title = "No such payload"


PAYLOAD_ROLES = frozenset({"data-admin", "operator"})


def payload_bytes(reader: Reader, objects: Objects, *, sha256: str, principal: Principal) -> bytes:
    """Return a payload as received; only for data administrators, since it holds whatever the source sent."""
    if not (principal.grants.everything or principal.roles & PAYLOAD_ROLES):
        raise PayloadRefusedError(
            found=f"principal {principal.name!r}", allowed=", ".join(sorted(PAYLOAD_ROLES)), remedy="ask for the role"
        )
    table = tables.payloads
    known = reader.connection.execute(sa.select(table.c.forgotten_at).where(table.c.sha256 == sha256)).scalars().all()
    if known and None not in known:
        raise UnknownPayloadError(
            found=f"payload {sha256[:64]!r}, deleted at {max(known):%Y-%m-%dT%H:%M:%SZ}",
            allowed="payloads that the setting retention.payload_days keeps",
            remedy="fetch or import it again",
        )
    if not known:
        raise UnknownPayloadError(
            found=f"payload {sha256[:64]!r}", allowed="a hash listed with the feeds", remedy="copy it"
        )
    return objects.get(f"raw/{sha256[:2]}/{sha256}")


def gaps_of(
    reader: Reader,
    *,
    dataset: Dataset,
    principal: Principal,
    channel: Channel,
    as_of: datetime,
    within: tuple[datetime | None, datetime | None] = (None, None),
) -> tuple[tuple[OpenGap, ...], tuple[Missing, ...]]:
    """Return gaps open at `as_of` that overlap [start, end), and the markets left out for want of an entitlement."""
    start, end = within
    table = tables.gaps
    chosen = sa.select(table).where(
        table.c.dataset == dataset.id,
        table.c.since <= as_of,
        sa.or_(table.c.closed_at.is_(None), table.c.closed_at > as_of),
    )
    if start is not None:
        chosen = chosen.where(table.c.end > start)
    if end is not None:
        chosen = chosen.where(table.c.start < end)
    found = [_open_gap(row) for row in reader.connection.execute(chosen.order_by(table.c.start, table.c.series))]
    markets = sorted({one.gap.market for one in found})
    refused = [name for name in markets if not principal.grants.allows(name, dataset.product, channel, at=as_of)]
    missing = tuple(Missing(name, dataset.product, channel) for name in refused)
    return tuple(one for one in found if one.gap.market not in refused), missing


def open_gaps(reader: Reader, *, dataset: str | None = None, market: str | None = None) -> tuple[OpenGap, ...]:
    """Return the gaps open now, for the house's own use (settling and refilling)."""
    table = tables.gaps
    chosen = sa.select(table).where(table.c.closed_at.is_(None))
    if dataset is not None:
        chosen = chosen.where(table.c.dataset == dataset)
    if market is not None:
        chosen = chosen.where(table.c.market == market)
    return tuple(_open_gap(row) for row in reader.connection.execute(chosen.order_by(table.c.number)))


def _open_gap(row: Any) -> OpenGap:
    gap = Gap(row.dataset, row.market, row.market_run, row.series, row.start, row.end, row.reason, row.detail)
    return OpenGap(number=row.number, since=row.since, gap=gap)


def stored_spans(store: Store, *, coverage: Coverage, now: datetime, held: int) -> gaps.Spans:
    """Return what the store holds of a coverage up to position `held`, whatever source said it."""
    declared = store.datasets[coverage.dataset]
    within: dict[str, Sequence[str]] = {"market": (coverage.market,)}
    for name in ("market_run", "forecast_run"):
        if name in declared.key:
            within[name] = (coverage.market_run,)
    request = StoreRequest(
        dataset=coverage.dataset,
        within={name: tuple(values) for name, values in within.items()},
        start=coverage.start - coverage.step,
        end=coverage.end,
        columns=(*declared.key, "interval_end"),
    )
    cut = store_queries.snapshot(store, as_of=now, knowledge=Knowledge.RECEIVED, commit=held)
    return gaps.spans({coverage.dataset: store_queries.rows(store, HOUSE, request=request, cut=cut).rows})
