"""Which rows count: the ledger of batches that are complete, and of epochs of writing.

An insert whose answer is lost may have been carried out, wholly or in part, and may even be carried out later. So rows
carry the epoch they were written in, a batch counts once its line in `_batches` is there, written after its rows, and
an epoch ends with the first failure. The line of the next epoch in `_epochs` holds as `floor` the last commit that
counted until then: whatever the older epochs still bring past it never counts. Inside an epoch commits rise and every
batch is sent once, so a row counts exactly when its commit is not past the bound of its epoch.

Rows are forgotten by a line in `_forgotten` first: rows of times before its floor do not count up to its commit. They
are deleted only once no read that began without the line can still run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from powerdesk.engines import declared
from powerdesk.engines.ports import faults
from powerdesk.engines.scaled.tables_address import TIMEOUT_S_MAX

if TYPE_CHECKING:
    from powerdesk.engines.ports.tables import TableSpec
    from powerdesk.engines.scaled.tables_client import ClickHouseClient

DURABLE = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
DEFINITIONS = (
    f"""CREATE TABLE IF NOT EXISTS _tables (name String, version UInt32, spec String)
    ENGINE = MergeTree ORDER BY (name, version) {DURABLE}""",
    f"""CREATE TABLE IF NOT EXISTS _epochs (name String, epoch UInt32, floor Int64)
    ENGINE = MergeTree ORDER BY (name, epoch) {DURABLE}""",
    f"""CREATE TABLE IF NOT EXISTS _batches (
        name String, epoch UInt32, last_commit Int64, batch_id String, row_count UInt64,
        INDEX by_batch batch_id TYPE bloom_filter(0.001) GRANULARITY 1
    ) ENGINE = MergeTree ORDER BY (name, epoch, last_commit) {DURABLE}""",
    f"""CREATE TABLE IF NOT EXISTS _sealed (name String, month UInt32, upto Int64)
    ENGINE = MergeTree ORDER BY (name, month) {DURABLE}""",
    f"""CREATE TABLE IF NOT EXISTS _forgotten (
        name String, floor_us Int64, upto Int64, at DateTime DEFAULT now()
    ) ENGINE = MergeTree ORDER BY (name, floor_us) {DURABLE}""",
)
LINE = """SELECT 'line' AS kind, * FROM (
    SELECT epoch, last_commit AS first, toInt64(0) AS second FROM _batches WHERE name = {name:String}
    ORDER BY epoch DESC, last_commit DESC LIMIT 1)"""
BATCH = """SELECT 'batch', epoch, last_commit, toInt64(0) FROM _batches
    WHERE name = {name:String} AND batch_id = {batch:String}"""
EPOCHS = "SELECT 'epoch', epoch, floor, toInt64(0) FROM _epochs WHERE name = {name:String}"
FORGOTTEN = "SELECT 'forgotten', toUInt32(0), floor_us, upto FROM _forgotten WHERE name = {name:String}"
"""One question, answered from left to right. Lines come before epochs, so that one which came late, past the floor of
a new epoch, is never met without that epoch."""
KINDS = ("line", "epoch", "forgotten", "batch")
READS_MAX = 3  # an epoch may begin between the two looks of one question
EPOCHS_SCHEMA = pa.schema([("name", pa.string()), ("epoch", pa.uint32()), ("floor", pa.int64())])


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts of a table: per epoch, oldest first, the last commit that does."""

    epochs: tuple[int, ...] = ()
    bounds: tuple[int, ...] = ()
    forgotten: tuple[tuple[int, int], ...] = ()
    """Microseconds since 1970 and commits: rows of earlier times do not count up to that commit."""

    @property
    def position(self) -> int:
        """The highest commit that counts, 0 when none."""
        return self.bounds[-1] if self.bounds else 0

    @property
    def epoch(self) -> int:
        """The newest epoch, 0 when none."""
        return self.epochs[-1] if self.epochs else 0

    def holds(self, epoch: int, commit: int) -> bool:
        """Tell whether a row or a line of that epoch with that commit counts."""
        return any(epoch == each and commit <= bound for each, bound in zip(self.epochs, self.bounds, strict=True))


def make(client: ClickHouseClient) -> None:
    """Create the ledger's tables where they are absent."""
    for definition in DEFINITIONS:
        client.tell(definition, doing="making the ledger of Tables")


def read(client: ClickHouseClient, name: str, *, doing: str) -> Counted:
    """Return what counts now."""
    return read_for(client, name, "", doing=doing)[0]


