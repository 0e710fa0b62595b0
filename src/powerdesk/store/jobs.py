"""Schedule to operation: calculate what new inputs touch, forget what is older than it need be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.store import lasting, operations, queries
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from powerdesk.engines.ports.jobs import Jobs
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.lineage import Calculation, Schedule
    from powerdesk.store.queries import Store

CALCULATE = "store.calculate"
RETAIN, RETAIN_CRON = "store.retention", "41 4 * * *"
LOOKED_AT_ONCE = 200_000
"""Rows of an input whose windows are found at once."""
WINDOWS_AT_ONCE = 24
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def job_name(calculation: Calculation) -> str:
    """Return the name of a calculation's job."""
    return f"{CALCULATE}.{calculation.name}"


def behind(store: Store) -> dict[str, int]:
    """Return, by name, the scheduled calculations whose inputs have newer commits, and the newest of those."""
    newest = {
        name: max(store.progress.commit(dataset) for dataset in queries.dataset(store, calculation.dataset).inputs)
        for name, calculation in store.calculations.items()
        if calculation.schedule is not None
    }
    return {
        name: commit for name, commit in newest.items() if commit > queries.calculated(store, store.calculations[name])
    }


def forget_rows(store: Store) -> dict[str, str]:
    """Delete what the datasets' own retention no longer keeps; return what went, in words, by dataset."""
    gone = {}
    for declared in store.datasets.values():
        if declared.retention is not None:
            before = store.clock.now() - declared.retention
            rows, lost = operations.forget(store, dataset_id=declared.id, before=before)
            if rows:
                gone[declared.id] = f"{rows} rows, {lost} lineages no longer reproducible"
    return gone


def forget_log(store: Store, *, readers: Mapping[str, Sequence[str]], keep: timedelta) -> dict[str, str]:
    """Forget messages that are older than `keep` and done by every group; return what went, in words, by topic.

    `readers` names the groups of each topic. Ages are those of the marks that earlier runs left.
    """
    now = store.clock.now()
    gone = {}
    for topic, groups in readers.items():
        messages = operations.truncate_log(store, topic=topic, groups=groups, before=now - keep)
        if messages:
            gone[topic] = f"{messages} messages"
    operations.mark_log(store, topics=tuple(readers), now=now)
    return gone


class Asking:
    """Asks for runs of calculations that are behind their inputs.

    One run at a time for each: a commit that comes while it works is seen at the next look. A run that failed is not
    asked for again before an input changes; Jobs has tried it often enough.
    """

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs
        self._asked: dict[str, tuple[int, str]] = {}

    def look(self) -> None:
        """Trigger what is behind."""
        for name, newest in behind(self._store).items():
            commit, run_id = self._asked.get(name, (0, ""))
            if newest > commit:
                asked = self._jobs.trigger(job_name(self._store.calculations[name]), key=name)
                self._asked[name] = (newest if asked != run_id else commit, asked)


def calculate(store: Store, *, name: str, progress: Callable[[float, str], None], cancelled: Callable[[], bool]) -> str:
    """Derive every window that inputs touched since the last time; return a closing sentence.

    What was derived is remembered as it goes. A run that died is made good by the next: the same inputs give rows that
    are known already, and those are not stored again.
    """
    calculation = store.calculations[name]
    schedule = calculation.schedule
    if schedule is None:
        return f"{name} has no schedule"
    begun = done = queries.calculated(store, calculation)
    windows = rows = rejected = 0
    while (goal := behind(store).get(name, 0)) > done:
        touched, reached = _touched(store, calculation, schedule, after=done, upto=goal)
        written = 0
        for market, start, end in touched:
            if cancelled():
                return f"{name}: stopped after {rows} rows; the next run goes on from commit {done}"
            cut = queries.snapshot(store, as_of=store.clock.now())
            requests = schedule.reads(market, start, end)
            _, accepted = operations.derive(store, calculation=calculation, requests=requests, cut=cut, parameters={})
            windows, rows = windows + round((end - start) / schedule.window), rows + accepted.rows
            rejected += accepted.rejected
            if any(request.dataset == calculation.dataset for request in requests.values()):
                written = max(written, accepted.position)
            progress((done - begun) / max(goal - begun, 1), f"{rows} rows of {windows} windows")
        store.progress.wait(written, timeout_s=queries.PROJECTION_TIMEOUT_S)  # the next run reads its own rows
        operations.note_calculated(store, calculation, commit=reached)
        done = reached
    faulty = f", {rejected} rejected by the check on entry" if rejected else ""
    return f"{name}: {rows} rows of {windows} windows{faulty}, inputs up to commit {done}"


