"""The contract of Records. Another engine joins in record_engines.

Run as a program (`python test_records.py ENGINE PLACE MODE`) it is the victim of the kill test.
"""

# ruff: noqa: D102, PT012 - test clock and bus are described by their ports; a unit that raises is one statement here
from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
import threading
from concurrent import futures
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import record_engines
import sqlalchemy as sa

from powerdesk.access import audit, keys
from powerdesk.access.operations import auditing
from powerdesk.access.queries import audit_log
from powerdesk.engines import bookkeeping, columns
from powerdesk.engines.ports import bus as bus_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from powerdesk.engines.ports.records import Records

NOON = record_engines.NOON
SCHEDULES = bookkeeping.job_schedules
WAIT_S = 60.0
"""As long as tests wait elsewhere; the victim finds no module of tools."""

samples = sa.Table(
    "samples",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", columns.Instant),
    sa.Column("amount", columns.ScaledMoney),
    sa.Column("flag", sa.Boolean(create_constraint=False)),
    sa.Column("share", sa.Double),
    sa.Column("body", sa.LargeBinary),
    sa.Column("words", columns.Text),
)


OUTBOX_ROW = {"topic": "a", "key": "early", "value": b"", "headers": "{}", "queued_at": NOON}


class ListBus:
    """Keeps what is published; `refusing` makes every publish fail."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bus_port.Outgoing]] = []
        self.refusing = False

    def publish(self, topic: str, messages: Sequence[bus_port.Outgoing]) -> tuple[int, ...]:
        if self.refusing:
            raise OSError("the bus is away")
        self.published += [(topic, message) for message in messages]
        return tuple(range(len(messages)))


@pytest.fixture(params=record_engines.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(engine: str, tmp_path: Path) -> Iterator[str]:
    with record_engines.place(engine, tmp_path) as lent:
        yield lent


@pytest.fixture
def reopen(engine: str, place: str) -> Iterator[Callable[[], Records]]:
    with contextlib.ExitStack() as opened:

        def new() -> Records:
            records = record_engines.at(engine, place, clock=record_engines.StillClock())
            opened.callback(records.close)
            return records

        yield new


@pytest.fixture
def records(reopen: Callable[[], Records]) -> Records:
    opened = reopen()
    opened.migrate()
    return opened


def run_all(*works: Callable[[], None]) -> None:
    """Run each in a thread of its own; raise the first failure."""
    with futures.ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def with_later(records: Records) -> None:
    """Send one message in a unit beside others."""
    with records.unit(over=("second",)) as unit:
        unit.send("a", bus_port.Outgoing(key="later", value=b""))


def add(records: Records, name: str) -> None:
    with records.unit() as unit:
        unit.connection.execute(sa.insert(SCHEDULES).values(name=name))


def names(records: Records) -> list[str]:
    with records.reader() as reader:
        return list(reader.connection.execute(sa.select(SCHEDULES.c.name).order_by(SCHEDULES.c.name)).scalars())


def test_unit__commits_when_its_block_ends(records: Records) -> None:
    add(records, "a")
    assert names(records) == ["a"]


def test_unit__leaves_nothing_after_an_exception(records: Records) -> None:
    with pytest.raises(KeyError), records.unit() as unit:
        unit.connection.execute(sa.insert(SCHEDULES).values(name="a"))
        unit.send("topic", bus_port.Outgoing(key="k", value=b"v"))
        raise KeyError("stop")
    assert names(records) == []
    assert records.relay_outbox(ListBus()) == 0  # type: ignore[arg-type]  # relaying only publishes


def test_unit__inside_a_unit_is_refused_and_the_outer_one_goes_on(records: Records) -> None:
    with records.unit() as unit:
        with pytest.raises(AssertionError, match="inside a unit"), records.unit():
            pass
        unit.connection.execute(sa.insert(SCHEDULES).values(name="a"))
    assert names(records) == ["a"]


def test_unit__sees_its_own_writes_and_readers_do_not(records: Records) -> None:
    with records.unit() as unit:
        unit.connection.execute(sa.insert(SCHEDULES).values(name="a"))
        assert unit.connection.execute(sa.select(SCHEDULES.c.name)).scalar() == "a"
        assert names(records) == []


def test_reader__keeps_its_snapshot_while_others_write(records: Records) -> None:
    add(records, "a")
    with records.reader() as reader:
        add(records, "b")
        assert reader.connection.execute(sa.select(sa.func.count()).select_from(SCHEDULES)).scalar() == 1
    assert names(records) == ["a", "b"]


def test_reader__cannot_write(records: Records) -> None:
    with records.reader() as reader, pytest.raises(sa.exc.DBAPIError):
        reader.connection.execute(sa.insert(SCHEDULES).values(name="a"))
    assert names(records) == []


def test_units__of_many_threads_lose_no_increment(records: Records) -> None:
    add(records, "0")
    failures: list[BaseException] = []

    def increment() -> None:
        try:
            for _ in range(10):
                with records.unit() as unit:
                    value = unit.connection.execute(sa.select(SCHEDULES.c.name)).scalar_one()
                    unit.connection.execute(sa.update(SCHEDULES).values(name=str(int(value) + 1)))
        except BaseException as error:  # noqa: BLE001 - handed to the asserting thread
            failures.append(error)

    threads = [threading.Thread(target=increment) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(records) == ["60"]


def test_units__of_two_openings_lose_no_increment(records: Records, reopen: Callable[[], Records]) -> None:
    other = reopen()
    add(records, "0")

    def increment(opened: Records) -> None:
        for _ in range(15):
            with opened.unit() as unit:
                value = unit.connection.execute(sa.select(SCHEDULES.c.name)).scalar_one()
                unit.connection.execute(sa.update(SCHEDULES).values(name=str(int(value) + 1)))

    threads = [threading.Thread(target=increment, args=(opened,)) for opened in (records, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(records) == ["30"]


def test_unit__over_names_covers_these_and_one_over_everything_covers_all(records: Records) -> None:
    with records.unit(over=("audit",)) as unit:
        assert unit.covers("audit")
        assert not unit.covers("jobs")
    with records.unit() as unit:
        assert unit.covers("audit")


@pytest.mark.parametrize("pair", [(("a", "b"), ("b", "a")), (None, ("a",)), (None, None)])
def test_units__that_share_a_name_lose_no_increment(
    records: Records, reopen: Callable[[], Records], pair: tuple[tuple[str, ...] | None, tuple[str, ...] | None]
) -> None:
    other = reopen()
    add(records, "0")

    def increment(opened: Records, over: tuple[str, ...] | None) -> None:
        for _ in range(15):
            with opened.unit(over=over) as unit:
                value = unit.connection.execute(sa.select(SCHEDULES.c.name)).scalar_one()
                unit.connection.execute(sa.update(SCHEDULES).values(name=str(int(value) + 1)))

    run_all(lambda: increment(records, pair[0]), lambda: increment(other, pair[1]))
    assert names(records) == ["30"]


def test_units__over_nothing_decide_in_their_statements(records: Records, reopen: Callable[[], Records]) -> None:
    other = reopen()
    granted: list[int] = []
    with records.unit() as unit:
        samples.create(unit.connection)
        unit.connection.execute(sa.insert(samples).values(id=1, amount=Decimal(20)))

    def take(opened: Records) -> None:
        for _ in range(15):
            with opened.unit(over=()) as unit:
                one = (
                    sa.update(samples)
                    .where(samples.c.amount >= Decimal(1))
                    .values(amount=samples.c.amount - Decimal(1))
                )
                granted.append(unit.connection.execute(one).rowcount)

    run_all(lambda: take(records), lambda: take(other))
    with records.reader() as reader:
        left = reader.connection.execute(sa.select(samples.c.amount)).scalar_one()
    assert (sum(granted), left) == (20, Decimal(0))


def test_texts__are_ordered_by_their_bytes(records: Records) -> None:
    for name in ("b", "B", "é", "a_", "aB", "Z"):
        add(records, name)
    assert names(records) == ["B", "Z", "aB", "a_", "b", "é"]


def test_version__names_the_engine(records: Records) -> None:
    assert records.version().split()[0] == ("PostgreSQL" if records.shared else "SQLite")


def test_column_types__round_trip_exactly(records: Records) -> None:
    row = {
        "id": 2**53 + 1,
        "at": datetime(2026, 11, 1, 6, 30, 0, 123457, tzinfo=UTC),
        "amount": Decimal("-12345678901.234567"),
        "flag": True,
        "share": 0.1,
        "body": b"\x00\xff",
        "words": "Zürich\n",
    }
    with records.unit() as unit:
        samples.create(unit.connection)
        unit.connection.execute(sa.insert(samples), [row, dict.fromkeys(row) | {"id": 1}])
    with records.reader() as reader:
        full, empty = reader.connection.execute(sa.select(samples).order_by(samples.c.id.desc())).all()
    assert dict(full._mapping) == row
    assert [value for key, value in empty._mapping.items() if key != "id"] == [None] * 6


@pytest.mark.parametrize(("column", "value"), [("at", NOON.replace(tzinfo=None)), ("amount", Decimal("0.0000001"))])
def test_column_types__refuse_what_they_cannot_keep(records: Records, column: str, value: object) -> None:
    with pytest.raises(sa.exc.StatementError, match="allowed"), records.unit() as unit:
        samples.create(unit.connection)
        unit.connection.execute(sa.insert(samples).values(id=1, **{column: value}))


def test_columns__refuse_a_value_of_another_type(records: Records) -> None:
    with pytest.raises(sa.exc.DBAPIError), records.unit() as unit:
        samples.create(unit.connection)
        unit.connection.execute(sa.text("INSERT INTO samples (id) VALUES ('a word')"))


def test_foreign_keys__are_enforced(records: Records) -> None:
    with pytest.raises(sa.exc.IntegrityError), records.unit() as unit:
        unit.connection.execute(
            sa.text("INSERT INTO users (id, tenant, name, name_folded, created_at) VALUES ('u', 'none', 'n', 'n', 0)")
        )


def test_outbox__is_relayed_in_order_once(records: Records) -> None:
    bus = ListBus()
    with records.unit() as unit:
        unit.send("a", bus_port.Outgoing(key="1", value=b"x", headers={"h": "1"}))
        unit.send("b", bus_port.Outgoing(key="2", value=b"y"))
        unit.send("a", bus_port.Outgoing(key="3", value=b"\x00"))
    assert records.relay_outbox(bus, limit=2) == 2  # type: ignore[arg-type]  # relaying only publishes
    assert records.relay_outbox(bus) == 1  # type: ignore[arg-type]  # relaying only publishes
    assert records.relay_outbox(bus) == 0  # type: ignore[arg-type]  # relaying only publishes
    assert [(topic, m.key, m.value, dict(m.headers)) for topic, m in bus.published] == [
        ("a", "1", b"x", {"h": "1"}),
        ("b", "2", b"y", {}),
        ("a", "3", b"\x00", {}),
    ]


def test_outbox__tells_this_process_that_something_waits(records: Records) -> None:
    ended = threading.Event()

    def wait() -> None:
        records.await_outbox(timeout_s=2 * WAIT_S)
        ended.set()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    with records.unit() as unit:
        unit.send("things", bus_port.Outgoing(key="k", value=b"v"))
        assert not ended.wait(0.05), "told before the message could be read"
    assert ended.wait(WAIT_S)
    waiting.join()
    records.await_outbox(timeout_s=0.0)  # nothing new waits: back after the time-out


def test_outbox__keeps_what_the_bus_refused(records: Records) -> None:
    bus = ListBus()
    with records.unit() as unit:
        unit.send("a", bus_port.Outgoing(key="1", value=b"x"))
    bus.refusing = True
    with pytest.raises(OSError, match="away"):
        records.relay_outbox(bus)  # type: ignore[arg-type]  # relaying only publishes
    bus.refusing = False
    assert records.relay_outbox(bus) == 1  # type: ignore[arg-type]  # relaying only publishes


def test_outbox__relayed_by_two_goes_out_once_and_in_order(records: Records, reopen: Callable[[], Records]) -> None:
    other, bus = reopen(), ListBus()
    produced = threading.Event()

    def produce() -> None:
        for number in range(60):
            with records.unit() as unit:
                unit.send("a", bus_port.Outgoing(key="k", value=str(number).encode()))
        produced.set()

    def relay(opened: Records) -> None:
        while opened.relay_outbox(bus, limit=3) or not produced.is_set():  # type: ignore[arg-type]  # only publishes
            pass

    relays = (reopen(), other) if records.shared else (records,)
    run_all(produce, *(functools.partial(relay, opened) for opened in relays))
    while records.relay_outbox(bus):  # type: ignore[arg-type]  # relaying only publishes
        pass
    assert [int(message.value) for _, message in bus.published] == list(range(60))


def test_outbox__loses_nothing_to_units_that_commit_out_of_order(
    records: Records, reopen: Callable[[], Records]
) -> None:
    if not records.shared:
        pytest.skip("one writer at a time: commits are in the order of their numbers")
    other, bus = reopen(), ListBus()
    with records.unit(over=("first",)) as early:
        early.connection.execute(sa.insert(bookkeeping.outbox).values(OUTBOX_ROW))
        with_later(other)
        assert other.relay_outbox(bus) == 1  # type: ignore[arg-type]  # relaying only publishes
    assert records.relay_outbox(bus) == 1  # type: ignore[arg-type]  # relaying only publishes
    assert [message.key for _, message in bus.published] == ["later", "early"]


def test_audit_log__written_by_two_stays_one_chain(records: Records, reopen: Callable[[], Records]) -> None:
    other, pepper = reopen(), keys.Pepper(bytes(range(32)))
    entry = audit.Entry(at=NOON, principal="p", tenant="t", action="read", target="x", outcome=audit.Outcome.DONE)

    def write(opened: Records, over: tuple[str, ...] | None) -> None:
        for _ in range(15):
            with opened.unit(over=over) as unit:
                auditing.append(unit, entries=(entry, entry), pepper=pepper)

    run_all(lambda: write(records, None), lambda: write(other, (auditing.AUDIT,)))
    with records.reader() as reader:
        verdict = audit_log.verify(reader, pepper=pepper)
    assert (verdict.intact, verdict.rows) == (True, 60)


def test_audit_log__is_not_written_by_a_unit_over_other_things(records: Records) -> None:
    entry = audit.Entry(at=NOON, principal="p", tenant="t", action="read", target="x", outcome=audit.Outcome.DONE)
    with pytest.raises(AssertionError, match="other things"), records.unit(over=("jobs",)) as unit:
        auditing.append(unit, entries=(entry,), pepper=keys.Pepper(bytes(range(32))))


def test_migrate__twice_changes_nothing(records: Records) -> None:
    before = records.tables()
    records.migrate()
    assert records.tables() == before
    assert "audit_log" in before


def test_commits__are_there_after_reopening(records: Records, reopen: Callable[[], Records]) -> None:
    add(records, "a")
    records.close()
    assert names(reopen()) == ["a"]


@pytest.mark.parametrize("finish", [False, True])
def test_kill__leaves_all_of_a_unit_or_nothing(engine: str, place: str, records: Records, finish: bool) -> None:  # noqa: FBT001 - a case
    victim = subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, __file__, engine, place, "finish" if finish else "hang"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == ("committed\n" if finish else "written\n")
        victim.kill()
    assert names(records) == ([f"n{n:04d}" for n in range(500)] if finish else [])
    bus = ListBus()
    assert records.relay_outbox(bus) == (1 if finish else 0)  # type: ignore[arg-type]  # relaying only publishes
    add(records, "after")
    assert "after" in names(records)


def test_clock__of_the_outbox_is_the_given_one(records: Records) -> None:
    with records.unit() as unit:
        unit.send("a", bus_port.Outgoing(key="1", value=b"x"))
    with records.reader() as reader:
        assert reader.connection.execute(sa.select(bookkeeping.outbox.c.queued_at)).scalar() == NOON


def victim_main(engine: str, place: str, mode: str) -> None:
    """Write 500 rows and a message in one unit; say so; wait to be killed."""
    opened = record_engines.at(engine, place, clock=record_engines.StillClock())
    with opened.unit() as unit:
        unit.connection.execute(sa.insert(SCHEDULES), [{"name": f"n{n:04d}"} for n in range(500)])
        unit.send("topic", bus_port.Outgoing(key="k", value=b"v"))
        if mode == "hang":
            sys.stdout.write("written\n")
            sys.stdout.flush()
            sys.stdin.read()
    sys.stdout.write("committed\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    victim_main(*sys.argv[1:4])
