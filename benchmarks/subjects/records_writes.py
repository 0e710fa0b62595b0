"""Durable conditional updates of one hot row by 8 writers on PostgreSQL: the drawing-down of one balance.

Each transaction is a unit that takes 1 from the amount where enough is left, and counts its version; afterwards the
balance, the version and the acknowledged transactions must agree to the unit (zero drift). `rows` is 8 rows, one a
writer. The server is this benchmark's own, with fsync. Peer: the same statements by psycopg alone.
"""

from __future__ import annotations

import sys
import threading
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

WRITERS = 8
EACH = 150
RUNS = 5
START = 10**9

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


def in_threads(work: Callable[[int], None]) -> float:
    """Run `work(writer)` in WRITERS threads; return transactions per second."""
    failures: list[BaseException] = []

    def guarded(writer: int) -> None:
        try:
            work(writer)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(writer,)) for writer in range(WRITERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - began
    if failures:
        raise failures[0]
    return WRITERS * EACH / taken


def figure(
    case: str, store: records.PostgresRecords, address: str, over: Callable[[int], tuple[str, ...]]
) -> Measurement:
    """Measure one case both ways and check the balance to the unit."""
    row = (lambda _: 0) if case.startswith("one hot row") else (lambda writer: writer)
    done = [0]
    lock = threading.Lock()

    def ours(writer: int) -> None:
        for _ in range(EACH):
            with store.unit(over=over(writer)) as unit:
                assert unit.connection.execute(TAKE, {"row": row(writer)}).rowcount == 1
        with lock:
            done[0] += EACH

    def by_hand(writer: int) -> None:
        with psycopg.connect(address) as connection:
            for _ in range(EACH):
                assert connection.execute(TAKE_BY_HAND, [row(writer)]).rowcount == 1
                connection.commit()
        with lock:
            done[0] += EACH

    in_threads(ours)
    own = tuple(in_threads(ours) for _ in range(RUNS))
    peer = tuple(in_threads(by_hand) for _ in range(RUNS))
    with store.unit() as unit:
        left, version = unit.connection.execute(sa.select(sa.func.sum(AMOUNT), sa.func.sum(VERSION))).one()
        assert (START * WRITERS - left, version) == (done[0], done[0]), "the balance drifted"
        unit.connection.execute(sa.update(balances).values(amount=START, version=0))
    return Measurement(
        case=case,
        values=own,
        unit="transactions/s",
        peer=f"psycopg {psycopg.__version__}",
        peer_values=peer,
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
