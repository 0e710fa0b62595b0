"""What is SQLite's own in Records: STRICT, WAL, migrations that match the declared tables, plain words on failure."""

# ruff: noqa: D102 - the methods of a test clock are described by the port
from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import autogenerate
from alembic.runtime import migration

from powerdesk.access import tables as access_tables
from powerdesk.engines import bookkeeping, columns
from powerdesk.engines.embedded import records as embedded
from powerdesk.engines.ports import records as port

if TYPE_CHECKING:
    from collections.abc import Iterator

MIGRATIONS = Path(__file__).parents[3] / "src/powerdesk/app/migrations"


class StillClock:
    """Stands at noon."""

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture
def records(tmp_path: Path) -> Iterator[embedded.SqliteRecords]:
    opened = embedded.SqliteRecords(tmp_path / "records.sqlite", clock=StillClock(), migrations=MIGRATIONS)
    opened.migrate()
    yield opened
    opened.close()


def test_migrations__make_exactly_the_declared_tables(records: embedded.SqliteRecords) -> None:
    assert access_tables.users.name in columns.metadata.tables
    with records.unit() as unit:
        context = migration.MigrationContext.configure(unit.connection)
        assert autogenerate.compare_metadata(context, columns.metadata) == []


def test_migrations__the_comparison_sees_a_difference(records: embedded.SqliteRecords) -> None:
    with records.unit() as unit:
        unit.connection.exec_driver_sql("ALTER TABLE users ADD COLUMN surprise TEXT")
        context = migration.MigrationContext.configure(unit.connection)
        assert autogenerate.compare_metadata(context, columns.metadata) != []


def test_tables__are_all_strict(records: embedded.SqliteRecords) -> None:
    with records.reader() as reader:
        rows = reader.connection.exec_driver_sql(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'"
        ).all()
    assert len(rows) > len(columns.metadata.tables)
    assert [name for name, strict in rows if not strict] == []


def test_pragmas__make_a_commit_durable(records: embedded.SqliteRecords) -> None:
    with records.unit() as unit:
        settings = [
            unit.connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert settings == ["wal", 2, 1, 10_000]


def test_migrate__refuses_a_newer_schema(records: embedded.SqliteRecords) -> None:
    with records.unit() as unit:
        unit.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(port.NewerSchemaError, match="9999"):
        records.migrate()


def test_migrate__leaves_nothing_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE users (id TEXT)")
    other.close()
    opened = embedded.SqliteRecords(path, clock=StillClock(), migrations=MIGRATIONS)
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        opened.migrate()
    assert opened.tables() == ("users",)
    opened.close()


def test_audit_log__refuses_update_and_delete(records: embedded.SqliteRecords) -> None:
    with records.unit() as unit:
        unit.connection.exec_driver_sql(
            "INSERT INTO audit_log VALUES (1, 0, 'p', 't', 'a', 'o', 'x', '{}', 'r', x'00', x'00')"
        )
    for statement in ("UPDATE audit_log SET principal = 'q'", "DELETE FROM audit_log"):
        with pytest.raises(sa.exc.IntegrityError, match="append-only"), records.unit() as unit:
            unit.connection.exec_driver_sql(statement)


def test_full_disk__is_said_plainly_and_corrupts_nothing(records: embedded.SqliteRecords) -> None:
    with records.unit() as unit:
        pages = unit.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        unit.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(port.RecordsFullError, match="free space"), records.unit() as unit:
        unit.connection.execute(sa.insert(bookkeeping.job_schedules), [{"name": f"{n:0500d}"} for n in range(1_000)])
    with records.reader() as reader:
        assert reader.connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert reader.connection.execute(sa.select(bookkeeping.job_schedules)).all() == []


def test_lock_of_another_process__is_said_plainly(
    records: embedded.SqliteRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "WAIT_FOR_LOCK_MS", 10)
    hurried = embedded.SqliteRecords(tmp_path / "records.sqlite", clock=StillClock(), migrations=MIGRATIONS)
    with records.unit(), pytest.raises(port.RecordsBusyError, match="another process"):  # noqa: SIM117 - reads in order
        with hurried.unit():
            pass
    hurried.close()


def test_opening__does_not_import_alembic() -> None:
    code = "import sys, powerdesk.engines.embedded.records; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our interpreter
