"""The audit log: its chain, tampering of every kind, and the group commit of reads."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.access import audit, tables
from powerdesk.access.operations import auditing
from powerdesk.access.queries import audit_log, credentials
from powerdesk.access.types import OPERATOR
from powerdesk.engines.ports import records as records_port
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = b"s" * 32
EMPTY = audit.Head(sequence=0, hash=audit.GENESIS, mac=b"")


def entry(number: int) -> audit.Entry:
    return audit.Entry(at=NOON, principal="p", tenant="t", action="read", target=f"x{number}", detail={"rows": "1"})


def log(size: int) -> tuple[list[audit.Row], audit.Head]:
    rows = list(audit.chain([entry(n) for n in range(size)], after=EMPTY))
    return rows, audit.seal(sequence=size, digest=rows[-1].hash, secret=SECRET)


def examine(rows: list[audit.Row], head: audit.Head | None) -> audit.Verdict:
    return audit.examine(rows, head=head, secret=SECRET)


def test_log__as_written_is_intact() -> None:
    assert examine(*log(5)) == audit.Verdict(rows=5)
    assert examine([], None).intact


def test_log__written_in_parts_is_the_log_written_at_once() -> None:
    rows, _ = log(5)
    first = audit.chain([entry(0), entry(1)], after=EMPTY)
    rest = audit.chain([entry(n) for n in (2, 3, 4)], after=audit.Head(2, first[-1].hash, b""))
    assert [*first, *rest] == rows


@settings(max_examples=60)
@given(
    position=st.integers(0, 4),
    change=st.sampled_from(
        [
            ("principal", "q"),
            ("tenant", "u"),
            ("action", "write"),
            ("outcome", "denied"),
            ("target", "y"),
            ("detail", "{}"),
            ("request_id", "r"),
            ("at", datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)),
            ("hash", bytes(32)),
            ("previous_hash", b"\x01" * 32),
        ]
    ),
)
def test_log__with_any_field_of_any_row_changed_is_found_at_that_row(position: int, change: tuple[str, Any]) -> None:
    rows, head = log(5)
    rows[position] = dataclasses.replace(rows[position], **{change[0]: change[1]})
    found = examine(rows, head)
    assert (found.rows, found.sequence) == (position, position + 1)


def drop_middle(rows: list[audit.Row], head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return rows[:2] + rows[3:], head


def drop_first(rows: list[audit.Row], head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return rows[1:], head


def cut_tail(rows: list[audit.Row], head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return rows[:3], head


def cut_all(_rows: list[audit.Row], head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return [], head


def swap(rows: list[audit.Row], head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return [rows[1], rows[0], *rows[2:]], head


def lose_head(rows: list[audit.Row], _head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return rows, None


def forge_head(rows: list[audit.Row], _head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return rows[:3], audit.seal(sequence=3, digest=rows[2].hash, secret=b"guess" * 8)


def rewrite_everything(rows: list[audit.Row], head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return list(audit.chain([entry(n + 9) for n in range(len(rows))], after=EMPTY)), head


def append_row(rows: list[audit.Row], head: audit.Head) -> tuple[list[audit.Row], audit.Head | None]:
    return [*rows, *audit.chain([entry(7)], after=head)], head


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (drop_middle, "row 3 is missing"),
        (drop_first, "row 1 is missing"),
        (cut_tail, "rows 4 to 5 are missing"),
        (cut_all, "rows 1 to 5 are missing"),
        (swap, "row 1 is missing"),
        (lose_head, "head of the log is missing"),
        (forge_head, "not sealed by this desk"),
        (rewrite_everything, "row 5 is not the one that the head seals"),
        (append_row, "row 6 was added"),
    ],
)
def test_log__tampered_with_is_found(tamper: Callable[..., Any], fault: str) -> None:
    found = examine(*tamper(*log(5)))
    assert not found.intact
    assert fault in str(found.fault)


def verdict(house: Any) -> audit.Verdict:
    with house.services.records.reader() as reader:
        return audit_log.verify(reader, pepper=house.services.pepper)


def test_kept_log__is_intact_after_acts_and_reads(house: Any) -> None:
    house.user("ada", "analyst")
    for number in range(2_100):
        house.services.reads.note(entry(number))
    house.services.reads.flush()
    found = verdict(house)
    assert found.intact
    assert found.rows > 2_100


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_log SET principal = 'mallory' WHERE sequence = 2", "row 2 was changed"),
        ("DELETE FROM audit_log WHERE sequence = 2", "row 2 is missing"),
        ("DELETE FROM audit_log WHERE sequence > 2", "the tail is cut"),
        ("DELETE FROM audit_head", "head of the log is missing"),
    ],
)
def test_kept_log__tampered_with_behind_the_triggers_is_found(house: Any, statement: str, fault: str) -> None:
    house.user("ada", "analyst")
    with house.services.records.unit() as unit:
        unit.connection.exec_driver_sql("DROP TRIGGER audit_log_no_update")
        unit.connection.exec_driver_sql("DROP TRIGGER audit_log_no_delete")
        unit.connection.exec_driver_sql(statement)
    assert fault in str(verdict(house).fault)


def test_kept_log__wiped_with_its_head_is_found(house: Any) -> None:
    house.user("ada", "analyst")
    with house.services.records.unit() as unit:
        unit.connection.exec_driver_sql("DROP TRIGGER audit_log_no_delete")
        unit.connection.exec_driver_sql("DELETE FROM audit_log")
        unit.connection.exec_driver_sql("DELETE FROM audit_head")
    assert "whole log is gone" in str(verdict(house).fault)


def test_act__rolled_back_leaves_no_entry(house: Any) -> None:
    house.user("ada", "analyst")
    before = verdict(house).rows
    act = house.services.act(OPERATOR)
    with pytest.raises(KeyError), house.services.records.unit() as unit:  # noqa: PT012 - one unit that fails at its end
        auditing.note(unit, act, entry=act.entry(action="x", target="y"))
        raise KeyError("stop")
    assert verdict(house).rows == before


def test_audit_rows__are_read_in_order_by_tenant_and_limited(house: Any) -> None:
    house.services.reads.note(entry(0))
    house.services.reads.note(dataclasses.replace(entry(1), tenant="other"))
    house.services.reads.note(entry(2))
    house.services.reads.flush()
    with house.services.records.reader() as reader:
        assert [row.target for row in audit_log.rows(reader, tenant="t")] == ["x0", "x2"]
        assert [row.target for row in audit_log.rows(reader, limit=2)] == ["x0", "x1"]
        assert [row.sequence for row in audit_log.rows(reader, after=2)] == [3]


def test_reads__noted_by_many_threads_are_all_in_the_log(house: Any) -> None:
    def note() -> None:
        for number in range(100):
            house.services.reads.note(entry(number))

    threads = [threading.Thread(target=note) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.services.reads.flush()
    assert verdict(house) == audit.Verdict(rows=500)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let notes wait for each other until somebody hurries, on a busy machine too."""
    monkeypatch.setattr(auditing, "LATE_S", PATIENCE_S)


