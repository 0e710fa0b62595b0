"""Locations known before any payload names them: hubs, zones and proxies with their kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Location:
    """A place a market prices or measures: id MARKET:NAME, kind, and the market's own number where it has one."""

    market: str
    name: str
    kind: str
    title: str = ""
    ptid: int | None = None

    @property
    def id(self) -> str:
        """Return MARKET:NAME."""
        return f"{self.market}:{self.name}"


_NYISO_ZONES = (
    ("WEST", 61752, "A West"),
    ("GENESE", 61753, "B Genesee"),
    ("CENTRL", 61754, "C Central"),
    ("NORTH", 61755, "D North"),
    ("MHK VL", 61756, "E Mohawk Valley"),
    ("CAPITL", 61757, "F Capital"),
    ("HUD VL", 61758, "G Hudson Valley"),
    ("MILLWD", 61759, "H Millwood"),
    ("DUNWOD", 61760, "I Dunwoodie"),
    ("N.Y.C.", 61761, "J New York City"),
    ("LONGIL", 61762, "K Long Island"),
)
_NYISO_PROXIES = (
    ("H Q", 61844, "Hydro-Quebec"),
    ("NPX", 61845, "New England"),
    ("O H", 61846, "Ontario"),
    ("PJM", 61847, "PJM"),
)
_CAISO_HUBS = ("TH_NP15_GEN-APND", "TH_SP15_GEN-APND", "TH_ZP26_GEN-APND")
_CAISO_DLAPS = ("DLAP_PGAE-APND", "DLAP_SCE-APND", "DLAP_SDGE-APND", "DLAP_VEA-APND")

NYISO_ZONES = tuple(Location("NYISO", name, "zone", title, ptid) for name, ptid, title in _NYISO_ZONES)
NYISO_PROXIES = tuple(Location("NYISO", name, "external proxy", title, ptid) for name, ptid, title in _NYISO_PROXIES)
NYISO_SYSTEM = Location("NYISO", "NYISO", "system", "New York control area")
CAISO_HUBS = tuple(Location("CAISO", name, "hub", name[3:7]) for name in _CAISO_HUBS)
CAISO_DLAPS = tuple(
    Location("CAISO", name, "load aggregation point", name[5:].removesuffix("-APND")) for name in _CAISO_DLAPS
)
CAISO_SYSTEM = Location("CAISO", "CAISO", "system", "balancing area, as the outlook shows it")
CAISO_LOAD = Location("CAISO", "CA ISO-TAC", "load area", "sum of the transmission access charge areas")
CAISO_FORECAST_HUBS = tuple(Location("CAISO", name, "trading hub", name) for name in ("NP15", "SP15", "ZP26"))

KNOWN: tuple[Location, ...] = (
    *NYISO_ZONES,
    *NYISO_PROXIES,
    NYISO_SYSTEM,
    *CAISO_HUBS,
    *CAISO_DLAPS,
    CAISO_SYSTEM,
    CAISO_LOAD,
    *CAISO_FORECAST_HUBS,
)


def with_learned(ids: Iterable[str]) -> tuple[Location, ...]:
    """Return the known locations and, as kind `node`, those that only payloads name; ordered by id."""
    known = {location.id: location for location in KNOWN}
    for text in ids:
        if text not in known:
            market, _, name = text.partition(":")
            known[text] = Location(market, name, "node")
    return tuple(known[text] for text in sorted(known))
