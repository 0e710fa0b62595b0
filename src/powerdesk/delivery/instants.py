"""Instants as text on every channel: RFC 3339 with Z, a fraction only where it is not zero, as in the kernel."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt

MICROSECONDS = 1_000_000
DAY_S = 86_400
FEW = 16
"""Up to so many instants are written one by one: a call of numpy costs as much as several of them."""
NEAR_DAYS = 4_096
KEPT_TEXTS = 4_096
NO_FRACTION = ".000000"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES = np.array([f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(1_440)], "S7")
_SECONDS = np.array([f"{second:02}" for second in range(60)], "S2")
_THOUSANDTHS = np.array([f"{number:03}" for number in range(1_000)], "S3")
_HEAD = [("open", "S1"), ("date", "S10"), ("minute", "S7"), ("second", "S2")]
_WHOLE = np.dtype([*_HEAD, ("close", "S3")])
_FRACTION = np.dtype([*_HEAD, ("point", "S1"), ("milli", "S3"), ("micro", "S3"), ("close", "S3")])


def texts(column: pa.Array) -> list[str | None]:
    """Return the text of each instant, None where there is none."""
    if column.null_count:
        known = iter(_texts(_micros(column.drop_null())))
        return [next(known) if valid else None for valid in column.is_valid().to_pylist()]
    return list(_texts(_micros(column)))


def strings(column: pa.ChunkedArray) -> pa.Array:
    """Return the text of each instant as an Arrow array; each distinct instant is written once."""
    keyed = column.combine_chunks().dictionary_encode()
    return pa.array(texts(keyed.dictionary), pa.string()).take(keyed.indices)


def json(column: pa.Array) -> bytes | None:
    """Return the JSON array of a column by look-ups for all of it at once.

    None for a column with nulls, or where some instants have a fraction and some have none.
    """
    if column.null_count or not len(column):
        return None
    seconds, fractions = np.divmod(_micros(column), MICROSECONDS)
    fractional = fractions != 0
    if fractional.any() and not fractional.all():
        return None
    days, rest = np.divmod(seconds, DAY_S)
    minutes = rest // 60
    elements = np.empty(len(column), _FRACTION if fractional[0] else _WHOLE)
    elements["open"], elements["close"] = b'"', b'Z",'
    elements["date"] = _dates(days)
    elements["minute"] = _MINUTES[minutes]
    elements["second"] = _SECONDS[rest - minutes * 60]
    if fractional[0]:
        thousandths = fractions // 1_000
        elements["point"] = b"."
        elements["milli"] = _THOUSANDTHS[thousandths]
        elements["micro"] = _THOUSANDTHS[fractions - thousandths * 1_000]
    return b"[" + elements.tobytes()[:-1] + b"]"


def _dates(days: npt.NDArray[np.int64]) -> npt.NDArray[np.bytes_]:
    """Return the date of each day since 1970; each distinct one is written once."""
    first, last = int(days.min()), int(days.max())
    if last - first < NEAR_DAYS:
        return np.datetime_as_string(np.arange(first, last + 1).astype("M8[D]")).astype("S10")[days - first]
    distinct, place = np.unique(days, return_inverse=True)
    return np.datetime_as_string(distinct.astype("M8[D]")).astype("S10")[place]


def _micros(column: pa.Array) -> npt.NDArray[np.int64]:
    if column.type.unit != "us":
        raise AssertionError(f"found a column of {column.type}; allowed: instants in microseconds")
    micros: npt.NDArray[np.int64] = column.view(pa.int64()).to_numpy()
    return micros


def _texts(micros: npt.NDArray[np.int64]) -> list[str]:
    if len(micros) <= FEW:
        return [_text(each) for each in micros.tolist()]
    distinct, place = np.unique(micros, return_inverse=True)
    unit: Any = "us" if (distinct % MICROSECONDS).any() else "s"
    written = np.datetime_as_string(distinct.astype("M8[us]"), unit=unit).tolist()
    named = [f"{text.removesuffix(NO_FRACTION)}Z" for text in written]
    return [named[each] for each in place.tolist()]


@functools.lru_cache(KEPT_TEXTS)
def _text(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None).isoformat() + "Z"
