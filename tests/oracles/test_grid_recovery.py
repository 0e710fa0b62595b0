"""From prices back to constraints, on prices of our own clearing rounded to a cent: what made them is known exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from powerdesk.grid import synthetic
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.recovery import audit, constraints, imputing, learning
from powerdesk.grid.recovery.audit import Cause
from powerdesk.grid.recovery.types import Identifiability
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import FloatArray, IntArray, Network

N_INTERVAL = 400
DAY = 48


@dataclass(frozen=True)
class History:
    """Prices to a cent (n_interval, n_bus), and the truth: mu (n_interval, k) of the branches that ever bound."""

    sensitivities: Sensitivities
    prices: FloatArray
    branches: IntArray
    shadow: FloatArray

    @property
    def congestion(self) -> FloatArray:
        """Prices less the one at the reference."""
        own = self.sensitivities.reference_of
        return np.asarray(self.prices - self.prices[:, own])


@pytest.fixture(scope="module", params=["pglib_opf_case118_ieee__api", "synthetic"])
def history(request: pytest.FixtureRequest, published: Callable[[str], Network]) -> History:
    """Clear a daily profile with 1 % noise of its own at every bus and up to a tenth of each generator away."""
    made = request.param == "synthetic"
    network = synthetic.network(n_bus=118, seed=4, congestion=0.1) if made else published(request.param)
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    session, draw = Session(sensitivities), np.random.default_rng(1)
    prices, shadow = [], np.zeros((N_INTERVAL, len(network.branches)))
    for at in range(N_INTERVAL):
        shape = 0.6 + 0.2 * (1.0 - np.cos(2.0 * np.pi * at / DAY))
        noise = 1.0 + 0.01 * draw.standard_normal(len(network.buses))
        available = network.generators.max_mw * draw.uniform(0.9, 1.0, network.generators.max_mw.size)
        cleared = session.clear(demand_mw=network.demand_mw * shape * noise, max_mw=available)
        prices.append(cleared.lmp)
        for one in cleared.constraints:
            shadow[at, one.branch] -= one.direction * one.shadow_price_usd_per_mwh
    bound = np.flatnonzero(shadow.any(axis=0))
    return History(sensitivities, np.round(prices, 2), bound, shadow[:, bound])


def test_audit__leaves_nothing_of_clean_prices_and_names_the_corrupted_node(history: History) -> None:
    factors = history.sensitivities.rows(history.branches)
    shadow = np.round(history.shadow, 2)
    clean = audit.audit(prices=history.prices, shadow_prices=shadow, shift_factors=factors)
    assert set(clean.nodes) == set(clean.intervals) == {Cause.EXPLAINED}
    assert np.abs(clean.residual).max() < 0.03
    prices = history.prices.copy()
    prices[100:110, 17] *= 1.02
    wrong = audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors)
    assert [at for at, cause in enumerate(wrong.nodes) if cause is not Cause.EXPLAINED] == [17]
    assert wrong.nodes[17] is Cause.DATA_ERROR


def test_audit__tells_that_a_constraint_was_not_published(history: History) -> None:
    factors = history.sensitivities.rows(history.branches)
    widest = int(np.argmax(np.abs(factors - np.median(factors, axis=1, keepdims=True)).sum(axis=1)))
    kept = np.arange(history.branches.size) != widest
    less = audit.audit(prices=history.prices, shadow_prices=history.shadow[:, kept], shift_factors=factors[kept])
    bound = history.shadow[:, widest] != 0.0
    told = np.array([cause is Cause.MISSING_CONSTRAINT for cause in less.intervals])
    assert np.mean(told[bound]) > 0.9
    assert not told[~bound].any()


def test_learn__predicts_the_congestion_of_intervals_to_come_and_is_right_about_what_it_knows(history: History) -> None:
    names = tuple(history.sensitivities.network.branches.name[one] for one in history.branches.tolist())
    shadow, seen = np.round(history.shadow, 2), 100
    state = learning.learn(
        learning.start(n_node=history.prices.shape[1]),
        constraints=names,
        shadow_prices=shadow[:seen],
        congestion=history.congestion[:seen],
        forgetting=0.999,
    )
    (found,) = learning.estimate(state)
    later = history.congestion[seen:]
    assert np.sqrt(np.mean((later - shadow[seen:] @ found.fitted) ** 2)) < 0.03 * later.std()
    truth = history.sensitivities.rows(history.branches)
    known = np.array([one is Identifiability.IDENTIFIED for one in found.verdicts])
    assert known.any()
    assert np.abs(found.shift_factors - truth)[known].max() < 3.0 * learning.WEAK_ERROR
    mixed = [one.shares @ truth[[names.index(name) for name in one.constraints]] for one in found.groups]
    assert np.abs(np.concatenate(mixed) - found.group_factors).max() < 3.0 * learning.WEAK_ERROR


@dataclass(frozen=True)
class Score:
    """Precision and recall of the binding set, counted on classes; shares of intervals; verdicts of the panel."""

    precision: float
    recall: float
    unidentified: float
    claimed_wrongly: float
    panel: set[Identifiability]


def scored(history: History, known: constraints.Candidates, *, every: int = 8) -> Score:
    class_of = {branch: at for at, members in enumerate(known.classes) for branch in members}
    right = told = bound = unidentified = wrong = 0
    intervals = range(0, N_INTERVAL, every)
    prices = history.prices[::every][:, known.nodes]
    for at, one in zip(intervals, prices, strict=True):
        found = constraints.recover(known, prices=one)
        got = {class_of[one.branches[0]] for one in found.found}
        truth = {class_of[one] for one in history.branches[history.shadow[at] != 0.0].tolist() if one in class_of}
        right, told, bound = right + len(got & truth), told + len(got), bound + len(truth)
        doubtful = found.verdict is Identifiability.UNIDENTIFIED
        unidentified += doubtful
        wrong += not doubtful and len(got - truth) > 1  # one more or less may be an alternative
    panel = {one.verdict for one in constraints.recover_panel(known, prices=prices)}
    return Score(right / told, right / bound, unidentified / len(intervals), wrong / len(intervals), panel)


def test_recover__finds_the_binding_set(history: History) -> None:
    network = history.sensitivities.network
    nodes, branches = np.arange(len(network.buses)), network.live_branches
    found = scored(history, constraints.candidates(history.sensitivities, nodes=nodes, branches=branches))
    assert min(found.precision, found.recall) >= 0.95
    assert found.unidentified <= 0.05
    assert found.claimed_wrongly == 0.0
    assert found.panel != {Identifiability.UNIDENTIFIED}


@pytest.mark.parametrize(("off", "seed"), [(0.05, 1), (0.1, 3), (0.3, 5)])
def test_recover__with_a_corrupted_topology_is_worse_and_says_so(history: History, off: float, seed: int) -> None:
    network = history.sensitivities.network
    lines = network.branches
    wrong = lines.reactance_pu * np.random.default_rng(seed).uniform(1.0 - off, 1.0 + off, len(lines))
    other = Sensitivities(replace(network, branches=replace(lines, reactance_pu=wrong)), model=BranchModel.DCP)
    nodes = np.arange(len(network.buses))
    corrupted = constraints.candidates(other, nodes=nodes, branches=network.live_branches)
    found = scored(history, corrupted, every=16)
    assert found.precision < 0.7
    assert found.unidentified > 0.6
    assert found.panel == {Identifiability.UNIDENTIFIED}


def test_recover__at_a_quarter_of_the_nodes_claims_nothing(history: History) -> None:
    network = history.sensitivities.network
    nodes = np.sort(np.random.default_rng(0).choice(len(network.buses), 30, replace=False))
    few = constraints.candidates(history.sensitivities, nodes=nodes, branches=network.live_branches)
    assert scored(history, few).unidentified == 1.0


@pytest.mark.parametrize("gaps", ["scattered", "nodes for half of the time"])
def test_impute__is_far_better_than_the_mean_of_each_node(history: History, gaps: str) -> None:
    truth, draw = history.congestion, np.random.default_rng(5)
    missing = draw.uniform(size=truth.shape) < 0.2
    if gaps != "scattered":
        missing[:] = False
        missing[N_INTERVAL // 2 :, draw.choice(truth.shape[1], 40, replace=False)] = True
    panel = np.where(missing, np.nan, truth)
    found = imputing.impute(congestion=panel, seed=1)
    assert found.verdict is Identifiability.IDENTIFIED
    assert np.array_equal(found.filled, missing)
    error = np.sqrt(np.mean((found.congestion - truth)[missing] ** 2))
    of_mean = np.sqrt(np.mean((np.nanmean(panel, axis=0) - truth)[missing] ** 2))
    assert error < 0.2 * of_mean
    assert np.array_equal(found.congestion[~missing], truth[~missing])
