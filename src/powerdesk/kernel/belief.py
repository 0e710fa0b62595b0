"""The one shape of every number: what, where, for when, known when, from whom."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from powerdesk.kernel.intervals import require_utc
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.kernel.intervals import DeliveryInterval
    from powerdesk.kernel.locations import LocationId
    from powerdesk.kernel.units import Quantity


class Knowledge(StrEnum):
    """Whose knowledge a read speaks of: what the market had published, or what this desk had received."""

    PUBLISHED = "published"
    RECEIVED = "received"


class BeliefError(Problem):
    """A belief lacks its source, counts revisions below zero, or has a quantile outside (0, 1)."""

    slug: ClassVar[str] = "belief"
    title: ClassVar[str] = "Not a belief"


@dataclass(frozen=True, slots=True, order=True)
class Quantile:
    """A probability level strictly between 0 and 1. Text form `0.05`; parse(str(x)) == x."""

    level: float

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise BeliefError(
                found=f"quantile {self.level!r}", allowed="0 < level < 1", remedy="write 0.05 for the 5 % quantile"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the quantile of `0.05`; raises BeliefError."""
        try:
            return cls(float(text))
        except ValueError:
            raise BeliefError(
                found=f"quantile {text[:32]!r}", allowed="0 < level < 1", remedy="write 0.05 for the 5 % quantile"
            ) from None

    def __str__(self) -> str:
        return repr(self.level)


@dataclass(frozen=True, slots=True)
class Belief:
    """What `source` said at `published_at` about a quantity at a location over a delivery interval.

    `revision` counts the beliefs about this interval by this source from 0. `quantile` is None for a point value.
    Raises InstantError for a `published_at` that is not UTC.
    """

    location: LocationId
    interval: DeliveryInterval
    published_at: datetime
    source: str
    revision: int
    quantity: Quantity[Any]
    quantile: Quantile | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "published_at", require_utc(self.published_at))
        if self.revision < 0 or not self.source or self.source != self.source.strip():
            raise BeliefError(
                found=f"source {self.source!r}, revision {self.revision}",
                allowed="a named source and a revision from 0",
                remedy="name who said it; the store counts revisions",
            )
