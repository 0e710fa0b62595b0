"""Reads: every one says as of when, for whom and by which channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from powerdesk.access import entitlements
from powerdesk.engines.ports import tables as table_port
from powerdesk.kernel import intervals
from powerdesk.kernel.belief import Knowledge
from powerdesk.store import events, lasting, lineage, schema, tables
from powerdesk.store import quality as qualities
from powerdesk.store.types import Answer, LookAheadError, Request, Snapshot, UnknownColumnError, UnknownDatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from powerdesk.access.types import Channel, Missing, Principal
    from powerdesk.engines.ports.bus import Bus
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.records import Reader, Records
    from powerdesk.kernel.clock import Clock
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.progress import Progress

PROJECTION_TIMEOUT_S = 10.0
AT_HAND_SERIES = 16
AT_HAND_SPAN = timedelta(days=2)
RESTATEMENTS_SHOWN = 20
DAY = timedelta(days=1)
SYSTEM_NAMES = tuple(spec.name for spec in table_port.SYSTEM_COLUMNS)


@dataclass(frozen=True, slots=True)
class Store:
    """The engines and declarations behind every read and write; app makes one."""

    tables: table_port.Tables
    bus: Bus
    records: Records
    objects: Objects
    clock: Clock
    progress: Progress
    datasets: Mapping[str, Dataset]
    calculations: Mapping[str, lineage.Calculation]
    dependencies: Callable[[], str]
    """Tells the hash of the locked dependencies as installed here."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of time."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Quality:
    """How a dataset stands over a span: groups with gaps, freshness, restatements.

    `age` is that of the group whose newest interval is oldest; without a cadence, of the newest publication.
    """

    dataset: str
    groups: tuple[qualities.GroupQuality, ...]
    newest_interval_end: datetime | None
    age: timedelta | None
    state: qualities.FreshnessState
    restatements: pa.Table
    restated: int
    restated_24h: int
    left_out: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who reads, and the channel that follows from the credential used."""

    principal: Principal
    channel: Channel


def dataset(store: Store, dataset_id: str) -> Dataset:
    """Return the declaration; raise UnknownDatasetError naming those there are."""
    found = store.datasets.get(dataset_id)
    if found is None:
        raise UnknownDatasetError(
            found=f"dataset {dataset_id!r}", allowed=", ".join(sorted(store.datasets)), remedy="choose one of these"
        )
    return found


def snapshot(
    store: Store,
    *,
    as_of: datetime,
    knowledge: Knowledge = Knowledge.PUBLISHED,
    commit: int | None = None,
) -> Snapshot:
    """Return the cut for a read: all that is readable now; when a commit is named, wait until that is readable."""
    if commit is None:
        return Snapshot(as_of=as_of, commit=store.progress.position, knowledge=knowledge)
    wanted = min(commit, accepted(store))
    store.progress.wait(wanted, timeout_s=PROJECTION_TIMEOUT_S)
    return Snapshot(as_of=as_of, commit=wanted, knowledge=knowledge)


def is_at_hand(store: Store, *, request: Request, since: datetime | None) -> bool:
    """Tell whether a read is small, few series since a recent moment, and of rows that the engine holds in memory.

    Such a read takes about a millisecond. A `since` of None is any time, which is not small. The latest row of a series
    that has said nothing since may have to be looked up all the same.
    """
    declared = dataset(store, request.dataset)
    named = request.within.get(declared.series_label, ())
    if declared.lasting_by or since is None or not 0 < len(named) <= AT_HAND_SERIES:
        return False
    return store.clock.now() - since < AT_HAND_SPAN and store.tables.in_memory(declared.id, since=since)


def accepted(store: Store) -> int:
    """Return the position of the last batch accepted, readable or not: the commit that a read after a write names."""
    return store.bus.end(events.BATCHES_TOPIC)


def received(bus: Bus, *, position: int) -> datetime | None:
    """Return when the batch at a position of the log was received, None where there is none."""
    found = bus.read(events.BATCHES_TOPIC, after=position - 1, limit=1)
    if not found or found[0].position != position or events.VOID_HEADER in found[0].headers:
        return None
    at: datetime = pc.max(schema.decode(found[0].value).column("received_at")).as_py()
    return at


def rows(store: Store, asker: Asker, *, request: Request, cut: Snapshot) -> Answer:
    """Return the belief in force for each key at the cut, in key order; `more` tells whether a page follows."""
    declared, narrowed, left_out = _prepared(store, asker, request)
    selection = _selection(declared, narrowed)
    if selection.limit is not None:
        selection = replace(selection, limit=selection.limit + 1)
    found = store.tables.rows(declared.id, selection=selection, cut=_port_cut(cut))
    more = request.limit is not None and found.num_rows > request.limit
    return Answer(
        dataset=declared.id,
        rows=found.slice(0, request.limit) if more else found,
        snapshot=cut,
        left_out=left_out,
        more=more,
    )


def latest(store: Store, asker: Asker, *, request: Request, cut: Snapshot) -> Answer:
    """Return the newest interval of each series at the cut, in series order; `after` and `limit` page over series.

    Where sets of rows last until they are replaced, these are the sets in force: a series that the newest set of its
    name lacks has no row.
    """
    declared, narrowed, left_out = _prepared(store, asker, request)
    selection = replace(_selection(declared, narrowed), limit=None, after=None)
    found = store.tables.latest(declared.id, selection=selection, cut=_port_cut(cut))
    if declared.lasting_by and found.num_rows:
        found = found.filter(_in_force(store, declared, found, selection, cut))
    if request.after is not None:
        found = found.filter(_beyond(declared, found, request.after))
    more = request.limit is not None and found.num_rows > request.limit
    shown = found.slice(0, request.limit) if more else found
    return Answer(dataset=declared.id, rows=shown, snapshot=cut, left_out=left_out, more=more)


def _in_force(
    store: Store, declared: Dataset, found: pa.Table, selection: table_port.Selection, cut: Snapshot
) -> pa.Array:
    """Tell which rows belong to the newest set of their name, other series that were not asked for included."""
    whole = found
    if not set(selection.within) <= {"source", declared.market_column, *declared.lasting_by}:
        names = {name: tuple(pc.unique(found.column(name)).to_pylist()) for name in declared.lasting_by}
        within = {name: values for name, values in selection.within.items() if name == "source"} | names
        asked = replace(selection, within=within, columns=declared.key)
        whole = store.tables.latest(declared.id, selection=asked, cut=_port_cut(cut))
    return pa.array(lasting.are_newest(found, whole, by=declared.lasting_by, time=declared.time_column))


def _beyond(declared: Dataset, rows: pa.Table, after: tuple[object, ...]) -> pa.ChunkedArray:
    """Tell which rows have a series key greater than that of the full key `after`."""
    last = dict(zip(declared.key, after, strict=True))
    beyond = pa.chunked_array([pa.repeat(False, rows.num_rows)])
    for name in reversed(declared.series_key):
        column = rows.column(name)
        beyond = pc.or_(pc.greater(column, last[name]), pc.and_(pc.equal(column, last[name]), beyond))
    return beyond


def history(store: Store, asker: Asker, *, request: Request, cut: Snapshot) -> Answer:
    """Return every revision within the cut, system columns included; a limit never splits a cell."""
    declared, narrowed, left_out = _prepared(store, asker, replace(request, columns=None))
    found = store.tables.history(declared.id, selection=_selection(declared, narrowed), cut=_port_cut(cut))
    return Answer(dataset=declared.id, rows=found, snapshot=cut, left_out=left_out)


def changes(store: Store, asker: Asker, *, request: Request, after: int, upto: int) -> pa.Table:
    """Return rows with after < commit <= upto in commit order: what a subscriber has not seen yet."""
    declared, narrowed, _ = _prepared(store, asker, request)
    return store.tables.changes(declared.id, after=after, upto=upto, selection=_selection(declared, narrowed))


def count(store: Store, asker: Asker, *, request: Request, cut: Snapshot) -> int:
    """Return how many rows the request would give without a limit."""
    declared, narrowed, _ = _prepared(store, asker, request)
    selection = replace(_selection(declared, narrowed), limit=None, after=None)
    return store.tables.count(declared.id, selection=selection, cut=_port_cut(cut))


def quality(
    store: Store, asker: Asker, *, dataset_id: str, within: Mapping[str, tuple[str, ...]], span: Span, cut: Snapshot
) -> Quality:
    """Return completeness by group, gaps, freshness and restatements of a dataset over a span, as known at the cut."""
    request = Request(dataset_id, within=within, allow_partial=True)
    declared, narrowed, missing = _prepared(store, asker, request)
    inside = replace(narrowed, start=span.start, end=span.end, columns=())
    port_cut = _port_cut(cut)
    keys = store.tables.rows(declared.id, selection=_selection(declared, inside), cut=port_cut)
    everything = replace(narrowed, columns=(*declared.end_columns, "published_at"))
    newest = store.tables.latest(declared.id, selection=_selection(declared, everything), cut=port_cut)
    restated = replace(_selection(declared, replace(inside, columns=None)), revision_from=1)
    revised = store.tables.history(declared.id, selection=restated, cut=port_cut)
    series = newest.select(declared.series_key)
    groups = qualities.quality(declared, keys=keys, series=series, start=span.start, end=span.end, as_of=cut.as_of)
    ends = [group.newest_end for group in groups]
    newest_end = min((end for end in ends if end is not None), default=None)
    known_at = span.start if None in ends else newest_end or pc.max(newest.column("published_at")).as_py()
    age = None if known_at is None or newest.num_rows == 0 else max(timedelta(0), cut.as_of - known_at)
    return Quality(
        dataset=declared.id,
        groups=groups,
        newest_interval_end=newest_end,
        age=age,
        state=qualities.freshness_state(declared.freshness, age=age),
        restatements=revised.sort_by([("commit", "descending")]).slice(0, RESTATEMENTS_SHOWN),
        restated=revised.num_rows,
        restated_24h=revised.filter(pc.greater(revised.column("published_at"), _instant(cut.as_of - DAY))).num_rows,
        left_out=missing,
    )


def _instant(value: datetime) -> pa.Scalar:
    return pa.scalar(value, type=schema.INSTANT)


def left_out(store: Store, asker: Asker, *, request: Request) -> tuple[Missing, ...]:
    """Return what the caller may not see of the request, without reading it."""
    declared = dataset(store, request.dataset)
    markets = _markets(declared, request)
    return _missing(store, asker, declared, markets)


def view(store: Store, asker: Asker, *, cut: Snapshot) -> View:
    """Return a reader that cannot see past the cut."""
    return View(store=store, asker=asker, cut=cut)


@dataclass(frozen=True, slots=True)
class View:
    """The store as it was known at a cut; asking for later knowledge raises LookAheadError."""

    store: Store
    asker: Asker
    cut: Snapshot

    def rows(self, request: Request, *, as_of: datetime | None = None) -> pa.Table:
        """Return `rows` at the cut or at an earlier `as_of`; `latest` or `history` where the request says so."""
        at = self.cut if as_of is None else replace(self.cut, as_of=self._allowed(as_of))
        read = latest if request.newest else history if request.vintages else rows
        return self._guarded(read(self.store, self.asker, request=_with_stamps(self.store, request), cut=at).rows, at)

    def _allowed(self, as_of: datetime) -> datetime:
        if as_of > self.cut.as_of:
            raise LookAheadError(
                found=f"as_of {as_of.isoformat()}",
                allowed=f"at or before the cut {self.cut.as_of.isoformat()}",
                remedy="cut the view later, knowing that the result then knows more",
            )
        return as_of

    def _guarded(self, found: pa.Table, at: Snapshot) -> pa.Table:
        name = "published_at" if at.knowledge is Knowledge.PUBLISHED else "received_at"
        newest = pc.max(found.column(name)).as_py()
        highest = pc.max(found.column("commit")).as_py()
        if (newest is not None and newest > at.as_of) or (highest is not None and highest > at.commit):
            raise LookAheadError(
                found=f"a row known at {newest} with commit {highest}",
                allowed=f"known by {at.as_of.isoformat()} with commit <= {at.commit}",
                remedy="report this: the engine broke its contract",
            )
        return found


def lineage_of(reader: Reader, *, lineage_id: str) -> lineage.Lineage | None:
    """Return what made the rows that carry this id, None when no such id was written."""
    body = reader.connection.execute(
        sa.select(tables.lineages.c.body).where(tables.lineages.c.id == lineage_id)
    ).scalar()
    return None if body is None else msgspec.json.decode(body, type=lineage.Lineage)


def lost(reader: Reader, *, lineage_id: str) -> str | None:
    """Return why a lineage can no longer be made again, None while it can."""
    table = tables.lineages
    return reader.connection.execute(sa.select(table.c.lost_why).where(table.c.id == lineage_id)).scalar()


def citing(store: Store, *, dataset_id: str, before: datetime) -> tuple[str, ...]:
    """Return the calculations' lineages, not yet lost, that read rows of a dataset with a time before an instant."""
    table = tables.lineages
    chosen = sa.select(table.c.id, table.c.body).where(
        table.c.kind == lineage.Kind.CALCULATION.value, table.c.lost_at.is_(None), table.c.body.contains(dataset_id)
    )
    with store.records.reader() as reader:
        return tuple(
            row.id
            for row in reader.connection.execute(chosen)
            for made in [msgspec.json.decode(row.body, type=lineage.Lineage)]
            if any(_read_before(store, read, before) for read in made.inputs if read.dataset == dataset_id)
        )


