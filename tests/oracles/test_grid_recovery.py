"""From prices back to constraints, on prices of our own clearing rounded to a cent: what made them is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from powerdesk.grid import synthetic
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.recovery import audit, learning
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
    network = synthetic.network(n_bus=118, seed=4, congestion=0.7) if made else published(request.param)
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
    assert np.abs(found.shift_factors - truth)[known].max() < learning.WEAK_ERROR
    mixed = [one.shares @ truth[[names.index(name) for name in one.constraints]] for one in found.groups]
    assert np.abs(np.concatenate(mixed) - found.group_factors).max() < learning.WEAK_ERROR