def read_for(client: ClickHouseClient, name: str, batch_id: str, *, doing: str) -> tuple[Counted, bool]:
    """Return what counts now, and whether a batch is there and counts."""
    asked = {"name": name} | ({"batch": batch_id} if batch_id else {})
    sql = " UNION ALL ".join((LINE, BATCH, EPOCHS, FORGOTTEN) if batch_id else (LINE, EPOCHS, FORGOTTEN))
    for _ in range(READS_MAX):
        found = client.ask(sql, asked, doing=doing).to_pylist()
        of = {kind: [tuple(row.values())[1:] for row in found if row["kind"] == kind] for kind in KINDS}
        counted = _counted(of)
        if all(epoch <= counted.epoch for epoch, *_ in of["line"]):
            return counted, any(counted.holds(epoch, commit) for epoch, commit, _ in of["batch"])
    raise faults.EngineUnavailableError(
        found=f"{doing}: lines of an epoch that is not in the ledger, {READS_MAX} times",
        allowed="an epoch's line before the lines of its batches",
        remedy="look whether the server reads from a replica that lags",
    )


def _counted(of: dict[str, list[tuple[int, int, int]]]) -> Counted:
    """Return what the lines of each kind (epoch, first, second) come to."""
    floors: dict[int, int] = {}
    for epoch, floor, _ in sorted(of["epoch"]):
        floors.setdefault(epoch, floor)  # the least, where two writers began one epoch
    if not floors:
        return Counted()
    newest = max(floors)
    last = max([floors[newest], *(commit for epoch, commit, _ in of["line"] if epoch == newest)])
    forgotten = [line[1:] for line in of["forgotten"]]
    return Counted(
        epochs=tuple(floors),
        bounds=(*tuple(floors.values())[1:], last),
        forgotten=tuple(line for line in forgotten if not any(_covers(other, line) for other in forgotten)),
    )


def _covers(line: tuple[int, int], other: tuple[int, int]) -> bool:
    return line != other and line[0] >= other[0] and line[1] >= other[1]


def begin_epoch(client: ClickHouseClient, name: str, counted: Counted, *, doing: str) -> int:
    """End the epochs so far, at the commit that counts now, and return the next one's number."""
    epoch = counted.epoch + 1
    row = pa.table({"name": [name], "epoch": [epoch], "floor": [counted.position]}, schema=EPOCHS_SCHEMA)
    client.insert("_epochs (name, epoch, floor)", row, token=f"{name}:{epoch}:{counted.position}", doing=doing)
    return epoch


def note_batch(
    client: ClickHouseClient, name: str, *, epoch: int, commit: int, batch: tuple[str, int], doing: str
) -> None:
    """Let a batch, its id and its number of rows, count; its rows were acknowledged before."""
    line = {"name": [name], "epoch": [epoch], "last_commit": [commit], "batch_id": [batch[0]], "row_count": [batch[1]]}
    client.insert(f"_batches ({', '.join(line)})", pa.table(line), token=f"{name}:{epoch}:{batch[0]}", doing=doing)


def specs(client: ClickHouseClient, *, doing: str) -> dict[str, tuple[int, TableSpec]]:
    """Return the newest declaration of each table with its version."""
    sql = "SELECT name, max(version) AS newest, argMax(spec, version) AS spec FROM _tables GROUP BY name"
    found = client.ask(sql, {}, doing=doing).to_pylist()
    return {row["name"]: (row["newest"], declared.spec_of(row["spec"])) for row in found}


def note_spec(client: ClickHouseClient, spec: TableSpec, *, version: int, doing: str) -> None:
    """Keep a declaration."""
    line = pa.table({"name": [spec.name], "version": [version], "spec": [declared.spec_text(spec)]})
    client.insert("_tables (name, version, spec)", line, token=f"{spec.name}:{version}", doing=doing)


def sealed(client: ClickHouseClient, name: str, *, doing: str) -> dict[int, int]:
    """Return, per month (yyyymm), the last commit up to which its rows were put in order."""
    sql = "SELECT month, max(upto) AS upto FROM _sealed WHERE name = {name:String} GROUP BY month"
    return {row["month"]: row["upto"] for row in client.ask(sql, {"name": name}, doing=doing).to_pylist()}


def note_sealed(client: ClickHouseClient, name: str, *, month: int, upto: int, doing: str) -> None:
    """Note that a month was put in order up to a commit."""
    line = pa.table({"name": [name], "month": [month], "upto": [upto]})
    client.insert("_sealed (name, month, upto)", line, token=f"{name}:{month}:{upto}", doing=doing)


def note_forgotten(client: ClickHouseClient, name: str, *, floor_us: int, upto: int, doing: str) -> None:
    """Let rows of times before a floor count no more, up to a commit."""
    line = pa.table({"name": [name], "floor_us": [floor_us], "upto": [upto]})
    client.insert("_forgotten (name, floor_us, upto)", line, token=f"{name}:{floor_us}:{upto}", doing=doing)


def long_forgotten(client: ClickHouseClient, name: str, *, doing: str) -> list[tuple[int, int]]:
    """Return the lines of `_forgotten` (floor, commit) that every read still running knows."""
    sql = """SELECT floor_us, max(upto) AS upto FROM _forgotten
        WHERE name = {name:String} AND at < now() - {longest:UInt32} GROUP BY floor_us"""
    found = client.ask(sql, {"name": name, "longest": int(TIMEOUT_S_MAX)}, doing=doing).to_pylist()
    return [(row["floor_us"], row["upto"]) for row in found]
