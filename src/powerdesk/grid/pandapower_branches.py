"""Branches of a pandapower net: lines, transformers of two windings and impedances, per unit, switches applied.

As in `pandapower.build_branch`: a transformer's impedance is that of its short circuit, per unit of the low-voltage
bus; its ratio and shift follow the tap position; ratings are of current at nominal voltage, times the loading allowed
(`max_loading_percent`), without which there is no limit; an impedance's is its `sn_mva`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from powerdesk.grid import network_reading
from powerdesk.grid.types import Branches

if TYPE_CHECKING:
    from powerdesk.grid.object_tables import ObjectTable
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

Tables = dict[str, "ObjectTable"]
Columns = dict[str, Any]

NO_LIMIT = 99_999.0
"""Amount of kA or MVA that pandapower's converters write for no limit."""

ENDS = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus"), "impedance": ("from_bus", "to_bus")}
SWITCHED = {"line": "l", "trafo": "t"}


def branches_of(table: Tables, *, bus: dict[Any, int], base_mva: float) -> Branches:
    """Return lines, transformers and impedances in this order; `bus` is where each bus of the net stands."""
    base_kv = table["bus"].numbers("vn_kv", 1.0)
    made = {"line": _lines, "trafo": _transformers, "impedance": _impedances}
    parts: list[Columns] = []
    for one, (head, tail) in ENDS.items():
        rows = table[one]
        ends = [rows.positions(end, bus, where="net.bus") for end in (head, tail)]
        known = np.array([[key in bus for key in rows.raw(end, None)] for end in (head, tail)], dtype=bool).all(axis=0)
        ends[1] = np.where(known, ends[1], (ends[0] + 1) % base_kv.size)
        on = rows.flags("in_service", default=True) & ~_opened(table["switch"], rows, SWITCHED.get(one))
        shared = ends[0] == ends[1]  # both ends joined by a switch: no flow to speak of
        own: Columns = {"from_bus": ends[0], "to_bus": ends[1], "in_service": on & ~shared}
        parts.append(own | made[one](rows, base_kv[ends[0]], base_kv[ends[1]], base_mva))
    rating = _joined(parts, "rating_mw")
    none = np.full(rating.size, np.inf)
    return Branches(
        name=network_reading.numbered([f"{one} {key}" for one in ENDS for key in table[one].keys]),
        from_bus=_joined(parts, "from_bus").astype(np.int64),
        to_bus=_joined(parts, "to_bus").astype(np.int64),
        resistance_pu=_joined(parts, "resistance_pu"),
        reactance_pu=_joined(parts, "reactance_pu"),
        tap=_joined(parts, "tap"),
        shift_deg=_joined(parts, "shift_deg"),
        rating_mw=rating,
        emergency_rating_mw=rating.copy(),
        angle_min_deg=-none,
        angle_max_deg=none,
        in_service=_joined(parts, "in_service").astype(bool),
    )


def _joined(parts: list[Columns], name: str) -> FloatArray:
    return np.concatenate([part[name] for part in parts])


def _opened(switch: ObjectTable, rows: ObjectTable, kind: str | None) -> BoolArray:
    """Return which rows an open switch takes out (n,)."""
    closed = switch.flags("closed", default=True)
    columns = zip(switch.words("et"), switch.raw("element", None), closed.tolist(), strict=True)
    open_at = {element for et, element, is_closed in columns if et == kind and not is_closed}
    return np.array([key in open_at for key in rows.keys], dtype=bool)


def _limited(rows: ObjectTable, size: FloatArray, nominal: FloatArray) -> FloatArray:
    """Return ratings in MW: size (kA or MVA) times what one of it is, at the loading allowed; endless without one."""
    loading = rows.numbers("max_loading_percent", np.inf) / 100.0
    many = rows.numbers("parallel", 1.0) * rows.numbers("df", 1.0)
    limit = np.where(np.isfinite(loading), loading, 1.0) * size * many * nominal
    return np.where(np.isfinite(loading) & (size < NO_LIMIT), limit, np.inf)


def _lines(rows: ObjectTable, from_kv: FloatArray, _: FloatArray, base_mva: float) -> Columns:
    scale = rows.numbers("length_km") / rows.numbers("parallel", 1.0) * base_mva / from_kv**2
    return {
        "resistance_pu": rows.numbers("r_ohm_per_km", 0.0) * scale,
        "reactance_pu": rows.numbers("x_ohm_per_km") * scale,
        "tap": np.ones(len(rows)),
        "shift_deg": np.zeros(len(rows)),
        "rating_mw": _limited(rows, rows.numbers("max_i_ka", np.inf), np.sqrt(3.0) * from_kv),
    }


