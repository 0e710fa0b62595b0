"""Score forecasts made one after the other, each from what was known then, against what any forecast must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.forecast import baselines, binding, known
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.recovery.types import PanelError
from powerdesk.scoring import comparing, distributions, events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from powerdesk.grid.forecast.binding import Forecast
    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.scoring.comparing import Estimate

MODEL = "model"
BASELINES = {
    "persistence": baselines.persistence,
    "climatology": baselines.climatology,
    "recent climatology": baselines.recent,
    "yesterday": baselines.yesterday,
}
REFIT_DAYS = 7
BLOCK_DAYS = 7
LOG_FLOOR = 1e-4
"""Probabilities are kept this far from 0 and 1 in the log score only: baselines are certain, and wrong."""


@dataclass(frozen=True, eq=False, slots=True)
class Outcomes:
    """Every forecast scored (n,): number of its origin, whether the constraint bound, and per model what was said.

    `probability` and `crps` (in currency/MWh) hold an array (n,) per model. `unnamed` is the share of all binding that
    befell constraints which had never bound before the origin, and which no model can name.
    """

    origin: IntArray
    bound: FloatArray
    probability: Mapping[str, FloatArray]
    crps: Mapping[str, FloatArray]
    unnamed: float


@dataclass(frozen=True, slots=True)
class Score:
    """What one model scored: mean losses, areas, and its calibration as the reliability part of the Brier score."""

    brier: float
    reliability: float
    log_score: float
    average_precision: float
    roc_auc: float
    crps_per_mwh: float


@dataclass(frozen=True, slots=True)
class Skill:
    """The model against one baseline: skill in Brier score and CRPS, and average precision gained, with confidence."""

    brier: Estimate
    crps: Estimate
    average_precision_gained: Estimate


def run(
    *,
    panel: Panel,
    zone: str,
    origins_us: IntArray,
    ahead_us: tuple[int, int],
    features: Features = known.NONE,
) -> Outcomes:
    """Return what model and baselines said from each origin, and what came, over constraints that had bound before.

    The model is fitted anew every REFIT_DAYS origins. Intervals that were not published are not scored. Raises
    PanelError when nothing of what came is known.
    """
    origin: list[IntArray] = []
    bound: list[FloatArray] = []
    chance: dict[str, list[FloatArray]] = {name: [] for name in (MODEL, *BASELINES)}
    crps: dict[str, list[FloatArray]] = {name: [] for name in chance}
    binding_there, unnamed = 0, 0
    model = None
    for at, known_us in enumerate(origins_us.tolist()):
        past = panel.until(known_us)
        if model is None or at % REFIT_DAYS == 0:
            model = binding.fit(panel=past, zone=zone, known_us=known_us, ahead_us=ahead_us, features=features)
        said = {MODEL: binding.predict(model, panel=past, known_us=known_us, features=features)} | {
            name: make(panel=past, zone=zone, known_us=known_us, ahead_us=ahead_us) for name, make in BASELINES.items()
        }
        rows, seen = _came(panel, said[MODEL].start_us)
        came = panel.of(past.constraints, rows=seen)
        if not came.size:
            continue
        everything = int(np.count_nonzero(panel.shadow_price[seen]))
        binding_there += everything
        unnamed += everything - int(np.count_nonzero(came))
        origin.append(np.full(came.size, at))
        bound.append((came != 0.0).astype(np.float64).ravel())
        for name, forecast in said.items():
            probability, values = over(forecast, past.constraints)
            chance[name].append(probability[rows].ravel())
            crps[name].append(
                distributions.crps_mixture(
                    probability=probability[rows].ravel(),
                    values=values[rows].reshape(came.size, values.shape[2]),
                    observed=came.ravel(),
                )
            )
    if not bound:
        raise PanelError(
            found=f"{len(origins_us)} origins, and nothing known of the intervals after them",
            allowed="origins with published intervals after them",
            remedy="score earlier origins, or back-fill what came",
        )
    return Outcomes(
        np.concatenate(origin),
        np.concatenate(bound),
        {name: np.concatenate(parts) for name, parts in chance.items()},
        {name: np.concatenate(parts) for name, parts in crps.items()},
        unnamed / max(binding_there, 1),
    )


def over(forecast: Forecast, constraints: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return probability (m, k) and values (m, k, v) for constraints in this order, dormant ones included."""
    place = {name: at for at, name in enumerate(constraints)}
    column = [place[name] for name in forecast.constraints]
    probability = np.full((forecast.start_us.size, len(constraints)), forecast.dormant)
    values = np.zeros((*probability.shape, forecast.values.shape[2]))
    probability[:, column], values[:, column] = forecast.probability, forecast.values
    return probability, values


def _came(panel: Panel, start_us: IntArray) -> tuple[IntArray, IntArray]:
    """Return which of the intervals were published, and where they are in the panel."""
    at = (start_us - panel.start_us[0]) // (panel.minutes * panels.MINUTE_US)
    inside = (at >= 0) & (at < panel.start_us.size)
    rows = np.flatnonzero(inside & panel.published[at.clip(0, panel.start_us.size - 1)])
    return rows, at[rows]


def scores(outcomes: Outcomes) -> dict[str, Score]:
    """Return what each model scored; raises ScoreError when nothing bound."""
    return {
        name: Score(
            brier=events.brier(probability=chance, occurred=outcomes.bound),
            reliability=events.brier_parts(probability=chance, occurred=outcomes.bound, bins=20).reliability,
            log_score=events.log_score(probability=chance, occurred=outcomes.bound, floor=LOG_FLOOR),
            average_precision=events.average_precision(score=chance, occurred=outcomes.bound),
            roc_auc=events.roc_auc(score=chance, occurred=outcomes.bound),
            crps_per_mwh=float(outcomes.crps[name].mean()),
        )
        for name, chance in outcomes.probability.items()
    }


def skills(outcomes: Outcomes, *, generator: np.random.Generator, draws: int = 500) -> dict[str, Skill]:
    """Return the model's skill against each baseline with 95 % confidence, days drawn in blocks of BLOCK_DAYS."""
    n_origin = int(outcomes.origin.max()) + 1
    if n_origin < BLOCK_DAYS:
        raise PanelError(
            found=f"{n_origin} origins", allowed=f"{BLOCK_DAYS} or more", remedy="score a longer time for confidence"
        )
    counts = comparing.block_counts(n_period=n_origin, block=BLOCK_DAYS, draws=draws, generator=generator)
    areas = {name: _area(outcomes, chance, counts) for name, chance in outcomes.probability.items()}
    losses = {name: np.square(chance - outcomes.bound) for name, chance in outcomes.probability.items()}
    found = {}
    for name in BASELINES:
        brier, crps = (
            comparing.skill_interval(
                loss=np.bincount(outcomes.origin, loss[MODEL], n_origin),
                reference=np.bincount(outcomes.origin, loss[name], n_origin),
                counts=counts,
            )
            for loss in (losses, outcomes.crps)
        )
        (own, own_drawn), (other, other_drawn) = areas[MODEL], areas[name]
        gained = comparing.interval(value=own - other, drawn=own_drawn - other_drawn)
        found[name] = Skill(brier, crps, gained)
    return found


def _area(outcomes: Outcomes, chance: FloatArray, counts: IntArray) -> tuple[float, FloatArray]:
    whole = events.average_precision(score=chance, occurred=outcomes.bound)
    drawn = events.average_precision_resampled(
        score=chance, occurred=outcomes.bound, period=outcomes.origin, counts=counts
    )
    return whole, drawn
