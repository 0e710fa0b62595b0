"""Reads for the stream, made in worker threads: changes, beliefs in force, snapshots, replay windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.delivery.stream import frames, subscription
from powerdesk.kernel import problem
from powerdesk.store import operations, queries, schema
from powerdesk.store.types import Request, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from powerdesk.delivery.stream.subscription import Spec
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Asker, Store

NARROWING_VALUES = 256
"""Longer lists cost an engine more than they save when it looks up known cells."""
LOOKBACK = timedelta(days=7)
LOOKAHEAD = timedelta(days=16)
"""How far delivery intervals may lie from the moment their rows were published, in a replay."""
MICROSECOND = timedelta(microseconds=1)


class TooManyRowsError(problem.Problem):
    """More rows than a socket may be given at once."""

    status = 413
    slug = "too-many-rows"
    title = "Too many rows for the stream"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that may be told now in commit order, which of them are in force, and rows to be told later."""

    rows: pa.Table
    in_force: np.ndarray
    held: pa.Table


@dataclass(frozen=True, slots=True)
class Selected:
    """What one spec is told at once; `parts` are its encoded columns unless it is conflated later.

    `commit` is the last one it holds, None for the end of the batch.
    """

    rows: pa.Table
    parts: tuple[bytes, ...]
    commit: int | None = None


@dataclass(frozen=True, slots=True)
class Cells:
    """A snapshot as one spec sees it, encoded."""

    rows: int
    parts: tuple[bytes, ...]


def nothing(declared: Dataset) -> pa.Table:
    """Return a table of the dataset without rows."""
    return schema.row_schema(declared).empty_table()


def changed(
    store: Store,
    *,
    declared: Dataset,
    after: int,
    upto: int,
    held: pa.Table,
    now: datetime,
) -> Batch:
    """Return rows accepted in (after, upto] and those held before, divided by whether they are published by now."""
    fresh = queries.changes(store, operations.HOUSE, request=Request(dataset=declared.id), after=after, upto=upto)
    every = pa.concat_tables([held, fresh.select(held.column_names).cast(held.schema)])
    due = pc.less_equal(every.column("published_at"), pa.scalar(now, type=schema.INSTANT))
    rows = every.filter(due)
    in_force = winners(store, declared=declared, rows=rows, now=now, commit=upto)
    return Batch(rows=rows, in_force=in_force, held=every.filter(pc.invert(due)))


def missed(store: Store, *, spec: Spec, after: int, upto: int, most: int) -> pa.Table:
    """Return rows accepted in (after, upto] within a spec's filters; raise TooManyRowsError above `most` rows."""
    request = Request(dataset=spec.dataset, within=spec.filters, limit=most + 1)
    rows = queries.changes(store, operations.HOUSE, request=request, after=after, upto=upto)
    if rows.num_rows > most:
        raise TooManyRowsError(found=f"more than {most} rows", allowed=f"{most}", remedy="take a snapshot instead")
    return rows


def held_before(store: Store, *, declared: Dataset, position: int, commits: int, now: datetime) -> pa.Table:
    """Return rows of the last `commits` commits that are stamped later than now."""
    after = max(0, position - commits)
    stamps = Request(dataset=declared.id, columns=("published_at",))
    seen = queries.changes(store, operations.HOUSE, request=stamps, after=after, upto=position)
    newest = pc.max(seen.column("published_at")).as_py()
    if newest is None or newest <= now:
        return nothing(declared)
    everything = Request(dataset=declared.id)
    recent = queries.changes(store, operations.HOUSE, request=everything, after=after, upto=position)
    recent = recent.select(nothing(declared).column_names).cast(nothing(declared).schema)
    return recent.filter(pc.greater(recent.column("published_at"), pa.scalar(now, type=schema.INSTANT)))