def _impedances(rows: ObjectTable, _: FloatArray, __: FloatArray, base_mva: float) -> Columns:
    size = rows.numbers("sn_mva", base_mva)
    scale = base_mva / size
    for row in np.flatnonzero(rows.numbers("xft_pu", 0.0) != rows.numbers("xtf_pu", 0.0)).tolist():
        rows.fault(row, "two reactances, one each way", "xft_pu = xtf_pu", "give one reactance")
    return {
        "resistance_pu": rows.numbers("rft_pu", 0.0) * scale,
        "reactance_pu": rows.numbers("xft_pu") * scale,
        "tap": np.ones(len(rows)),
        "shift_deg": np.zeros(len(rows)),
        "rating_mw": np.where(size < NO_LIMIT, size, np.inf),
    }


def _transformers(rows: ObjectTable, high_kv: FloatArray, low_kv: FloatArray, base_mva: float) -> Columns:
    size = rows.numbers("sn_mva")
    own_high, own_low, shift = _tapped(rows)
    scale = (
        (own_low / low_kv) ** 2
        * base_mva
        / (100.0 * np.where(size > 0.0, size, np.nan) * rows.numbers("parallel", 1.0))
    )
    whole, real = rows.numbers("vk_percent"), rows.numbers("vkr_percent", 0.0)
    return {
        "resistance_pu": real * scale,
        "reactance_pu": np.sign(whole) * np.sqrt(np.maximum(whole**2 - real**2, 0.0)) * scale,
        "tap": own_high / own_low * low_kv / high_kv,
        "shift_deg": shift,
        "rating_mw": _limited(rows, size, np.ones(len(rows))),
    }


def _tapped(rows: ObjectTable) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return both nominal voltages in kV and the phase shift in degrees at the tap position (n,)."""
    high, low = rows.numbers("vn_hv_kv"), rows.numbers("vn_lv_kv")
    shift = rows.numbers("shift_degree", 0.0)
    _refuse_tables(rows)
    steps = rows.numbers("tap_pos", 0.0) - rows.numbers("tap_neutral", 0.0)
    steps = np.where(np.isnan(np.array(_plain(rows, "tap_pos"))), 0.0, steps)
    percent, angle = rows.numbers("tap_step_percent", 0.0), rows.numbers("tap_step_degree", 0.0)
    side, kind = np.array(rows.words("tap_side"), dtype=object), np.array(_kinds(rows), dtype=object)
    change = steps * percent / 100.0
    along, across = 1.0 + change * np.cos(np.deg2rad(angle)), change * np.sin(np.deg2rad(angle))
    by_percent = np.rad2deg(2.0 * np.arcsin(np.clip(change / 2.0, -1.0, 1.0)))
    factor = {}
    for name, direction in (("hv", 1.0), ("lv", -1.0)):
        ideal, graded = ((side == name) & np.isin(kind, of) for of in (["Ideal"], ["Ratio", "Symmetrical"]))
        shift = shift + np.where(ideal, direction * np.where(angle != 0.0, steps * angle, by_percent), 0.0)
        shift = shift + np.where(graded, np.rad2deg(np.arctan(direction * across / along)), 0.0)
        factor[name] = np.where(graded, np.hypot(along, across), 1.0)
    return high * factor["hv"], low * factor["lv"], shift


def _plain(rows: ObjectTable, name: str) -> list[float]:
    return [float("nan") if one is None else float(one) for one in rows.raw(name, float("nan"))]


def _kinds(rows: ObjectTable) -> list[str]:
    """Return the kinds of tap changers; nets made before pandapower 3 mark ideal phase shifters."""
    if rows.has("tap_changer_type"):
        return rows.words("tap_changer_type")
    return ["Ideal" if one else "Ratio" for one in rows.flags("tap_phase_shifter", default=False).tolist()]


def _refuse_tables(rows: ObjectTable) -> None:
    """Note transformers whose taps are in tables of characteristics or that have a second tap changer."""
    second: IntArray = np.flatnonzero(np.isfinite(np.array(_plain(rows, "tap2_pos"))))
    for row in np.flatnonzero(rows.flags("tap_dependency_table", default=False)).tolist():
        rows.fault(
            row, "taps by a table of characteristics", "taps by steps", "set vk_percent and the ratio as they are"
        )
    for row in second.tolist():
        rows.fault(row, "a second tap changer", "one", "fold its ratio into vn_hv_kv")
