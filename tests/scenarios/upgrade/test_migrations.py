"""Migrations run while processes of the release before still work: they add, and what was released stays as it is."""

from __future__ import annotations

import ast
import contextlib
import shutil
import sqlite3
from typing import TYPE_CHECKING

import folders
import foundation
import foundation_facts as facts
import foundation_records
import pytest
from running_desk import HandClock

from powerdesk.engines.embedded.records import SqliteRecords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOUNDATION = ("0001", "0002", "0003")
NOT_ADDITIVE: dict[str, str] = {}
"""Revision -> why it may do more than add, and how processes of the release before get along with it."""
HEAD = "import sqlalchemy as sa\nfrom alembic import op\n"


def versions() -> dict[str, Path]:
    """Return the files of the migrations by revision."""
    return {path.name.split("_", 1)[0]: path for path in sorted((folders.MIGRATIONS / "versions").glob("[0-9]*_*.py"))}


def faults(source: str) -> list[str]:
    """Return what a migration does besides adding tables, indexes, and columns that old statements may leave out."""
    tree = ast.parse(source)
    made = {_text(call.args[0]) for call in _calls(tree, "op", "create_table")}
    found = ["a way back" for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "downgrade"]
    for call in _calls(tree, "op"):
        match call.func:
            case ast.Attribute(attr="create_table"):
                continue
            case ast.Attribute(attr="create_index"):
                unique = _keyword(call, "unique")
                if unique not in (None, "False") and _text(call.args[1]) not in made:
                    found.append(f"line {call.lineno}: a unique index on a table that is there already")
            case ast.Attribute(attr="add_column"):
                found += [f"line {call.lineno}: {words}" for words in _column_faults(call.args[1])]
            case ast.Attribute(attr=verb):
                found.append(f"line {call.lineno}: op.{verb}")
    return found


def _column_faults(column: ast.expr) -> Iterator[str]:
    if not isinstance(column, ast.Call):
        yield "a column that cannot be read here"
        return
    if _keyword(column, "nullable") not in (None, "True") and _keyword(column, "server_default") is None:
        yield "a column that is neither nullable nor has a default of the server"
    yield from (f"a column with {name}" for name in ("unique", "primary_key") if _keyword(column, name) == "True")


def _calls(tree: ast.AST, owner: str, verb: str | None = None) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if name == owner:
                if verb in (None, attr):
                    yield node


def _keyword(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(one.value) for one in call.keywords if one.arg == name), None)


def _text(node: ast.expr) -> str:
    return ast.unparse(node)


def test_migrations__after_the_foundation_only_add() -> None:
    later = {revision: path for revision, path in versions().items() if revision not in FOUNDATION}
    assert later
    found = {revision: faults(path.read_text()) for revision, path in later.items()}
    assert {revision: said for revision, said in found.items() if said and revision not in NOT_ADDITIVE} == {}
    assert [revision for revision in NOT_ADDITIVE if not found.get(revision)] == [], "an excuse that nothing needs"


@pytest.mark.parametrize(
    "planted",
    [
        "op.drop_table('users')",
        "op.drop_column('users', 'name')",
        "op.rename_table('users', 'people')",
        "op.alter_column('users', 'name', new_column_name='title')",
        "op.execute('UPDATE users SET name = 1')",
        "op.get_bind().execute(sa.text('DELETE FROM users'))",
        "with op.batch_alter_table('users') as batch:\n        batch.drop_column('name')",
        "op.add_column('users', sa.Column('age', sa.BigInteger(), nullable=False))",
        "op.add_column('users', sa.Column('age', sa.BigInteger(), unique=True))",
        "op.create_index('one_name', 'users', ['name'], unique=True)",
        "op.create_unique_constraint('one_name', 'users', ['name'])",
    ],
)
def test_the_rule_of_additive_migrations__trips_over(planted: str) -> None:
    assert faults(f"{HEAD}\ndef upgrade():\n    {planted}\n")


@pytest.mark.parametrize(
    "fine",
    [
        "op.add_column('users', sa.Column('age', sa.BigInteger(), nullable=True))",
        "op.add_column('users', sa.Column('age', sa.BigInteger(), nullable=False, server_default='0'))",
        "op.create_index('by_name', 'users', ['name'], unique=False)",
        (
            "op.create_table('new', sa.Column('id', sa.String(), nullable=False))\n"
            "    op.create_index('one', 'new', ['id'], unique=True)"
        ),
    ],
)
def test_the_rule_of_additive_migrations__lets_through(fine: str) -> None:
    assert faults(f"{HEAD}\ndef upgrade():\n    {fine}\n") == []


def test_the_rule_of_additive_migrations__refuses_a_way_back() -> None:
    assert faults(f"{HEAD}\ndef upgrade():\n    pass\n\ndef downgrade():\n    pass\n") == ["a way back"]


def schema(path: Path) -> dict[str, str]:
    """Return the statements that made each table, index and trigger, without their layout."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.replace("(", " ( ").replace(")", " ) ").split()) for name, sql in found}


def migrated(path: Path, migrations: Path) -> Path:
    """Migrate new records by a folder of migrations."""
    records = SqliteRecords(path, clock=HandClock(facts.KILLED_AT), migrations=migrations)
    records.migrate()
    records.close()
    return path


def test_released_migrations__still_make_the_schema_of_the_foundation(tmp_path: Path) -> None:
    chosen = tmp_path / "migrations"
    shutil.copytree(folders.MIGRATIONS, chosen)
    for revision, path in versions().items():
        if revision not in FOUNDATION:
            (chosen / "versions" / path.name).unlink()
    with contextlib.closing(sqlite3.connect(tmp_path / "kept.sqlite")) as database:
        database.executescript((foundation.DATA / "records.sql").read_text())
    found = schema(migrated(tmp_path / "made.sqlite", chosen))
    assert len(found) > 30
    assert found == schema(tmp_path / "kept.sqlite")


def test_the_newest_schema__takes_every_statement_of_the_foundation_and_keeps_its_columns(tmp_path: Path) -> None:
    path = migrated(tmp_path / "newest.sqlite", folders.MIGRATIONS)
    with contextlib.closing(sqlite3.connect(path)) as newest, contextlib.closing(sqlite3.connect(":memory:")) as old:
        with newest:
            foundation_records.fill(newest)
        old.executescript((foundation.DATA / "records.sql").read_text())
        names = [name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert len(names) > 15
        for name in names:
            columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
            before, now = old.execute(columns, [name]).fetchall(), newest.execute(columns, [name]).fetchall()
            assert now[: len(before)] == before, name
