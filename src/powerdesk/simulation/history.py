"""A whole operating day of the simulated market on any world, as the rows of its datasets, as its files would hold."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pyarrow as pa

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.simulation import completing, feed, parsing, places, publishing, times
from powerdesk.simulation.completing import Head
from powerdesk.simulation.types import STAGES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from powerdesk.simulation.types import Publication
    from powerdesk.simulation.world import World


def publications(world: World, *, seed: int, operating_day: date) -> tuple[Publication, ...]:
    """Return every publication about the day, its corrections and the hourly forecasts issued in it included."""
    interval = CALENDARS[times.MARKET].day_interval(operating_day)
    found = [
        *feed.network_models(seed=seed, operating_day_interval=interval, grid=world),
        *feed.day_ahead_publications(operating_day_interval=interval),
    ]
    for hour in times.hours(operating_day=operating_day):
        found += feed.of_hour(start=hour.start)
        for five in hour.split(times.STEP_S // 60):
            found += feed.publications_of(seed=seed, interval=five)
    return tuple(found)


def day(
    world: World, *, seed: int, operating_day: date, advanced: Callable[[float], None] = lambda _: None
) -> dict[str, pa.Table]:
    """Return the day's rows by dataset id: the dataset's columns, `published_at` and `stage`, kind by kind.

    `advanced` is told the share of the day that is made, in (0, 1].
    """
    size = places.natural_count(world)
    parts: dict[str, list[pa.Table]] = {}
    wanted = publications(world, seed=seed, operating_day=operating_day)
    count = itertools.count(1)
    for kind, group in _by_kind(wanted):
        made: dict[str, list[tuple[Publication, pa.Table]]] = {}
        for one in group:
            for name, rows in publishing.tables_of(world, one, seed=seed, size=size).items():
                if rows.num_rows:
                    made.setdefault(name, []).append((one, rows))
            advanced(next(count) / len(wanted))
        for name, pieces in made.items():
            parts.setdefault(parsing.LAYOUTS[name].dataset, []).append(_typed(kind, name, pieces))
    return {dataset: pa.concat_tables(found) for dataset, found in sorted(parts.items())}


def _by_kind(found: tuple[Publication, ...]) -> Iterator[tuple[Kind, list[Publication]]]:
    for kind in Kind:
        chosen = [one for one in found if one.kind is kind]
        if chosen:
            yield kind, chosen


def _typed(kind: Kind, name: str, pieces: list[tuple[Publication, pa.Table]]) -> pa.Table:
    """Return the rows of one table of many publications in the columns of their dataset."""
    whole = pa.concat_tables([rows for _, rows in pieces])
    columns = parsing.LAYOUTS[name].columns
    typed = pa.table({column: whole[column].cast(dtype) for column, dtype in columns.items()})
    rows = completing.completed(typed, name, Head(kind, pieces[0][0].published_at, STAGES[kind]))
    stamps = pa.chunked_array(
        [pa.repeat(pa.scalar(one.published_at, completing.INSTANT), part.num_rows) for one, part in pieces]
    )
    return rows.set_column(rows.schema.get_field_index("published_at"), "published_at", stamps)
