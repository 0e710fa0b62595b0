"""The simulated market: one real-time interval built and cleared, two days back-filled, a large file written and read.

Peers: the same programme with every line limit at once by scipy, and the same file read by Python's csv module.
Each timed interval is a fresh one, so that nothing is remembered between runs.
"""

from __future__ import annotations

import csv
import io
import itertools
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from harness import Measurement, timed
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import clearing, feed, market, parsing, payloads
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.simulation.types import Publication

START = datetime(2026, 1, 12, 6, tzinfo=UTC)
STEP = timedelta(minutes=5)
LOCATIONS = 18_500
DAY_AHEAD_DAYS = (date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 14))


def measure() -> Iterator[Measurement]:
    """Yield the measurements of the simulated market."""
    yield one_interval()
    yield Measurement(case="back-fill of 576 RT5 + 72 DA intervals", values=back_fill(), unit="s", target=8.0)
    publication = first(Kind.REAL_TIME_PRICES)
    large = payloads.payload(publication, seed=1, size=LOCATIONS)
    yield Measurement(
        case=f"write a file of {LOCATIONS} locations",
        values=timed(lambda: payloads.payload(publication, seed=1, size=LOCATIONS), runs=30),
        unit="ms",
    )
    yield Measurement(
        case=f"parse a file of {LOCATIONS} locations",
        values=timed(lambda: parsing.parse(large), runs=50),
        unit="ms",
        peer="csv module, floats and instants",
        peer_values=timed(lambda: read_by_csv(large), runs=5),
        target=25.0,
    )


def one_interval() -> Measurement:
    """Return the time to build and clear one real-time interval, intervals spread over a year."""
    starts = itertools.count()

    def ours() -> clearing.Clearing:
        start = START + next(starts) * 521 * STEP
        return clearing.clear(market.real_time_case(seed=1, interval=DeliveryInterval.of_minutes(start, 5)))

    peer_starts = itertools.count()

    def peer() -> object:
        start = START + next(peer_starts) * 521 * STEP
        case = market.real_time_case(seed=2, interval=DeliveryInterval.of_minutes(start, 5))
        return solve_by_scipy(case)

    return Measurement(
        case="build and clear one RT5 interval",
        values=timed(ours, runs=200, warm_up=5),
        unit="ms",
        peer="same case, every limit at once, scipy linprog highs-ds",
        peer_values=timed(peer, runs=40, warm_up=2),
        target=8.0,
    )


def solve_by_scipy(case: clearing.IntervalCase) -> object:
    """Solve the programme with every line's limit by scipy."""
    program = clearing.program(case, limited=tuple(range(len(case.line_names))))
    matrix = np.asarray(program.matrix)
    return optimize.linprog(
        program.cost,
        A_ub=np.vstack((matrix[1:], -matrix[1:])),
        b_ub=np.concatenate((program.row_upper[1:], -program.row_lower[1:])),
        A_eq=matrix[:1],
        b_eq=program.row_upper[:1],
        bounds=np.column_stack((program.col_lower, program.col_upper)),
        method="highs-ds",
    )


def back_fill() -> tuple[float, ...]:
    """Return the seconds of three back-fills of two days, each of another seed."""
    taken = []
    for seed in (21, 22, 23):
        began = time.perf_counter()
        for number in range(576):
            interval = DeliveryInterval.of_minutes(START + number * STEP, 5)
            clearing.clear(market.real_time_case(seed=seed, interval=interval))
        for day in DAY_AHEAD_DAYS:
            market.day_ahead(seed=seed, operating_day=day)
        taken.append(time.perf_counter() - began)
    return tuple(taken)


def first(kind: Kind) -> Publication:
    """Return the first publication of a kind after the start."""
    return next(one for one in feed.due(seed=1, after=START, upto=START + timedelta(days=2)) if one.kind is kind)


def read_by_csv(payload: bytes) -> list[tuple[object, ...]]:
    """Read the file with nothing but the standard library."""
    lines = io.StringIO(payload.decode())
    rows = csv.reader(itertools.islice(lines, 3, None))
    return [
        (row[0], datetime.fromisoformat(row[1]), datetime.fromisoformat(row[2]), *map(float, row[3:])) for row in rows
    ]
