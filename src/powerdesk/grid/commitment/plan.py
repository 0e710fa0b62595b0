"""What a commitment gives back: states, dispatch, reserves, what it costs, and how far it may be from the best."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray


class Status(StrEnum):
    """How a commitment ended."""

    WITHIN_GAP = "within-gap"
    """Proven to be within the gap asked for."""
    STOPPED = "stopped"
    """The best found until the limit of time or nodes; `gap` says what is proven."""


class InfeasibleCommitmentError(Problem):
    """No plan of the units keeps every limit; `findings` name hours and units in conflict."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "commitment-infeasible"
    title: ClassVar[str] = "No commitment keeps every limit"


class UnverifiedCommitmentError(Problem):
    """The solver gave no plan that passes the check from the data."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "commitment-unverified"
    title: ClassVar[str] = "No commitment could be verified"


@dataclass(frozen=True, eq=False, slots=True)
class Dispatch:
    """MW by interval: units (n, n_unit), reserves (n, n_unit, n_reserve), variable units, priced loads, links.

    `shed_mw` (n, n_bus) is demand not served, `short_mw` (n, n_reserve) reserve not held.
    """

    power_mw: FloatArray
    reserve_mw: FloatArray
    variable_mw: FloatArray
    served_mw: FloatArray
    link_mw: FloatArray
    shed_mw: FloatArray
    short_mw: FloatArray


@dataclass(frozen=True, slots=True)
class Costs:
    """USD of the whole horizon: running, starts, stops, variable units, shortfalls, less what priced loads value."""

    running: float
    starting: float
    stopping: float
    variable: float
    served_value: float
    shed: float
    short: float
    beyond_limits: float

    @property
    def total(self) -> float:
        """The objective."""
        paid = self.running + self.starting + self.stopping + self.variable + self.shed + self.short
        return paid + self.beyond_limits - self.served_value


@dataclass(frozen=True, eq=False, slots=True)
class Commitment:
    """A plan that passed the check from the data.

    `on`, `start`, `stop` (n, n_unit). `objective_usd` is recomputed from the case; `bound_usd` is proven: no plan costs
    less; `gap` = (objective - bound) / |objective|. `parting_outages` name contingencies that were left out because
    they part the network. `seconds` is the solver's time.
    """

    status: Status
    on: BoolArray
    start: BoolArray
    stop: BoolArray
    dispatch: Dispatch
    costs: Costs
    objective_usd: float
    bound_usd: float
    gap: float
    seconds: float
    parting_outages: tuple[str, ...]
