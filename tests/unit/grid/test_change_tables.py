"""Change tables: outages and loads by hand, every published one with its case, and hostile input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdesk.grid import change_tables
from powerdesk.grid.types import Network, NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "networks"

OUTAGES = """function chgtab = contab_made
define_constants;
chgtab = [
    1 0.5 CT_TBRCH 1 BR_STATUS CT_REP 0;
    2 0.1 CT_TBRCH 2 BR_STATUS CT_REP 0;
    2 0.1 CT_TBRCH 3 BR_STATUS CT_REP 0;
    7 0   CT_TGEN  4 GEN_STATUS CT_REP 0;
];
"""
LOADS = """chgtab = [
    1 0.25 CT_TAREALOAD 1 CT_LOAD_ALL_P CT_REP 67.5;
    2 0.75 CT_TAREALOAD 1 CT_LOAD_ALL_P CT_REL 2;
];
"""


def outages(text: str, network: Network) -> tuple[change_tables.Outage, ...]:
    return change_tables.outages(text.encode(), file="contab.m", network=network)


def test_outages__rows_of_one_label_go_out_together(two_islands: Network) -> None:
    found = outages(OUTAGES, two_islands)
    assert [(one.name, one.probability, one.branches, one.generators) for one in found] == [
        ("1", 0.5, (0,), ()),
        ("2", 0.1, (1, 2), ()),
        ("7", 0.0, (), (3,)),
    ]
    assert found[1].contingency().branches == (1, 2)
    with pytest.raises(NetworkError, match="generator"):
        found[2].contingency()


def test_area_loads__are_shared_as_the_case_shares_them(two_islands: Network) -> None:
    found = change_tables.area_loads(LOADS.encode(), file="scenarios.m", network=two_islands)
    first, second = (found.load_mw(two_islands, scenario=at) for at in (0, 1))
    assert first[two_islands.live].tolist() == pytest.approx([0.0, 31.15, 20.77, 5.19, 10.38], abs=0.01)
    assert second[:5].tolist() == [0.0, 120.0, 80.0, 20.0, 40.0]
    assert found.probability.tolist() == [0.25, 0.75]


def test_area_loads__go_by_zones_where_asked(two_islands: Network) -> None:
    by = change_tables.Grouping.ZONE
    found = change_tables.area_loads(LOADS.encode(), file="scenarios.m", network=two_islands, by=by)
    assert found.load_mw(two_islands, scenario=0)[:5].tolist() == pytest.approx([0.0, 40.5, 27.0, 10.0, 20.0])
    with pytest.raises(NetworkError, match="zone 9 without load"):
        change_tables.area_loads(LOADS.replace("LOAD 1", "LOAD 9").encode(), file="s.m", network=two_islands, by=by)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("CT_TBRCH 1 ", "CT_TBRCH 99 ", "contab.m:4: found branch 99"),
        ("CT_TBRCH 1 ", "CT_TBRCH 1.5 ", "contab.m:4: found 1 0.5 CT_TBRCH 1.5"),
        ("1 BR_STATUS CT_REP 0", "1 BR_STATUS CT_REP 1", "contab.m:4: found CT_TBRCH BR_STATUS CT_REP 1"),
        ("GEN_STATUS", "PMAX", "contab.m:7: found CT_TGEN PMAX"),
        ("CT_REP 0;\n    2", "0;\n    2", "contab.m:4: found 6 columns"),
    ],
)
def test_outages__a_fault_is_named_with_its_line(two_islands: Network, old: str, new: str, words: str) -> None:
    with pytest.raises(NetworkError) as refused:
        outages(OUTAGES.replace(old, new, 1), two_islands)
    assert [words in str(one) for one in refused.value.findings] == [True]


def test_tables__of_the_other_kind_are_refused(two_islands: Network) -> None:
    with pytest.raises(NetworkError, match="CT_TAREALOAD"):
        outages(LOADS, two_islands)
    with pytest.raises(NetworkError) as refused:
        change_tables.area_loads(OUTAGES.encode(), file="contab.m", network=two_islands)
    assert len(refused.value.findings) == 4


@given(cut=st.integers(0, len(OUTAGES)), junk=st.binary(max_size=30), kept=st.integers(0, 20), load=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tables__truncation_and_garbage_end_in_a_problem_or_a_table(
    two_islands: Network, cut: int, junk: bytes, kept: int, *, load: bool
) -> None:
    text = (LOADS if load else OUTAGES).encode()
    data = text[:cut] + junk + text[cut + kept :]
    try:
        if load:
            found = change_tables.area_loads(data, file="scenarios.m", network=two_islands)
            assert np.isfinite(found.factor).all()
        else:
            change_tables.outages(data, file="contab.m", network=two_islands)
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed


def table_of(name: str) -> bytes:
    path = FOLDER / "matpower" / f"{name}.m.gz"
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout: put MATPOWER's tables into shared/data/networks")
    return path.read_bytes()


@pytest.mark.parametrize(("case", "count", "units"), [("200", 245, 0), ("500", 681, 90), ("2000", 3734, 544)])
def test_outages__of_published_tables_fit_their_cases(
    published: Callable[[str], Network], case: str, count: int, units: int
) -> None:
    name = f"contab_ACTIVSg{case}"
    found = change_tables.outages(table_of(name), file=name, network=published(f"case_ACTIVSg{case}"))
    assert (len(found), sum(bool(one.generators) for one in found)) == (count, units)


@pytest.mark.parametrize(
    ("case", "by", "count", "first_mw"), [("200", "zone", 8760, 1262.4), ("2000", "area", 8784, 31227.9)]
)
def test_area_loads__of_published_tables_fit_their_cases(
    published: Callable[[str], Network], case: str, by: str, count: int, first_mw: float
) -> None:
    network, name = published(f"case_ACTIVSg{case}"), f"scenarios_ACTIVSg{case}"
    by_group = change_tables.Grouping(by)
    found = change_tables.area_loads(table_of(name), file=name, network=network, by=by_group)
    assert len(found.label) == count
    assert found.load_mw(network, scenario=0).sum() == pytest.approx(first_mw)  # the sum of the first label's rows
