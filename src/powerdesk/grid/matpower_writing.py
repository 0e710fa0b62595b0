"""Networks written as MATPOWER case files, version 2, as matpower.read takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import matpower

if TYPE_CHECKING:
    from powerdesk.grid.types import Branches, FloatArray, Generators, HvdcLines, IntArray, Network


def write(network: Network) -> str:
    """Return the network as a MATPOWER case, version 2; reading it gives the same arrays, bit for bit.

    What a network does not hold (reactive power, voltage limits, start-up costs) is written as MATPOWER's defaults.
    """
    number = network.buses.number
    name = "".join(sign if sign.isalnum() else "_" for sign in network.name)
    parts = [
        f"function mpc = {name if name[:1].isalpha() else 'case_' + name}",
        "mpc.version = '2';",
        f"mpc.baseMVA = {_number(network.base_mva)};",
        _written("bus", _bus_rows(network)),
        _written("gen", _generator_rows(network.generators, number)),
        _written("branch", _branch_rows(network.branches, number)),
        _written("gencost", _cost_rows(network.generators)),
    ]
    if len(network.hvdc):
        parts.append(_written("dcline", _hvdc_rows(network.hvdc, number)))
    parts.append(_named("bus_name", network.buses.name))
    parts.append(_named("gen_name", network.generators.name))
    return "\n".join(parts) + "\n"


def _number(value: float) -> str:
    if np.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 2.0**53 and str(value) != "-0.0" else repr(value)


def _written(name: str, rows: list[list[float]]) -> str:
    lines = ["\t" + "\t".join(_number(float(one)) for one in row) + ";" for row in rows]
    return "\n".join([f"mpc.{name} = [", *lines, "];"])


def _named(name: str, values: tuple[str, ...]) -> str:
    quoted = ["\t'" + one.replace("'", "''") + "';" for one in values]
    return "\n".join([f"mpc.{name} = {{", *quoted, "};"])


def _bus_rows(network: Network) -> list[list[float]]:
    buses = network.buses
    columns = (buses.number, buses.kind, buses.load_mw, buses.shunt_mw, buses.area, buses.base_kv, buses.zone)
    return [
        [number, kind, load, 0, shunt, 0, area, 1, 0, base_kv, zone, 1.1, 0.9]
        for number, kind, load, shunt, area, base_kv, zone in zip(*(one.tolist() for one in columns), strict=True)
    ]


def _generator_rows(generators: Generators, number: IntArray) -> list[list[float]]:
    return [
        [number[bus], 0, 0, 0, 0, 1, 100, on, high, low]
        for bus, on, high, low in zip(
            generators.bus.tolist(),
            generators.in_service.tolist(),
            generators.max_mw.tolist(),
            generators.min_mw.tolist(),
            strict=True,
        )
    ]


def _branch_rows(branches: Branches, number: IntArray) -> list[list[float]]:
    def rating(values: FloatArray) -> FloatArray:
        return np.where(np.isinf(values), 0.0, values)

    normal, emergency = rating(branches.rating_mw), rating(branches.emergency_rating_mw)
    columns = (
        number[branches.from_bus],
        number[branches.to_bus],
        branches.resistance_pu,
        branches.reactance_pu,
        np.zeros(len(branches)),
        normal,
        normal,
        emergency,
        branches.tap,
        branches.shift_deg,
        branches.in_service,
        np.where(np.isinf(branches.angle_min_deg), -matpower.FULL_TURN_DEG, branches.angle_min_deg),
        np.where(np.isinf(branches.angle_max_deg), matpower.FULL_TURN_DEG, branches.angle_max_deg),
    )
    return [list(row) for row in zip(*(one.tolist() for one in columns), strict=True)]


def _hvdc_rows(hvdc: HvdcLines, number: IntArray) -> list[list[float]]:
    rows = []
    for at in range(len(hvdc)):
        ends = [number[hvdc.from_bus[at]], number[hvdc.to_bus[at]], hvdc.in_service[at], 0, 0, 0, 0, 1, 1]
        limits = [hvdc.min_mw[at], hvdc.max_mw[at], 0, 0, 0, 0]
        rows.append([*ends, *limits, hvdc.loss_mw[at], hvdc.loss_share[at]])
    return rows


def _cost_rows(generators: Generators) -> list[list[float]]:
    rows: list[list[float]] = []
    for at in range(len(generators)):
        points = slice(generators.curve_start[at], generators.curve_start[at + 1])
        power, cost = generators.curve_mw[points].tolist(), generators.curve_usd_per_h[points].tolist()
        if power:
            pairs = [value for pair in zip(power, cost, strict=True) for value in pair]
            rows.append([matpower.PIECEWISE, 0, 0, len(power), *pairs])
        else:
            terms = (
                generators.quadratic_usd_per_mw2h[at],
                generators.linear_usd_per_mwh[at],
                generators.constant_usd_per_h[at],
            )
            rows.append([matpower.POLYNOMIAL, 0, 0, 3, *terms])
    return rows
