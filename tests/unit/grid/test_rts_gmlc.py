"""The RTS-GMLC tables and their time series: made ones by hand, the published ones against RTS-GMLC's own case file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from powerdesk.app.cli import program
from powerdesk.app.cli.root import app
from powerdesk.grid import matpower, rts_gmlc, rts_gmlc_series
from powerdesk.grid.clearing import engines
from powerdesk.grid.types import BranchModel, Network, NetworkError

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "networks" / "rts-gmlc"

HEAT = (
    "Output_pct_0,Output_pct_1,Output_pct_2,Output_pct_3,Output_pct_4,HR_avg_0,HR_incr_1,HR_incr_2,HR_incr_3,HR_incr_4"
)
TABLES = {
    "bus.csv": "Bus ID,Bus Name,BaseKV,Bus Type,MW Load,MW Shunt G,Area,Zone\n"
    "1,North,110,Ref,20,0,1,11\n2,South,110,PQ,60,0,1,11\n3,East,110,PV,40,0,2,NA\n",
    "branch.csv": "UID,From Bus,To Bus,R,X,Cont Rating,STE Rating,Tr Ratio\nA,1,2,0,0.1,50,60,0\n"
    "B,2,3,0,0.1,100,120,0.98\n",
    "gen.csv": f"GEN UID,Bus ID,Unit Type,PMax MW,PMin MW,Fuel Price $/MMBTU,VOM,{HEAT}\n"
    "coal,1,STEAM,100,40,2,1,0.4,1,NA,NA,NA,10000,12000,NA,NA,NA\n"
    "gas,3,CT,100,0,4,0,0,0,0,0,NA,10000,0,0,0,NA\n"
    "wind,3,WIND,30,0,0,0,0,0,0,0,NA,0,0,0,0,NA\n"
    "tank,3,STORAGE,50,0,0,0,0,0,0,0,NA,0,0,0,0,NA\n",
    "dc_branch.csv": "UID,From Bus,To Bus,MW Load\nDC1,1,3,5\n",
}
POINTERS = (
    "Simulation,Category,Object,Parameter,Scaling Factor,Data File\n"
    "DAY_AHEAD,Area,1,MW Load,1,../x/load.csv\nDAY_AHEAD,Area,2,MW Load,1,../x/load.csv\n"
    "DAY_AHEAD,Generator,wind,PMax MW,30,../x/wind.csv\nDAY_AHEAD,Reserve,Up,Requirement,1,../x/up.csv\n"
    "DAY_AHEAD,Generator,HEAD,Natural_Inflow,1,../x/none.csv\nREAL_TIME,Area,1,MW Load,1,../x/none.csv\n"
)
SERIES = {
    "load": "Year,Month,Day,Period,1,2\n2020,1,1,1,40,40\n2020,1,1,2,160,20\n",
    "wind": "Year,Month,Day,Period,wind\n2020,1,1,1,30\n2020,1,1,2,7.5\n",
    "up": "Year,Month,Day,1,2\n2020,1,1,3,4\n",
}


def read(tables: dict[str, str]) -> Network:
    return rts_gmlc.read({name: text.encode() for name, text in tables.items()}, folder="made").network


def scenarios(
    series: dict[str, str], *, simulation: str = "DAY_AHEAD", first: int = 0, count: int = 2
) -> rts_gmlc_series.Scenarios:
    return rts_gmlc_series.read(
        read(TABLES),
        POINTERS.encode(),
        {name: text.encode() for name, text in series.items()},
        simulation=simulation,
        first=first,
        count=count,
    )


def test_read__costs_are_heat_times_fuel_and_upkeep() -> None:
    held = read(TABLES).generators
    assert held.curve_mw.tolist() == [40.0, 100.0]
    # 40 MW at 10 MMBTU/MWh and 2 USD/MMBTU, then 12 MMBTU/MWh, and 1 USD/MWh throughout
    assert held.curve_usd_per_h.tolist() == pytest.approx([40 * 20 + 40, 40 * 20 + 60 * 24 + 100])
    assert held.linear_usd_per_mwh.tolist() == [0.0, 40.0, 0.0, 0.0]
    assert held.in_service.tolist() == [True, True, True, False]


def test_read__clears_by_hand() -> None:
    cleared = engines.clear(read(TABLES), model=BranchModel.MATPOWER)
    # coal 75 MW fills the line of 50 MW, the direct line of 5 MW and its own load; wind 30 and gas the rest
    assert cleared.objective_usd_per_h == pytest.approx(840.0 + 35.0 * 25.0 + 15.0 * 40.0)
    assert cleared.lmp.tolist() == pytest.approx([25.0, 40.0, 40.0])


def test_read__names_every_fault_with_file_and_line() -> None:
    broken = {
        "bus.csv": TABLES["bus.csv"].replace("60,0,1", "sixty,0,1").replace("PV", "PX"),
        "branch.csv": TABLES["branch.csv"].replace("A,1,2", "A,1,9").replace("B,2,3,0,0.1", "B,2,3,0,0"),
        "gen.csv": TABLES["gen.csv"].replace("wind,3,WIND,30,0", "wind,3,WIND,30,31"),
    }
    with pytest.raises(NetworkError) as refused:
        read(broken)
    faults = list(map(str, refused.value.findings))
    for words in (
        "made/bus.csv:3: found MW Load 'sixty'",
        "made/bus.csv:4: found Bus Type 'PX'",
        "made/branch.csv:2: found To Bus '9'",
        "made/branch.csv:3 branch B: found zero reactance",
        "made/gen.csv:4 generator wind: found Pmin 31.0",
    ):
        assert any(words in one for one in faults), (words, faults)


def test_read__a_missing_table_or_column_is_a_finding() -> None:
    with pytest.raises(NetworkError, match=r"made/gen\.csv"):
        read({name: text for name, text in TABLES.items() if name != "gen.csv"})
    with pytest.raises(NetworkError, match="no column 'X'"):
        read({**TABLES, "branch.csv": TABLES["branch.csv"].replace(",X,", ",Y,")})


def test_series__share_area_loads_and_replace_limits() -> None:
    found = scenarios(SERIES)
    assert found.label.tolist() == [[2020, 1, 1, 1], [2020, 1, 1, 2]]
    assert found.load_mw.tolist() == [[10.0, 30.0, 40.0], [40.0, 120.0, 20.0]]
    assert found.max_mw.tolist() == [[100.0, 100.0, 30.0, 50.0], [100.0, 100.0, 7.5, 50.0]]
    assert (found.requirement_mw["Up"].tolist(), found.hours) == ([3.0, 4.0], 1.0)


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ({"load": SERIES["load"], "up": SERIES["up"]}, "no file wind"),
        ({**SERIES, "wind": SERIES["wind"].replace("7.5", "gale")}, "wind of wind"),
        ({**SERIES, "wind": SERIES["wind"].replace("2020,1,1,2", "2020,1,2,2")}, "other intervals"),
        ({**SERIES, "load": SERIES["load"].replace(",160,", ",,")}, "1 of load: 1 numbers"),
        ({**SERIES, "up": "Year,Month\n1,2\n"}, "Up of up"),
    ],
)
def test_series__at_fault_are_named(series: dict[str, str], words: str) -> None:
    with pytest.raises(NetworkError) as refused:
        scenarios(series)
    assert any(words in str(one) for one in refused.value.findings), refused.value.findings


def test_series__that_are_not_there_are_refused() -> None:
    for simulation, first, count in (("WEEK", 0, 1), ("DAY_AHEAD", -1, 1), ("DAY_AHEAD", 0, 3), ("REAL_TIME", 0, 1)):
        with pytest.raises(NetworkError):
            scenarios(SERIES, simulation=simulation, first=first, count=count)


@given(name=st.sampled_from(sorted(TABLES)), cut=st.integers(0, 400), kept=st.integers(0, 9), junk=st.text(max_size=9))
@settings(max_examples=200, deadline=None)
def test_read__truncation_and_garbage_end_in_a_problem_or_a_network(name: str, cut: int, kept: int, junk: str) -> None:
    text = TABLES[name][:cut] + junk + TABLES[name][cut + kept :]
    try:
        network = read({**TABLES, name: text})
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed
    else:
        assert np.isfinite(network.demand_mw).all()


@given(name=st.sampled_from(sorted(SERIES)), cut=st.integers(0, 80), kept=st.integers(0, 9), junk=st.text(max_size=9))
@settings(max_examples=200, deadline=None)
def test_series__truncation_and_garbage_end_in_a_problem_or_scenarios(
    name: str, cut: int, kept: int, junk: str
) -> None:
    try:
        found = scenarios({**SERIES, name: SERIES[name][:cut] + junk + SERIES[name][cut + kept :]})
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed
    else:
        assert np.isfinite(found.load_mw).all()


def test_opf__takes_a_folder_of_tables(tmp_path: Path) -> None:
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert program.VERBS
    found = CliRunner().invoke(app, ["grid", "opf", str(tmp_path), "-o", "json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["objective_usd_per_h"] == pytest.approx(840.0 + 35.0 * 25.0 + 15.0 * 40.0)


@pytest.fixture(scope="module")
def published() -> Network:
    if not FOLDER.exists():
        pytest.skip("RTS-GMLC is not beside the checkout: put it into shared/data/networks/rts-gmlc")
    files = {one.name: one.read_bytes() for one in (FOLDER / "SourceData").glob("*.csv")}
    return rts_gmlc.read(files, folder="SourceData").network


def test_read__published_tables_clear_as_their_case_file(published: Network) -> None:
    case = matpower.read((FOLDER / "RTS_GMLC.m.gz").read_bytes(), file="RTS_GMLC.m.gz").network
    on = case.generators.in_service  # the case file switches wind, sun and storage off
    network = replace(published, generators=replace(published.generators, in_service=on))
    for model in BranchModel:
        one, other = (engines.clear(held, model=model).objective_usd_per_h for held in (network, case))
        assert one == pytest.approx(other, rel=1e-6)


def test_series__published_days_read_and_clear(published: Network) -> None:
    files = {one.stem: one.read_bytes() for one in (FOLDER / "timeseries").glob("*.parquet")}
    pointers = (FOLDER / "SourceData" / "timeseries_pointers.csv").read_bytes()
    found = rts_gmlc_series.read(published, pointers, files, simulation="DAY_AHEAD", first=0, count=8784)
    assert found.label[-1].tolist() == [2020, 12, 31, 24]
    assert found.load_mw[0].sum() == pytest.approx(985.02 + 1102.68 + 1249.64, abs=0.01)
    assert len(found.requirement_mw) == 7
    assert (found.min_mw <= found.max_mw).all()
    noon = 187 * 24 + 12
    limited = replace(published.generators, min_mw=found.min_mw[noon] * 0.0, max_mw=found.max_mw[noon])
    network = replace(published, generators=limited)
    cleared = engines.clear(network, model=BranchModel.MATPOWER, demand_mw=found.load_mw[noon])
    assert cleared.objective_usd_per_h > 0.0