def _read_before(store: Store, read: lineage.Input, before: datetime) -> bool:
    request = lineage.request_of(read)
    if request.start is not None and request.start >= before:
        return False
    end = before if request.end is None else min(before, request.end)
    cut = table_port.Cut(intervals.parse_instant(read.as_of), read.commit, Knowledge(read.knowledge))
    old = table_port.Selection(within=request.within, start=request.start, end=end)
    return store.tables.count(read.dataset, selection=old, cut=cut) > 0


def marked(store: Store, *, topic: str, before: datetime) -> int:
    """Return where a topic ended at the last mark before an instant, 0 when it was not marked yet."""
    table = tables.log_marks
    newest = sa.select(sa.func.max(table.c.position)).where(table.c.topic == topic, table.c.at <= before)
    with store.records.reader() as reader:
        return int(reader.connection.execute(newest).scalar() or 0)


def calculated(store: Store, calculation: lineage.Calculation) -> int:
    """Return the commit up to which inputs have been calculated with, 0 when none were."""
    table = tables.calculations
    this = sa.select(table.c.commit).where(table.c.name == calculation.name, table.c.version == calculation.version)
    with store.records.reader() as reader:
        return int(reader.connection.execute(this).scalar() or 0)


def products(store: Store, declared: Dataset) -> tuple[tuple[str, str | None], ...]:
    """Return (product, market column) pairs a row needs: its own, and its inputs' unless a release is declared."""
    needed = {declared.product}
    if declared.release is None:
        for name in declared.inputs:
            needed |= {product for product, _ in products(store, dataset(store, name))}
    return tuple((product, declared.market_column) for product in sorted(needed))


