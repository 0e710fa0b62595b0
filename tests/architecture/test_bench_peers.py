"""The peers' harness tells failures and time-outs as such, and the picture has a point where there is an answer."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loading import module_at

if TYPE_CHECKING:
    import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def _with_script(text: str, folder: Path, patch: pytest.MonkeyPatch) -> Any:
    """Return the environment module as if it lay in `folder` beside a script of this text, run by this interpreter."""
    environment = module_at(BENCHMARKS / "peers" / "environment.py")
    (folder / "script.py").write_text(text, encoding="utf-8")
    patch.setattr(environment, "__file__", str(folder / "environment.py"))
    patch.setattr(environment, "make", lambda: Path(sys.executable))
    return environment


def test_lines__are_the_objects_that_a_script_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import os, sys\nprint('noise')\nprint('{\"threads\": ' + os.environ['OMP_NUM_THREADS'] + '}')\n"
    environment = _with_script(text, tmp_path, monkeypatch)
    assert list(environment.lines("script.py", timeout_s=60)) == [{"threads": 1}]


def test_lines__a_failure_and_a_script_without_end_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = _with_script("print('{\"ms\": [1]}')\nraise ValueError('no solution')\n", tmp_path, monkeypatch)
    assert list(failing.lines("script.py", timeout_s=60)) == [{"ms": [1]}, {"failed": "ValueError: no solution"}]
    endless = _with_script("import threading\nthreading.Event().wait()\n", tmp_path, monkeypatch)
    assert list(endless.lines("script.py", timeout_s=0.5)) == [{"failed": "no end after 0.5 s"}]


def test_place__changes_with_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = module_at(BENCHMARKS / "peers" / "environment.py")
    before = environment.place()
    assert before == environment.place()
    monkeypatch.setattr(environment, "LOCK", tmp_path / "peers.txt")
    environment.LOCK.write_text("other\n", encoding="utf-8")
    assert environment.place() != before
    assert environment.interpreter() is None


def test_picture__has_a_point_for_each_answer() -> None:
    plot = module_at(BENCHMARKS / "plot_grid_peers.py")

    def line(case: str, median: float, peer: str, peer_median: float | None) -> dict[str, object]:
        return {"case": case, "median": median, "peer": peer, "peer_median": peer_median}

    run = {
        "measurements": [
            line("a (118 buses), optimal dispatch", 2.0, "egret", 90.0),
            line("a (118 buses), optimal dispatch", 2.0, "pandapower: did not converge", None),
            line("b (2869 buses), optimal dispatch", 20.0, "pypsa, answer 1 against 2", 9000.0),
            line("b (2869 buses), DC power flow", 1.0, "lightsim2grid", 2.0),
        ]
    }
    found = plot.points(run)
    assert found == {"powerdesk": {118: 2.0, 2869: 20.0}, "egret": {118: 90.0}, "pypsa": {2869: 9000.0}}
    picture = ET.fromstring(plot.drawn(found, caption="made"))  # noqa: S314 - our own text
    assert len(picture.findall(".//{*}circle")) == 4
    assert {text.text for text in picture.findall(".//{*}text")} >= {"powerdesk", "egret", "pypsa", "118", "2869"}
