"""What the calculations of this package share: the verdict on an answer, checked panels, and their problem."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

TICK_USD_PER_MWH = 0.01
"""What markets round prices to."""

LARGEST_USD_PER_MWH = 1e9
"""No market has a price beyond it; the squares of greater ones lose digits first and overflow at last."""


class Identifiability(StrEnum):
    """Whether the data single an answer out."""

    IDENTIFIED = "identified"
    GROUPED = "grouped"
    """Only a set of candidates together: no single one of them is known."""
    UNIDENTIFIED = "unidentified"


class PanelError(Problem):
    """Prices, shadow prices and shift factors that do not belong together."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "price-panel-unusable"
    title: ClassVar[str] = "The panel of prices cannot be used"


def check_shape(name: str, values: FloatArray, shape: tuple[int, ...]) -> None:
    """Raise PanelError unless the array has this shape."""
    if values.shape != shape:
        raise PanelError(
            found=f"{name} of shape {values.shape}",
            allowed=f"shape {shape}",
            remedy="align intervals, constraints and nodes before the call",
        )


def check_finite(name: str, values: FloatArray) -> None:
    """Raise PanelError where a value is missing or infinite."""
    if not np.isfinite(values).all():
        raise PanelError(
            found=f"{np.count_nonzero(~np.isfinite(values))} values of {name} that are not numbers",
            allowed="finite numbers; 0 for a constraint that does not bind",
            remedy="leave out the intervals whose shadow prices are not known",
        )


def check_prices(name: str, values: FloatArray) -> None:
    """Raise PanelError unless it is a panel (n_interval, n_node) of possible prices, and NaN for what is missing."""
    beyond = np.abs(values) > LARGEST_USD_PER_MWH
    if values.ndim != 2 or beyond.any():  # noqa: PLR2004 - a panel
        raise PanelError(
            found=f"{name} of shape {values.shape}, {np.count_nonzero(beyond)} of them beyond {LARGEST_USD_PER_MWH:g}",
            allowed="a panel (intervals, nodes) of prices, NaN where one is missing",
            remedy="give one row per interval and one column per node",
        )


def check_tick(tick: float) -> None:
    """Raise PanelError unless prices are rounded to something."""
    if not 0.0 < tick < np.inf:
        raise PanelError(
            found=f"a tick of {tick}",
            allowed="above 0 USD/MWh",
            remedy="give what prices are rounded to: 0.01 is usual",
        )


def check_positions(name: str, positions: IntArray, size: int) -> None:
    """Raise PanelError unless these are distinct positions among `size`."""
    off = np.count_nonzero((positions < 0) | (positions >= size))
    twice = positions.size - np.unique(positions).size
    if off or twice:
        raise PanelError(
            found=f"{off} {name} that the network lacks, {twice} given twice",
            allowed=f"positions from 0 to {size - 1}, each once",
            remedy="look the names up in the network that the sensitivities are of",
        )
