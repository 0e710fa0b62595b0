"""What a column of a dataset or table may hold."""

from __future__ import annotations

from enum import StrEnum


class Dtype(StrEnum):
    """What a column holds; instants are microseconds UTC, decimals and enums are text."""

    TEXT = "text"
    FLOAT64 = "float64"
    INT64 = "int64"
    BOOL = "bool"
    INSTANT = "instant"
