"""Arrays of a parser as the Arrow table that a dataset declares, plus `published_at` and `stage`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.markets.types import Outcome, Parsed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

INSTANT = pa.timestamp("us", tz="UTC")
CURRENCY = "USD"


def instants(values: NDArray[np.datetime64]) -> pa.Array:
    """Return UTC instants datetime64[us] (n,) as Arrow, NaT as null."""
    return pa.array(values.astype("datetime64[us]"), type=pa.timestamp("us")).cast(INSTANT)


def texts(codes: NDArray[np.int64], names: Sequence[str]) -> pa.Array:
    """Return the names chosen by codes (n,)."""
    return pa.array(list(names), pa.string()).take(pa.array(codes))


def numbers(values: NDArray[np.float64]) -> pa.Array:
    """Return float64 (n,), NaN as null."""
    return pa.array(values, type=pa.float64(), from_pandas=True)


def frame(
    *,
    market: str,
    columns: Mapping[str, pa.Array],
    published_at: NDArray[np.datetime64] | None = None,
    stage: str = "",
    leading: Mapping[str, str] | None = None,
) -> pa.Table:
    """Return `market`, the constant `leading` columns, `columns`, then published_at (null unless given) and stage."""
    count = len(next(iter(columns.values())))
    stamped = pa.nulls(count, INSTANT) if published_at is None else instants(published_at)
    constant = {name: pa.repeat(value, count) for name, value in {"market": market, **(leading or {})}.items()}
    return pa.table({**constant, **columns, "published_at": stamped, "stage": pa.repeat(stage, count)})


def prices(  # one argument per published column
    *,
    market: str,
    run: pa.Array,
    location: pa.Array,
    interval: tuple[NDArray[np.datetime64], NDArray[np.datetime64]],
    parts: Mapping[str, NDArray[np.float64]],
    stage: str = "",
    published_at: NDArray[np.datetime64] | None = None,
) -> pa.Table:
    """Return rows of `markets.prices`; `parts` holds price, energy, congestion, loss, ghg in USD/MWh, NaN as null."""
    start, end = interval
    nothing = np.full(start.shape, np.nan)
    return frame(
        market=market,
        columns={
            "market_run": run,
            "location": location,
            "interval_start": instants(start),
            "interval_end": instants(end),
            **{
                f"{part}_per_mwh": numbers(parts.get(part, nothing))
                for part in ("price", "energy", "congestion", "loss", "ghg")
            },
            "currency": pa.repeat(CURRENCY, len(start)),
        },
        published_at=published_at,
        stage=stage,
    )


def location_ids(market: str, names: Sequence[str]) -> list[str]:
    """Return location ids `MARKET:NAME` for the market's own names."""
    return [f"{market}:{name}" for name in names]


def fuel_id(name: str) -> str:
    """Return the market's fuel category as an id: `Natural Gas` -> `natural_gas`."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def merge(parsed: list[Parsed]) -> Parsed:
    """Return several files of one payload as one; a refusal in one keeps the tables of the others."""
    if len(parsed) == 1:
        return parsed[0]
    tables: dict[str, list[pa.Table]] = {}
    for one in parsed:
        for dataset, table in one.tables.items():
            tables.setdefault(dataset, []).append(table)
    worst = next((one for one in parsed if one.outcome is not Outcome.OK), parsed[0])
    return Parsed(
        kind="+".join(dict.fromkeys(one.kind for one in parsed)),
        source=parsed[0].source,
        outcome=worst.outcome,
        tables={dataset: pa.concat_tables(each) for dataset, each in tables.items()},
        findings=tuple(finding for one in parsed for finding in one.findings),
        notes=tuple(note for one in parsed for note in one.notes),
        duplicates=sum(one.duplicates for one in parsed),
        rejected=sum(one.rejected for one in parsed),
        detail=worst.detail,
        retry_after_s=worst.retry_after_s,
    )
