"""Read a peer's objects by our reader and solve them by the peer: `objects.py KIND CASE.m OUT.m [CASE.m OUT.m ...]`.

Each OUT is what our reader made, written as a case; one JSON line per case has the peer's own objective.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cases

from powerdesk.grid import matpower_writing, network_reading, pandapower_objects, pypsa_objects


def by_pypsa(case: Path) -> tuple[network_reading.Reading, float | None, str]:
    """Return what we read, PyPSA's objective (None where its optimisation fails) and its words."""
    network = cases.pypsa_network(case)
    reading = pypsa_objects.read(network)
    status = network.optimize(solver_name="highs", log_to_console=False, extra_functionality=cases.pypsa_completed)
    return reading, None if network.objective is None else float(network.objective), str(status)


def by_pandapower(case: Path) -> tuple[network_reading.Reading, float | None, str]:
    """Return the same of pandapower."""
    pandapower: Any = cases.imported("pandapower")
    net = cases.pandapower_net(case)
    reading = pandapower_objects.read(net)
    try:
        pandapower.rundcopp(net)
    except pandapower.OPFNotConverged as failure:
        return reading, None, str(failure)
    return reading, float(net.res_cost), ""


def main() -> None:
    """Write and print what the arguments ask for."""
    kind, *paths = sys.argv[1:]
    for case, out in zip(paths[::2], paths[1::2], strict=True):
        reading, objective, words = {"pypsa": by_pypsa, "pandapower": by_pandapower}[kind](Path(case))
        Path(out).write_text(matpower_writing.write(reading.network), encoding="utf-8")
        print(json.dumps({"objective": objective, "words": words}))


if __name__ == "__main__":
    main()