def winners(store: Store, *, declared: Dataset, rows: pa.Table, now: datetime, commit: int) -> np.ndarray:
    """Tell for each row whether it is the belief in force at (now, commit).

    A first belief of the best-ranked source is in force without asking; the rest is read back.
    """
    settled = _settled(declared, rows)
    if settled.all():
        return settled
    doubtful = rows.filter(pa.array(~settled))
    times = pc.min_max(doubtful.column(declared.time_column))
    narrow = {
        name: values
        for name in declared.series_key
        if len(values := tuple(pc.unique(doubtful.column(name)).to_pylist())) <= NARROWING_VALUES
    }
    belief = (*declared.key, "source", "revision")
    request = Request(
        dataset=declared.id,
        within=narrow,
        start=times["min"].as_py(),
        end=times["max"].as_py() + MICROSECOND,
        columns=belief,
    )
    cut = Snapshot(as_of=now, commit=commit)
    known = queries.rows(store, operations.HOUSE, request=request, cut=cut).rows.select(belief)
    marked = known.cast(doubtful.select(belief).schema).append_column("_won", pa.array(np.ones(known.num_rows, bool)))
    numbered = doubtful.select(belief).append_column("_row", pa.array(np.flatnonzero(~settled)))
    joined = numbered.join(marked, keys=list(belief), join_type="inner")
    found = settled.copy()
    found[joined.column("_row").to_numpy()] = True
    return found


def _settled(declared: Dataset, rows: pa.Table) -> np.ndarray:
    best = declared.sources[0] if declared.sources else None
    first = pc.equal(rows.column("revision"), 0)
    settled = pc.and_(first, pc.equal(rows.column("source"), best)) if best is not None else pc.and_not(first, first)
    return np.asarray(settled.to_numpy(), dtype=bool)


def selected(batch: Batch, specs: Sequence[Spec]) -> dict[Spec, tuple[Selected, ...]]:
    """Return the batch as each spec sees it, encoded once unless conflated later.

    A spec of every belief gets each commit by itself, however many were read together; any other gets one piece.
    """
    told = batch.rows.filter(pa.array(batch.in_force)) if len(batch.in_force) else batch.rows
    found = {}
    for spec in specs:
        if spec.every_belief:
            found[spec] = tuple(_by_commit(batch.rows, spec))
        else:
            rows = subscription.newest(subscription.select(told, spec), spec.key)
            found[spec] = (Selected(rows=rows, parts=() if spec.conflate_ms else frames.parts(rows)),)
    return found


def _by_commit(rows: pa.Table, spec: Spec) -> Iterator[Selected]:
    commits = rows.column("commit").to_numpy()
    edges = [*(np.flatnonzero(np.diff(commits)) + 1).tolist(), len(commits)]
    low = 0
    for high in edges:
        piece = subscription.select(rows.slice(low, high - low), spec)
        commit = None if high == len(commits) else int(commits[low])
        yield Selected(rows=piece, parts=frames.parts(piece), commit=commit)
        low = high


def snapshot(store: Store, asker: Asker, *, spec: Spec, cut: Snapshot, hours: float | None, most: int) -> pa.Table:
    """Return the newest interval of each series, or the newest `hours`, at the cut; raise TooManyRowsError."""
    request = Request(dataset=spec.dataset, within=spec.filters, columns=spec.columns, limit=None)
    if hours is None:
        rows = queries.latest(store, asker, request=request, cut=cut).rows
    else:
        start = cut.as_of - timedelta(hours=hours)
        rows = queries.rows(store, asker, request=replace(request, start=start, limit=most + 1), cut=cut).rows
    if rows.num_rows > most:
        raise TooManyRowsError(
            found=f"more than {most} rows", allowed=f"{most}", remedy="narrow the filter, or read them by REST"
        )
    return rows.select(spec.columns)


def window(
    store: Store, asker: Asker, *, declared: Dataset, spec: Spec, start: datetime, end: datetime, most: int
) -> pa.Table:
    """Return every revision published in [start, end), in the order the world learned them; raise TooManyRowsError.

    Delivery intervals from LOOKBACK before the window to LOOKAHEAD after it are looked at.
    """
    request = Request(dataset=spec.dataset, within=spec.filters, start=start - LOOKBACK, end=end + LOOKAHEAD)
    cut = queries.snapshot(store, as_of=end - MICROSECOND)
    known = queries.history(store, asker, request=request, cut=cut).rows
    rows = known.filter(pc.greater_equal(known.column("published_at"), pa.scalar(start, type=schema.INSTANT)))
    if rows.num_rows > most:
        raise TooManyRowsError(
            found=f"{rows.num_rows} rows in the window", allowed=f"{most}", remedy="shorten the window or narrow it"
        )
    order = [(name, "ascending") for name in ("published_at", "commit", *declared.key)]
    return rows.sort_by(order)
