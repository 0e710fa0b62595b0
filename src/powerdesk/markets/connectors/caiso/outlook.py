"""Today's Outlook CSV: wide five-minute files whose rows say only HH:MM; the date comes from the URL or file name.

The file keeps the hour that the clock skips in spring with empty cells, shows the repeated hour of autumn once (so it
is undecided), and ends with a 00:00 that belongs to the next day.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.markets import datasets, frames, sheets, wall_clock
from powerdesk.markets.types import Outcome, Parsed, PayloadError

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from powerdesk.markets.archives import Member

MARKET = "CAISO"
ZONE = "America/Los_Angeles"
SYSTEM = "CAISO:CAISO"
_DEMAND = "Current demand"
_DEMAND_COLUMNS = frozenset({"Time", "Hour ahead forecast", "Day ahead forecast", _DEMAND, "Net demand"})
_FUEL_MARKS = frozenset({"solar", "wind", "natural gas"})
"""In lower case: both `Natural Gas` and `Natural gas` are written."""
_DATE = re.compile(r"(?<!\d)(20\d{2})(\d{2})(\d{2})(?!\d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)
_STEP = np.timedelta64(5, "m")
_MIDDAY_MINUTE = 720
_DAY_MINUTES = 1440


def recognises(names: tuple[str, ...]) -> bool:
    """Tell whether the header is an outlook file of demand or fuel sources."""
    return names[:1] == ("Time",) and (_DEMAND in names or {name.lower() for name in names} >= _FUEL_MARKS)


def parse(member: Member, *, names: tuple[str, ...], hint: str | None, not_after: datetime | None) -> Parsed:
    """Return five-minute system load or generation by fuel. The member's name, or `hint`, holds the date YYYYMMDD."""
    demand = _DEMAND in names
    values = (_DEMAND,) if demand else tuple(name for name in names[1:] if name)
    sheet = sheets.read(member.data, names=names, text=("Time",), numeric=values, pointer=member.name)
    numbers = np.column_stack([sheet.numbers(name) for name in values])
    given = ~np.isnan(numbers).all(axis=1)
    local = _wall_times(sheet, _day(f"{member.name} {hint or ''}"))
    utc, decided = wall_clock.by_sequence(
        local, zone=ZONE, series=np.zeros(local.shape, dtype=np.int64), not_after=not_after
    )
    lost = given & ~decided
    undecided = sheet.faults(np.flatnonzero(lost), "a clock time that the zone does not decide", "one instant a row")
    rows = np.where((given & decided)[:, None], numbers, np.nan)
    return Parsed(
        kind="caiso.outlook.demand" if demand else "caiso.outlook.fuels",
        source=datasets.CAISO_OUTLOOK,
        tables={"markets.load" if demand else "markets.generation": _table(utc, rows, values, demand=demand)},
        findings=(*sheet.findings, *undecided),
        notes=sheets.notes_on_extra(names, _DEMAND_COLUMNS, pointer=member.name) if demand else (),
        rejected=sheet.rejected + int(lost.sum()),
    )


def _table(
    utc: NDArray[np.datetime64], numbers: NDArray[np.float64], values: tuple[str, ...], *, demand: bool
) -> pa.Table:
    """Return one row per finite cell of `numbers` (n, k)."""
    at, column = np.nonzero(~np.isnan(numbers))
    start = utc[at]
    columns = {"location": frames.texts(np.zeros(at.shape, dtype=np.int64), [SYSTEM])}
    if not demand:
        columns["fuel"] = frames.texts(column, [frames.fuel_id(name) for name in values])
    columns["interval_start"] = frames.instants(start)
    columns["interval_end"] = frames.instants(start + _STEP)
    columns["load_mw" if demand else "power_mw"] = frames.numbers(numbers[at, column])
    return frames.frame(market=MARKET, columns=columns)


def _day(hint: str) -> date:
    for match in _DATE.finditer(hint):
        try:
            return date(*(int(part) for part in match.groups()))
        except ValueError:
            continue
    raise PayloadError(
        outcome=Outcome.SCHEMA,
        found=f"an outlook file named {hint[:80]!r}",
        allowed="a name or URL with the date as YYYYMMDD: the file itself says only HH:MM",
        remedy="rename it, for example 20191103_netdemand.csv",
    )


def _wall_times(sheet: sheets.Sheet, day: date) -> NDArray[np.datetime64]:
    """Return wall-clock times (n,); a 00:00 after midday belongs to the next day, unreadable ones are NaT."""
    codes, texts = sheet.codes("Time")
    minutes = np.array([_minute_of_day(text) for text in texts] + [-1], dtype=np.int64)[codes]
    passed = np.maximum.accumulate(minutes) if minutes.size else minutes
    minutes = np.where((minutes == 0) & (passed > _MIDDAY_MINUTE), _DAY_MINUTES, minutes)
    times = np.datetime64(day, "us") + minutes * np.timedelta64(60_000_000, "us")
    return np.where(minutes < 0, np.datetime64("NaT", "us"), times)


def _minute_of_day(text: str | None) -> int:
    match = _CLOCK.fullmatch(text.strip()) if text else None
    if match is None:
        return -1
    hour, minute = (int(part) for part in match.groups())
    return hour * 60 + minute if hour < 24 and minute < 60 else -1  # noqa: PLR2004 - hours of a day, minutes of an hour
