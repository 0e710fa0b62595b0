"""Unit commitment: a day of 73 buses and 99 units with reserves and lines, published cases of 73 to 934 units.

Times are process time: the search is one thread, and what else runs is not counted. The peer of published cases is
HiGHS alone on the same programme to the same gap. Data of the made day are drawn from a seed on PGLib's case73, the
published files lie beside the checkout, as for the oracles.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import Measurement
from powerdesk.grid import matpower, uc_json
from powerdesk.grid.commitment import bridging, committing, fleet, modelling, pricing
from powerdesk.grid.commitment.plan import UnverifiedCommitmentError
from powerdesk.grid.commitment_case import Reserve, StartCost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from powerdesk.grid.commitment_case import CommitmentCase

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks"
HOURS = 24
NIGHT = (0.67, 0.63, 0.60, 0.59, 0.59, 0.60, 0.74, 0.86)
DAY = (0.95, 0.96, 0.96, 0.95, 0.95, 0.95, 0.93, 0.94)
EVENING = (0.99, 1.0, 1.0, 0.96, 0.91, 0.83, 0.73, 0.63)
PROFILE = np.array([*NIGHT, *DAY, *EVENING])
SEEDS = (1, 2, 3, 4, 5)
GAP = 5e-3
PUBLISHED = (
    "rts_gmlc_2020-01-27",
    "rts_gmlc_2020-04-03",
    "ca_2014-09-01_reserves_1",
    "ferc_2015-01-01_lw",
    "ferc_2015-01-01_hw",
)
PUBLISHED_GAP = 1e-2
LIMIT_S = 60.0
PEER_LIMIT_S = 40.0
LOAD_SHARE = 0.85
LIMITS_MW = (20.0, 50.0, 100.0, 200.0, 300.0)


def measure() -> Iterator[Measurement]:
    """Yield the measurements of unit commitment."""
    days = [day(seed) for seed in SEEDS]
    plans = [committing.commit(one, gap=GAP, most_nodes=0) for one in days]
    took = tuple(spent(partial(committing.commit, one, gap=GAP, most_nodes=0)) for one in days)
    yield Measurement(case=f"73 buses, 99 units, 24 h, gap {GAP:g} by dives", values=took, unit="s", target=1.5)
    gaps = tuple(100.0 * plan.gap for plan in plans)
    yield Measurement(case="gap proven for those plans", values=gaps, unit="%", target=100.0 * GAP)
    priced = tuple(spent(partial(pricing.price, one, on=plan.on)) for one, plan in zip(days, plans, strict=True))
    yield Measurement(case="prices of those plans", values=priced, unit="s")
    for name in PUBLISHED:
        yield from published(name)


def published(name: str) -> Iterator[Measurement]:
    """Yield time and gap of a published case within the limit, beside HiGHS alone where it finds a plan in time."""
    path = FOLDER / "pglib-uc" / f"{name}.json.gz"
    case = uc_json.read(path.read_bytes(), file=path.name).case
    found: list[tuple[str, float]] = []

    def ours() -> None:
        try:
            gap = committing.commit(case, gap=PUBLISHED_GAP, time_limit_s=LIMIT_S, clock=time.process_time).gap
        except UnverifiedCommitmentError:
            gap = np.inf
        found.append((f"{name}, {len(case.units)} units, {case.load_mw.shape[0]} h", 100.0 * gap))

    def alone() -> None:
        engine = modelling.engine_of(modelling.Model(case, fleet.of(case)).programme)
        answer = engine.solve(gap=PUBLISHED_GAP, time_limit_s=PEER_LIMIT_S)
        gap = (answer.objective - answer.bound) / max(abs(answer.objective), 1.0)
        found.append((f"HiGHS alone, {PEER_LIMIT_S:g} s", 100.0 * gap if answer.primal.size else np.inf))

    ours_s, alone_s = spent(ours), spent(alone)
    (title, gap), (peer, peer_gap) = found
    if np.isinf(gap):
        yield Measurement(case=f"{title}, no plan within {LIMIT_S:g} s", values=(ours_s,), unit="s")
        return
    if np.isinf(peer_gap):
        yield Measurement(case=f"{title}, gap {PUBLISHED_GAP:g}", values=(ours_s,), unit="s", peer=f"{peer}: no plan")
        yield Measurement(case=f"{title}, gap proven", values=(gap,), unit="%", target=100.0 * PUBLISHED_GAP)
        return
    yield Measurement(
        case=f"{title}, gap {PUBLISHED_GAP:g}", values=(ours_s,), unit="s", peer=peer, peer_values=(alone_s,)
    )
    yield Measurement(
        case=f"{title}, gap proven",
        values=(gap,),
        unit="%",
        peer=peer,
        peer_values=(peer_gap,),
        target=100.0 * PUBLISHED_GAP,
    )


def spent(call: Callable[[], object]) -> float:
    """Return the process time of a call in seconds."""
    began = time.process_time()
    call()
    return time.process_time() - began


def day(seed: int) -> CommitmentCase:
    """Return a day on PGLib's case73: units' times by their size, costs in three blocks, load with noise by bus."""
    path = FOLDER / "pglib-opf" / "typ" / "pglib_opf_case73_ieee_rts.m.gz"
    network = matpower.read(path.read_bytes(), file=path.name).network
    held, random = network.generators, np.random.default_rng(seed)
    size = np.searchsorted(LIMITS_MW, held.max_mw)
    noise = random.normal(1.0, 0.03, (HOURS, 1)) * random.normal(1.0, 0.02, (HOURS, len(network.buses)))
    linear = held.linear_usd_per_mwh * random.normal(1.0, 0.05, len(held))
    was_on = np.where(random.random(len(held)) < 0.6, 10.0, -10.0)
    was_on[held.max_mw > LIMITS_MW[-1]] = 48.0
    water = (held.linear_usd_per_mwh < 1.0) & (held.max_mw <= 60.0)
    start_usd = 20.0 * held.max_mw
    times = bridging.UnitTimes(
        committed=~water & (held.max_mw > 0.0),
        min_up_hours=np.array([1.0, 1.0, 4.0, 8.0, 8.0, 24.0])[size],
        min_down_hours=np.array([1.0, 1.0, 4.0, 8.0, 8.0, 48.0])[size],
        ramp_mw_per_h=np.array([180.0, 300.0, 120.0, 180.0, 180.0, 240.0])[size],
        start_limit_mw=held.min_mw,
        stop_limit_mw=held.min_mw,
        start_costs=tuple(
            (StartCost(1.0, 0.5 * usd), StartCost(8.0, 0.8 * usd), StartCost(24.0, usd)) for usd in start_usd.tolist()
        ),
        initial_hours=was_on,
        initial_mw=np.where(was_on > 0.0, np.maximum(held.min_mw, 0.6 * held.max_mw), 0.0),
    )
    horizon = bridging.Horizon(
        hours=1.0,
        load_mw=LOAD_SHARE * network.demand_mw[None, :] * PROFILE[:, None] * noise,
        min_mw=np.tile(np.where(water, 0.0, held.min_mw), (HOURS, 1)),
        max_mw=np.tile(held.max_mw, (HOURS, 1)),
        available=np.ones((HOURS, len(held)), bool),
    )
    power = np.linspace(held.min_mw, held.max_mw, 4)
    usd = held.constant_usd_per_h + linear * power + held.quadratic_usd_per_mw2h * power**2
    bent = (held.max_mw > held.min_mw) & (held.min_mw > 0.0)
    generators = replace(
        held,
        linear_usd_per_mwh=linear,
        quadratic_usd_per_mw2h=np.zeros(len(held)),
        curve_start=np.concatenate(([0], np.cumsum(np.where(bent, 4, 0)))),
        curve_mw=power.T[bent].ravel(),
        curve_usd_per_h=usd.T[bent].ravel(),
    )
    reserves = (
        Reserve("spinning", "spinning", np.full(HOURS, 250.0), 1000.0),
        Reserve("regulation down", "regulation_down", np.full(HOURS, 80.0), 500.0),
    )
    return bridging.case_of(replace(network, generators=generators), times=times, horizon=horizon, reserves=reserves)
