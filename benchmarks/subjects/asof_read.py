"""As-of reads over 1 000 000 beliefs: 100 series x 3 333 five-minute intervals x 3 revisions, all columns, into Arrow.

Peers: the same rows in a plain DuckDB table read by a window query (what one writes by hand), and timely-beliefs on a
smaller frame, because it needs minutes for this one. timely-beliefs is optional: `pip install powerdesk[bench]`.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from harness import Measurement, timed
from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
from powerdesk.engines.ports.tables import ColumnSpec, Cut, Selection, TableSpec
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERIES, INTERVALS, REVISIONS = 100, 3_333, 3
PEER_SERIES = 10
RUNS = 9
START = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
MIDDLE = START + STEP * (INTERVALS // 2)
EVER = Cut(as_of=datetime(2030, 1, 1, tzinfo=UTC), commit=2**60)
BATCH_ROWS = 18_500
LOCATION = "CAISO:NODE_00051-APND"
SPEC = TableSpec(
    name="made.prices",
    columns=(
        *(ColumnSpec(name, Dtype.TEXT, nullable=False) for name in ("market", "market_run", "location")),
        *(ColumnSpec(name, Dtype.INSTANT, nullable=False) for name in ("interval_start", "interval_end")),
        ColumnSpec("price_per_mwh", Dtype.FLOAT64, nullable=False),
        *(
            ColumnSpec(f"{part}_per_mwh", Dtype.FLOAT64, nullable=True)
            for part in ("energy", "congestion", "loss", "ghg")
        ),
        ColumnSpec("currency", Dtype.TEXT, nullable=False),
    ),
    key=("market", "market_run", "location", "interval_start"),
)


def beliefs(*, series: int, intervals: int, seed: int = 1) -> pa.Table:
    """Return beliefs in the order they are published: each interval thrice, 1 minute, 5 hours and 10 hours after."""
    interval = np.tile(np.repeat(np.arange(intervals), series), REVISIONS)
    number = np.tile(np.arange(series), intervals * REVISIONS)
    revision = np.repeat(np.arange(REVISIONS), intervals * series)
    step_us, start_us = STEP // timedelta(microseconds=1), int(START.timestamp()) * 1_000_000
    published_us = start_us + interval * step_us + 60_000_000 + revision * 5 * 3_600_000_000
    order = np.lexsort((number, published_us))
    interval, number, revision, published_us = (a[order] for a in (interval, number, revision, published_us))
    count = len(order)
    values = np.random.default_rng(seed).normal(40, 15, (5, count))
    instant = pa.timestamp("us", "UTC")

    def same(text: str | None) -> pa.Array:
        return pa.array([text], pa.string()).take(pa.array(np.zeros(count, np.int32)))

    def picked(texts: list[str], by: np.ndarray[Any, Any]) -> pa.Array:
        return pa.array(texts).take(pa.array(by))

    columns = {
        "market": picked(["CAISO", "NYISO"], number % 2),
        "market_run": same("RT5"),
        "location": picked([f"CAISO:NODE_{n:05d}-APND" for n in range(series)], number),
        "interval_start": pa.array(start_us + interval * step_us, instant),
        "interval_end": pa.array(start_us + (interval + 1) * step_us, instant),
        "price_per_mwh": pa.array(values[0]),
        **{
            f"{part}_per_mwh": pa.array(values[n])
            for n, part in enumerate(("energy", "congestion", "loss", "ghg"), start=1)
        },
        "currency": same("USD"),
        "published_at": pa.array(published_us, instant),
        "published_by": same("stamp"),
        "received_at": pa.array(published_us + 5_000_000, instant),
        "source": same("made"),
        "stage": picked(["prelim", "final"], (revision > 0).astype(np.int32)),
        "revision": pa.array(revision),
        "commit": pa.array(np.arange(count) // BATCH_ROWS + 1),
        "reason": same(None),
        "lineage": same(None),
    }
    return pa.table(columns)


def by_hand(connection: duckdb.DuckDBPyConnection, as_of: datetime, where: str) -> pa.Table:
    """Return the same answer from a plain table by a window query."""
    sql = f"""
        select * from made where published_at <= timestamptz '{as_of:%Y-%m-%d %H:%M:%S}+00' and {where}
        qualify row_number() over (
            partition by market, market_run, location, interval_start, source order by published_at desc, "commit" desc
        ) = 1 order by market, market_run, location, interval_start
    """  # noqa: S608 - constants of this file
    return connection.sql(sql).to_arrow_table()


def measure() -> Iterator[Measurement]:
    """Yield the figures of every case; each peer reads as often as we do."""
    made = beliefs(series=SERIES, intervals=INTERVALS)
    with tempfile.TemporaryDirectory() as folder:
        tables = DuckTables(Path(folder) / "hot.duckdb", LocalObjects(Path(folder) / "objects"))
        tables.define(SPEC)
        took = []
        for number in range(0, made.num_rows, BATCH_ROWS):
            began = time.perf_counter()
            tables.append(SPEC.name, batch_id=str(number), rows=made.slice(number, BATCH_ROWS))
            took.append((time.perf_counter() - began) * 1e3)
        yield Measurement(f"append {BATCH_ROWS} rows, one batch after the other", tuple(took), "ms", target=40.0)
        yield Measurement(f"append {BATCH_ROWS} rows, slowest", (max(took),), "ms", target=100.0)
        peers = _by_hand(made, Path(folder) / "peer.duckdb")
        yield from _reads(tables, peers, "hot")
        tables.settle(SPEC.name)
        yield from _reads(tables, peers, "settled")
        tables.seal(SPEC.name, before=datetime(2025, 2, 1, tzinfo=UTC))
        yield from _reads(tables, peers, "sealed")
        tables.close()
    yield from _timely_beliefs()


def _by_hand(made: pa.Table, path: Path) -> dict[str, tuple[float, ...]]:
    """Return the milliseconds of the window query for each case of whole table and one series."""
    took = {}
    connection = duckdb.connect(str(path), config={"threads": 2})
    connection.register("rows", made)
    connection.execute("create table made as select * from rows")
    for as_of, words in ((EVER.as_of, "now"), (MIDDLE, "half way")):
        for where, what in (("true", "whole table"), (f"location = '{LOCATION}'", "one series")):
            took[f"{what} {words}"] = timed(
                lambda where=where, as_of=as_of: by_hand(connection, as_of, where), runs=RUNS
            )
    connection.close()
    return took


def _reads(tables: DuckTables, peers: dict[str, tuple[float, ...]], state: str) -> Iterator[Measurement]:
    name = SPEC.name
    one, every = Selection(within={"location": (LOCATION,)}), Selection()
    end = START + STEP * INTERVALS
    day = replace(one, start=end - timedelta(days=1), end=end)
    last = tables.position(name)
    works: dict[str, tuple[Callable[[], object], float | None]] = {}
    for cut, words in ((EVER, "now"), (Cut(as_of=MIDDLE, commit=2**60), "half way")):
        works |= {
            f"whole table {words}": (lambda cut=cut: tables.rows(name, selection=every, cut=cut), 60.0),
            f"one series {words}": (lambda cut=cut: tables.rows(name, selection=one, cut=cut), 5.0),
            f"latest of every series {words}": (lambda cut=cut: tables.latest(name, selection=every, cut=cut), 5.0),
        }
    works |= {
        "last day of one series": (lambda: tables.rows(name, selection=day, cut=EVER), 0.8),
        "latest of one series": (lambda: tables.latest(name, selection=one, cut=EVER), 0.3),
        "page of 1000": (lambda: tables.rows(name, selection=Selection(limit=1000), cut=EVER), 8.0),
        "count": (lambda: tables.count(name, selection=every, cut=EVER), None),
        "changes of one commit": (lambda: tables.changes(name, after=last - 1, upto=last, selection=every), 8.0),
    }
    for case, (work, target) in works.items():
        yield Measurement(
            f"{state}: {case}",
            timed(work, runs=RUNS),
            "ms",
            peer="DuckDB window query" if case in peers else None,
            peer_values=peers.get(case, ()),
            target=target if state == "settled" else None,
        )


def _timely_beliefs() -> Iterator[Measurement]:
    """Yield the whole-table read of a smaller frame by timely-beliefs, when it is installed."""
    if importlib.util.find_spec("timely_beliefs") is None:
        return
    import pandas as pd  # noqa: PLC0415 - only there with the optional peer
    import timely_beliefs as tb  # noqa: PLC0415 - optional

    made = beliefs(series=PEER_SERIES, intervals=INTERVALS)
    with tempfile.TemporaryDirectory() as folder:
        tables = DuckTables(Path(folder) / "hot.duckdb", LocalObjects(Path(folder) / "objects"))
        tables.define(SPEC)
        tables.append(SPEC.name, batch_id="all", rows=made)
        ours = timed(lambda: tables.rows(SPEC.name, selection=Selection(), cut=EVER), runs=RUNS)
        found = tables.rows(SPEC.name, selection=Selection(), cut=EVER).num_rows
        tables.close()
    table = made.select(["location", "interval_start", "published_at", "price_per_mwh"])
    names = {"interval_start": "event_start", "published_at": "belief_time", "price_per_mwh": "event_value"}
    frames = []
    for location, part in table.to_pandas().groupby("location"):
        sensor = tb.Sensor(name=location, unit="USD/MWh", event_resolution=STEP)
        renamed = part.rename(columns=names).drop(columns="location")
        frames.append(tb.BeliefsDataFrame(renamed, sensor=sensor, source=tb.BeliefSource("made")))
    moment = pd.Timestamp(EVER.as_of)

    def theirs() -> list[Any]:
        return [frame.fixed_viewpoint(moment) for frame in frames]

    assert sum(len(frame) for frame in theirs()) == found
    yield Measurement(
        f"whole table of {made.num_rows} beliefs",
        ours,
        "ms",
        peer="timely-beliefs fixed_viewpoint, one frame per series",
        peer_values=timed(theirs, runs=RUNS),
    )