@pytest.mark.usefixtures("unhurried")
def test_reads__share_transactions(house: Any) -> None:
    units = 0
    genuine = house.services.records.unit

    class Counting:
        def unit(self, **options: Any) -> Any:
            nonlocal units
            units += 1
            return genuine(**options)

    reads = auditing.ReadAudit(Counting(), pepper=house.services.pepper)  # type: ignore[arg-type]  # only unit is used
    for number in range(200):
        reads.note(entry(number))
    reads.close()
    assert units == 1
    assert verdict(house).rows == 200


def test_reads__wait_for_the_writer_when_too_many_wait(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "MOST_WAITING", 10)
    for number in range(100):
        house.services.reads.note(entry(number))
        assert len(house.services.reads._waiting) <= 10
    house.services.reads.flush()
    assert verdict(house).rows == 100


@pytest.mark.usefixtures("unhurried")
def test_reads__are_not_taken_silently_while_they_cannot_be_written(house: Any) -> None:
    failing = True
    genuine = house.services.records.unit

    class Full:
        def unit(self, **options: Any) -> Any:
            if failing:
                raise records_port.RecordsFullError(found="no space", allowed="space", remedy="free some")
            return genuine(**options)

    reads = auditing.ReadAudit(Full(), pepper=house.services.pepper)  # type: ignore[arg-type]  # only unit is used
    reads.note(entry(0))
    with pytest.raises(records_port.RecordsFullError):
        reads.flush()
    failing = False
    reads.close()
    assert verdict(house).rows == 1


def test_reads__of_a_closed_audit_are_a_mistake(house: Any) -> None:
    reads = auditing.ReadAudit(house.services.records, pepper=house.services.pepper)
    reads.close()
    with pytest.raises(AssertionError, match="after close"):
        reads.note(entry(0))


def test_append__of_nothing_is_a_mistake(house: Any) -> None:
    with pytest.raises(AssertionError, match="no entry"), house.services.records.unit() as unit:
        auditing.append(unit, entries=(), pepper=house.services.pepper)


def test_version__rises_and_is_announced_with_the_change(house: Any) -> None:
    house.tenant("t")
    with house.services.records.reader() as reader:
        sent = reader.connection.execute(sa.text("SELECT value FROM outbox ORDER BY sequence")).scalars().all()
        version = credentials.version(reader)
    assert version == len(sent)
    assert b'"version":%d' % version in sent[-1]
    assert tables.access_version.name == "access_version"
