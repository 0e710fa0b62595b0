"""A unit commitment case of two hours in the form of pglib-uc."""

from __future__ import annotations

from typing import Any


def unit(*, must_run: int, startup: list[dict[str, float]], curve: tuple[float, float]) -> dict[str, Any]:
    """Return a thermal unit of 20 to 80 MW that is on; `curve` is what it costs at each, in USD an hour."""
    return {
        "must_run": must_run,
        "power_output_minimum": 20.0,
        "power_output_maximum": 80.0,
        "ramp_up_limit": 30.0,
        "ramp_down_limit": 31.0,
        "ramp_startup_limit": 25.0,
        "ramp_shutdown_limit": 26.0,
        "time_up_minimum": 4,
        "time_down_minimum": 3,
        "power_output_t0": 40.0,
        "unit_on_t0": 1,
        "time_up_t0": 7,
        "time_down_t0": 0,
        "startup": startup,
        "piecewise_production": [{"mw": 20.0, "cost": curve[0]}, {"mw": 80.0, "cost": curve[1]}],
    }


def of(**units: dict[str, Any]) -> dict[str, Any]:
    """Return the case with these thermal units, and wind."""
    return {
        "time_periods": 2,
        "demand": [50.0, 60.0],
        "reserves": [5, 6],
        "thermal_generators": units,
        "renewable_generators": {"wind": {"power_output_minimum": [0, 0], "power_output_maximum": [9.0, 3.0]}},
    }
