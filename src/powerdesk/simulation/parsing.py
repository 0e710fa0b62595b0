"""The files of SIM read back into the datasets of the markets: pure, and safe on any bytes."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from powerdesk.grid import datasets as grid_datasets
from powerdesk.kernel.intervals import InstantError, parse_instant
from powerdesk.markets.types import Outcome, Parsed, PayloadError
from powerdesk.simulation import completing, datasets
from powerdesk.simulation.completing import INSTANT, Head
from powerdesk.simulation.types import FORMAT, STAGES, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SOURCE = "sim"
PARSER_VERSION = 1
"""Raised when the same bytes would give other rows, so that kept payloads are read again."""

MOST_BYTES = 128 * 2**20
HEAD = b"#SIM,"
TABLE = b"#table,"
HEAD_FIELDS = 5
MOST_HEAD_BYTES = 200
LOCATION_PATTERN = r"^SIM:[A-Z0-9_]{1,60}$"
FUEL_PATTERN = r"^[a-z_]{1,30}$"
NAME_PATTERN = r"^[A-Z0-9_#() -]{1,80}$"
WIDEST_NUMBER = 1e6

_PLACE_AND_TIME = {"location": pa.string(), "interval_start": INSTANT, "interval_end": INSTANT}
_PLACE_FUEL_AND_TIME = {
    "location": pa.string(),
    "fuel": pa.string(),
    "interval_start": INSTANT,
    "interval_end": INSTANT,
}
_SPAN = {"interval_start": INSTANT, "interval_end": INSTANT}
_SINCE = {"interval_start": INSTANT}
_ENDS = {"from_bus": pa.string(), "to_bus": pa.string()}
_PARTS = ("price", "energy", "congestion", "loss")


@dataclass(frozen=True, slots=True)
class _Layout:
    """One table of a file: the dataset it becomes, and its columns in order."""

    dataset: str
    columns: Mapping[str, pa.DataType]
    may_be_empty: bool = False


LAYOUTS: Mapping[str, _Layout] = MappingProxyType(
    {
        "prices": _Layout("markets.prices", _PLACE_AND_TIME | dict.fromkeys(_PARTS, pa.float64())),
        "load": _Layout("markets.load", _PLACE_AND_TIME | {"load_mw": pa.float64()}),
        "generation": _Layout("markets.generation", _PLACE_FUEL_AND_TIME | {"power_mw": pa.float64()}),
        "load_forecast": _Layout("markets.load_forecast", _PLACE_AND_TIME | {"load_mw": pa.float64()}),
        "renewables_forecast": _Layout(
            "markets.renewables_forecast", _PLACE_FUEL_AND_TIME | {"power_mw": pa.float64()}
        ),
        "shadow_prices": _Layout(
            "grid.shadow_prices",
            {"constraint": pa.string(), **_SPAN, "direction": pa.string()}
            | dict.fromkeys(("shadow_price", "flow_mw", "limit_mw"), pa.float64()),
            may_be_empty=True,
        ),
        "flows": _Layout(
            "grid.flows", {"branch": pa.string(), **_SPAN} | dict.fromkeys(("flow_mw", "limit_mw"), pa.float64())
        ),
        "truth": _Layout(
            "simulation.truth",
            {"kind": pa.string(), "element": pa.string(), **_SPAN, "value": pa.float64(), "unit": pa.string()},
        ),
        "buses": _Layout(
            "grid.networks",
            {"element": pa.string(), "location": pa.string()}
            | dict.fromkeys(("x", "y", "base_kv"), pa.float64())
            | _SINCE,
        ),
        "branches": _Layout(
            "grid.networks",
            {"element": pa.string(), **_ENDS}
            | dict.fromkeys(("rating_mw", "reactance_pu", "resistance_pu"), pa.float64())
            | _SINCE,
        ),
        "generators": _Layout(
            "grid.networks",
            {
                "element": pa.string(),
                "location": pa.string(),
                "capacity_mw": pa.float64(),
                "fuel": pa.string(),
                **_SINCE,
            },
        ),
        "constraints": _Layout(
            "grid.constraints", {"constraint": pa.string(), "limit_mw": pa.float64(), **_ENDS, **_SINCE}
        ),
        "shift_factors": _Layout(
            "grid.shift_factors",
            {"constraint": pa.string(), "location": pa.string(), "shift_factor": pa.float64(), **_SINCE},
        ),
    }
)
TABLES_OF: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.REAL_TIME_PRICES: ("prices",),
        Kind.CORRECTED_PRICES: ("prices",),
        Kind.DAY_AHEAD_PRICES: ("prices",),
        Kind.REAL_TIME_CONSTRAINTS: ("shadow_prices", "flows"),
        Kind.TRUTH: ("truth",),
        Kind.CORRECTED_CONSTRAINTS: ("shadow_prices", "flows"),
        Kind.DAY_AHEAD_CONSTRAINTS: ("shadow_prices", "flows", "truth"),
        Kind.NETWORK_MODEL: ("buses", "branches", "generators", "constraints", "shift_factors"),
        Kind.SYSTEM_CONDITIONS: ("load", "generation"),
        Kind.DAY_AHEAD_FORECASTS: ("load_forecast", "renewables_forecast"),
        Kind.HOURLY_FORECASTS: ("load_forecast", "renewables_forecast"),
    }
)
OBSERVED = (
    Kind.REAL_TIME_PRICES,
    Kind.CORRECTED_PRICES,
    Kind.REAL_TIME_CONSTRAINTS,
    Kind.CORRECTED_CONSTRAINTS,
    Kind.TRUTH,
    Kind.SYSTEM_CONDITIONS,
)
PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        "location": LOCATION_PATTERN,
        "from_bus": LOCATION_PATTERN,
        "to_bus": LOCATION_PATTERN,
        "fuel": FUEL_PATTERN,
        "branch": NAME_PATTERN,
        "constraint": NAME_PATTERN,
        "element": NAME_PATTERN,
        "direction": rf"^({grid_datasets.FROM_TO}|{grid_datasets.TO_FROM})$",
        "kind": rf"^({'|'.join(datasets.KINDS)})$",
        "unit": rf"^({datasets.MW}|{datasets.USD_PER_MWH})$",
    }
)


def parse(payload: bytes, *, name: str | None = None, not_after: datetime | None = None) -> Parsed:
    """Return the rows of a file of SIM by dataset id, with `published_at` from the file and its stage.

    All or nothing: one bad value refuses the file, since its writer is ours. Raises PayloadError, on any bytes, in
    time linear in their number. `name` is only for the message; no observed interval may start after `not_after`.
    """
    label = name or "the payload"
    if len(payload) > MOST_BYTES:
        raise _refused(f"{len(payload)} bytes in {label}", f"at most {MOST_BYTES}")
    head_bytes, *sections = payload.split(TABLE)
    head = _parsed_head(head_bytes, label)
    wanted = TABLES_OF[head.kind]
    if len(sections) != len(wanted):
        raise _refused(f"{len(sections)} tables in {label}", f"{', '.join(wanted)} for {head.kind}")
    parts: dict[str, list[pa.Table]] = {}
    for table_name, section in zip(wanted, sections, strict=True):
        rows = _parsed_table(section, table_name, label)
        if not rows.num_rows:
            continue
        if not_after is not None and head.kind in OBSERVED and pc.max(rows["interval_start"]).as_py() > not_after:
            raise _refused(f"an interval of {label} after {not_after.isoformat()}", "observations of the past")
        parts.setdefault(LAYOUTS[table_name].dataset, []).append(completing.completed(rows, table_name, head))
    tables = {dataset: pa.concat_tables(found) for dataset, found in parts.items()}
    return Parsed(kind=head.kind.value, source=SOURCE, tables=MappingProxyType(tables))


def _parsed_head(text: bytes, label: str) -> Head:
    """Return the facts of the first line."""
    if not (text.startswith(HEAD) and text.endswith(b"\n")) or len(text) > MOST_HEAD_BYTES:
        raise _refused(f"no first line of SIM in {label}", "#SIM,version,kind,published_at,stage")
    try:
        fields = text[:-1].decode("ascii").split(",")
        if len(fields) != HEAD_FIELDS or fields[1] != str(FORMAT):
            raise _refused(f"first line {text[:80]!r} in {label}", f"#SIM,{FORMAT},kind,published_at,stage")
        head = Head(Kind(fields[2]), parse_instant(fields[3]), fields[4])
    except (ValueError, InstantError) as fault:
        raise _refused(f"first line {text[:80]!r} in {label}: {fault}", "a kind and an instant of SIM") from fault
    if head.stage != STAGES[head.kind]:
        raise _refused(f"stage {head.stage[:20]!r} in {label}", STAGES[head.kind])
    return head


def _parsed_table(section: bytes, table_name: str, label: str) -> pa.Table:
    """Return the checked rows of one table."""
    columns = LAYOUTS[table_name].columns
    heading = f"{table_name}\n{','.join(columns)}\n".encode()
    if not section.startswith(heading):
        raise _refused(f"table heading {section[:80]!r} in {label}", f"{heading.decode()!r}")
    layout = LAYOUTS[table_name]
    if section == heading and layout.may_be_empty:
        return pa.table({name: pa.array([], dtype) for name, dtype in columns.items()})
    if not section.endswith(b"\n") or len(section) == len(heading):
        raise _refused(f"table {table_name} of {label} cut short", "rows that each end their line")
    try:
        rows = csv.read_csv(
            pa.py_buffer(section[len(heading) :]),
            read_options=csv.ReadOptions(column_names=list(columns), use_threads=False),
            parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict(columns), null_values=[], strings_can_be_null=False),
        )
    except (pa.ArrowException, ValueError) as fault:
        raise _refused(f"table {table_name} of {label}: {str(fault)[:200]}", ", ".join(columns)) from fault
    fault_found = _fault(rows, columns)
    if fault_found:
        raise _refused(f"{fault_found} in table {table_name} of {label}", "values as SIM writes them")
    return rows


def _fault(rows: pa.Table, columns: Mapping[str, pa.DataType]) -> str:
    """Return the first thing wrong with the values, empty when there is none."""
    if rows.num_rows == 0 or any(rows[name].null_count for name in columns):
        return "no row, or a value missing"
    for name, dtype in columns.items():
        # a number that is not finite fails the comparison
        if pa.types.is_floating(dtype) and not pc.all(pc.less(pc.abs(rows[name]), WIDEST_NUMBER)).as_py():
            return f"a {name} that is not finite or beyond {WIDEST_NUMBER:.0e}"
    for name in PATTERNS.keys() & columns.keys():
        if not pc.all(pc.match_substring_regex(rows[name], PATTERNS[name])).as_py():
            return f"a {name} that is none"
    if "interval_end" in columns and not pc.all(pc.less(rows["interval_start"], rows["interval_end"])).as_py():
        return "an interval that ends before it starts"
    return ""


def _refused(found: str, allowed: str) -> PayloadError:
    """Return the error of a file that is none of SIM's."""
    return PayloadError(
        outcome=Outcome.SCHEMA, found=found, allowed=allowed, remedy="publish the file again from its seed and interval"
    )
