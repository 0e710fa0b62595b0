"""Case files: what is read, what is refused with place and remedy, the way back, and hostile input."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import matpower, matpower_writing, synthetic
from powerdesk.grid.types import BranchModel, Network, NetworkError

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "networks"
TWO_ISLANDS = Path(__file__).with_name("two_islands.m").read_bytes()
TEXT = TWO_ISLANDS.decode()


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(NetworkError) as refused:
        matpower.read(text.encode(), file="case.m")
    return tuple(map(str, refused.value.findings))


def same(one: Network, other: Network) -> bool:
    tables = ("buses", "branches", "generators", "hvdc")
    return one.base_mva == other.base_mva and all(
        np.array_equal(getattr(getattr(one, table), column), getattr(getattr(other, table), column))
        for table in tables
        for column in getattr(one, table).__slots__
    )


def test_read__keeps_what_the_format_says(two_islands: Network) -> None:
    assert two_islands.name == "two_islands"
    assert two_islands.buses.number.tolist() == [10, 20, 30, 40, 50, 60]
    assert two_islands.demand_mw.tolist() == [0.0, 65.0, 40.0, 10.0, 20.0, 0.0]
    assert two_islands.generators.name[0] == "it's one"
    assert two_islands.live_generators.tolist() == [0, 1, 2, 3]
    assert two_islands.live_branches.tolist() == [0, 1, 2, 3, 4]
    assert two_islands.branches.name[2:4] == ("10-30", "10-30 #2")
    assert two_islands.branches.rating_mw[:3].tolist() == [40.0, 50.0, np.inf]
    assert two_islands.hvdc.loss_share.tolist() == [0.02]


def test_read__angle_limits_of_zero_or_a_full_turn_are_none(two_islands: Network) -> None:
    assert two_islands.branches.angle_min_deg.tolist() == [-np.inf, -np.inf, -np.inf, -20.0, -np.inf, -np.inf]
    assert two_islands.branches.angle_max_deg.tolist() == [np.inf, np.inf, np.inf, 30.0, np.inf, np.inf]


def test_read__costs_are_polynomials_or_points(two_islands: Network) -> None:
    held = two_islands.generators
    assert held.linear_usd_per_mwh.tolist() == [10.0, 0.0, 20.0, 35.0, 0.0, 1.0]
    assert held.quadratic_usd_per_mw2h.tolist() == [0.0, 0.0, 0.05, 0.0, 0.0, 0.0]
    assert held.curve_start.tolist() == [0, 0, 3, 3, 3, 3, 3]
    assert held.curve_usd_per_h.tolist() == [0.0, 120.0, 420.0]


def test_susceptance__differs_by_branch_model_as_stated(two_islands: Network) -> None:
    kept = two_islands.susceptance_mw(BranchModel.MATPOWER)
    plain = two_islands.susceptance_mw(BranchModel.DCP)
    assert kept[2] == pytest.approx(100.0 / (0.1 * 0.98))
    assert plain[2] == pytest.approx(100.0 * 0.1 / (0.01**2 + 0.1**2))
    assert plain[5] == kept[5] == 0.0  # its other end is isolated
    assert two_islands.shift_rad(BranchModel.DCP)[2] == 0.0


def test_network__is_read_only(two_islands: Network) -> None:
    with pytest.raises(ValueError, match="read-only"):
        two_islands.buses.load_mw[0] = 1.0


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("10 20 0.01 0.1 0", "10 20 0.01 0 0", 21, "zero reactance"),
        ("10 20 0.01 0.1 0 40", "10 21 0.01 0.1 0 40", 21, "bus 21"),
        ("10 20 0.01 0.1 0 40", "10 20 0.01 0.1 0 -40", 21, "rateA -40"),
        ("20 30 0.01 0.2", "20 20 0.01 0.2", 22, "both ends"),
        ("20 30 0.01 0.2", "20 30 0.01 x2", 22, "'x2'"),
        ("20 1 60 0 5", "20 1 NaN 0 5", 6, "load of nan"),
        ("30 2 40 0 0", "20 2 40 0 0", 7, "bus number 20 again"),
        ("40 2 10", "40.5 2 10", 8, "bus number 40.5"),
        ("50 1 20 0", "50 7 20 0", 9, "type 7"),
        ("10 0 0 0 0 1 100 1 30 0;", "10 0 0 0 0 1 100 1 30 60;", 14, "Pmin 60.0 above Pmax 30.0"),
        ("1 0 0 3 0 0 10 120 30 420", "1 0 0 3 0 0 10 220 30 420", 30, "an offer that falls from 22 to 10"),
        ("1 0 0 3 0 0 10 120 30 420", "1 0 0 9 0 0 10 120 30 420", 30, "6 cost numbers"),
        ("2 0 0 3 0.05", "2 0 0 3 -0.05", 31, "quadratic cost -0.05"),
        ("40 50 0.02 0.2 0 30 0 0 0 0 1 0 0;", "40 50 0.02 0.2 0 30 0 0 0 0 0 0 0;", 9, "20 MW of load on an island"),
        ("mpc.baseMVA = 100;", "mpc.baseMVA = 0;", 3, "baseMVA 0"),
        ("mpc.version = '2';", "mpc.version = '1';", 2, "version '1'"),
        ("mpc.version = '2';", "mpc.branch(:, 3) = 0;", 2, "the statement"),
        ("30 40 1 0 0", "30 41 1 0 0", 37, "bus 41"),
        ("-10 15 0 0", "10 -15 0 0", 37, "lower limit above"),
        ("-20 30;", "30 -20;", 24, "angle limits 30.0 to -20.0"),
    ],
)
def test_read__a_fault_is_named_with_line_and_remedy(old: str, new: str, line: int, words: str) -> None:
    assert old in TEXT
    found = faults_of(TEXT.replace(old, new, 1))
    assert any(one.startswith(f"case.m:{line}") and words in one for one in found), found


def test_read__all_faults_come_at_once() -> None:
    text = TEXT.replace("20 1 60 0 5", "20 1 NaN 0 5").replace("10 20 0.01 0.1 0 40", "10 20 0.01 0 0 -40")
    found = faults_of(text.replace("2 0 0 3 0.05", "2 0 0 3 -0.05"))
    assert [one.split(" ")[0] for one in found] == ["case.m:6", "case.m:21", "case.m:21", "case.m:31"]


def test_read__a_table_cut_short_is_one_finding_of_its_own() -> None:
    found = faults_of(TEXT.replace("];\nmpc.gencost", "mpc.gencost", 1))
    assert found == ("case.m:20: found branch = [ without its end; allowed a closed table; the file is cut short",)


def test_read__a_broken_gzip_file_is_refused() -> None:
    whole = gzip.compress(TWO_ISLANDS)
    assert matpower.read(whole, file="case.m.gz").network.name == "two_islands"
    for data in (whole[:-20], whole[:30] + b"\0\0\0\0" + whole[34:]):
        with pytest.raises(NetworkError):
            matpower.read(data, file="case.m.gz")


def test_write__reads_back_bit_for_bit(two_islands: Network) -> None:
    again = matpower.read(matpower_writing.write(two_islands).encode(), file="x.m").network
    assert same(two_islands, again)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(2, 60))
def test_write__reads_back_bit_for_bit_whatever_the_numbers(seed: int, n_bus: int) -> None:
    made = synthetic.network(n_bus=n_bus, seed=seed)
    assert same(made, matpower.read(matpower_writing.write(made).encode(), file="x.m").network)


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, len(TWO_ISLANDS)), junk=st.binary(max_size=40), kept=st.integers(0, 200))
def test_read__truncation_and_garbage_end_in_a_problem_or_a_network(cut: int, junk: bytes, kept: int) -> None:
    data = TWO_ISLANDS[:cut] + junk + TWO_ISLANDS[cut + kept :]
    try:
        read = matpower.read(data, file="case.m")
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed
    else:
        assert len(read.network.buses) >= 1


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="mpc.bus=[]{};'%\n \t0123456789eInfNa-_:,...", max_size=300))
def test_read__any_text_of_the_language_ends_in_a_problem(text: str) -> None:
    with pytest.raises(NetworkError):
        matpower.read(text.encode(), file="case.m")


def published_files() -> list[Path]:
    tables = ("contab_", "scenarios_")
    return sorted(one for one in FOLDER.rglob("*.m.gz") if not one.name.startswith(tables))


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the published cases are not beside the checkout")
@pytest.mark.parametrize("path", published_files(), ids=lambda path: path.name)
def test_read__every_published_case_and_its_way_back(path: Path) -> None:
    read = matpower.read(path.read_bytes(), file=path.name)
    assert read.notes == ()
    if len(read.network.buses) <= 3000:
        assert same(read.network, matpower.read(matpower_writing.write(read.network).encode(), file="x.m").network)


def test_read__a_file_that_is_no_case_is_one_finding_whatever_its_size() -> None:
    for text in ("", "# A page\n\nwith prose\n" * 9, "stray words\n" * 100_000, "x " * 2_000_000, "\n" * 3_000_000):
        assert len(faults_of(text)) == 1
    changes = "function t = c\nt = [1 0.1 CT_TGENBUS 0 CT_LOAD_ALL_P CT_REL 1.2];"
    (told,) = faults_of(changes)
    assert "a table of changes belongs to one" in told


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mpc.baseMVA = 100;", "mpc.baseMVA = 1e300;", "a base of 1e+300 MVA"),
        ("10 20 0.01 0.1", "10 20 0.01 1e-200", "a reactance of 1e-200 per unit"),
        ("10 20 0.01 0.1", "10 20 1e99 0.1", "a resistance of 1e+99 per unit"),
        ("20 1 60 0 5", "20 1 1e20 0 5", "load of 1e+20 MW"),
    ],
)
def test_read__numbers_beyond_any_grid_are_named(old: str, new: str, words: str) -> None:
    assert old in TEXT
    told = faults_of(TEXT.replace(old, new, 1))
    assert len(told) == 1
    assert words in told[0]
