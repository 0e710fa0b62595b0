"""The five ways to ask a table: rows, latest, history, changes, count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from powerdesk.engines.embedded import tables_reading
from powerdesk.engines.embedded.tables_layout import LABEL, listed, quoted
from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from powerdesk.engines.embedded.tables_reading import Scope

    Fetch = Callable[[Scope, str], pa.Table]

WINDOWS = (timedelta(hours=3), timedelta(days=2), timedelta(days=32))
DIRECT_SERIES_MAX = 2_000  # above, even the first window holds too many rows to fetch
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
CANDIDATES_PER_KEY = 4  # a page fetches so many candidates per key asked for, then more if they run out


def names_of(scope: Scope) -> tuple[str, ...]:
    """Return the columns of the answer."""
    chosen = scope.selection.columns
    return tuple(scope.layout.columns) if chosen is None else chosen


def rows(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return the belief in force for each key, in key order."""
    names = names_of(scope)
    wanted = (*names, *(name for name in scope.late_filters if name not in names))
    pages: list[pa.Table] = []
    left = scope.selection.limit
    fetched = 0 if left is None else CANDIDATES_PER_KEY * left + 64
    while left is None or left > 0:
        candidates = _ordered(scope, fetch, wanted, limit=None if left is None else fetched)
        chosen = tables_reading.in_force(candidates, key=(LABEL, *scope.layout.plain_keys))
        ended = left is None or candidates.num_rows < fetched
        if not ended:
            chosen[-1] = False  # more candidates of the last key may follow
        page = candidates.filter(pa.array(chosen)) if not chosen.all() else candidates
        found = tables_reading.matching(scope, tables_reading.decoded(scope, page, wanted)).slice(0, left)
        pages.append(found.select(names))
        if ended:
            break
        left -= found.num_rows
        if page.num_rows == 0:
            fetched *= 4
        else:
            scope = _after(scope, page.slice(page.num_rows - 1))
    return pa.concat_tables(pages) if pages else scope.layout.arrow_schema(names).empty_table()


