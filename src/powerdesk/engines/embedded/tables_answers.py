"""The five ways to ask a table: rows, latest, history, changes, count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from powerdesk.engines.embedded import tables_codes, tables_order, tables_reading
from powerdesk.engines.embedded.tables_layout import LABEL, TAG, listed, micros, quoted
from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from powerdesk.engines.embedded.tables_reading import Candidates, Columns, Fetch, InMemory
    from powerdesk.engines.embedded.tables_scope import Scope

WINDOWS = (timedelta(hours=3), timedelta(days=2), timedelta(days=32))
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
CANDIDATES_PER_ROW = 4  # a page looks at series that hold about so many rows per row asked for, then at more


def names_of(scope: Scope) -> tuple[str, ...]:
    """Return the columns of the answer."""
    chosen = scope.selection.columns
    return tuple(scope.layout.columns) if chosen is None else chosen


def rows(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return the belief in force for each key, in key order."""
    names = names_of(scope)
    late = scope.late_filters
    wanted = (*names, *(name for name in late if name not in names))
    pages: list[pa.Table] = []
    left = scope.selection.limit
    for slice_ in _slices(scope):
        found = tables_reading.candidates(slice_, fetch, wanted)
        chosen = tables_reading.in_force(slice_, found)
        if left is not None and not late:
            chosen = (np.arange(found.count) if chosen is None else chosen)[:left]
        page = _table(slice_, found, chosen, wanted)
        page = tables_reading.matching(scope, page).slice(0, left).select(names)
        pages.append(page)
        if left is not None:
            left -= page.num_rows
            if left <= 0:
                break
    return pa.concat_tables(pages) if pages else scope.layout.arrow_schema(names).empty_table()


def _table(scope: Scope, found: Candidates, chosen: npt.NDArray[Any] | None, names: Sequence[str]) -> pa.Table:
    """Return the chosen candidates with codes turned to text."""
    return tables_reading.decoded(scope, found.columns(chosen, tables_reading.answer_names(scope, names)), names)


