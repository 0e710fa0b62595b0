"""Write a data folder as release 0.1 left it: kept, frozen, and without any code of the program.

The folder is that of a desk killed at work at KILLED_AT: of nine accepted batches six are done, the seventh is in the
tables but not noted as done, two are in the log only; one payload is announced and not recorded, one waits in the
outbox. One month is sealed, the tables have a block and a hot part, and the records hold accounts, a key, a session,
entitlements, an audit log, feeds, payloads, gaps and jobs.

How it was checked, on 2026-11-21, against commit 960f167, the last one before the schema changed for the first time:

- That commit, run on this folder, passes the tests of this room, but for those of what it did not have: a migration
  after 0003, and the refusal of resume tokens from beyond the log.
- `data/records.sql`, `data/tables.sql` and `data/specs.jsonl` are the schemas of a folder that it made itself, and
  `data/log` is a log that it wrote; the two batches there are byte for byte the first two written here, and so is what
  it announced of them. Its Parquet files have the same schema as the one written here.
- The files here are closed; that commit killed at work leaves write-ahead logs beside its own. A folder of that kind,
  of 38 342 rows, gave the same rows by hash when that commit and today's program opened a copy each.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import foundation_facts as facts
import foundation_formats as formats
import foundation_records
from foundation_formats import Codes, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foundation_facts import Row

DATA = Path(__file__).parent / "data"
STORAGE = "v2.0.0"
"""The storage version of DuckDB files at release 0.1, whatever library writes the file here."""


def write(folder: Path) -> None:
    """Write the whole folder, which must not exist."""
    folder.mkdir(parents=True)
    (folder / "desk.json").write_text(json.dumps({"id": facts.DESK_ID}))
    (folder / "pepper.secret").write_bytes(facts.PEPPER)
    (folder / "owner.lock").touch()
    objects = folder / "objects"
    for sha256, payload in facts.PAYLOADS.items():
        _put(objects / "raw" / sha256[:2] / sha256, payload)
    _put(objects / "feeds" / "sim" / "cursor.json", facts.SIM_CURSOR)
    _write_tables(folder / "hot.duckdb", objects)
    _write_log(folder / "bus")
    with sqlite3.connect(folder / "records.sqlite") as records:
        records.execute("PRAGMA journal_mode = WAL")
        records.executescript((DATA / "records.sql").read_text())
        records.execute("INSERT INTO alembic_version VALUES ('0003')")
        foundation_records.fill(records)
    records.close()


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _write_tables(path: Path, objects: Path) -> None:
    """Write the sealed month into Objects and the rest into the DuckDB file."""
    sealed = formats.sorted_part(facts.SEALED, facts.PRICE_CODES)
    data = formats.sealed_file(sealed, facts.PRICE_CODES)
    key = f"tables/markets.prices/2026-10/{hashlib.sha256(data).hexdigest()}.parquet"
    _put(objects / key, data)
    columns = sorted(name for name, _ in formats.STORED_PRICE)
    with duckdb.connect() as database:
        database.execute(f"ATTACH '{path}' AS hot (STORAGE_VERSION '{STORAGE}')")
        database.execute("USE hot")
        database.execute("SET TimeZone = 'UTC'")
        database.execute((DATA / "tables.sql").read_text())
        block = formats.sorted_part(facts.BLOCK, facts.PRICE_CODES)
        database.register("block", block)
        database.execute('CREATE TABLE "markets.prices/block/2" AS SELECT * FROM block')
        database.execute('ALTER TABLE "markets.prices/hot/1" RENAME TO "markets.prices/hot/4"')
        _fill(database, "markets.prices", facts.PRICE_CODES, "hot/4", facts.HOT)
        _fill(database, "markets.load", facts.LOAD_CODES, "hot/1", (facts.LOAD,))
        parts = [
            ("markets.prices", 2, "block", None, 4, facts.N0, facts.N1, columns, 3),
            ("markets.prices", 3, "file", key, 5, facts.O0, facts.O1, columns, 2),
            ("markets.prices", 4, "hot", None, 0, None, None, columns, None),
        ]
        for line in (DATA / "specs.jsonl").read_text().splitlines():
            name = json.loads(line)["name"]
            database.execute("INSERT INTO _tables VALUES (?, ?)", [name, line])
            if name != "markets.prices":
                stored = [one[0] for one in database.execute(f'DESCRIBE "{name}/hot/1"').fetchall()]
                parts.append((name, 1, "hot", None, 0, None, None, sorted(stored), None))
        database.executemany("INSERT INTO _parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", parts)
        applied = [
            ("markets.load" if n == 4 else "markets.prices", f"{n}:{facts.BATCH_IDS[n - 1]}", n)
            for n in (1, 2, 3, 4, 5, 7)
        ]
        database.executemany("INSERT INTO _batches VALUES (?, ?, ?)", applied)
        database.execute("CHECKPOINT hot")


def _fill(database: duckdb.DuckDBPyConnection, name: str, codes: Codes, part: str, rows: Sequence[Row]) -> None:
    for kind, entries in (("labels", codes.labels), ("tags", codes.tags)):
        marks = ", ".join("?" * (len(entries[0]) + 1))
        numbered = [(number, *entry) for number, entry in enumerate(entries)]
        database.executemany(f'INSERT INTO "{name}/{kind}" VALUES ({marks})', numbered)  # noqa: S608 - frozen names
    names = [one[0] for one in database.execute(f'DESCRIBE "{name}/{part}"').fetchall()]
    marks = ", ".join("?" * len(names))
    stored = [tuple(row.values()) for row in codes.stored(rows, names)]
    database.executemany(f'INSERT INTO "{name}/{part}" VALUES ({marks})', stored)  # noqa: S608 - frozen names


def _write_log(root: Path) -> None:
    """Write every topic: accepted batches in two segments, what was announced, and how far each group has come."""
    logged: dict[int, list[Row]] = {
        n: [row for row in (*facts.HISTORY, *facts.REPEATED) if row["commit"] == n] for n in range(1, 10)
    }
    logged[8].append(dict(facts.REPEATED[0]) | {"received_at": facts.at(12)})
    batches = [
        _accepted(n, "markets.load", formats.batch([facts.LOAD], formats.LOAD_LOG))
        if n == 4
        else _accepted(n, "markets.prices", formats.batch([_as_logged(row) for row in logged[n]], formats.PRICE_LOG))
        for n in range(1, 10)
    ]
    formats.write_topic(
        root / "store.batches", [batches[:4], batches[4:]], groups={"store.projector": [1, 2, 3, 4, 5, 6]}
    )
    formats.write_topic(root / "store.committed", [[_committed(n) for n in range(1, 7)]], groups={})
    received = [
        Message("nyiso", facts.payload_received(facts.RECORDED_SHA, facts.OCTOBER.replace(minute=30)), {}),
        Message("nyiso", facts.payload_received(facts.ANNOUNCED_SHA, facts.at(12, 50)), {}),
    ]
    formats.write_topic(root / "markets.payload-received.v1", [received], groups={"markets.recorder": [1]})
    changed = Message("access", b'{"type":"access.changed.v1","version":1}', {})
    formats.write_topic(root / "access.changed", [[changed]], groups={})


def _as_logged(row: Row) -> dict[str, Any]:
    """Return a row as the log has it: what was read again is dated by rule there."""
    if row["published_by"] != "receipt":
        return dict(row)
    return {**row, "published_by": "rule", "published_at": row["interval_end"]}


def _accepted(position: int, dataset: str, value: bytes) -> Message:
    headers = {"dataset": dataset, "batch_id": facts.BATCH_IDS[position - 1], "version": "1"}
    return Message(dataset, value, headers)


def _committed(position: int) -> Message:
    new, revised, duplicates = {1: (4, 0, 0), 2: (0, 1, 0), 3: (4, 0, 0), 4: (1, 0, 0), 5: (0, 3, 0), 6: (0, 0, 1)}[
        position
    ]
    dataset = "markets.load" if position == 4 else "markets.prices"
    said = {
        "type": "store.committed.v1",
        "dataset": dataset,
        "batch_id": facts.BATCH_IDS[position - 1],
        "commit": position,
        "new": new,
        "revised": revised,
        "duplicates": duplicates,
        "markets": ["NYISO"],
    }
    return Message(dataset, json.dumps(said, separators=(",", ":")).encode(), {})
