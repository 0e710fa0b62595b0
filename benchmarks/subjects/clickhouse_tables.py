"""ClickTables over HTTP on chDB: inserts of 100 000 rows and as-of reads over the 1 000 000 beliefs of `asof_read`.

Peers on the same rows: chDB in this process, asked by hand for the same answer without HTTP and without the ledger, as
Arrow and with no output, the floor below which no client goes; and DuckTables. The server is the front of
`tools/servers`, or the one that POWERDESK_CLICKHOUSE_URL names: an empty database there is left with a table
`made.prices`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from harness import Measurement, timed
from powerdesk.engines.declared import Declared
from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
from powerdesk.engines.ports.tables import Cut, Selection, Tables
from powerdesk.engines.scaled import tables, tables_address, tables_names
from subjects import asof_read
from subjects.asof_read import EVER, MIDDLE, RUNS, SPEC

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from servers.clickhouse import ClickHouse, real_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import chdb

BATCH_ROWS = 100_000
KEY = ", ".join(SPEC.key)
CURVE = (*SPEC.key, "price_per_mwh", "published_at")
END = asof_read.START + asof_read.STEP * asof_read.INTERVALS
ARROW = "output_format_arrow_compression_method = 'none', output_format_arrow_low_cardinality_as_dictionary = 1"


class MachineClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(tz=UTC)

    def monotonic_s(self) -> float:
        """Return seconds."""
        return time.monotonic()


def batches() -> list[pa.Table]:
    """Return the beliefs in batches of one commit each."""
    made = asof_read.beliefs(series=asof_read.SERIES, intervals=asof_read.INTERVALS)
    place = made.column_names.index("commit")
    found = []
    for number, start in enumerate(range(0, made.num_rows, BATCH_ROWS), start=1):
        part = made.slice(start, BATCH_ROWS)
        found.append(part.set_column(place, "commit", pa.repeat(pa.scalar(number), part.num_rows)))
    return found


def measure() -> Iterator[Measurement]:
    """Yield the figures of every case; each peer does the same as often."""
    parts, named = batches(), real_server()
    with tempfile.TemporaryDirectory() as folder:
        server = ClickHouse(Path(folder) / "server")
        if named is None:
            server.start()
        try:
            url, password = named or (server.url, server.password)
            ours = tables.ClickTables(tables_address.parsed(url), password=password, clock=MachineClock())
            yield from _measured(ours, parts, Path(folder))
            ours.close()
        finally:
            server.stop()


def _measured(ours: tables.ClickTables, parts: list[pa.Table], folder: Path) -> Iterator[Measurement]:
    import chdb  # noqa: PLC0415 - the peer is heavy and absent on Windows

    raw = chdb.connect(str(folder / "raw"))
    raw.query(tables_names.creation(Declared(SPEC)))
    duck = DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"))
    for store in (ours, duck):
        store.define(SPEC)
    took = tuple(_rows_per_s(lambda part=part: _append(ours, part), part) for part in parts)
    kept = tuple(_rows_per_s(lambda part=part: _insert(raw, part), part) for part in parts)
    for part in parts:
        _append(duck, part)
    raw.query(f"CREATE TABLE nothing ENGINE = Null AS `{SPEC.name}`")
    read_only = tuple(_rows_per_s(lambda part=part: _insert(raw, part, into="nothing"), part) for part in parts)
    for peer, values in (
        ("chDB in process, one INSERT of Arrow", kept),
        ("chDB in process, the same Arrow read and dropped", read_only),
    ):
        yield Measurement(
            f"append {BATCH_ROWS} rows",
            took,
            "rows/s",
            peer=peer,
            peer_values=values,
            target=2e6,
            higher_is_better=True,
        )
    yield from _reads(ours, raw, duck, "as inserted")
    later = datetime(2025, 3, 1, tzinfo=UTC)
    ours.seal(SPEC.name, before=later)
    raw.query(f"OPTIMIZE TABLE `{SPEC.name}` FINAL")
    duck.settle(SPEC.name)
    yield from _reads(ours, raw, duck, "settled")
    duck.close()
    raw.close()


def _append(store: Tables, part: pa.Table) -> None:
    assert store.append(SPEC.name, batch_id=str(part.column("commit")[0]), rows=part)


def _insert(raw: chdb.state.sqlitelike.Connection, part: pa.Table, *, into: str = SPEC.name) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, part.schema) as writer:
        writer.write_table(part)
    inserter = raw.send_insert(f"INSERT INTO `{into}` ({', '.join(part.column_names)})", "ArrowStream")
    inserter.append(sink.getvalue().to_pybytes())
    inserter.finish()


def _rows_per_s(work: Callable[[], object], part: pa.Table) -> float:
    (took_ms,) = timed(work, runs=1, warm_up=0)
    return part.num_rows / took_ms * 1e3


def _by_hand(as_of: datetime, where: str, names: Sequence[str] | None = None) -> str:
    return f"""
        SELECT {", ".join(names or Declared(SPEC).columns)} FROM `{SPEC.name}`
        WHERE published_at <= toDateTime64('{as_of:%Y-%m-%d %H:%M:%S}', 6, 'UTC') AND {where}
        ORDER BY {KEY}, source, {tables_names.NEWEST_FIRST} LIMIT 1 BY {KEY} SETTINGS {ARROW}
    """  # noqa: S608 - constants of this file


def _arrow(raw: chdb.state.sqlitelike.Connection, sql: str) -> pa.Table:
    return pa.ipc.open_stream(pa.py_buffer(raw.query(sql, "ArrowStream").bytes())).read_all()


def _reads(
    ours: tables.ClickTables, raw: chdb.state.sqlitelike.Connection, duck: DuckTables, state: str
) -> Iterator[Measurement]:
    name, every = SPEC.name, Selection()
    one = Selection(within={"location": (asof_read.LOCATION,)})
    curve = Selection(columns=CURVE)
    day = replace(one, start=END - timedelta(days=1), end=END)
    half = Cut(as_of=MIDDLE, commit=2**60)
    only_one = f"location = '{asof_read.LOCATION}'"
    last_day = f"{only_one} AND interval_start >= toDateTime64('{END - timedelta(days=1):%Y-%m-%d %H:%M:%S}', 6, 'UTC')"
    cases: tuple[tuple[str, Selection, Cut, str, float | None], ...] = (
        ("whole table now", every, EVER, "1", 80.0),
        ("whole table half way", every, half, "1", 80.0),
        ("whole table now, columns of a curve", curve, EVER, "1", 80.0),
        ("whole table half way, columns of a curve", curve, half, "1", 80.0),
        ("one series now", one, EVER, only_one, None),
        ("last day of one series", day, EVER, last_day, None),
    )
    for case, selection, cut, where, target in cases:
        found, sql = ours.rows(name, selection=selection, cut=cut), _by_hand(cut.as_of, where, selection.columns)
        assert found.num_rows == _arrow(raw, sql).num_rows
        assert found.equals(duck.rows(name, selection=selection, cut=cut))
        took = timed(lambda selection=selection, cut=cut: ours.rows(name, selection=selection, cut=cut), runs=RUNS)
        peers = {
            "chDB in process, by hand": lambda sql=sql: _arrow(raw, sql),
            "chDB in process, by hand, no output": lambda sql=sql: raw.query(sql, "Null"),
            "DuckTables": lambda selection=selection, cut=cut: duck.rows(name, selection=selection, cut=cut),
        }
        for peer, work in peers.items():
            yield Measurement(
                f"{state}: {case}", took, "ms", peer=peer, peer_values=timed(work, runs=RUNS), target=target
            )
    others: dict[str, Callable[[Tables], object]] = {
        "latest of every series": lambda store: store.latest(name, selection=every, cut=EVER),
        "page of 1000": lambda store: store.rows(name, selection=Selection(limit=1000), cut=EVER),
        "count": lambda store: store.count(name, selection=every, cut=EVER),
        "changes of one commit": lambda store: store.changes(name, after=9, upto=10, selection=every),
    }
    for case, ask in others.items():
        yield Measurement(
            f"{state}: {case}",
            timed(lambda ask=ask: ask(ours), runs=RUNS),
            "ms",
            peer="DuckTables",
            peer_values=timed(lambda ask=ask: ask(duck), runs=RUNS),
        )