def _slices(scope: Scope) -> Iterator[Scope]:
    """Yield the scope in pieces that follow one another in the order of keys; whole when there is no limit.

    Each piece is a number of neighbours by the text that the key begins with, ever more of them.
    """
    limit, first = scope.selection.limit, scope.layout.key_runs[0]
    if limit == 0:
        return
    if limit is None or first not in scope.layout.label_runs:
        yield scope
        return
    ranks, ordered = scope.labels.ranks(first)
    left = np.unique(ranks if scope.label_codes is None else ranks[scope.label_codes])
    left = left[::-1] if scope.selection.descending else left
    if scope.selection.after is not None:
        given = dict(zip(scope.layout.spec.key, scope.selection.after, strict=True))
        rank, known = tables_codes.place(ordered, tuple(str(given[name]) for name in first))
        falling = scope.selection.descending
        if known and rank in left:
            yield _from_key(replace(scope, labels_left=ranks == rank), given)
        left = left[left < rank] if falling else left[left > rank] if known else left[left >= rank]
    held = scope.recent.count + (0 if scope.in_memory else sum(part.row_count for part in scope.touched))
    size = max(1, CANDIDATES_PER_ROW * limit * len(ordered) // max(1, held))
    while len(left):
        yield replace(scope, labels_left=np.isin(ranks, left[:size]))
        left, size = left[size:], size * 4


def _from_key(scope: Scope, given: dict[str, object]) -> Scope:
    """Return the scope of one text without the times that lie before the key given, if time comes next in the key."""
    time, runs = scope.layout.spec.time_column, scope.layout.key_runs
    moment = given[time]
    if len(runs) < 2 or runs[1] != (time,) or not isinstance(moment, datetime):  # noqa: PLR2004 - text, then time
        return scope
    selection = scope.selection
    if selection.descending:
        end = moment + timedelta(microseconds=1)
        return replace(scope, selection=replace(selection, end=min(end, selection.end or end)))
    return replace(scope, selection=replace(selection, start=max(moment, selection.start or moment)))


def latest(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return, per series, the belief in force with the greatest time, in series order."""
    if scope.late_filters:
        return _latest_of(scope, rows(replace(scope, by_series=False, selection=_whole(scope)), fetch))
    names = names_of(scope)
    if set(scope.layout.plain_keys) != {scope.layout.spec.time_column}:
        found = _newest_candidates(scope, fetch, names)
        return _table(scope, found, tables_reading.in_force(scope, found), names).slice(0, scope.selection.limit)
    held = _newest_in_memory(scope)
    left = np.zeros(len(scope.labels), np.bool_)
    left[slice(None) if scope.label_codes is None else scope.label_codes] = True
    left[held.values(LABEL)] = False
    chosen = tables_reading.in_force(scope, held)
    newest = held.rows if chosen is None else held.rows[chosen]
    if left.any():
        answer = _latest_beyond(scope, fetch, held, left)
    elif len(newest) == 1:
        answer = held.recent.answered(int(newest[0]), names, lambda: _table(scope, held, chosen, names))
    else:
        answer = _table(scope, held, chosen, names)
    return answer if scope.selection.limit is None else answer.slice(0, scope.selection.limit)


def _latest_beyond(scope: Scope, fetch: Fetch, held: InMemory, left: npt.NDArray[np.bool_]) -> pa.Table:
    """Return the latest rows of series, where memory does not hold those of the labels `left`."""
    names = names_of(scope)
    stored = tables_reading.answer_names(scope, (*names, *scope.layout.label_columns))
    pages = [held.columns(tables_reading.in_force(scope, held), stored)]
    for number, start in enumerate(_windows(scope)):
        bounded = replace(scope, labels_left=left, selection=replace(scope.selection, start=start))
        short = number == 0 and start != scope.selection.start
        found = (tables_reading.candidates if short else _newest_candidates)(bounded, fetch, names)
        pages.append(found.columns(tables_reading.in_force(bounded, found), stored))
        left = left.copy()
        left[found.values(LABEL)] = False
        if not left.any():
            break
    return tables_reading.decoded(scope, _in_series_order(scope, pages), names)


def _newest_in_memory(scope: Scope) -> InMemory:
    """Return candidates in memory of those series whose greatest time of all is within the scope and the cut."""
    time, selection = scope.layout.spec.time_column, scope.selection
    end_us, start_us = micros(selection.end), micros(selection.start)
    found = scope.recent.newest_of(scope.label_codes, label_count=len(scope.labels), end_us=end_us)
    if start_us is not None:
        found = found[scope.recent.values(time, found) >= start_us]
    return tables_reading.in_memory(scope, found)


def _in_series_order(scope: Scope, pages: Sequence[Columns]) -> Columns:
    """Return pages (stored columns) of different series as one."""
    filled = [page for page in pages if len(page[LABEL])]
    if len(filled) < 2:  # noqa: PLR2004 - one page lies in order
        return filled[0] if filled else pages[0]
    found = pa.concat_tables(pa.table(page) for page in filled)
    ranks = scope.labels.ranks(scope.layout.label_columns)[0][tables_reading.plain(found.column(LABEL))]
    order = np.argsort(-ranks if scope.selection.descending else ranks)
    return tables_reading.columns_of(found.take(pa.array(order)))


def _windows(scope: Scope) -> Iterator[datetime | None]:
    """Yield starts to look from, ever further back; nearly every series is found in the first window."""
    start, cut = scope.selection.start, scope.cut
    if scope.view.last_time is not None and cut is not None:
        newest = min(t for t in (scope.view.last_time, cut.as_of, scope.selection.end) if t is not None)
        for back in WINDOWS:
            if newest - EARLIEST > back and (start is None or newest - back > start):
                yield newest - back
    yield start


def _newest_candidates(scope: Scope, fetch: Fetch, names: Sequence[str]) -> Candidates:
    """Return candidates that include, of each series, all those with its greatest time; not many more from parts."""
    time, stored = scope.layout.spec.time_column, tables_reading.stored_names(scope, names)
    series = [LABEL, *(name for name in scope.layout.plain_keys if name != time)]
    newest = f"select {listed(series)}, max({quoted(time)}) as {quoted(time)} from ({scope.sql(stored)}) group by all"  # noqa: S608 - quoted names
    shared = listed([*series, time])
    sql = f"select {listed(stored, of='r.')} from ({scope.sql(stored)}) r join ({newest}) n using ({shared})"  # noqa: S608 - quoted names
    return tables_reading.candidates(scope, fetch, names, sql=sql)


def history(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return every revision within the cut, ordered by key, source, published_at, commit; whole keys only."""
    names, limit = names_of(scope), scope.selection.limit
    pages: list[pa.Table] = []
    count = 0
    for piece in _slices(scope):
        found = tables_reading.candidates(piece, fetch, names)
        keys = tables_reading.key_columns(piece, found.values)
        page = _whole_groups(piece, found, keys, names, limit=None if limit is None else limit - count, first=not count)
        pages.append(page)
        count += page.num_rows
        if limit is not None and (count >= limit or page.num_rows < found.count):
            break
    return pa.concat_tables(pages) if pages else scope.layout.arrow_schema(names).empty_table()


def changes(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return the rows of a span of commits, ordered by commit, then key; whole commits only."""
    if scope.selection.after is not None or scope.selection.descending:
        raise faults.UnfitRequestError(
            found="`after` or `descending` in a read of changes",
            allowed="commits in rising order",
            remedy="continue with `after` = the last commit received",
        )
    names, limit = names_of(scope), scope.selection.limit
    if limit is not None:
        scope = _up_to_limit(scope, fetch, limit)
    found = tables_reading.candidates(scope, fetch, names)
    return _whole_groups(scope, found, [found.values("commit")], names, limit=limit, first=True)


def _up_to_limit(scope: Scope, fetch: Fetch, limit: int) -> Scope:
    """Return the scope without commits that certainly lie beyond so many rows."""
    if scope.in_memory or scope.commits is None:
        return scope
    sql = f'select "commit" from ({scope.sql(("commit",))}) order by "commit" limit 1 offset {int(limit)}'  # noqa: S608 - quoted names
    beyond = fetch(scope, sql).column("commit").to_pylist()
    return replace(scope, commits=(scope.commits[0], beyond[0])) if beyond else scope


def _whole_groups(
    scope: Scope,
    found: Candidates,
    group: list[npt.NDArray[Any]],
    names: Sequence[str],
    *,
    limit: int | None,
    first: bool,
) -> pa.Table:
    """Return rows ordered by group, key and belief, cut by the limit only between groups.

    A `first` group that is larger than the limit comes whole.
    """
    keys = tables_reading.key_columns(scope, found.values)
    source = [scope.source_ranks[found.values(TAG)]] if scope.needs_tags else []
    beliefs = [found.values(name) for name in ("published_at", "commit", "revision")]
    order, last = tables_order.ordered([*group, *keys, *source, *beliefs], group=len(group))
    if scope.selection.after is not None:
        order = np.arange(found.count) if order is None else order
        kept = tables_reading.beyond(scope, lambda name: found.values(name)[order])
        order, last = order[kept], last[kept]
    if limit is not None and len(last) > limit:
        ends = np.flatnonzero(last) + 1
        fitting = ends[ends <= limit]
        stop = 0 if limit == 0 else int(fitting[-1]) if len(fitting) else int(ends[0]) if first else 0
        order = (np.arange(found.count) if order is None else order)[:stop]
    return _table(scope, found, order, names)


def count(scope: Scope, fetch: Fetch) -> int:
    """Return the number of keys that have a belief within the cut; revisions that come late may count once more."""
    whole = replace(scope, selection=replace(scope.selection, limit=None))
    if scope.late_filters:
        return int(rows(whole, fetch).num_rows)
    if scope.in_memory or scope.selection.after is not None or scope.needs_tags:
        found = tables_reading.candidates(whole, fetch, ())
        chosen = tables_reading.in_force(whole, found)
        return found.count if chosen is None else len(chosen)
    sql = f"select count(*) as n from ({whole.sql((LABEL,))})"  # noqa: S608 - quoted names
    late = tables_reading.unsettled(whole)
    chosen = tables_reading.in_force(whole, late)
    number: int = fetch(whole, sql).column("n")[0].as_py()
    return number + (late.count if chosen is None else len(chosen))


def _whole(scope: Scope) -> Any:
    columns = tuple(dict.fromkeys((*names_of(scope), *scope.layout.spec.key)))
    return replace(scope.selection, limit=None, after=None, descending=False, columns=columns)


def _latest_of(scope: Scope, found: pa.Table) -> pa.Table:
    """Return the latest row of each series of `found`, which holds all key columns."""
    series = [name for name in scope.layout.spec.key if name != scope.layout.spec.time_column]
    times = tables_reading.plain(found.column(scope.layout.spec.time_column))
    newest: dict[tuple[object, ...], int] = {}
    columns = [found.column(name).to_pylist() for name in series]
    for index, key in enumerate(zip(*columns, strict=True) if series else [()] * found.num_rows):
        if key not in newest or times[index] > times[newest[key]]:
            newest[key] = index
    after = scope.selection.after
    if after is not None:
        given = tuple(v for n, v in zip(scope.layout.spec.key, after, strict=True) if n in series)
        newest = {k: i for k, i in newest.items() if (k < given if scope.selection.descending else k > given)}
    ordered = sorted(newest, reverse=scope.selection.descending)[: scope.selection.limit]
    indices: npt.NDArray[np.int64] = np.array([newest[key] for key in ordered], np.int64)
    return found.take(pa.array(indices)).select(names_of(scope))
