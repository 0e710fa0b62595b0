"""Commitments of published cases against published figures: Egret's tests and results, UnitCommitment.jl's fixture."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from powerdesk.grid import uc_json
from powerdesk.grid.commitment import checking, committing
from powerdesk.grid.commitment.plan import Dispatch

if TYPE_CHECKING:
    from powerdesk.grid.commitment_case import CommitmentCase

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks"


def published(name: str) -> tuple[CommitmentCase, dict[str, Any]]:
    path = FOLDER / f"{name}.json.gz"
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout: put the published cases into shared/data/networks")
    data = path.read_bytes()
    return uc_json.read(data, file=path.name).case, json.loads(gzip.decompress(data))


EGRET_OPTIMA = {
    "egret_uc/test_case_1": 4201915.017320504,
    "egret_uc/test_case_2": 5454367.7670904165,
    "egret_uc/test_case_3": 5999272.361123627,
    "egret_uc/test_case_4": 5461120.3231092375,
    "egret_uc/test_case_5": 6062406.32677043,
}
"""Egret's `test_unit_commitment.py`: proven with a gap of 0, its quadratic costs by chords."""

CHORDS = 2e-5
"""Egret's chords lie above the quadratic costs that we count, its optimum above ours."""


@pytest.mark.parametrize("name", ["egret_uc/test_case_1", "egret_uc/test_case_2"])
def test_commit__holds_the_proven_optimum_between_bound_and_objective(name: str) -> None:
    case, _ = published(name)
    best = EGRET_OPTIMA[name]
    found = committing.commit(case, gap=2e-3, time_limit_s=600.0)
    assert found.gap <= 2e-3
    assert found.bound_usd <= best * (1.0 + CHORDS)
    assert best * (1.0 - CHORDS) <= found.objective_usd <= best * (1.0 + 2e-3 + CHORDS)


def test_commit__plans_610_units_without_branch_and_bound() -> None:
    case, _ = published("pglib-uc/ca_2014-09-01_reserves_1")
    assert len(case.units) == 610
    found = committing.commit(case, gap=1e-2, time_limit_s=600.0, most_nodes=0)
    assert found.gap <= 1e-2


@pytest.mark.parametrize(
    ("name", "chords"), [("egret_uc/tiny_uc_tc_4_results", 1e-4), ("egret_uc/tiny_uc_9_results", 1e-9)]
)
def test_commit__costs_what_egrets_result_costs(name: str, chords: float) -> None:
    case, told = published(name)
    best = told["system"]["total_cost"]
    found = committing.commit(case, gap=5e-4, time_limit_s=600.0)
    assert found.bound_usd <= best * (1.0 + 1e-9)
    assert best * (1.0 - chords) <= found.objective_usd <= best * (1.0 + 5e-4)


def test_costs__of_a_published_plan_are_its_own_and_it_keeps_every_limit() -> None:
    case, told = published("unitcommitment_jl/egret_output")
    generators = told["elements"]["generator"]

    def series(field: str, names: list[str]) -> np.ndarray:
        every = [generators[name][field]["values"] for name in names]
        return np.array(every, np.float64).reshape(len(names), case.load_mw.shape[0]).T

    units, variable = [one.name for one in case.units], [one.name for one in case.variable_units]
    on = series("commitment", units) > 0.5
    nothing = np.zeros((case.load_mw.shape[0], 0))
    dispatch = Dispatch(
        power_mw=series("pg", units) * on,
        reserve_mw=np.maximum(series("rg", units), 0.0)[:, :, None],
        variable_mw=series("pg", variable),
        served_mw=nothing,
        link_mw=nothing,
        shed_mw=np.zeros(case.load_mw.shape),
        short_mw=np.zeros((case.load_mw.shape[0], 1)),
    )
    assert checking.faults(case, on=on, dispatch=dispatch, flows=None) == ()
    costs = checking.costs(case, on=on, dispatch=dispatch, flows=None)
    assert costs.total == pytest.approx(told["system"]["total_cost"], rel=1e-9)
