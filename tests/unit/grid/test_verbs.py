"""The verbs `powerdesk grid ...` on a small case: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from powerdesk.app.cli import leaving, program
from powerdesk.app.cli.root import app
from powerdesk.grid.types import NetworkError

if TYPE_CHECKING:
    from click.testing import Result

CASE = str(Path(__file__).with_name("two_islands.m"))


def told(*words: str) -> Result:
    assert program.VERBS
    return CliRunner().invoke(app, ["grid", *words])


def opf(*words: str) -> dict[str, Any]:
    found = told("opf", CASE, "-o", "json", *words)
    assert found.exit_code == 0, found.output
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


def test_opf__prints_objective_status_constraints_and_prices() -> None:
    answer = opf()
    assert answer["status"] == "optimal"
    assert answer["kkt_residual"] < 1e-6
    assert answer["seconds"] > 0.0
    assert {"constraint", "shadow_price"} <= set(answer["binding"][0])
    assert [one["bus"] for one in answer["prices"]] == [10, 20, 30, 40, 50, 60]
    for one in answer["prices"][:5]:
        assert one["energy"] + one["loss"] + one["congestion"] == pytest.approx(one["lmp"], abs=1e-9)
    assert answer["prices"][5]["lmp"] is None


def test_opf__engines_agree_and_references_move_parts_only() -> None:
    first = opf()
    for words in (("--engine", "angle"), ("--engine", "clarabel"), ("--reference", "load"), ("--reference", "20")):
        other = opf(*words)
        assert other["objective_usd_per_h"] == pytest.approx(first["objective_usd_per_h"], rel=1e-6)
        assert [one["lmp"] for one in other["prices"]][:5] == pytest.approx(
            [one["lmp"] for one in first["prices"]][:5], abs=1e-5
        )
    moved = opf("--reference", "20")["prices"]
    assert moved[1]["congestion"] == pytest.approx(0.0, abs=1e-9)
    assert moved[1]["energy"] == pytest.approx(moved[1]["lmp"])


def test_opf__models_and_losses_change_the_answer() -> None:
    answers = [opf()["objective_usd_per_h"], opf("--model", "matpower")["objective_usd_per_h"]]
    answers += [opf("--losses", kind)["objective_usd_per_h"] for kind in ("frozen", "quadratic")]
    assert len({round(one, 3) for one in answers}) == 4
    assert opf("--losses", "quadratic")["losses_mw"] > 0.0


def test_opf__table_and_csv_are_printed_too() -> None:
    assert "objective_usd_per_h" in told("opf", CASE, "-o", "table").stdout
    lines = told("opf", CASE, "-o", "csv").stdout.splitlines()
    assert lines[0] == "bus,lmp,energy,loss,congestion"
    assert len(lines) == 7


def test_ptdf__writes_a_file_of_columns(tmp_path: Path) -> None:
    out = tmp_path / "factors.parquet"
    found = told("ptdf", CASE, "--branches", "10-20, 10-30 #2", "-o", "parquet", "--out", str(out))
    assert found.exit_code == 0, found.output
    rows = pq.read_table(out).to_pylist()
    assert len(rows) == 12
    assert {one["branch"] for one in rows} == {"10-20", "10-30 #2"}
    assert next(one["shift_factor"] for one in rows if one["bus"] == 10) == pytest.approx(0.0)


def test_ptdf__rated_means_every_branch_with_a_limit() -> None:
    found = told("ptdf", CASE, "--branches", "rated", "-o", "json")
    assert {json.loads(line)["branch"] for line in found.stdout.splitlines()} == {"10-20", "20-30", "40-50"}


def test_contingencies__lists_what_parts_and_what_overloads() -> None:
    rows = [json.loads(line) for line in told("contingencies", CASE, "-o", "json").stdout.splitlines()]
    assert [one["outage"] for one in rows if one["parts_network"]] == ["40-50"]
    over = [one for one in rows if not one["parts_network"]]
    assert over
    assert all(abs(one["flow_mw"]) > one["limit_mw"] for one in over)


def test_verbs__refuse_what_is_not_there(tmp_path: Path) -> None:
    assert told("ptdf", CASE, "--branches", "1-2").exit_code == 2
    assert told("opf", CASE, "--reference", "north").exit_code == 2
    assert isinstance(told("opf", CASE, "--reference", "99").exception, NetworkError)
    assert isinstance(told("opf", str(tmp_path / "none.m")).exception, leaving.FileUnusableError)
    broken = tmp_path / "broken.m"
    broken.write_text("mpc.bus = [", encoding="utf-8")
    assert isinstance(told("opf", str(broken)).exception, NetworkError)
    assert isinstance(told("opf", CASE, "--losses", "frozen", "--engine", "angle").exception, NetworkError)


def test_network__tells_a_case_in_numbers_and_what_could_bind() -> None:
    found = told("network", CASE, "-o", "json")
    assert found.exit_code == 0, found.output
    answer: dict[str, Any] = json.loads(found.stdout)
    assert (answer["n_bus"], answer["n_island"], answer["load_mw"]) == (6, 2, 135.0)
    assert [one["adequate"] for one in answer["islands"]] == [True, True]
    assert sum(one["load_mw"] for one in answer["areas"]) == 135.0
    bound = {one["constraint"] for one in opf()["binding"]}
    assert bound & {one["branch"] for one in answer["candidates"] if one["loading"] > 1.0}
    table = told("network", CASE, "-o", "table")
    assert all(word in table.output for word in ("n_island", "reference_bus", "loading"))


def test_opf__takes_any_format_an_interval_and_a_reference_by_name(tmp_path: Path) -> None:
    bus, line = {"Load (MW)": [5.0, 60.0]}, {"Source bus": "b1", "Target bus": "b2", "Susceptance (S)": 30.0}
    unit = {"Production cost curve (MW)": [0, 100], "Bus": "b1"}
    case = {
        "Parameters": {"Version": "0.3", "Time horizon (h)": 2},
        "Generators": {
            "cheap": {**unit, "Production cost curve ($)": [0, 1000]},
            "dear": {**unit, "Bus": "b2", "Production cost curve ($)": [0, 3000]},
        },
        "Buses": {"b1": {"Load (MW)": 0.0}, "b2": bus},
        "Transmission lines": {"l1": {**line, "Normal flow limit (MW)": 40.0}},
    }
    path = tmp_path / "case.txt"
    path.write_text(json.dumps(case), encoding="utf-8")
    found = [told("opf", str(path), "--interval", at, "--reference", "b2", "-o", "json") for at in ("0", "1", "2")]
    early, late = (json.loads(one.stdout) for one in found[:2])
    assert [one["lmp"] for one in early["prices"]] == pytest.approx([10.0, 10.0])
    assert [(one["name"], one["lmp"]) for one in late["prices"]] == [("b1", 10.0), ("b2", 30.0)]
    assert late["binding"][0]["constraint"] == "l1"
    assert late["prices"][1]["congestion"] == pytest.approx(0.0)
    assert isinstance(found[2].exception, NetworkError)
    assert told("ptdf", str(path), "--branches", "l1", "-o", "csv").exit_code == 0
    assert told("contingencies", str(path), "-o", "csv").stdout.splitlines()[1].startswith("l1,True")


def test_network__finds_the_tables_of_rts_gmlc_within_a_folder(tmp_path: Path) -> None:
    inside = tmp_path / "RTS_Data" / "SourceData"
    inside.mkdir(parents=True)
    (inside / "bus.csv").write_text("Bus ID,Bus Name\n1,One\n", encoding="utf-8")
    found = told("network", str(tmp_path)).exception
    assert isinstance(found, NetworkError)
    assert {one.pointer for one in found.findings} == {"SourceData/branch.csv", "SourceData/gen.csv"}