def _with_stamps(store: Store, request: Request) -> Request:
    """Add the columns the guard looks at."""
    if request.columns is None:
        return request
    dataset(store, request.dataset)
    return replace(request, columns=tuple(dict.fromkeys((*request.columns, "published_at", "received_at", "commit"))))


def _prepared(store: Store, asker: Asker, request: Request) -> tuple[Dataset, Request, tuple[Missing, ...]]:
    """Check names and entitlements; return the request narrowed to what the caller may see."""
    declared = dataset(store, request.dataset)
    _check_names(declared, request)
    markets = _markets(declared, request)
    missing = _missing(store, asker, declared, markets)
    refused = {tuple_.market for tuple_ in missing}
    if missing and not request.allow_partial:
        raise entitlements.refused(missing, dataset=declared.id)
    allowed = tuple(market for market in markets if market not in refused)
    within = {**request.within, declared.market_column: allowed}
    return declared, replace(request, within=within), missing


def _check_names(declared: Dataset, request: Request) -> None:
    known = {column.name for column in declared.columns} | set(SYSTEM_NAMES)
    named = (*request.within, *(request.columns or ()))
    unknown = sorted({name for name in named if name not in known})
    if unknown:
        raise UnknownColumnError(
            found=", ".join(unknown), allowed=", ".join(sorted(known)), remedy=f"see GET /v1/datasets/{declared.id}"
        )


