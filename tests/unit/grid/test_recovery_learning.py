"""Shift factors learned online: on factors that are known, and where the data leave them open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid.recovery import learning, types
from powerdesk.grid.recovery.types import Identifiability

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray

N_INTERVAL, N_NODE = 60, 12
NAMES = ("north", "south", "tie", "tie after outage")


def panel(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mu, congestion to a cent, and the factors."""
    draw = np.random.default_rng(seed)
    factors = draw.uniform(-1.0, 1.0, (len(NAMES), N_NODE))
    binds = draw.uniform(size=(N_INTERVAL, len(NAMES))) < 0.6
    shadow = np.where(binds, -draw.uniform(5.0, 200.0, binds.shape).round(2), 0.0)
    return shadow, np.round(shadow @ factors, 2), factors


def learned(shadow: FloatArray, congestion: FloatArray, *, forgetting: float = 1.0) -> learning.Learned:
    state = learning.learn(
        learning.start(n_node=N_NODE),
        constraints=NAMES,
        shadow_prices=shadow,
        congestion=congestion,
        forgetting=forgetting,
    )
    (found,) = learning.estimate(state)
    return found


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, N_INTERVAL - 1), forgetting=st.sampled_from((1.0, 0.9)))
def test_learn__interval_by_interval_is_the_batch(seed: int, cut: int, forgetting: float) -> None:
    shadow, congestion, _ = panel(seed)
    congestion[::7, 3] = np.nan
    whole = learning.start(n_node=N_NODE)
    whole = learning.learn(whole, constraints=NAMES, shadow_prices=shadow, congestion=congestion, forgetting=forgetting)
    split = learning.start(n_node=N_NODE)
    for part in (slice(0, cut), slice(cut, None)):
        split = learning.learn(
            split,
            constraints=NAMES,
            shadow_prices=shadow[part],
            congestion=congestion[part],
            forgetting=forgetting,
        )
    for node in (0, 3):
        one, other = whole.history[node], split.history[node]
        assert split.gram[other] == pytest.approx(whole.gram[one])
        assert split.weight[other] == pytest.approx(whole.weight[one])
    assert split.moment == pytest.approx(whole.moment)
    assert split.square == pytest.approx(whole.square)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_estimate__finds_the_factors_and_says_how_well(seed: int) -> None:
    shadow, congestion, factors = panel(seed)
    found = learned(shadow, congestion)
    assert set(found.verdicts) == {Identifiability.IDENTIFIED}
    assert np.all(np.abs(found.shift_factors - factors) <= 6.0 * found.error[:, None])
    assert np.abs(found.shift_factors).max() <= 1.0


def test_estimate__tells_constraints_that_bind_together_as_one_group() -> None:
    shadow, _, factors = panel(3)
    shadow[:, 3] = 0.5 * shadow[:, 2]
    found = learned(shadow, np.round(shadow @ factors, 2))
    assert found.verdicts[:2] == (Identifiability.IDENTIFIED,) * 2
    assert found.verdicts[2:] == (Identifiability.GROUPED,) * 2
    assert np.isnan(found.shift_factors[2:]).all()
    assert np.isnan(found.error[2:]).all()
    (group,) = found.groups
    assert group.constraints == NAMES[2:]
    assert group.shares == pytest.approx(np.array([[1.0, 0.5]]), abs=1e-3)
    assert found.group_factors == pytest.approx(group.shares @ factors[2:], abs=2e-3)


def test_estimate__says_unidentified_of_what_never_bound() -> None:
    shadow, _, factors = panel(4)
    shadow[:, 1] = 0.0
    found = learned(shadow, np.round(shadow @ factors, 2))
    assert found.verdicts[1] is Identifiability.UNIDENTIFIED
    assert np.isnan(found.shift_factors[1]).all()
    assert found.verdicts.count(Identifiability.IDENTIFIED) == 3


def test_estimate__of_nothing_is_nothing_known() -> None:
    (found,) = learning.estimate(learning.start(n_node=N_NODE))
    assert found.constraints == ()
    assert found.groups == ()
    assert found.nodes.size == N_NODE


def test_learn__a_node_with_gaps_learns_from_what_it_has() -> None:
    shadow, congestion, factors = panel(5)
    congestion[10:, 7] = np.nan
    congestion[10:, 8] = np.nan
    state = learning.learn(
        learning.start(n_node=N_NODE), constraints=NAMES, shadow_prices=shadow, congestion=congestion
    )
    assert state.weight.tolist() == [10.0, 60.0]
    gappy, whole = learning.estimate(state)
    assert gappy.nodes.tolist() == [7, 8]
    assert gappy.shift_factors == pytest.approx(factors[:, [7, 8]], abs=5e-3)
    assert np.all(gappy.error > whole.error)


def test_learn__forgets_the_factors_of_a_former_topology() -> None:
    shadow, before, _ = panel(6)
    after = np.random.default_rng(60).uniform(-1.0, 1.0, (len(NAMES), N_NODE))
    congestion = np.where(np.arange(N_INTERVAL)[:, None] < 20, before, shadow @ after)
    kept, faded = (learned(shadow, congestion, forgetting=one).fitted for one in (1.0, 0.7))
    assert np.abs(faded - after).max() < 0.01
    assert np.abs(kept - after).max() > 0.1


def test_learn__keeps_factors_within_their_bounds_where_noise_would_push_them_out() -> None:
    shadow, _, factors = panel(7)
    factors[0, :6] = 1.0
    found = learned(shadow, shadow @ factors + np.random.default_rng(7).normal(0.0, 5.0, (N_INTERVAL, N_NODE)))
    assert np.abs(found.fitted).max() <= 1.0
    assert np.any(found.fitted[0] == 1.0)
    assert np.abs(found.fitted - factors).max() < 0.05


def test_learn__takes_in_a_constraint_that_binds_for_the_first_time() -> None:
    shadow, congestion, factors = panel(8)
    early = np.all(shadow[:, 3:] == 0.0, axis=1)
    state = learning.learn(
        learning.start(n_node=N_NODE),
        constraints=NAMES[:3],
        shadow_prices=shadow[early][:, :3],
        congestion=congestion[early],
    )
    state = learning.learn(
        state,
        constraints=NAMES[::-1],
        shadow_prices=shadow[~early][:, ::-1],
        congestion=congestion[~early],
    )
    (found,) = learning.estimate(state)
    assert found.constraints == NAMES
    assert found.shift_factors == pytest.approx(factors, abs=2e-3)


@pytest.mark.parametrize("fault", ["forgetting", "twice", "shape"])
def test_learn__refuses_what_makes_no_sense(fault: str) -> None:
    shadow, congestion, _ = panel(9)
    with pytest.raises(types.PanelError):
        learning.learn(
            learning.start(n_node=N_NODE + (fault == "shape")),
            constraints=("north",) * 4 if fault == "twice" else NAMES,
            shadow_prices=shadow,
            congestion=congestion,
            forgetting=0.0 if fault == "forgetting" else 1.0,
        )
