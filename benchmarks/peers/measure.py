"""Time a peer on a case: `measure.py PEER CASE.m RUNS` prints one JSON line per thing measured.

`what` is `opf` (optimal dispatch from the peer's own object in hand: model, solution, results), `flow` (DC power flow,
factorised anew), `flow again` (the factors in hand) or `outages` (flows after every single outage, overloads counted).
`ms` has every run; `answer` is what to compare: objective, total absolute flow, or number of overloads.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cases
import numpy as np

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]  # told by its absence

if TYPE_CHECKING:
    from collections.abc import Callable


MOST_BYTES = 16 * 2**30
"""Memory that a peer may ask for: dense matrices of 30 000 buses would take the machine down."""

PIPS = {"PDIPM_MAX_IT": 2_000, "PDIPM_GRADTOL": 1e-3, "PDIPM_COMPTOL": 1e-4}
"""Steps and tolerances of pandapower's interior point method."""


def told(what: str, function: Callable[[], Any], answer: Callable[[Any], float], *, runs: int) -> None:
    """Print the milliseconds of `runs` calls, the first one unmeasured where there are several."""
    taken, found = [], None
    for _ in range(runs + (runs > 1)):
        began = time.perf_counter_ns()
        found = function()
        taken.append((time.perf_counter_ns() - began) / 1e6)
    print(json.dumps({"what": what, "ms": taken[-runs:], "answer": answer(found)}), flush=True)


def pandapower(case: Path, runs: int) -> None:
    """Optimal dispatch by `rundcopp`.

    A made grid of 1 000 buses takes 235 steps where 150 are usual; at 3 000 its matrix is singular to rounding before
    the gradient is at the usual 1e-6, the cost being right to ten digits by then.
    """
    program = cases.imported("pandapower")
    net = cases.pandapower_net(case)
    told("opf", lambda: program.rundcopp(net, **PIPS), lambda _: float(net.res_cost), runs=runs)


def pypsa(case: Path, runs: int) -> None:
    """Linear optimal dispatch by HiGHS."""
    network = cases.pypsa_network(case)

    def solve() -> None:
        status = network.optimize(solver_name="highs", log_to_console=False, extra_functionality=cases.pypsa_completed)
        if status[0] != "ok":
            raise RuntimeError(f"PyPSA: {status}")

    told("opf", solve, lambda _: float(network.objective), runs=runs)


def egret(case: Path, runs: int) -> None:
    """Optimal dispatch in bus angles by HiGHS: its model by shift factors does not run with the Pyomo it installs.

    Its bounds of pi on every angle are no part of the case and are taken off: angles of a made grid spread further.
    """
    models: Any = cases.imported("egret.models.dcopf")
    data = cases.imported("egret.parsers.matpower_parser").create_ModelData(str(case))

    bounded = models.create_btheta_dcopf_model

    def unbounded(*arguments: Any, **options: Any) -> Any:
        model, read = bounded(*arguments, **options)
        model.va.setlb(None)
        model.va.setub(None)
        return model, read

    models.create_btheta_dcopf_model = unbounded  # it takes no other than those it knows by name

    def solve() -> Any:
        return models.solve_dcopf(data, "highs", dcopf_model_generator=unbounded)

    told("opf", solve, lambda found: float(found.data["system"]["total_cost"]), runs=runs)


def lightsim2grid(case: Path, runs: int) -> None:
    """DC power flow, and flows after every outage by its own LODF; it takes nets of plain lines only."""
    net = cases.pandapower_net(case)
    grid = cases.imported("lightsim2grid.network").init_from_pandapower(net)
    grid.add_gen_slackbus(0, 1.0)
    start = np.ones(len(net.bus), dtype=complex)

    def flow() -> Any:
        grid.tell_solver_need_reset()
        if not len(grid.dc_pf(start, 1, 1e-8)):
            raise RuntimeError("lightsim2grid: no power flow")
        return np.asarray(grid.get_line_res1()[0])

    def again() -> Any:
        grid.dc_pf(start, 1, 1e-8)
        return np.asarray(grid.get_line_res1()[0])

    told("flow", flow, lambda found: float(np.abs(found).sum()), runs=9)
    told("flow again", again, lambda found: float(np.abs(found).sum()), runs=9)
    limit = np.sqrt(3.0) * net.line["max_i_ka"].to_numpy() * net.bus["vn_kv"].to_numpy()[0]

    def outages() -> int:
        flows = flow()
        factors = np.asarray(grid.get_lodf())
        after = flows[:, None] + factors * flows[None, :]
        np.fill_diagonal(after, 0.0)
        return int(np.count_nonzero(np.abs(after) > limit[:, None]))

    told("outages", outages, float, runs=runs)


if __name__ == "__main__":
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    peers = {"pandapower": pandapower, "pypsa": pypsa, "egret": egret, "lightsim2grid": lightsim2grid}
    peers[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
