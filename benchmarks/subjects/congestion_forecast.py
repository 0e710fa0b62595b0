"""The congestion forecast on CAISO's real-time shadow prices of 2025: what it takes, and how well it does.

Every third day at 18:00 UTC the 24 hours that begin 14 hours later are forecast from what was published by then, for
every constraint that had bound before; the model is fitted anew at every seventh. Settings were chosen on April and
May, the scores are of June to December. Peers: the state at the origin, how often it was so at that hour (ever, and in
30 days), the same hour yesterday.

The panel is read from shared/data/iso/caiso beside the checkout when it is there. It holds binding constraints only:
intervals without any row (one in ten) may have been quiet or may be missing, and are taken as not published.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness import Measurement, timed
from powerdesk.grid.forecast import binding, rolling
from powerdesk.grid.forecast import panel as panels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.forecast.rolling import Outcomes

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "iso" / "caiso"
FILE = DATA / "constraint_shadow_prices_2025.parquet"
ZONE = "America/Los_Angeles"
AHEAD_US = (14 * panels.HOUR_US, 38 * panels.HOUR_US)
FIRST, LAST = datetime(2025, 6, 1, 18, tzinfo=UTC), datetime(2025, 12, 29, 18, tzinfo=UTC)
DAYS_APART, DRAWS = 3, 200
INTERVAL, DELAY = timedelta(minutes=5), timedelta(minutes=5)
"""Real-time constraints are taken to be known five minutes after their interval."""


def measure() -> Iterator[Measurement]:
    """Yield the times and scores; nothing when the panel is not there."""
    if not FILE.is_file():
        return
    panel = read()
    origin = micros(FIRST)
    yield Measurement(case="CAISO 2025: read and average to hours", values=timed(read, runs=2, warm_up=0), unit="ms")
    model = binding.fit(panel=panel, zone=ZONE, known_us=origin, ahead_us=AHEAD_US)
    fitting = timed(lambda: binding.fit(panel=panel, zone=ZONE, known_us=origin, ahead_us=AHEAD_US), runs=2, warm_up=0)
    yield Measurement(
        case=f"fit, {len(model.constraints)} constraints that bound in 90 days", values=fitting, unit="ms"
    )
    predicting = timed(lambda: binding.predict(model, panel=panel, known_us=origin), runs=3)
    yield Measurement(case="forecast of 24 hours", values=predicting, unit="ms")
    step = panels.DAY_US * np.arange(0, (LAST - FIRST).days + 1, DAYS_APART)
    yield from scored(rolling.run(panel=panel, zone=ZONE, origins_us=origin + step, ahead_us=AHEAD_US))


def scored(outcomes: Outcomes) -> Iterator[Measurement]:
    """Yield scores beside each peer's, and the skill with the ends of its interval of 95 %."""
    found = rolling.scores(outcomes)
    own = found[rolling.MODEL]
    days = int(outcomes.origin.max()) + 1
    yield Measurement(case=f"forecasts scored over {days} days", values=(float(outcomes.bound.size),), unit="forecasts")
    yield Measurement(case="share of hours bound", values=(float(outcomes.bound.mean()),), unit="1")
    yield Measurement(case="binding of constraints never seen before", values=(outcomes.unnamed,), unit="1")
    yield Measurement(case="Brier, reliability part", values=(1e3 * own.reliability,), unit="score x 1000")
    for name in rolling.BASELINES:
        peer = found[name]
        for case, ours, theirs, unit, higher in (
            ("Brier", 1e3 * own.brier, 1e3 * peer.brier, "score x 1000", False),
            ("log score", own.log_score, peer.log_score, "nats", False),
            ("average precision", own.average_precision, peer.average_precision, "score", True),
            ("ROC area", own.roc_auc, peer.roc_auc, "score", True),
            ("CRPS", own.crps_per_mwh, peer.crps_per_mwh, "USD/MWh", False),
        ):
            yield Measurement(case, (ours,), unit, peer=name, peer_values=(theirs,), higher_is_better=higher)
    for name, skill in rolling.skills(outcomes, generator=np.random.default_rng(0), draws=DRAWS).items():
        for case, estimate in (
            ("skill in Brier", skill.brier),
            ("skill in CRPS", skill.crps),
            ("average precision gained", skill.average_precision_gained),
        ):
            for end, value in (("", estimate.value), (", low", estimate.low), (", high", estimate.high)):
                yield Measurement(f"{case} over {name}{end}", (value,), "score", target=0.0, higher_is_better=True)


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
