"""Constraints recovered from prices that planted constraints made, and the cases in which prices cannot tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import synthetic, topology
from powerdesk.grid.recovery import constraints, doubting, types
from powerdesk.grid.recovery.types import Identifiability
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import FloatArray, IntArray, Network

N_BUS = 60
SEEDS, INTERVALS = range(6), 8


def made(network: Network | None = None) -> Sensitivities:
    return Sensitivities(network or synthetic.network(n_bus=N_BUS, seed=5), model=BranchModel.DCP)


def everything(one: Sensitivities) -> constraints.Candidates:
    network = one.network
    return constraints.candidates(one, nodes=np.flatnonzero(network.live), branches=network.live_branches)


def planted(one: Sensitivities, branches: IntArray, mu: FloatArray) -> FloatArray:
    return np.round(35.0 + mu @ one.rows(branches), 2)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 4))
def test_recover__finds_what_was_planted_with_sign_and_size(seed: int, count: int) -> None:
    grid, draw = made(), np.random.default_rng(seed)
    branches = draw.choice(len(grid.network.branches), count, replace=False)
    mu = draw.choice((-1.0, 1.0), count) * draw.uniform(5.0, 300.0, count)
    told = constraints.recover(everything(grid), prices=planted(grid, branches, mu))
    assert np.abs(told.residual).max() <= 0.01
    assert told.verdict is not Identifiability.UNIDENTIFIED
    if told.verdict is Identifiability.IDENTIFIED:  # else another set explains every price as well
        got = {one.branches[0]: one.mu_usd_per_mwh for one in told.found}
        assert got == pytest.approx(dict(zip(branches.tolist(), mu.tolist(), strict=True)), abs=0.1)


def test_recover__is_sure_of_most_pairs() -> None:
    grid, draw = made(), np.random.default_rng(1)
    known = everything(grid)
    sure = 0
    for _ in range(50):
        branches = draw.choice(len(grid.network.branches), 2, replace=False)
        told = constraints.recover(known, prices=planted(grid, branches, np.array([-120.0, 45.0])))
        sure += told.verdict is Identifiability.IDENTIFIED
    assert sure >= 45


def test_recover__is_sure_of_most_single_constraints() -> None:
    grid = made()
    known = everything(grid)
    sure = 0
    for branch in range(len(grid.network.branches)):
        told = constraints.recover(known, prices=planted(grid, np.array([branch]), np.array([-50.0])))
        sure += told.verdict is Identifiability.IDENTIFIED
        assert branch in told.found[0].branches or branch in told.found[0].alternatives
    assert sure > 0.9 * len(grid.network.branches)


def test_recover__finds_nothing_where_all_prices_are_one() -> None:
    told = constraints.recover(everything(made()), prices=np.full(N_BUS, 40.0))
    assert told.found == ()
    assert told.verdict is Identifiability.IDENTIFIED


def test_recover__tells_parallel_lines_as_one_class() -> None:
    network = synthetic.network(n_bus=N_BUS, seed=5)
    lines = network.branches
    twice = {
        name: (*lines.name, "twin") if name == "name" else np.append(getattr(lines, name), getattr(lines, name)[3])
        for name in lines.__dataclass_fields__
    }
    grid = made(replace(network, branches=type(lines)(**twice)))
    told = constraints.recover(everything(grid), prices=planted(grid, np.array([3]), np.array([-80.0])))
    assert told.found[0].branches == (3, len(lines))
    assert told.found[0].mu_usd_per_mwh == pytest.approx(-80.0, abs=0.1)
    assert told.verdict is told.found[0].verdict is Identifiability.GROUPED


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000), n_bus=st.integers(5, 40))
def test_candidates__are_the_classes_of_the_topology_where_every_node_has_a_price(seed: int, n_bus: int) -> None:
    grid = made(synthetic.network(n_bus=n_bus, seed=seed))
    classes = topology.equivalence_classes(grid.network, observed=np.ones(n_bus, dtype=bool))
    assert len(everything(grid).classes) == np.unique(classes).size
    assert everything(grid).unseen == ()


def test_recover__says_unidentified_below_half_of_the_nodes() -> None:
    grid = made()
    prices = planted(grid, np.array([7, 20]), np.array([-60.0, -90.0]))
    nodes = np.arange(0, N_BUS, 3)
    known = constraints.candidates(grid, nodes=nodes, branches=grid.network.live_branches)
    told = constraints.recover(known, prices=prices[nodes])
    assert told.verdict is Identifiability.UNIDENTIFIED
    assert "33%" in told.reason
    assert all(one.verdict is Identifiability.UNIDENTIFIED for one in told.found)


def test_recover__says_unidentified_where_no_few_candidates_explain_the_prices() -> None:
    noise = np.random.default_rng(2).normal(40.0, 20.0, N_BUS)
    assert constraints.recover(everything(made()), prices=noise).verdict is Identifiability.UNIDENTIFIED
    grid = made()
    few = constraints.candidates(grid, nodes=np.arange(N_BUS), branches=np.array([1, 2]))
    told = constraints.recover(few, prices=planted(grid, np.array([7]), np.array([-60.0])))
    assert told.verdict is Identifiability.UNIDENTIFIED
    assert "unexplained" in told.reason


def test_recover_panel__takes_back_what_a_wrong_topology_explains_in_single_intervals() -> None:
    network, draw = synthetic.network(n_bus=N_BUS, seed=5), np.random.default_rng(4)
    lines = network.branches
    reactance = lines.reactance_pu * draw.uniform(0.8, 1.2, len(lines))
    wrong = everything(made(replace(network, branches=replace(lines, reactance_pu=reactance))))
    right = everything(made())
    panel = [np.full(N_BUS, 40.0)]  # any topology explains it
    for _ in range(19):
        branches = draw.choice(len(lines), 6, replace=False)
        panel.append(planted(made(), branches, draw.uniform(-300.0, -50.0, 6)))
    prices = np.array(panel)
    sure, doubted = constraints.recover_panel(right, prices=prices), constraints.recover_panel(wrong, prices=prices)
    assert all(one.verdict is not Identifiability.UNIDENTIFIED for one in sure)
    assert constraints.recover(wrong, prices=prices[0]).verdict is Identifiability.IDENTIFIED
    assert all(one.verdict is Identifiability.UNIDENTIFIED for one in doubted)
    assert "another topology" in doubted[0].reason
    assert all(part.verdict is Identifiability.UNIDENTIFIED for one in doubted for part in one.found)


def one_reactance(network: Network, draw: np.random.Generator) -> Network:
    return reactances(network, draw, share=1.0 / len(network.branches))


def many_reactances(network: Network, draw: np.random.Generator) -> Network:
    return reactances(network, draw, share=0.2)


def reactances(network: Network, draw: np.random.Generator, *, share: float) -> Network:
    lines = network.branches
    off = draw.permutation(len(lines)) < share * len(lines)
    factor = np.where(off, draw.choice((0.7, 1.3), len(lines)), 1.0)
    return replace(network, branches=replace(lines, reactance_pu=lines.reactance_pu * factor))


def missing_lines(network: Network, draw: np.random.Generator, *, count: int = 4) -> Network:
    lines = network.branches
    service = lines.in_service.copy()
    service[draw.choice(len(lines), count, replace=False)] = False
    found = replace(network, branches=replace(lines, in_service=service))
    return found if topology.islands(found).count == 1 else missing_lines(network, draw, count=count)


def moved_lines(network: Network, draw: np.random.Generator) -> Network:
    lines = network.branches
    moved, ends = draw.choice(len(lines), 4, replace=False), lines.to_bus.copy()
    ends[moved] = (lines.from_bus[moved] + draw.integers(1, N_BUS, 4)) % N_BUS
    found = replace(network, branches=replace(lines, to_bus=ends))
    return found if topology.islands(found).count == 1 else moved_lines(network, draw)


def one_line_too_many(network: Network, draw: np.random.Generator) -> Network:
    lines, (start, end) = network.branches, draw.choice(N_BUS, 2, replace=False)
    new = {"name": "none such", "from_bus": start, "to_bus": end}
    more = {
        name: (*lines.name, new[name])
        if name == "name"
        else np.append(getattr(lines, name), new.get(name, getattr(lines, name)[draw.integers(len(lines))]))
        for name in lines.__dataclass_fields__
    }
    return replace(network, branches=type(lines)(**more))


def one_missing_line(network: Network, draw: np.random.Generator) -> Network:
    return missing_lines(network, draw, count=1)


def all_reactances(network: Network, draw: np.random.Generator) -> Network:
    lines = network.branches
    factor = draw.uniform(0.98, 1.02, len(lines))
    return replace(network, branches=replace(lines, reactance_pu=lines.reactance_pu * factor))


def other_ratings(network: Network, draw: np.random.Generator) -> Network:
    lines = network.branches
    return replace(network, branches=replace(lines, rating_mw=lines.rating_mw * draw.uniform(0.3, 2.0, len(lines))))


class Told(NamedTuple):
    """Shares of what recovery found and of what it claimed, over all intervals of all seeds."""

    precision: float
    recall: float
    claimed: float
    """The share of true limits that were claimed."""
    claimed_wrongly: float
    unidentified: float


def claims(corrupt: Callable[[Network, np.random.Generator], Network]) -> Told:
    """Return how recovery does on the made network with a corrupted one as its topology."""
    network = synthetic.network(n_bus=N_BUS, seed=5)
    truth_of, tally = made(network), np.zeros(6)
    for seed in SEEDS:
        draw = np.random.default_rng(seed)
        known = everything(made(corrupt(network, draw)))
        class_of = {branch: at for at, members in enumerate(known.classes) for branch in members}
        for _ in range(INTERVALS):
            branches = draw.choice(len(network.branches), 4, replace=False)
            told = constraints.recover(known, prices=planted(truth_of, branches, draw.uniform(-300.0, -30.0, 4)))
            truth = {class_of.get(one, -1 - one) for one in branches.tolist()}
            right = [class_of[one.branches[0]] in truth for one in told.found]
            sure = [one.verdict is Identifiability.IDENTIFIED for one in told.found]
            wrong = sum(claimed and not is_right for claimed, is_right in zip(sure, right, strict=True))
            doubted = told.verdict is Identifiability.UNIDENTIFIED
            claimed = sum(claim and is_right for claim, is_right in zip(sure, right, strict=True))
            tally += (sum(right), len(right), claimed, len(truth), wrong, doubted)
    right_ones, found, claimed, true, wrong, unidentified = tally.tolist()
    intervals = len(SEEDS) * INTERVALS
    return Told(right_ones / found, right_ones / true, claimed / true, wrong / true, unidentified / intervals)


def test_recover__does_not_depend_on_ratings() -> None:
    told = claims(other_ratings)
    assert min(told.precision, told.recall) >= 0.95
    assert told.claimed >= 0.85  # the others are told up to alternatives
    assert told.claimed_wrongly == 0.0
    assert told.unidentified <= 0.05


@pytest.mark.parametrize(
    ("corrupt", "most_precision", "most_claimed", "most_wrongly", "least_unidentified"),
    [
        (one_reactance, 0.95, 0.95, 0.0, 0.0),  # what is too much is told one by one
        (many_reactances, 0.6, 0.2, 0.0, 0.8),
        (all_reactances, 0.6, 0.1, 0.0, 0.8),
        (one_missing_line, 0.95, 0.85, 0.01, 0.05),
        (missing_lines, 0.7, 0.5, 0.03, 0.5),
        (one_line_too_many, 0.9, 0.4, 0.0, 0.5),
        (moved_lines, 0.5, 0.1, 0.02, 0.9),
    ],
)
def test_recover__claims_less_and_little_with_a_wrong_topology(
    corrupt: Callable[[Network, np.random.Generator], Network],
    most_precision: float,
    most_claimed: float,
    most_wrongly: float,
    least_unidentified: float,
) -> None:
    told = claims(corrupt)
    assert told.precision <= most_precision, told
    assert told.claimed <= most_claimed, told
    assert told.claimed_wrongly <= most_wrongly, told
    assert told.unidentified >= least_unidentified, told


@pytest.mark.parametrize("swing", [0.05, 5.0])
def test_doubts__of_a_chain_that_cancels_are_sharp_only_where_it_is_known_to(swing: float) -> None:
    grid = made()
    lines = grid.network.branches
    pairs = [
        (one, other)
        for one in range(len(lines))
        for other in range(len(lines))
        if lines.to_bus[one] == lines.from_bus[other] and one != other
    ]
    one, other = pairs[0]
    two = np.array([one, other])
    weight = grid.susceptance_mw[two]
    mu = -300.0 / weight * weight.max()  # as much leaves the bus between as comes to it
    found = doubting.doubts(grid, branches=two, mu=mu, error=np.full(2, swing))
    assert (found.buses == (int(lines.to_bus[one]),)) == (swing < 1.0)
    assert found.either.all()


def test_recover__each_island_has_a_level_of_its_own(two_islands: Network) -> None:
    grid = made(two_islands)
    known = everything(grid)
    level = np.where(grid.islands.of_bus[known.nodes] == 0, 20.0, 50.0)
    assert constraints.recover(known, prices=level).found == ()
    assert constraints.recover(known, prices=np.arange(5.0)).found != ()


@pytest.mark.parametrize("fault", ["missing", "shape"])
def test_recover__refuses_prices_that_are_not_there(fault: str) -> None:
    known = everything(made())
    prices = np.full(N_BUS + (fault == "shape"), 40.0)
    prices[3] = np.nan if fault == "missing" else 40.0
    with pytest.raises(types.PanelError):
        constraints.recover(known, prices=prices)


def test_candidates__refuse_an_isolated_bus(two_islands: Network) -> None:
    with pytest.raises(types.PanelError):
        constraints.candidates(made(two_islands), nodes=np.arange(6), branches=two_islands.live_branches)


@pytest.mark.parametrize(("nodes", "branches"), [([0, 99], [0]), ([-1, 2], [0]), ([3, 3], [0]), ([0, 1], [7, 7])])
def test_candidates__refuse_positions_that_are_none_or_come_twice(nodes: list[int], branches: list[int]) -> None:
    with pytest.raises(types.PanelError, match="each once"):
        constraints.candidates(made(), nodes=np.array(nodes), branches=np.array(branches))


@pytest.mark.parametrize(("nodes", "branches"), [(range(N_BUS), []), ([3], range(10))])
def test_recover__without_a_candidate_explains_nothing_but_equal_prices(nodes: range, branches: range) -> None:
    known = constraints.candidates(
        made(), nodes=np.array(nodes, dtype=np.int64), branches=np.array(branches, dtype=np.int64)
    )
    assert constraints.recover(known, prices=np.full(known.nodes.size, 30.0)).found == ()
    if known.nodes.size > 1:
        told = constraints.recover(known, prices=np.arange(N_BUS, dtype=np.float64))
        assert told.verdict is Identifiability.UNIDENTIFIED
        assert "unexplained" in told.reason


@pytest.mark.parametrize("tick", [0.0, -0.01, float("nan"), float("inf")])
def test_recover__refuses_prices_rounded_to_nothing(tick: float) -> None:
    with pytest.raises(types.PanelError, match="tick"):
        constraints.recover(everything(made()), prices=np.full(N_BUS, 30.0), tick=tick)
