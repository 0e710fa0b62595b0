"""The congestion forecast on recorded and on simulated constraints: what it takes, and how well it does.

CAISO real-time shadow prices of 2025: every tenth day at 18:00 UTC the 24 hours that begin 14 hours later are forecast
from what was published by then, for every constraint that had bound before; the model is fitted anew at every seventh.
Settings were chosen on April and May, the scores are of June to December. The panel is read from shared/data/iso/caiso
beside the checkout when it is there. It holds binding constraints only: intervals without any row (one in ten) may have
been quiet or may be missing, and are taken as not published.

The simulated market, whose truth is known: 40 days of it are made in memory and the last 21 forecast, each at
10:00 of the day before, as the desk does, with the outlooks of load, wind and sun published by then and without them.

Peers: the state at the origin, how often it was so at that hour (ever, and in 30 days), the same hour yesterday.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import simulated_days
from harness import Measurement, timed
from powerdesk.grid.forecast import binding, known, rolling
from powerdesk.grid.forecast import panel as panels
from powerdesk.kernel.calendars import CALENDARS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.forecast.rolling import Outcomes
    from simulated_days import Simulated

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "iso" / "caiso"
FILE = DATA / "constraint_shadow_prices_2025.parquet"
ZONE = "America/Los_Angeles"
AHEAD_US = (14 * panels.HOUR_US, 38 * panels.HOUR_US)
FIRST, LAST = datetime(2025, 6, 1, 18, tzinfo=UTC), datetime(2025, 12, 29, 18, tzinfo=UTC)
DAYS_APART, DRAWS = 10, 200
INTERVAL, DELAY = timedelta(minutes=5), timedelta(minutes=5)
"""Real-time constraints are taken to be known five minutes after their interval."""


SIMULATED_FROM, SIMULATED_DAYS, LEARNED_DAYS, PROCESSES = date(2026, 6, 1), 40, 18, 2
RUNS = (simulated_days.DAY_AHEAD, simulated_days.REAL_TIME)


def measure() -> Iterator[Measurement]:
    """Yield the times and scores, of recorded constraints only where the panel is there."""
    if FILE.is_file():
        yield from recorded()
    days = simulated_days.simulated(first=SIMULATED_FROM, days=SIMULATED_DAYS, runs=RUNS, processes=PROCESSES)
    for run in RUNS:
        seeing = forecast(days, run, days.outlooks)
        name = f"SIM {run}"
        yield from scored(seeing, name)
        yield from helped(seeing, forecast(days, run, known.NONE), name)


def recorded() -> Iterator[Measurement]:
    """Yield the times and scores on CAISO's constraints."""
    panel = read()
    origin = micros(FIRST)
    yield Measurement(case="CAISO 2025: read and average to hours", values=timed(read, runs=1, warm_up=0), unit="ms")
    model = binding.fit(panel=panel, zone=ZONE, known_us=origin, ahead_us=AHEAD_US)
    fitting = timed(lambda: binding.fit(panel=panel, zone=ZONE, known_us=origin, ahead_us=AHEAD_US), runs=1, warm_up=0)
    yield Measurement(
        case=f"fit, {len(model.constraints)} constraints that bound in 90 days", values=fitting, unit="ms"
    )
    predicting = timed(lambda: binding.predict(model, panel=panel, known_us=origin), runs=3)
    yield Measurement(case="forecast of 24 hours", values=predicting, unit="ms")
    step = panels.DAY_US * np.arange(0, (LAST - FIRST).days + 1, DAYS_APART)
    yield from scored(rolling.run(panel=panel, zone=ZONE, origins_us=origin + step, ahead_us=AHEAD_US), "CAISO")


