"""The date formats of market files, read over the few distinct texts of a column."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_GMT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:Z|[+-]00:?00)", re.ASCII)
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2}) (\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_EARLIEST, _LATEST = 1998, 2100
"""Markets of this kind began in 1998; a stamp outside is a fault of the file."""
_CENTURY = 2000
_SHORT_YEAR = 2


def gmt(texts: Sequence[str | None]) -> NDArray[np.datetime64]:
    """Return instants datetime64[us] (n,) of texts like 2025-03-01T08:00:00-00:00; NaT where unreadable."""
    return _read(texts, lambda text: _fields(_GMT.fullmatch(text), (0, 1, 2)))


def local(texts: Sequence[str | None]) -> NDArray[np.datetime64]:
    """Return wall-clock times datetime64[us] (n,) of 02/19/2025 00:05:00, 6/1/24 0:00 or 2024/06/01 00:15:00."""

    def fields(text: str) -> datetime | None:
        if text[:4].isdigit():
            return _fields(_YEAR_FIRST.fullmatch(text), (0, 1, 2))
        return _fields(_US.fullmatch(text), (2, 0, 1))

    return _read(texts, fields)


def with_seconds(texts: Sequence[str | None]) -> bool:
    """Tell whether the texts carry seconds, which the five-minute files do and the hourly ones do not."""
    return any(text is not None and text.count(":") > 1 for text in texts)


def _read(texts: Sequence[str | None], fields: _Reader) -> NDArray[np.datetime64]:
    instants = [None if text is None else fields(text.strip()) for text in texts]
    naive = [None if instant is None else instant.replace(tzinfo=None) for instant in instants]
    return np.array(naive, dtype="datetime64[us]")


def _fields(match: re.Match[str] | None, order: tuple[int, int, int]) -> datetime | None:
    if match is None:
        return None
    parts = match.groups(default="0")
    year, month, day = (parts[index] for index in order)
    full_year = int(year) + (_CENTURY if len(year) == _SHORT_YEAR else 0)
    if not _EARLIEST <= full_year <= _LATEST:
        return None
    try:
        return datetime(full_year, int(month), int(day), int(parts[3]), int(parts[4]), int(parts[5]), tzinfo=UTC)
    except ValueError:
        return None


if TYPE_CHECKING:
    from collections.abc import Callable

    _Reader = Callable[[str], datetime | None]