def _touched(
    store: Store, calculation: Calculation, schedule: Schedule, *, after: int, upto: int
) -> tuple[tuple[tuple[str, datetime, datetime], ...], int]:
    """Return (market, start, end) of the windows touched by commits in (after, reached], and `reached` <= upto."""
    looked = []
    for name in queries.dataset(store, calculation.dataset).inputs:
        declared = queries.dataset(store, name)
        request = Request(name, columns=("commit",), limit=LOOKED_AT_ONCE)
        found = queries.changes(store, operations.HOUSE, request=request, after=after, upto=upto)
        looked.append((declared, found))
    reached = min(int(found.column("commit").to_numpy()[-1]) if found.num_rows else upto for _, found in looked)
    windows = {window for declared, found in looked for window in _windows(declared, schedule, found, upto=reached)}
    for declared, found in looked:
        if declared.lasting_by and found.num_rows:
            others = [other for other, _ in looked if not other.lasting_by]
            windows |= _lasting(store, schedule, declared, found, others=others)
    return tuple(_joined(sorted(windows), schedule.window)), reached


def _windows(declared: Dataset, schedule: Schedule, rows: pa.Table, *, upto: int) -> set[tuple[str, int]]:
    """Return (market, number of the window since 1970) of rows with a commit up to `upto`."""
    numbers = rows.column(declared.time_column).cast(pa.int64()).to_numpy() // (schedule.window // MICROSECOND)
    plain = pa.table({"market": rows.column(declared.market_column), "window": numbers})
    distinct = (
        plain.filter(pa.array(rows.column("commit").to_numpy() <= upto)).group_by(["market", "window"]).aggregate([])
    )
    return set(zip(distinct.column("market").to_pylist(), distinct.column("window").to_pylist(), strict=True))


def _lasting(
    store: Store, schedule: Schedule, declared: Dataset, rows: pa.Table, *, others: Sequence[Dataset]
) -> set[tuple[str, int]]:
    """Return the windows with rows of the other inputs while the sets that `rows` belong to hold."""
    time, windows = declared.time_column, set()
    touched = lasting.starts(rows, by=declared.lasting_by, time=time)
    for market in pc.unique(touched.column(declared.market_column)).to_pylist():
        part = touched.filter(pc.equal(touched.column(declared.market_column), market))
        since = pc.min(part.column(time)).as_py()
        known = _keys(store, declared, market, since)
        names = [*declared.lasting_by, time]
        both = pa.concat_tables([known.select(names), part.select(names)])
        sets = lasting.starts(both, by=declared.lasting_by, time=time)
        held = sets.take(pa.array(np.unique(lasting.numbered(part, sets, by=declared.lasting_by, time=time))))
        begins, untils = np.sort(lasting.micros(held, time)), np.sort(held.column("until").to_numpy())
        for other in others:
            times = np.unique(lasting.micros(_keys(store, other, market, since), other.time_column))
            inside = np.searchsorted(begins, times, side="right") > np.searchsorted(untils, times, side="right")
            numbers = np.unique(times[inside] // (schedule.window // MICROSECOND))
            windows |= {(market, number) for number in numbers.tolist()}
    return windows


def _keys(store: Store, declared: Dataset, market: str, since: datetime) -> pa.Table:
    """Return the keys of a market's rows from an instant on, as readable now."""
    request = Request(declared.id, within={declared.market_column: (market,)}, start=since, columns=())
    cut = queries.snapshot(store, as_of=store.clock.now())
    return queries.rows(store, operations.HOUSE, request=request, cut=cut).rows


def _joined(windows: list[tuple[str, int]], length: timedelta) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield (market, start, end) of runs of neighbouring windows, of bounded length."""
    edges = [n for n in range(1, len(windows)) if windows[n] != (windows[n - 1][0], windows[n - 1][1] + 1)]
    for run in np.split(np.arange(len(windows)), edges):
        for piece in np.split(run, range(WINDOWS_AT_ONCE, len(run), WINDOWS_AT_ONCE)):
            if len(piece):
                (market, first), (_, last) = windows[piece[0]], windows[piece[-1]]
                yield market, EPOCH + first * length, EPOCH + (last + 1) * length