def forecast(days: Simulated, run: str, features: Features) -> Outcomes:
    """Return what was said of each day after those learned from, at 10:00 of the day before, and what came."""
    calendar = CALENDARS["SIM"]
    of_issue = [SIMULATED_FROM + timedelta(days=one) for one in range(LEARNED_DAYS, SIMULATED_DAYS - 1)]
    origins = [micros(calendar.day_interval(day).start + timedelta(hours=10)) for day in of_issue]
    return rolling.run(
        panel=days.panels[run],
        zone=calendar.zone,
        origins_us=np.array(origins, dtype=np.int64),
        ahead_us=AHEAD_US,
        features=features,
    )


def helped(seeing: Outcomes, blind: Outcomes, name: str) -> Iterator[Measurement]:
    """Yield the scores with outlooks beside those without."""
    own, other = (rolling.scores(one)[rolling.MODEL] for one in (seeing, blind))
    peer = "the model without outlooks"
    for case, ours, theirs, unit, higher in (
        ("Brier", 1e3 * own.brier, 1e3 * other.brier, "score x 1000", False),
        ("average precision", own.average_precision, other.average_precision, "score", True),
        ("CRPS", own.crps_per_mwh, other.crps_per_mwh, "USD/MWh", False),
    ):
        yield Measurement(f"{name}: {case}", (ours,), unit, peer=peer, peer_values=(theirs,), higher_is_better=higher)


def scored(outcomes: Outcomes, of: str) -> Iterator[Measurement]:
    """Yield scores beside each peer's, and the skill with the ends of its interval of 95 %."""
    found = rolling.scores(outcomes)
    own = found[rolling.MODEL]
    days = int(outcomes.origin.max()) + 1
    yield Measurement(
        case=f"{of}: forecasts scored over {days} days", values=(float(outcomes.bound.size),), unit="forecasts"
    )
    yield Measurement(case=f"{of}: share of hours bound", values=(float(outcomes.bound.mean()),), unit="1")
    yield Measurement(case=f"{of}: binding of constraints never seen before", values=(outcomes.unnamed,), unit="1")
    yield Measurement(case=f"{of}: Brier, reliability part", values=(1e3 * own.reliability,), unit="score x 1000")
    for name in rolling.BASELINES:
        peer = found[name]
        for case, ours, theirs, unit, higher in (
            ("Brier", 1e3 * own.brier, 1e3 * peer.brier, "score x 1000", False),
            ("log score", own.log_score, peer.log_score, "nats", False),
            ("average precision", own.average_precision, peer.average_precision, "score", True),
            ("ROC area", own.roc_auc, peer.roc_auc, "score", True),
            ("CRPS", own.crps_per_mwh, peer.crps_per_mwh, "USD/MWh", False),
        ):
            yield Measurement(f"{of}: {case}", (ours,), unit, peer=name, peer_values=(theirs,), higher_is_better=higher)
    for name, skill in rolling.skills(outcomes, generator=np.random.default_rng(0), draws=DRAWS).items():
        for case, estimate in (
            ("skill in Brier", skill.brier),
            ("skill in CRPS", skill.crps),
            ("average precision gained", skill.average_precision_gained),
        ):
            for end, value in (("", estimate.value), (", low", estimate.low), (", high", estimate.high)):
                yield Measurement(
                    f"{of}: {case} over {name}{end}", (value,), "score", target=0.0, higher_is_better=True
                )


def read() -> Panel:
    """Return the hourly panel of the recorded rows."""
    rows = pq.read_table(FILE)
    begin = pc.unique(rows["interval_start"])
    published = pa.table(
        {
            "interval_start": begin,
            "interval_end": pc.add(begin, pa.scalar(INTERVAL)),
            "published_at": pc.add(begin, pa.scalar(INTERVAL + DELAY)),
        }
    )
    named = pa.table(
        {
            "constraint": rows["constraint_key"],
            "interval_start": rows["interval_start"],
            "shadow_price_per_mwh": rows["mu"],
        }
    )
    return panels.of_tables(rows=named, published=published)


def micros(instant: datetime) -> int:
    """Return microseconds since 1970."""
    return int(instant.timestamp()) * 1_000_000
