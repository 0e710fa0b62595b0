"""A real PostgreSQL that dies, stalls and is locked by others, under the load of many threads."""

# ruff: noqa: PT012 - a unit that raises is one statement here
from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import sqlalchemy as sa

from powerdesk.app import clock as app_clock
from powerdesk.engines import bookkeeping
from powerdesk.engines.ports import bus as bus_port
from powerdesk.engines.ports import faults
from powerdesk.engines.ports import records as port
from servers import debian, disks, needed
from servers.postgres import ROLE, Postgres
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from powerdesk.engines.ports.records import Records

pytestmark = [pytest.mark.services, pytest.mark.slow]
MIGRATIONS = Path(__file__).parents[3] / "src/powerdesk/app/migrations"
WRITERS = 6
CALLERS = 40
STALL_S = 10.0
LONGEST_CALL_S = 30.0
"""Waiting for a connection, opening one, and a silent server: 3 + 3 + 7 s, and room for a busy machine."""
MEGABYTES_MAX = 100
SMALL_DISK = "40m"

made = sa.Table(
    "made",
    sa.MetaData(),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("writer", sa.BigInteger, nullable=False),
)
counted = sa.Table(
    "counted",
    made.metadata,
    sa.Column("writer", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)


@pytest.fixture
def server() -> Iterator[Postgres]:
    with needed.own(Postgres) as own:
        yield own


@pytest.fixture
def url() -> Iterator[str]:
    """Lend a database on the session's server, for tests that leave the server alone."""
    shared, name = needed.needed(Postgres, durable=False), needed.namespace()
    yield shared.database(name)
    shared.drop(name)


@pytest.fixture
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    own = "server" in request.fixturenames
    opened = open_records(request.getfixturevalue("server").url if own else request.getfixturevalue("url"))
    opened.migrate()
    with opened.unit() as unit:
        made.metadata.create_all(unit.connection)
        unit.connection.execute(sa.insert(counted), [{"writer": n, "number": 0} for n in range(WRITERS)])
    yield opened
    opened.close()


def open_records(url: str) -> Records:
    from powerdesk.engines.scaled import records as scaled  # noqa: PLC0415 - an extra that a laptop may lack

    return scaled.PostgresRecords(url, clock=app_clock.SystemClock(), migrations=MIGRATIONS)


class Writing:
    """Writes numbered keys until told to stop, each again until its fate is known; what it was told is kept."""

    def __init__(self, records: Records, writer: int) -> None:
        self.acknowledged: list[str] = []
        self.problems: list[Exception] = []
        self.stop = threading.Event()
        self._records = records
        self._writer = writer
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.stop.is_set():
            key = f"{self._writer}-{len(self.acknowledged)}"
            try:
                self._write(key)
            except sa.exc.IntegrityError:  # an earlier try, whose outcome was not known, was kept
                assert any("not known" in str(problem) for problem in self.problems)
            except (faults.EngineUnavailableError, port.RecordsBusyError) as problem:
                self.problems.append(problem)
                self.stop.wait(0.05)
                continue
            self.acknowledged.append(key)

    def _write(self, key: str) -> None:
        over = None if self._writer % 2 else (f"writer/{self._writer}",)
        with self._records.unit(over=over) as unit:
            unit.connection.execute(sa.insert(made).values(key=key, writer=self._writer))
            one_more = sa.update(counted).where(counted.c.writer == self._writer)
            unit.connection.execute(one_more.values(number=counted.c.number + 1))
            unit.send("made", bus_port.Outgoing(key=str(self._writer), value=key.encode()))


class ListBus:
    """Keeps the values published."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def publish(self, _topic: str, messages: Sequence[bus_port.Outgoing]) -> tuple[int, ...]:
        """Take the messages in order."""
        self.values += [message.value.decode() for message in messages]
        return tuple(range(len(messages)))


def grown(writings: Sequence[Writing], *, by: int) -> None:
    """Wait until every writer got `by` more acknowledgements."""
    wanted = [len(writing.acknowledged) + by for writing in writings]

    def enough() -> bool:
        assert all(writing.thread.is_alive() for writing in writings)
        return all(len(writing.acknowledged) >= want for writing, want in zip(writings, wanted, strict=True))

    until(enough, what=f"{by} more acknowledgements of each writer")


def test_killed_server__loses_and_doubles_nothing_acknowledged(server: Postgres, records: Records) -> None:
    bus, relaying = ListBus(), threading.Event()

    def relay() -> None:
        while not relaying.wait(0.02):
            try:
                records.relay_outbox(bus)  # type: ignore[arg-type]  # relaying only publishes
            except (faults.EngineUnavailableError, port.RecordsBusyError):
                continue

    relaying_thread = threading.Thread(target=relay)
    writings = [Writing(records, writer) for writer in range(WRITERS)]
    relaying_thread.start()
    for _ in range(3):
        grown(writings, by=20)
        server.kill()
        server.start()
    grown(writings, by=20)
    for writing in writings:
        writing.stop.set()
        writing.thread.join()
    relaying.set()
    relaying_thread.join()
    while records.relay_outbox(bus):  # type: ignore[arg-type]  # relaying only publishes
        pass

    acknowledged = {key for writing in writings for key in writing.acknowledged}
    with records.reader() as reader:
        kept = set(reader.connection.execute(sa.select(made.c.key)).scalars())
        numbers = reader.connection.execute(sa.select(sa.func.sum(counted.c.number))).scalar_one()
        waiting = reader.connection.execute(sa.select(sa.func.count()).select_from(bookkeeping.outbox)).scalar_one()
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= WRITERS  # the last try of each, whose outcome nobody was told
    assert numbers == len(kept)
    assert waiting == 0
    assert set(bus.values) == kept
    for writer in range(WRITERS):
        told = [int(value.partition("-")[2]) for value in dict.fromkeys(bus.values) if value.startswith(f"{writer}-")]
        assert told == sorted(told), "messages of one key changed their order"
    assert any(
        isinstance(problem, faults.EngineUnavailableError) for writing in writings for problem in writing.problems
    )


def test_dead_server__is_said_plainly_and_its_return_noticed(server: Postgres, records: Records) -> None:
    server.kill()
    for opening in (records.reader, records.unit):
        with pytest.raises(faults.EngineUnavailableError, match=r"PostgreSQL: .*wait for it, or start it"), opening():
            pass
    with pytest.raises(faults.EngineUnavailableError):
        records.version()
    server.start()
    until(lambda: answers(records), what="the return of the records")
    assert records.version().startswith("PostgreSQL 1")


def answers(records: Records) -> bool:
    try:
        records.version()
    except faults.EngineUnavailableError:  # so it is for a second after the last failure
        return False
    return True


def test_full_disk__is_said_plainly_keeps_nothing_of_the_change_and_goes_on_when_there_is_room(
    server: Postgres,
) -> None:
    folder = server.folder / "small"
    folder.mkdir()
    with disks.small(folder, size=SMALL_DISK):
        space = folder / "space"  # a folder inside: what is free is the disk's, what is PostgreSQL's its own
        space.mkdir()
        if debian.is_root():
            shutil.chown(space, "postgres", "postgres")
        server.administer(f"CREATE TABLESPACE small LOCATION '{space}'")
        server.administer(f"CREATE DATABASE small OWNER {ROLE} TABLESPACE small")
        opened = open_records(server.address(database="small"))
        with opened.unit() as unit:
            made.metadata.create_all(unit.connection)
        write_rows(opened, first=0, count=10)
        with disks.filled_up(folder), pytest.raises(port.RecordsFullError, match="free space on its disk and repeat"):
            write_rows(opened, first=10, count=20_000)
        assert rows_in(opened) == 10
        write_rows(opened, first=10, count=20_000)
        assert rows_in(opened) == 20_010
        opened.close()
        server.kill()


def write_rows(records: Records, *, first: int, count: int) -> None:
    with records.unit() as unit:
        unit.connection.execute(
            sa.insert(made), [{"key": f"{n:0200}", "writer": n} for n in range(first, first + count)]
        )


def rows_in(records: Records) -> int:
    with records.reader() as reader:
        return int(reader.connection.execute(sa.select(sa.func.count()).select_from(made)).scalar_one())


def test_stalled_server__is_given_up_in_time_without_piling_up(server: Postgres, records: Records) -> None:
    process = psutil.Process()
    outcomes: list[tuple[float, str]] = []
    stop = threading.Event()

    def call(number: int) -> None:
        while not stop.is_set():
            began = time.monotonic()  # noqa: TID251 - what is measured is how long a caller waits
            try:
                with records.unit(over=(f"caller/{number}",)) if number % 2 else records.reader() as opened:
                    opened.connection.execute(sa.select(sa.func.count()).select_from(counted))
                word = "done"
            except (faults.EngineUnavailableError, port.RecordsBusyError) as problem:
                word = type(problem).__name__
                stop.wait(0.02)
            outcomes.append((time.monotonic() - began, word))  # noqa: TID251 - as above

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    pause = threading.Event()
    pause.wait(1.0)
    threads, bytes_before, calls_before = process.num_threads(), process.memory_info().rss, len(outcomes)
    server.pause()
    pause.wait(STALL_S)
    threads_stalled, bytes_stalled = process.num_threads(), process.memory_info().rss
    during = outcomes[calls_before:]
    server.resume()
    resumed = len(outcomes)
    until(lambda: any(word == "done" for _, word in outcomes[resumed + CALLERS :]), what="the records' recovery")
    stop.set()
    for caller in callers:
        caller.join()
    assert threads_stalled <= threads + 2
    assert bytes_stalled - bytes_before < MEGABYTES_MAX * 2**20
    assert any(word == "EngineUnavailableError" for _, word in during)
    assert max(taken for taken, _ in outcomes) < LONGEST_CALL_S


def test_locks_of_others__are_not_waited_for_without_end(
    url: str, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    from powerdesk.engines.scaled import records as scaled  # noqa: PLC0415 - an extra that a laptop may lack

    monkeypatch.setattr(scaled, "LOCK_S", 1)
    hurried = open_records(url)
    with records.unit(over=("a",)):
        for over in (("a",), ("b", "a"), None):
            with pytest.raises(port.RecordsBusyError, match="repeat"), hurried.unit(over=over):
                pass
        with hurried.unit(over=("b",)) as beside:
            beside.connection.execute(sa.select(1))
    hurried.close()


def test_restart_sequences__lets_numbers_go_on_after_those_present(records: Records) -> None:
    row = {"topic": "a", "key": "k", "value": b"", "headers": "{}", "queued_at": app_clock.SystemClock().now()}
    with records.unit() as unit:
        unit.connection.execute(sa.insert(bookkeeping.outbox).values(sequence=41, **row))
        records.restart_sequences(unit)
        unit.connection.execute(sa.insert(bookkeeping.outbox).values(**row))
        numbers = unit.connection.execute(sa.select(bookkeeping.outbox.c.sequence)).scalars().all()
    assert sorted(numbers) == [41, 42]


def test_stalled_unit__gives_its_locks_back_and_keeps_nothing(
    url: str, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    from powerdesk.engines.scaled import records as scaled  # noqa: PLC0415 - an extra that a laptop may lack

    monkeypatch.setattr(scaled, "IDLE_IN_TRANSACTION_S", 3)
    stalling = open_records(url)
    with pytest.raises(faults.EngineUnavailableError), stalling.unit() as unit:
        unit.connection.execute(sa.insert(made).values(key="never", writer=0))
        with records.unit() as other:  # waits for the lock until PostgreSQL ends the session that stalls
            other.connection.execute(sa.insert(made).values(key="kept", writer=0))
    stalling.close()
    with records.reader() as reader:
        assert list(reader.connection.execute(sa.select(made.c.key)).scalars()) == ["kept"]


def test_deadlock__of_units_over_nothing_is_a_busy_problem_for_one(records: Records) -> None:
    meet, outcomes = threading.Barrier(2), []

    def change(first: int, second: int) -> None:
        try:
            with records.unit(over=()) as unit:
                one_more = sa.update(counted).values(number=counted.c.number + 1)
                unit.connection.execute(one_more.where(counted.c.writer == first))
                meet.wait(timeout=PATIENCE_S)
                unit.connection.execute(one_more.where(counted.c.writer == second))
            outcomes.append("done")
        except port.RecordsBusyError:
            outcomes.append("busy")

    threads = [threading.Thread(target=change, args=pair) for pair in ((0, 1), (1, 0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy", "done"]
