"""PyPSA and pandapower objects, made by their own converters and solved by themselves, against our reader of the case.

Runs in the peers' environment (`python benchmarks/peers/environment.py` makes it) and skips where it is not.
"""

from __future__ import annotations

import gzip
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loading import module_at
from powerdesk.grid import matpower, network_reading
from powerdesk.grid.clearing import engines
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "networks" / "pglib-opf"
CASES = ("pglib_opf_case118_ieee__api", "pglib_opf_case300_ieee")
KINDS = ("pypsa", "pandapower")


@cache
def _made(kind: str) -> dict[str, tuple[network_reading.Reading, dict[str, Any], Path]]:
    """Return by case what our reader made of the object in the peers' interpreter, the peer's results, and the case."""
    peers = module_at(ROOT / "benchmarks" / "peers" / "environment.py")
    if peers.interpreter() is None:
        pytest.skip("the peers' environment is not there: python benchmarks/peers/environment.py makes it")
    folder = Path(tempfile.mkdtemp(prefix="powerdesk-objects-"))
    arguments = []
    for name in CASES:
        packed = next(FOLDER.rglob(f"{name}.m.gz"), None)
        if packed is None:
            pytest.skip(f"{name} is not beside the checkout: put the published cases into shared/data/networks")
        (folder / f"{name}.m").write_bytes(gzip.decompress(packed.read_bytes()))
        arguments += [str(folder / f"{name}.m"), str(folder / f"{name}.read.m")]
    answers = list(peers.lines("objects.py", kind, *arguments, timeout_s=240))
    assert len(answers) == len(CASES), answers
    return {
        name: (matpower.read(Path(read).read_bytes(), file=name), answer, Path(case))
        for name, answer, case, read in zip(CASES, answers, arguments[::2], arguments[1::2], strict=True)
    }


def _read(kind: str, name: str) -> tuple[network_reading.Reading, dict[str, Any], Path]:
    return _made(kind)[name]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_objects__flow_as_the_case_they_are_made_of(kind: str, name: str) -> None:
    read, _, case = _read(kind, name)
    ours = matpower.read(case.read_bytes(), file=case.name).network
    assert [int(one) for one in read.network.buses.name] == ours.buses.number.tolist()
    injection = np.random.default_rng(0).normal(size=len(ours.buses))
    injection -= injection.mean()
    angles = [Sensitivities(one, model=BranchModel.MATPOWER).angles_rad(injection) for one in (ours, read.network)]
    angles = [one - one[0] for one in angles]
    assert np.abs(angles[0] - angles[1]).max() < 1e-12 * max(1.0, np.abs(angles[0]).max())
    assert read.network.demand_mw == pytest.approx(ours.demand_mw, abs=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_objects__cleared_by_us_cost_what_pypsa_says(name: str) -> None:
    read, answer, _ = _read("pypsa", name)
    cleared = engines.clear(read.network, model=BranchModel.MATPOWER)
    assert cleared.objective_usd_per_h == pytest.approx(answer["objective"], rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_objects__cleared_by_us_cost_what_pandapower_says(name: str) -> None:
    read, answer, _ = _read("pandapower", name)
    if answer["objective"] is None:
        pytest.skip(f"pandapower's own optimisation fails on {name}: {answer['words']}")
    cleared = engines.clear(read.network, model=BranchModel.MATPOWER)
    assert cleared.objective_usd_per_h == pytest.approx(answer["objective"], rel=1e-5)
