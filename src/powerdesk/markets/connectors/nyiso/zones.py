"""The names of NYISO's zones, as price files print them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.markets import frames

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKET = "NYISO"
_ZONES = frozenset(
    {
        "CAPITL",
        "CENTRL",
        "DUNWOD",
        "GENESE",
        "HUD VL",
        "LONGIL",
        "MHK VL",
        "MILLWD",
        "N.Y.C.",
        "NORTH",
        "WEST",
        "NYISO",
    }
)


def location_ids(names: Iterable[str | None]) -> list[str]:
    """Return location ids of the market's own names; forecasts write zones in mixed case (`Hud Vl`)."""
    return frames.location_ids(MARKET, [_as_priced((name or "").strip()) for name in names])


def _as_priced(name: str) -> str:
    return name.upper() if name.upper() in _ZONES else name
