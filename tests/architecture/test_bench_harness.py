"""The benchmark harness measures, divides by the peer, records the setting, and refuses empty subjects."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import harness  # noqa: E402 - a script of benchmarks/, found by the line above

SUBJECT = """
from harness import Measurement, timed

def measure():
    yield Measurement(case="small", values=(3.0, 1.0, 2.0), unit="ms", peer="other", peer_values=(8.0,), target=1.5)
    yield Measurement(case="rate", values=(9.0,), unit="1/s", target=8.0, higher_is_better=True)
    yield Measurement(case="timed", values=timed(lambda: sum(range(10)), runs=3), unit="ms")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with one subject and one that measures nothing."""
    (tmp_path / "made_up.py").write_text(SUBJECT, encoding="utf-8")
    (tmp_path / "idle.py").write_text("def measure():\n    yield from ()\n", encoding="utf-8")
    return tmp_path


def test_harness__prints_one_line_per_measurement(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.run(subject="made_up", folder=folder, results=None) == 3
    small, rate, quick = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert small == {
        "subject": "made_up",
        "case": "small",
        "median": 2.0,
        "unit": "ms",
        "runs": 3,
        "peer": "other",
        "peer_median": 8.0,
        "ratio": 0.25,
        "target": 1.5,
        "met": False,
    }
    assert rate["met"] is True
    assert rate["ratio"] is None
    assert quick["runs"] == 3
    assert quick["median"] >= 0


def test_harness__records_machine_versions_commit_and_command(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    harness.run(subject="made_up", folder=folder, results=results)
    harness.run(subject="made_up", folder=folder, results=results)
    runs = json.loads((results / "made_up.json").read_text(encoding="utf-8"))
    assert len(runs) == 2
    assert len(runs[0]["measurements"]) == 3
    assert runs[0]["machine"]["cores"] >= 1
    assert {"python", "duckdb", "pyarrow"} <= set(runs[0]["versions"])
    assert runs[0]["command"].startswith("python benchmarks/harness.py")
    assert runs[0]["commit"]


def test_harness__keeps_a_bounded_number_of_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for number in range(harness.KEPT_RUNS + 2):
        harness.record(lines=[], where={"number": number}, path=path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert [run["number"] for run in kept] == list(range(2, harness.KEPT_RUNS + 2))


def test_harness__refuses_a_subject_that_measures_nothing(folder: Path) -> None:
    with pytest.raises(ValueError, match="measured nothing"):
        harness.run(subject="idle", folder=folder, results=None)


def test_harness__names_the_subjects_there_are(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there are: idle, made_up"):
        harness.run(subject="absent", folder=folder, results=None)


def test_harness__refuses_a_case_without_a_value() -> None:
    with pytest.raises(ValueError, match="no value"):
        harness.line_of(subject="a", measurement=harness.Measurement(case="b", values=(), unit="ms"))
