"""A MATPOWER case as each peer's own object, by the peer's own converter; run by the peers' interpreter.

A peer is imported when it is asked for: each takes seconds.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
imported = importlib.import_module

GENERATOR_COLUMNS = 21
POLYNOMIAL = 2

PYPSA_IMPEDANCE_SCALE = 1e5
"""What PyPSA multiplies its law of voltages with."""


def pypower(case: Path) -> dict[str, Any]:
    """Return the case as PYPOWER's dictionary, its tables as wide as the converters want them."""
    frames = imported("matpowercaseframes").CaseFrames(str(case))
    gen = frames.gen.to_numpy(float)[:, :GENERATOR_COLUMNS]
    wide = np.zeros((len(gen), GENERATOR_COLUMNS))
    wide[:, : gen.shape[1]] = gen
    return {
        "version": "2",
        "baseMVA": float(frames.baseMVA),
        "bus": frames.bus.to_numpy(float)[:, :13],
        "gen": wide,
        "branch": frames.branch.to_numpy(float)[:, :13],
        "gencost": frames.gencost.to_numpy(float),
    }


def pypsa_network(case: Path) -> Any:
    """Return PyPSA's network, with the costs and lower limits that its importer drops, its dispatch left free."""
    held = pypower(case)
    network = imported("pypsa").Network()
    network.import_from_pypower_ppc(held, overwrite_zero_s_nom=1e6)
    cost = held["gencost"]
    if not ((cost[:, 0] == POLYNOMIAL) & (cost[:, 3] == 3)).all():
        raise ValueError("costs that are not of degree 2")
    network.generators["marginal_cost_quadratic"] = cost[:, 4]
    network.generators["marginal_cost"] = cost[:, 5]
    network.generators["p_set"] = np.nan
    high, low = held["gen"][:, 8], held["gen"][:, 9]
    size = np.maximum(np.abs(high), np.abs(low))
    network.generators["p_nom"] = size
    network.generators["p_max_pu"] = high / np.where(size > 0.0, size, 1.0)
    network.generators["p_min_pu"] = low / np.where(size > 0.0, size, 1.0)
    return network


def pypsa_completed(network: Any, _: Any) -> None:
    """Put what PyPSA 1.2 leaves out of its linear optimisation into its model: shunt conductances and phase shifts.

    A conductance draws its power at nominal voltage; a shift of phi adds to the turn of angle around each cycle:
    sum (x flow + phi) = 0. For `extra_functionality` of `optimize`.
    """
    constraints = network.model.constraints
    drawn = network.shunt_impedances
    volt = network.buses.v_nom.reindex(drawn.bus).to_numpy()
    drawn_mw = (drawn.g * volt**2).groupby(drawn.bus.to_numpy()).sum()
    balance = constraints["Bus-nodal_balance"]
    balance.rhs = balance.rhs + drawn_mw.reindex(balance.rhs.coords["name"].to_numpy(), fill_value=0.0).to_numpy()
    if "Kirchhoff-Voltage-Law" in constraints:
        cycles = network.cycle_matrix(apply_weights=False)
        shift = network.transformers.phase_shift.reindex(cycles.index.get_level_values("name"), fill_value=0.0)
        turn = np.deg2rad(shift.to_numpy()) @ cycles.to_numpy()
        turned = constraints["Kirchhoff-Voltage-Law"]
        turned.rhs = turned.rhs - turn * PYPSA_IMPEDANCE_SCALE


def pandapower_net(case: Path) -> Any:
    """Return pandapower's net."""
    return imported("pandapower.converter.pypower").from_ppc(pypower(case), f_hz=50)
