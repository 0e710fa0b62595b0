"""Days of the simulated market in memory: its shadow prices as panels, and the outlooks published for it.

Each day is a function of the seed alone, so days are made by several processes at once.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid import datasets
from powerdesk.grid.forecast import known
from powerdesk.grid.forecast import panel as panels
from powerdesk.kernel.calendars import CALENDARS
from powerdesk.simulation import feed, grid_tables, market, publishing, times, world
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.simulation.dispatch import Cleared

DAY_AHEAD, REAL_TIME = "DA", "RT5"
LOAD = "load"
INSTANT = pa.timestamp("us", tz="UTC")
SEED = 1

Tables = dict[str, pa.Table]


@dataclass(frozen=True)
class Simulated:
    """The panel of each market run, and the totals of load, wind and sun forecast for the day ahead."""

    panels: Mapping[str, Panel]
    outlooks: Features


def simulated(*, first: date, days: int, runs: tuple[str, ...], processes: int) -> Simulated:
    """Return successive operating days; the outlooks of a day are known at 10:00 of the one before."""
    asked = [(first + timedelta(days=one), runs) for one in range(days)]
    if processes > 1:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            made = list(pool.map(_day, asked, chunksize=1))
    else:
        made = [_day(one) for one in asked]
    whole = {name: pa.concat_tables([one[name] for one in made]) for name in made[0]}
    told = {run: panels.of_tables(rows=whole[run], published=whole[f"published {run}"]) for run in runs}
    outlooks = {LOAD: whole[LOAD]} | {
        fuel: whole["fuels"].filter(pc.equal(whole["fuels"]["fuel"], fuel)) for fuel in publishing.RENEWABLES
    }
    return Simulated(told, known.totals(outlooks))


def _day(asked: tuple[date, tuple[str, ...]]) -> Tables:
    """Return a day's shadow prices and publications by run, and its outlooks."""
    day, runs = asked
    grid, interval = world.default(), CALENDARS[times.MARKET].day_interval(day)
    found: Tables = {}
    if DAY_AHEAD in runs:
        cleared = market.day_ahead(grid, seed=SEED, operating_day=day)
        at = times.day_ahead_publication(operating_day=day)
        found |= _run(DAY_AHEAD, cleared, [at] * len(cleared))
    if REAL_TIME in runs:
        starts = [int(one.start.timestamp()) for one in times.hours(operating_day=day)]
        cleared = tuple(one for start in starts for one in market.hour(grid, seed=SEED, start_s=start).cleared)
        found |= _run(REAL_TIME, cleared, [one.interval.end for one in cleared])
    told = feed.day_ahead_publications(operating_day_interval=interval)
    outlook = next(one for one in told if one.kind is Kind.DAY_AHEAD_FORECASTS)
    tables = publishing.tables_of(grid, outlook, seed=SEED, size=1)
    for name, table, value in ((LOAD, "load_forecast", "load_mw"), ("fuels", "renewables_forecast", "power_mw")):
        rows = tables[table].rename_columns({value: "power_mw"})
        start = rows["interval_start"].cast(INSTANT)
        said = {
            "source": pa.repeat("sim", rows.num_rows),
            "published_at": pa.repeat(outlook.published_at, rows.num_rows),
        }
        rows = rows.set_column(rows.schema.get_field_index("interval_start"), "interval_start", start)
        found[name] = pa.table({one: rows[one] for one in rows.column_names} | said)
    return found


def _run(run: str, cleared: tuple[Cleared, ...], published: list[object]) -> Tables:
    """Return signed shadow prices of a run, and its intervals with when they were published."""
    rows = grid_tables.shadow_prices(cleared)
    upper = pc.equal(rows["direction"], datasets.FROM_TO)
    sign = pc.if_else(upper, datasets.SIGN[datasets.FROM_TO], datasets.SIGN[datasets.TO_FROM])
    signed = {
        "constraint": rows["constraint"],
        "interval_start": rows["interval_start"].cast(INSTANT),
        "shadow_price_per_mwh": pc.multiply(rows["shadow_price"], sign),
    }
    intervals = {
        "interval_start": pa.array([one.interval.start for one in cleared], INSTANT),
        "interval_end": pa.array([one.interval.end for one in cleared], INSTANT),
        "published_at": pa.array(published, INSTANT),
    }
    return {run: pa.table(signed), f"published {run}": pa.table(intervals)}
