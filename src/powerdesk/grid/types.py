"""The network: immutable arrays, per unit inside, MW outside.

Signs: injection is positive, load is positive where it withdraws, flow is positive from `from_bus` to `to_bus`.
Indices (`from_bus`, `to_bus`, `bus`) are positions in `Buses`, never the numbers a file gives. Arrays are read-only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

REFERENCE_TYPE = 3
ISOLATED_TYPE = 4


class BranchModel(StrEnum):
    """How a branch's susceptance follows from its data."""

    DCP = "dcp"
    """b = x / (r^2 + x^2), taps and phase shifts ignored: PowerModels' `DCPPowerModel`, which PGLib's table uses."""
    MATPOWER = "matpower"
    """b = 1 / (x tap), phase shifts kept: MATPOWER's `makeBdc`, pandapower, PYPOWER, Egret."""


class NetworkError(Problem):
    """A network cannot be used; `findings` holds every fault with its place and remedy."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "network-unusable"
    title: ClassVar[str] = "The network cannot be used"


class _Table:
    """A frozen table of equally long arrays, made read-only."""

    def _freeze(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, one.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


@dataclass(frozen=True, eq=False, slots=True)
class Buses(_Table):
    """Per bus (n_bus,): the file's number and name, type (1 load, 2 generator, 3 reference, 4 isolated), demand.

    `shunt_mw` is what the shunt conductance draws at 1 per unit voltage; `area`, `zone` and `base_kv` are as given.
    """

    number: IntArray
    name: tuple[str, ...]
    kind: IntArray
    load_mw: FloatArray
    shunt_mw: FloatArray
    area: IntArray
    zone: IntArray
    base_kv: FloatArray

    def __post_init__(self) -> None:
        self._freeze()

    def __len__(self) -> int:
        return self.number.size


@dataclass(frozen=True, eq=False, slots=True)
class Branches(_Table):
    """Per branch (n_branch,): ends, impedance in per unit, tap ratio, shift and angle limits in degrees, ratings in MW.

    No rating and no angle limit are infinite. `tap` is 1 for a line. Names are unique: `12-34`, `12-34 #2`.
    """

    name: tuple[str, ...]
    from_bus: IntArray
    to_bus: IntArray
    resistance_pu: FloatArray
    reactance_pu: FloatArray
    tap: FloatArray
    shift_deg: FloatArray
    rating_mw: FloatArray
    emergency_rating_mw: FloatArray
    angle_min_deg: FloatArray
    angle_max_deg: FloatArray
    in_service: BoolArray

    def __post_init__(self) -> None:
        self._freeze()

    def __len__(self) -> int:
        return self.from_bus.size


@dataclass(frozen=True, eq=False, slots=True)
class Generators(_Table):
    """Per generator (n_gen,): bus, limits in MW, and a convex cost.

    Cost in USD/h at p MW: `constant + linear p + quadratic p^2`, or, where the curve of a generator has points
    (`curve_start[g]` to `curve_start[g + 1]`), the piecewise linear curve through (`curve_mw`, `curve_usd_per_h`),
    its outer slopes continued. A negative p is a load that may be turned down.
    """

    name: tuple[str, ...]
    bus: IntArray
    min_mw: FloatArray
    max_mw: FloatArray
    in_service: BoolArray
    constant_usd_per_h: FloatArray
    linear_usd_per_mwh: FloatArray
    quadratic_usd_per_mw2h: FloatArray
    curve_start: IntArray
    curve_mw: FloatArray
    curve_usd_per_h: FloatArray

    def __post_init__(self) -> None:
        self._freeze()

    def __len__(self) -> int:
        return self.bus.size


@dataclass(frozen=True, eq=False, slots=True)
class HvdcLines(_Table):
    """Per direct-current line (n_hvdc,): p leaves `from_bus` within limits, p - (loss_mw + loss_share p) arrives."""

    name: tuple[str, ...]
    from_bus: IntArray
    to_bus: IntArray
    min_mw: FloatArray
    max_mw: FloatArray
    loss_mw: FloatArray
    loss_share: FloatArray
    in_service: BoolArray

    def __post_init__(self) -> None:
        self._freeze()

    def __len__(self) -> int:
        return self.from_bus.size


@dataclass(frozen=True, eq=False)
class Network:
    """A network whose data have been checked: `grid.checking` found nothing against it."""

    name: str
    base_mva: float
    buses: Buses
    branches: Branches
    generators: Generators
    hvdc: HvdcLines
    _position: dict[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_position", {int(one): at for at, one in enumerate(self.buses.number)})

    def position(self, number: int) -> int:
        """Return where the bus of this number stands; raises NetworkError for a number that is not there."""
        try:
            return self._position[number]
        except KeyError:
            raise NetworkError(
                found=f"bus {number}", allowed=f"a bus of {self.name}", remedy="give the number in the case's bus table"
            ) from None

    @cached_property
    def demand_mw(self) -> FloatArray:
        """What each bus in service withdraws (n_bus,): load and shunt; zero at an isolated bus."""
        demand = np.where(self.live, self.buses.load_mw + self.buses.shunt_mw, 0.0)
        demand.setflags(write=False)
        return demand

    @cached_property
    def live(self) -> BoolArray:
        """Which buses are not declared isolated (n_bus,)."""
        return np.asarray(self.buses.kind != ISOLATED_TYPE)

    @cached_property
    def live_branches(self) -> IntArray:
        """Positions of branches in service between buses that are not isolated."""
        ends = self.live[self.branches.from_bus] & self.live[self.branches.to_bus]
        return np.flatnonzero(self.branches.in_service & ends)

    @cached_property
    def live_generators(self) -> IntArray:
        """Positions of generators in service at buses that are not isolated."""
        return np.flatnonzero(self.generators.in_service & self.live[self.generators.bus])

    @cached_property
    def live_hvdc(self) -> IntArray:
        """Positions of direct-current lines in service between buses that are not isolated."""
        ends = self.live[self.hvdc.from_bus] & self.live[self.hvdc.to_bus]
        return np.flatnonzero(self.hvdc.in_service & ends)

    @cached_property
    def reference(self) -> int:
        """Position of the reference bus: the first of type 3, else the live bus with the most generation."""
        named = np.flatnonzero(self.buses.kind == REFERENCE_TYPE)
        if named.size:
            return int(named[0])
        capacity = np.where(self.live, 0.0, -np.inf)
        on = self.live_generators
        np.add.at(capacity, self.generators.bus[on], self.generators.max_mw[on])
        return int(np.argmax(capacity))

    def susceptance_mw(self, model: BranchModel) -> FloatArray:
        """Return flow in MW per radian of angle difference (n_branch,); zero for a branch not in service."""
        resistance, reactance = self.branches.resistance_pu, self.branches.reactance_pu
        on = np.zeros(len(self.branches), dtype=bool)
        on[self.live_branches] = True
        square = resistance**2 + reactance**2
        if model is BranchModel.MATPOWER:
            top, bottom = np.ones_like(reactance), reactance * self.branches.tap
        else:
            top, bottom = reactance, square
        return self.base_mva * np.divide(top, bottom, out=np.zeros_like(top), where=on & (bottom != 0.0))

    def shift_rad(self, model: BranchModel) -> FloatArray:
        """Return the phase shift that the model keeps (n_branch,), in radians."""
        kept = self.branches.shift_deg if model is BranchModel.MATPOWER else np.zeros(len(self.branches))
        return np.deg2rad(kept)
