"""As-of reads over 1 000 000 beliefs: 100 series x 3 333 five-minute intervals x 3 revisions, all columns, into Arrow.

Peers: the same rows in a plain DuckDB table read by a window query (what one writes by hand), and timely-beliefs on a
smaller frame, because it needs minutes for this one. timely-beliefs is optional: `pip install powerdesk[bench]`.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
from powerdesk.engines.ports.tables import ColumnSpec, Cut, Dtype, Selection, TableSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUBJECT = "asof_read"
SERIES, INTERVALS, REVISIONS = 100, 3_333, 3
PEER_SERIES = 4
RUNS = 9
START = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
MIDDLE = START + STEP * (INTERVALS // 2)
EVER = Cut(as_of=datetime(2030, 1, 1, tzinfo=UTC), commit=2**60)
BATCH_ROWS = 18_500
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


def timed_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median of several runs, after one that warms up, in milliseconds."""
    work()
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


def figure(case: str, median: float, *, peer: str = "", peer_median: float | None = None) -> dict[str, Any]:
    """Return one line of the results; ratio is peer / ours, so above 1 means we are faster."""
    ratio = None if peer_median is None else peer_median / median
    return {
        "subject": SUBJECT,
        "case": case,
        "median": median,
        "unit": "ms",
        "runs": RUNS,
        "peer": peer,
        "peer_median": peer_median,
        "ratio": ratio,
    }


def by_hand(connection: duckdb.DuckDBPyConnection, as_of: datetime, where: str) -> pa.Table:
    """Return the same answer from a plain table by a window query."""
    sql = f"""
        select * from made where published_at <= timestamptz '{as_of:%Y-%m-%d %H:%M:%S}+00' and {where}
        qualify row_number() over (
            partition by market, market_run, location, interval_start, source order by published_at desc, "commit" desc
        ) = 1 order by market, market_run, location, interval_start
    """  # noqa: S608 - constants of this file
    return connection.sql(sql).to_arrow_table()


def measure() -> Iterator[dict[str, Any]]:
    """Yield the figures of every case."""
    made = beliefs(series=SERIES, intervals=INTERVALS)
    with tempfile.TemporaryDirectory() as folder:
        tables = DuckTables(Path(folder) / "hot.duckdb", LocalObjects(Path(folder) / "objects"))
        tables.define(SPEC)
        took = []
        for number in range(0, made.num_rows, BATCH_ROWS):
            began = time.perf_counter()
            tables.append(SPEC.name, batch_id=str(number), rows=made.slice(number, BATCH_ROWS))
            took.append((time.perf_counter() - began) * 1e3)
        yield figure(f"append {BATCH_ROWS} rows", statistics.median(took))
        yield figure(f"append {BATCH_ROWS} rows, slowest", max(took))
        peer = duckdb.connect(str(Path(folder) / "peer.duckdb"), config={"threads": 2})
        peer.register("rows", made)
        peer.execute("create table made as select * from rows")
        yield from _reads(tables, peer, "hot")
        tables.settle(SPEC.name)
        yield from _reads(tables, peer, "settled")
        tables.seal(SPEC.name, before=datetime(2025, 2, 1, tzinfo=UTC))
        yield from _reads(tables, peer, "sealed")
        peer.close()
        tables.close()
    yield from _timely_beliefs()


def _reads(tables: DuckTables, peer: duckdb.DuckDBPyConnection, state: str) -> Iterator[dict[str, Any]]:
    name, half = SPEC.name, Cut(as_of=MIDDLE, commit=2**60)
    one = Selection(within={"market": ("NYISO",), "location": ("CAISO:NODE_00051-APND",)})
    for cut, words in ((EVER, "now"), (half, "half way")):
        yield figure(
            f"{state}: whole table {words}",
            timed_ms(lambda cut=cut: tables.rows(name, selection=Selection(), cut=cut)),
            peer="DuckDB window query",
            peer_median=timed_ms(lambda cut=cut: by_hand(peer, cut.as_of, "true"), 3),
        )
        yield figure(
            f"{state}: one series {words}",
            timed_ms(lambda cut=cut: tables.rows(name, selection=one, cut=cut)),
            peer="DuckDB window query",
            peer_median=timed_ms(lambda cut=cut: by_hand(peer, cut.as_of, "location = 'CAISO:NODE_00051-APND'"), 3),
        )
        yield figure(
            f"{state}: latest of every series {words}",
            timed_ms(lambda cut=cut: tables.latest(name, selection=Selection(), cut=cut)),
        )
    page = Selection(limit=1000)
    yield figure(f"{state}: page of 1000", timed_ms(lambda: tables.rows(name, selection=page, cut=EVER)))
    yield figure(f"{state}: count", timed_ms(lambda: tables.count(name, selection=Selection(), cut=EVER)))
    last = tables.position(name)
    yield figure(
        f"{state}: changes of one commit",
        timed_ms(lambda: tables.changes(name, after=last - 1, upto=last, selection=Selection())),
    )


def _timely_beliefs() -> Iterator[dict[str, Any]]:
    """Yield the whole-table read of a smaller frame by timely-beliefs, when it is installed."""
    if importlib.util.find_spec("timely_beliefs") is None:
        yield figure("timely-beliefs is not installed: pip install powerdesk[bench]", 0.0)
        return
    import pandas as pd  # noqa: PLC0415 - only there with the optional peer
    import timely_beliefs as tb  # noqa: PLC0415 - optional

    made = beliefs(series=PEER_SERIES, intervals=INTERVALS)
    with tempfile.TemporaryDirectory() as folder:
        tables = DuckTables(Path(folder) / "hot.duckdb", LocalObjects(Path(folder) / "objects"))
        tables.define(SPEC)
        tables.append(SPEC.name, batch_id="all", rows=made)
        ours = timed_ms(lambda: tables.rows(SPEC.name, selection=Selection(), cut=EVER))
        tables.close()
    table = made.select(["location", "interval_start", "published_at", "price_per_mwh"])
    frames = []
    for location, part in table.to_pandas().groupby("location"):
        sensor = tb.Sensor(name=location, unit="USD/MWh", event_resolution=STEP)
        renamed = part.rename(
            columns={"interval_start": "event_start", "published_at": "belief_time", "price_per_mwh": "event_value"}
        ).drop(columns="location")
        frames.append(tb.BeliefsDataFrame(renamed, sensor=sensor, source=tb.BeliefSource("made")))
    moment = pd.Timestamp(EVER.as_of)
    theirs = timed_ms(lambda: [f.fixed_viewpoint(moment) for f in frames], 3)
    case = f"whole table of {made.num_rows} beliefs"
    yield figure(case, ours, peer="timely-beliefs fixed_viewpoint", peer_median=theirs)


if __name__ == "__main__":
    for line in measure():
        ratio = f"{line['ratio']:8.1f} x {line['peer']}" if line["ratio"] else ""
        print(f"{line['case']:44s} {line['median']:9.2f} {line['unit']} {ratio}", flush=True)
