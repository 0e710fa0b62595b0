"""Durable conditional updates of one hot row by 8 writers on PostgreSQL: the drawing-down of one balance.

The writers are processes, as roles are: threads of one process would share one interpreter. Each transaction is a unit
that takes 1 from the amount where enough is left, and counts its version; afterwards the balance, the version and the
acknowledged transactions must agree to the unit (zero drift). `a row each` is 8 rows, one a writer. The server is this
benchmark's own, with fsync. Peer: the same statements by psycopg alone, in as many processes.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy as sa

from harness import Measurement

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from powerdesk.app import clock, engines
from powerdesk.engines.scaled import records
from servers import needed
from servers.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

WRITERS = 8
EACH = 250
RUNS = 5
START = 10**9
WAIT_S = 60.0

balances = sa.Table(
    "balances",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)
AMOUNT, VERSION = balances.c.amount, balances.c.version
TAKE = (
    sa.update(balances)
    .where(balances.c.id == sa.bindparam("row"), AMOUNT >= 1)
    .values(amount=AMOUNT - 1, version=VERSION + 1)
)
TAKE_BY_HAND = "UPDATE balances SET amount = amount - 1, version = version + 1 WHERE id = %s AND amount >= 1"


def ours(address: str, row: int, over: tuple[str, ...]) -> Callable[[], None]:
    """Return one transaction by the Records port."""
    store = records.PostgresRecords(address, clock=clock.SystemClock(), migrations=engines.MIGRATIONS)

    def once() -> None:
        with store.unit(over=over) as unit:
            assert unit.connection.execute(TAKE, {"row": row}).rowcount == 1

    return once


def by_hand(address: str, row: int, over: tuple[str, ...]) -> Callable[[], None]:
    """Return the same by psycopg alone, without locks of its own."""
    del over
    connection = psycopg.connect(address)

    def once() -> None:
        assert connection.execute(TAKE_BY_HAND, [row]).rowcount == 1
        connection.commit()

    return once


def writer(
    make: Callable[[str, int, tuple[str, ...]], Callable[[], None]],
    arguments: tuple[str, int, tuple[str, ...]],
    starting: Barrier,
    rates: Connection,
) -> None:
    """Be one writer: RUNS times EACH transactions, all writers at once; tell when each run began and ended."""
    once = make(*arguments)
    once()
    for _ in range(RUNS):
        starting.wait(WAIT_S)
        began = time.time()
        for _ in range(EACH):
            once()
        rates.send((began, time.time()))
    rates.close()


def rates_of(make: Callable[..., Callable[[], None]], places: list[tuple[str, int, tuple[str, ...]]]) -> list[float]:
    """Return the transactions per second of every run of a process for each place."""
    context = multiprocessing.get_context("fork")  # a subject is no module that a new interpreter finds
    starting = context.Barrier(len(places))
    pipes = [context.Pipe(duplex=False) for _ in places]
    processes = [
        context.Process(target=writer, args=(make, place, starting, pipe[1]))
        for place, pipe in zip(places, pipes, strict=True)
    ]
    for process in processes:
        process.start()
    found = []
    for _ in range(RUNS):
        spans = [pipe[0].recv() for pipe in pipes]
        taken = max(end for _, end in spans) - min(begin for begin, _ in spans)
        found.append(len(places) * EACH / taken)
    for process in processes:
        process.join()
    return found


def figure(
    case: str, store: records.PostgresRecords, address: str, over: Callable[[int], tuple[str, ...]]
) -> Measurement:
    """Measure one case both ways and check the balance to the unit."""
    places = [(address, 0 if case.startswith("one hot row") else n, over(n)) for n in range(WRITERS)]
    store.close()  # no connection goes through a fork; the next unit opens one
    own, peer = rates_of(ours, places), rates_of(by_hand, places)
    done = 2 * WRITERS * (RUNS * EACH + 1)
    with store.unit() as unit:
        left, version = unit.connection.execute(sa.select(sa.func.sum(AMOUNT), sa.func.sum(VERSION))).one()
        assert (START * WRITERS - left, version) == (done, done), "the balance drifted"
        unit.connection.execute(sa.update(balances).values(amount=START, version=0))
    return Measurement(
        case=case,
        values=tuple(own),
        unit="transactions/s",
        peer=f"psycopg {psycopg.__version__}",
        peer_values=tuple(peer),
        target=1_500 if case == "one hot row, conditional" else None,
        higher_is_better=True,
    )


def measure() -> Iterator[Measurement]:
    """Yield the figures of every case."""
    with ExitStack() as ended:
        server = ended.enter_context(needed.own(Postgres))
        store = records.PostgresRecords(server.url, clock=clock.SystemClock(), migrations=engines.MIGRATIONS)
        ended.callback(store.close)
        with store.unit() as unit:
            balances.create(unit.connection)
            rows = [{"id": n, "amount": START, "version": 0} for n in range(WRITERS)]
            unit.connection.execute(sa.insert(balances), rows)
        yield figure("one hot row, conditional", store, server.url, lambda _: ())
        yield figure("one hot row, named lock", store, server.url, lambda _: ("balance/0",))
        yield figure("a row each, named locks", store, server.url, lambda writer: (f"balance/{writer}",))
