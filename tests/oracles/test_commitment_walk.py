"""Plans of pglib-uc cases walked from the file itself: none of our types, readers or curves, only JSON and the plan.

The rules are those of pglib-uc's MODEL.pdf (Knueven, Ostrowski, Watson): times, ramps, start and stop limits, balance,
reserve and costs, with starts by hours off.
"""

from __future__ import annotations

import gzip
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from powerdesk.grid import uc_json
from powerdesk.grid.commitment import committing

if TYPE_CHECKING:
    from powerdesk.grid.commitment.plan import Commitment
    from powerdesk.grid.commitment_case import CommitmentCase

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks" / "pglib-uc"
NEAR_MW = 2e-3
"""What HiGHS's rounding adds up to over a thousand units."""


def start_usd(lags: list[dict[str, float]], hours_off: float) -> float:
    """Return the cost of the last lag that has passed."""
    usd = lags[0]["cost"]
    for one in lags:
        if one["lag"] <= hours_off:
            usd = one["cost"]
    return usd


def run_usd(points: list[dict[str, float]], mw: float) -> float:
    """Return the cost of a power on the lines between points."""
    for left, right in itertools.pairwise(points):
        if mw <= right["mw"] + NEAR_MW:
            return left["cost"] + (right["cost"] - left["cost"]) * (mw - left["mw"]) / (right["mw"] - left["mw"])
    return points[-1]["cost"]


def walk(unit: dict[str, Any], on: list[bool], mw: list[float], spare: list[float]) -> tuple[list[str], float]:
    """Return what a unit's plan breaks, and what it costs."""
    wrong: list[str] = []
    was, before = unit["unit_on_t0"] == 1, unit["power_output_t0"]
    hours = unit["time_up_t0"] if was else unit["time_down_t0"]
    usd, before_spare = 0.0, 0.0
    for t, now in enumerate(on):
        if now != was:
            if hours < unit["time_down_minimum" if now else "time_up_minimum"]:
                wrong.append(f"{t}: {hours} h")
            usd += start_usd(unit["startup"], hours) if now else 0.0
            hours = 0
        excess = beyond(unit, (was, now), (before, mw[t]), (before_spare, spare[t]))
        wrong += [f"{t}: {name} by {by} MW" for name, by in excess.items() if by > NEAR_MW]
        if unit["must_run"] and not now:
            wrong.append(f"{t}: off against its order")
        usd += run_usd(unit["piecewise_production"], mw[t]) if now else 0.0
        was, before, before_spare, hours = now, mw[t] if now else 0.0, spare[t], hours + 1
    return wrong, usd


def beyond(
    unit: dict[str, Any], on: tuple[bool, bool], mw: tuple[float, float], spare: tuple[float, float]
) -> dict[str, float]:
    """Return by how many MW limits are broken from one hour to the next; states, power and reserve are of both."""
    (was, now), (before, power), (before_spare, held) = on, mw, spare
    low = unit["power_output_minimum"]
    found = {"reserve below zero": -held}
    if not now:
        found["power while off"] = max(abs(power), held)
        if was:
            found["its last hour"] = before + before_spare - max(unit["ramp_shutdown_limit"], low)
        return found
    found |= {"low": low - power, "high": power + held - unit["power_output_maximum"]}
    if was:
        found |= {"up": power + held - before - unit["ramp_up_limit"], "down": before - power - unit["ramp_down_limit"]}
    else:
        found["its first hour"] = power + held - max(unit["ramp_startup_limit"], low)
    return found


def walked(data: bytes, case: CommitmentCase, plan: Commitment) -> tuple[list[str], float]:
    """Return what a plan breaks of a file's case, and what it costs."""
    told = json.loads(gzip.decompress(data))
    wrong: list[str] = []
    usd = 0.0
    total, spare = np.zeros(told["time_periods"]), np.zeros(told["time_periods"])
    assert {one.name for one in case.units} == set(told["thermal_generators"])
    for at, one in enumerate(case.units):
        mw, held = plan.dispatch.power_mw[:, at], plan.dispatch.reserve_mw[:, at].sum(axis=1)
        faults, cost = walk(told["thermal_generators"][one.name], plan.on[:, at].tolist(), mw.tolist(), held.tolist())
        wrong += [f"{one.name} {fault}" for fault in faults]
        usd, total, spare = usd + cost, total + mw, spare + held
    for at, wind in enumerate(case.variable_units):
        mw, limits = plan.dispatch.variable_mw[:, at], told["renewable_generators"][wind.name]
        least, most = (np.array(limits[f"power_output_{end}"]) for end in ("minimum", "maximum"))
        wrong += [wind.name] if (mw < least - NEAR_MW).any() or (mw > most + NEAR_MW).any() else []
        total = total + mw
    wrong += [f"balance {t}" for t in np.flatnonzero(np.abs(total - told["demand"]) > NEAR_MW)]
    wrong += [f"reserve {t}" for t in np.flatnonzero(spare < np.array(told["reserves"]) - NEAR_MW)]
    return wrong, usd


def test_commit__plan_keeps_every_limit_of_the_file_and_costs_what_it_says() -> None:
    path = FOLDER / "rts_gmlc_2020-02-09.json.gz"
    if not path.exists():
        pytest.skip("pglib-uc is not beside the checkout: put the published cases into shared/data/networks")
    data = path.read_bytes()
    case = uc_json.read(data, file=path.name).case
    plan = committing.commit(case, gap=5e-2, most_nodes=0, time_limit_s=3600.0)
    wrong, usd = walked(data, case, plan)
    assert wrong == []
    assert plan.objective_usd == pytest.approx(usd, rel=1e-7)
    shifted = replace(plan, on=np.roll(plan.on, 1, axis=0))
    assert walked(data, case, shifted)[0]
