"""A folder that release 0.1 left behind, opened by today's program: everything is there, once, as it was."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import folders
import foundation
import foundation_facts as facts
import msgspec
import pytest
import sqlalchemy as sa
from running_desk import HandClock

from powerdesk.access.queries import audit_log
from powerdesk.engines.embedded.records import SqliteRecords
from powerdesk.engines.ports.records import NewerSchemaError
from powerdesk.kernel import intervals
from powerdesk.store import events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from running_desk import RunningDesk

KEY_COLUMNS = ("market", "market_run", "location", "interval_start")
MOMENTS = (
    "2026-10-20T12:06:00Z",
    "2026-10-20T14:00:00Z",
    "2026-10-20T15:00:00Z",
    "2026-11-03T09:45:00Z",
    "2026-11-03T11:30:00Z",
    "2026-11-03T13:00:00Z",
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return a folder of release 0.1."""
    foundation.write(tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    """Serve such a folder, once all that waited in it is readable; tests only ask."""
    folder = tmp_path_factory.mktemp("upgraded") / "kept"
    foundation.write(folder)
    with folders.serving(folder) as served:
        folders.settled(served)
        yield served


def asked(served: RunningDesk, statement: str) -> list[tuple[Any, ...]]:
    with served.desk.engines.records.reader() as reader:
        return [tuple(row) for row in reader.connection.execute(sa.text(statement))]


def in_order(rows: Any) -> list[dict[str, Any]]:
    names = (*KEY_COLUMNS, "published_at", "commit")
    return sorted((dict(row) for row in rows), key=lambda row: [row[name] for name in names])


def in_force(*, as_of: str, knowledge: str) -> list[dict[str, Any]]:
    """Return the belief that counts for each key, straight from the definition."""
    clock = {"published": "published_at", "received": "received_at"}[knowledge]
    chosen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in in_order(facts.HISTORY):
        if row[clock] <= intervals.parse_instant(as_of):
            chosen[tuple(row[name] for name in KEY_COLUMNS)] = row
    return list(chosen.values())


def test_upgrade__keeps_every_belief_with_its_revision_and_commit(upgraded: RunningDesk) -> None:
    found = [row for row in folders.history(upgraded.desk) if row["commit"] <= 9]
    assert found == in_order(facts.HISTORY)
    assert sum(row["revision"] == 2 for row in found) == 2
    assert [row["reason"] for row in found if row["price_per_mwh"] is None] == ["withdrawn by the market"]
    assert folders.history(upgraded.desk, "markets.load") == [facts.LOAD]
    assert asked(upgraded, "SELECT version_num FROM alembic_version") == [(folders.NEWEST,)]


@pytest.mark.parametrize("knowledge", ["published", "received"])
@pytest.mark.parametrize("as_of", MOMENTS)
def test_upgrade__answers_as_of_every_moment_as_before(upgraded: RunningDesk, as_of: str, knowledge: str) -> None:
    span = {"start": "2026-10-01T00:00:00Z", "end": "2026-12-01T00:00:00Z", "format": "rows"}
    cut = {"as_of": as_of, "knowledge": knowledge, "commit": "9"}
    answer = upgraded.operator().get("/v1/datasets/markets.prices/rows", params={**span, **cut})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    names = ("location", "price_per_mwh", "stage", "revision", "commit")
    listed = [dict(zip(said["names"], row, strict=True)) for row in said["rows"]]
    expected = in_force(as_of=as_of, knowledge=knowledge)
    assert [[row[name] for name in names] for row in listed] == [[row[name] for name in names] for row in expected]


def test_upgrade__makes_batches_of_the_log_readable_exactly_once(upgraded: RunningDesk) -> None:
    messages = upgraded.desk.engines.bus.read(events.COMMITTED_TOPIC, after=0, limit=100)
    said = [msgspec.json.decode(message.value, type=events.CommittedV1) for message in messages]
    assert [one.commit for one in said] == list(range(1, folders.ALL_READ + 1))
    assert [one.batch_id for one in said[:9]] == list(facts.BATCH_IDS)
    counts = [(one.new, one.revised, one.duplicates) for one in said[6:9]]
    assert counts == [(0, 0, 1), (1, 1, 1), (0, 1, 0)]  # the seventh was in the tables already


def test_upgrade__records_what_was_announced_and_what_waited_in_the_outbox(upgraded: RunningDesk) -> None:
    later = [row for row in folders.history(upgraded.desk) if row["commit"] > 9]
    assert [(row["location"], row["price_per_mwh"]) for row in later] == [
        ("NYISO:CAPITL", 40.0),
        ("NYISO:CAPITL", 41.0),
    ]
    known = asked(upgraded, "SELECT sha256, outcome, rows FROM markets_payloads ORDER BY received_at")
    assert known == [(facts.RECORDED_SHA, "ok", 4), (facts.ANNOUNCED_SHA, "ok", 1), (facts.QUEUED_SHA, "ok", 1)]
    assert asked(upgraded, "SELECT count(*) FROM markets_gaps WHERE closed_at IS NULL") == [(0,)]
    assert asked(upgraded, "SELECT count(*) FROM outbox") == [(0,)]


def test_upgrade__keeps_feeds_jobs_and_their_history(upgraded: RunningDesk) -> None:
    runs = {run.run_id: run for run in upgraded.desk.engines.jobs.history()}
    assert [runs[f"run_{n}"].state.value for n in (1, 2, 3)] == ["done", "failed", "running"]
    feeds = {row[0]: row[1:] for row in asked(upgraded, "SELECT id, paused, state, last_error FROM markets_feeds")}
    assert feeds["caiso"] == (1, "unreachable", "transient: no route")
    assert feeds["nyiso"][:2] == (0, "running")


def test_upgrade__takes_the_key_the_session_and_the_password_and_keeps_denials(upgraded: RunningDesk) -> None:
    by_key = upgraded.bearer(facts.KEY)
    price = by_key.get("/v1/datasets/markets.prices/latest?location=NYISO:BETA&market_run=RT5")
    assert price.json()["columns"]["price_per_mwh"] == [52.0]
    assert by_key.get("/v1/datasets/markets.load/latest").status_code == 403
    assert upgraded.bearer(facts.REVOKED_KEY).get("/v1/datasets").status_code == 401
    seen = upgraded.client(Cookie=f"pd_session={facts.SESSION_TOKEN}").get("/v1/me").json()["user"]
    assert (seen["id"], seen["roles"]) == ("usr_ada", ["tenant-admin", "viewer"])
    visitor = upgraded.client()
    assert visitor.post("/v1/session", json={"name": facts.USER, "password": "not the password"}).status_code == 401
    assert visitor.post("/v1/session", json={"name": facts.USER, "password": facts.PASSWORD}).status_code == 204
    assert visitor.get("/v1/me").json()["user"]["id"] == "usr_ada"


def test_upgrade__finds_the_audit_log_whole_and_goes_on_with_it(upgraded: RunningDesk) -> None:
    assert upgraded.bearer(facts.KEY).get("/v1/datasets/markets.load/latest").status_code == 403
    upgraded.desk.access.reads.flush()
    with upgraded.desk.engines.records.reader() as reader:
        verdict = audit_log.verify(reader, pepper=upgraded.desk.secrets.pepper)
    assert verdict.intact
    assert verdict.rows > 4
    first = asked(upgraded, "SELECT action, target FROM audit_log ORDER BY sequence LIMIT 4")
    assert first == [
        ("tenant.create", "pilot"),
        ("user.create", "usr_ada"),
        ("key.create", "0Kept0ne"),
        ("read", "markets.load"),
    ]


def test_upgrade__tells_what_made_old_rows_and_keeps_their_payload(upgraded: RunningDesk) -> None:
    told = upgraded.operator().get(f"/v1/lineage/{facts.LINEAGE}").json()
    assert (told["kind"], told["payload_sha256"]) == ("payload", facts.RECORDED_SHA)
    key = f"raw/{facts.RECORDED_SHA[:2]}/{facts.RECORDED_SHA}"
    assert upgraded.desk.engines.objects.get(key) == facts.RECORDED


def heard(served: RunningDesk, token: str) -> list[dict[str, Any]]:
    """Return what the stream says to a browser that comes back with a token, up to the newest commit."""
    messages: list[dict[str, Any]] = []
    params = {"channel": "markets.prices", "from": "snapshot"}
    with served.operator().stream("GET", "/v1/stream/sse", params=params, headers={"Last-Event-ID": token}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                messages.append(msgspec.json.decode(line[5:]))
                if messages[-1].get("seq", -1) >= folders.ALL_READ and messages[-1]["t"] in ("snap_end", "upd"):
                    return messages
    raise AssertionError(messages)


def test_upgrade__resumes_the_stream_where_a_browser_stood(upgraded: RunningDesk) -> None:
    messages = heard(upgraded, facts.RESUME_AT_6)
    assert {one["t"] for one in messages} == {"welcome", "ack", "upd"}
    missed = [row for one in messages if one["t"] == "upd" for row in one["columns"]["location"]]
    expected = [row["location"] for row in facts.HISTORY if row["commit"] > 6]
    assert sorted(missed) == sorted([*expected, "NYISO:CAPITL", "NYISO:CAPITL"])


def test_upgrade__tells_a_browser_that_heard_more_than_the_log_holds_of_its_gap(upgraded: RunningDesk) -> None:
    messages = heard(upgraded, facts.RESUME_AT_99)
    assert [one["t"] for one in messages] == ["welcome", "ack", "gap", "snap", "snap_end"]
    assert messages[2]["reason"] == "epoch"


def test_upgrade__changes_nothing_at_a_second_opening(kept: Path) -> None:
    with folders.serving(kept) as served:
        folders.settled(served)
    with folders.at_rest(kept) as desk:
        beliefs = folders.history(desk)
    before = folders.contents(kept)
    with folders.at_rest(kept) as desk:
        assert folders.history(desk) == beliefs
    assert folders.contents(kept) == before


def test_a_folder_of_a_newer_release__is_refused_with_what_to_do_and_left_alone(kept: Path) -> None:
    database = sqlite3.connect(kept / "records.sqlite")
    with database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = folders.contents(kept)
    with pytest.raises(NewerSchemaError) as refused, folders.at_rest(kept):
        pass
    assert "9999" in refused.value.found
    assert folders.NEWEST in refused.value.allowed
    assert "newer" in refused.value.remedy
    assert folders.contents(kept) == before


DYING = """
import os, signal, sys
import sqlalchemy as sa
from powerdesk.app import desk, settings

@sa.event.listens_for(sa.Engine, "after_cursor_execute")
def die(connection, cursor, statement, parameters, context, many):
    if sys.argv[2] in " ".join(statement.split()):
        os.kill(os.getpid(), signal.SIGKILL)

with desk.opened(settings.load({"data": sys.argv[1], "feeds": ""}, environment={})):
    pass
"""


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE store_calculations", "ADD COLUMN forgotten_at", "UPDATE alembic_version"]
)
def test_a_folder_whose_migration_was_killed__is_as_before_and_opens_later(kept: Path, statement: str) -> None:
    before = folders.contents(kept)
    killed = subprocess.run([sys.executable, "-c", DYING, str(kept), statement], check=False, timeout=120)  # noqa: S603 - our own program
    assert killed.returncode == -signal.SIGKILL
    assert folders.contents(kept) == before
    with folders.at_rest(kept) as desk:
        assert folders.history(desk) == in_order(facts.HISTORY)


def test_a_folder_whose_migration_fails__is_as_before(kept: Path, tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(folders.MIGRATIONS, migrations)
    (migrations / "versions" / "9998_fails.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n"
        f"revision, down_revision, branch_labels, depends_on = '9998', '{folders.NEWEST}', None, None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('id', sa.Integer()))\n    raise RuntimeError('no')\n"
    )
    before = folders.records(kept)
    records = SqliteRecords(kept / "records.sqlite", clock=HandClock(facts.KILLED_AT), migrations=migrations)
    with pytest.raises(RuntimeError, match="no"):
        records.migrate()
    records.close()
    assert folders.records(kept) == before
    assert "INSERT INTO \"alembic_version\" VALUES('0003');" in before