def latest(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return, per series, the belief in force with the greatest time, in series order."""
    scope = replace(scope, by_series=True)
    if scope.late_filters:
        return _latest_of(scope, rows(replace(scope, by_series=False, selection=_whole(scope)), fetch))
    names = names_of(scope)
    series = (LABEL, *(name for name in scope.layout.plain_keys if name != scope.layout.spec.time_column))
    if series != (LABEL,):
        page = _newest(scope, fetch, series, names).slice(0, scope.selection.limit)
        return tables_reading.decoded(scope, page, names)
    pages: list[pa.Table] = []
    left = np.ones(len(scope.labels), np.bool_)
    for number, start in enumerate(_windows(scope)):
        bounded = replace(scope, labels_left=left, selection=replace(scope.selection, start=start))
        small = number == 0 and start != scope.selection.start and len(scope.labels) <= DIRECT_SERIES_MAX
        newest = _newest_directly if small and scope.selection.after is None else _newest
        pages.append(newest(bounded, fetch, series, names))
        left = left.copy()
        left[tables_reading.plain(pages[-1].column(LABEL))] = False
        mask = replace(scope, labels_left=left).label_mask()
        if mask is not None and not mask.any():
            break
    found = pa.concat_tables(pages)
    rank = scope.labels.ranks(scope.layout.label_columns)[0][tables_reading.plain(found.column(LABEL))]
    order = np.argsort(-rank if scope.selection.descending else rank)[: scope.selection.limit]
    return tables_reading.decoded(scope, found.take(pa.array(order)), names)


def _windows(scope: Scope) -> Iterator[datetime | None]:
    """Yield starts to look from, ever further back; nearly every series is found in the first window."""
    start, cut = scope.selection.start, scope.cut
    if scope.last_time is not None and cut is not None:
        newest = min(t for t in (scope.last_time, cut.as_of, scope.selection.end) if t is not None)
        for back in WINDOWS:
            if newest - EARLIEST > back and (start is None or newest - back > start):
                yield newest - back
    yield start


def _newest_directly(scope: Scope, fetch: Fetch, series: Sequence[str], names: Sequence[str]) -> pa.Table:
    """Return what `_newest` does, by fetching a small scope whole instead of reading it twice."""
    rising = replace(scope, by_series=False, selection=replace(scope.selection, descending=False, limit=None))
    candidates = _ordered(rising, fetch, names, limit=None)
    labels = tables_reading.plain(candidates.column(LABEL))
    times = tables_reading.plain(candidates.column(scope.layout.spec.time_column))
    chosen = np.flatnonzero(tables_reading.in_force(candidates, key=(*series, scope.layout.spec.time_column)))
    chosen = chosen[np.lexsort((times[chosen], labels[chosen]))]  # the key may put the time before a label
    last = np.append(labels[chosen][1:] != labels[chosen][:-1], np.ones(min(1, len(chosen)), np.bool_))
    return candidates.take(pa.array(chosen[last]))


def _newest(scope: Scope, fetch: Fetch, series: Sequence[str], names: Sequence[str]) -> pa.Table:
    """Return the stored columns of the newest belief in force of each series of the scope."""
    time = scope.layout.spec.time_column
    stored = tables_reading.stored_names(scope, names)
    answer = f"{listed(series, of='r.')}, max(r.{quoted(time)}) as {quoted(time)}"
    newest = scope.query(answer, stored) + f" group by {listed(series, of='r.')}"
    same = " and ".join(f"r.{quoted(name)} = n.{quoted(name)}" for name in (*series, time))
    joined = f" join ({newest}) n on {same}"
    found = fetch(scope, scope.query(listed(stored, of="r."), stored, order=scope.belief_order(), joined=joined))
    return found.filter(pa.array(tables_reading.in_force(found, key=series)))


def history(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return every revision within the cut, ordered by key, source, published_at, commit; whole keys only."""
    source = ["t.rank"] if scope.needs_tags else []
    order = [*scope.key_order(), *source, "r.published_at", 'r."commit"', "r.revision"]
    return _whole_groups(scope, fetch, order=order, group=(LABEL, *scope.layout.plain_keys))


def changes(scope: Scope, fetch: Fetch) -> pa.Table:
    """Return the rows of a span of commits, ordered by commit, then key; whole commits only."""
    if scope.selection.after is not None or scope.selection.descending:
        raise faults.UnfitRequestError(
            found="`after` or `descending` in a read of changes",
            allowed="commits in rising order",
            remedy="continue with `after` = the last commit received",
        )
    source = ["t.rank"] if scope.needs_tags else []
    order = ['r."commit"', *scope.key_order(), *source, "r.published_at", "r.revision"]
    return _whole_groups(scope, fetch, order=order, group=("commit",))


def count(scope: Scope, fetch: Fetch) -> int:
    """Return the number of keys that have a belief within the cut."""
    if scope.late_filters:
        found: int = rows(replace(scope, selection=replace(scope.selection, limit=None)), fetch).num_rows
        return found
    key = listed((LABEL, *scope.layout.plain_keys), of="r.")
    distinct = scope.query(f"distinct {key}", tables_reading.stored_names(scope, ()))
    number: int = fetch(scope, f"select count(*) as n from ({distinct})").column("n")[0].as_py()  # noqa: S608 - quoted
    return number


def _ordered(scope: Scope, fetch: Fetch, names: Sequence[str], *, limit: int | None) -> pa.Table:
    """Return candidates ordered so that the belief in force is the last of its key."""
    stored = tables_reading.stored_names(scope, names)
    answer = listed(stored, of="r.")
    if limit is None and scope.lies_in_order:
        found = fetch(scope, scope.query(answer, stored))
        if tables_reading.lies_sorted(scope, found):  # DuckDB keeps the order of a table but does not promise it
            return found
    return fetch(scope, scope.query(answer, stored, order=scope.belief_order(), limit=limit))


def _whole_groups(scope: Scope, fetch: Fetch, *, order: Sequence[str], group: Sequence[str]) -> pa.Table:
    """Return ordered rows, cut by the limit only between groups; a first group larger than the limit comes whole."""
    names, limit = names_of(scope), scope.selection.limit
    stored = tables_reading.stored_names(scope, names)
    fetched = None if limit is None else limit + 1
    while True:
        found = fetch(scope, scope.query(listed(stored, of="r."), stored, order=order, limit=fetched))
        if fetched is None or limit is None or found.num_rows < fetched:
            break
        ends = np.flatnonzero(tables_reading.in_force(found, key=group)[:-1]) + 1
        if limit == 0 or len(ends):
            fitting = ends[ends <= limit]
            found = found.slice(0, 0 if limit == 0 else int(fitting[-1] if len(fitting) else ends[0]))
            break
        fetched *= 4
    return tables_reading.decoded(scope, found, names)


def _after(scope: Scope, last: pa.Table) -> Scope:
    """Return the scope that goes on after the key of the one row `last` (stored columns)."""
    key = tables_reading.decoded(scope, last, scope.layout.spec.key).to_pylist()[0]
    return replace(scope, selection=replace(scope.selection, after=tuple(key.values())))


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