def _markets(declared: Dataset, request: Request) -> tuple[str, ...]:
    """Return the markets a request touches: those named, those of the locations named, else all that are licensed."""
    named = request.within.get(declared.market_column)
    if named is not None:
        return tuple(named)
    locations = request.within.get("location")
    if locations is not None:
        return tuple(sorted({location.partition(":")[0] for location in locations}))
    return licensed_markets(declared)


def licensed_markets(declared: Dataset) -> tuple[str, ...]:
    """Return the markets whose sources a declaration licenses, in order."""
    return tuple(sorted({licence.market for licence in declared.licences}))


def _missing(store: Store, asker: Asker, declared: Dataset, markets: tuple[str, ...]) -> tuple[Missing, ...]:
    at = store.clock.now()
    found = [
        entitlements.missing(asker.principal, market=market, product=product, channel=asker.channel, at=at)
        for market in markets
        for product, _ in products(store, declared)
    ]
    return tuple(dict.fromkeys(missing for missing in found if missing is not None))


def _selection(declared: Dataset, request: Request) -> table_port.Selection:
    columns = request.columns
    if columns is not None:
        columns = tuple(dict.fromkeys((*declared.key, *columns)))
    return table_port.Selection(
        within=request.within,
        start=request.start,
        end=request.end,
        columns=columns,
        after=request.after,
        limit=request.limit,
        descending=request.descending,
        sources=request.sources or declared.sources,
    )


def _port_cut(cut: Snapshot) -> table_port.Cut:
    return table_port.Cut(as_of=cut.as_of, commit=cut.commit, knowledge=cut.knowledge)
