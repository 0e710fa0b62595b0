"""What every score asks of its arrays, and the problem it raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]


class ScoreError(Problem):
    """Forecasts and outcomes that cannot be scored: shapes, missing values, nothing to score."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "scores-unusable"
    title: ClassVar[str] = "The forecasts and outcomes cannot be scored"


def numbers(name: str, values: ArrayLike, *, shape: tuple[int, ...] | None = None) -> FloatArray:
    """Return finite float64 values of the shape, (n,) by default; ScoreError when they are not that, or none."""
    array = np.asarray(values, dtype=np.float64)
    wanted = (array.size,) if shape is None else shape
    if array.shape != wanted or array.size == 0:
        raise ScoreError(
            found=f"{name} of shape {array.shape}",
            allowed=f"shape {wanted}, at least one value",
            remedy="align forecasts and outcomes, one row per forecast",
        )
    if not np.isfinite(array).all():
        raise ScoreError(
            found=f"{np.count_nonzero(~np.isfinite(array))} values of {name} that are missing or infinite",
            allowed="finite numbers",
            remedy="leave out on purpose what has no forecast or no outcome, and say how much that was",
        )
    return array


def probabilities(name: str, values: ArrayLike, *, shape: tuple[int, ...] | None = None) -> FloatArray:
    """Return numbers from 0 to 1; ScoreError otherwise."""
    array = numbers(name, values, shape=shape)
    if array.min() < 0.0 or array.max() > 1.0:
        raise ScoreError(
            found=f"{name} from {array.min():g} to {array.max():g}",
            allowed="probabilities from 0 to 1",
            remedy="give probabilities; a score without scale belongs to roc_auc or average_precision",
        )
    return array


def events(occurred: ArrayLike, *, size: int) -> FloatArray:
    """Return outcomes (size,) as 0.0 and 1.0; ScoreError for anything else."""
    array = numbers("occurred", occurred, shape=(size,))
    if not np.isin(array, (0.0, 1.0)).all():
        raise ScoreError(
            found="outcomes other than 0 and 1", allowed="0 or 1", remedy="compare the value with a threshold first"
        )
    return array


def weights(weight: ArrayLike | None, *, size: int) -> FloatArray:
    """Return weights (size,) that are not below 0 and sum above 0; ones when none are given."""
    if weight is None:
        return np.ones(size)
    array = numbers("weight", weight, shape=(size,))
    if array.min() < 0.0 or array.sum() <= 0.0:
        raise ScoreError(
            found="weights below 0, or all 0", allowed="weights from 0, one above", remedy="count each forecast once"
        )
    return array
