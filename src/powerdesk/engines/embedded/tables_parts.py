"""Parts: where the rows of a table lie. New rows go to the hot part; sorted parts are made from it and never change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PartKind(StrEnum):
    """Hot parts take appends; blocks are sorted tables in the DuckDB file; files are sorted Parquet in Objects."""

    HOT = "hot"
    BLOCK = "block"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Part:
    """A set of rows: the SQL relation to read it from, and what is known of it without reading."""

    number: int
    kind: PartKind
    relation: str
    columns: frozenset[str]
    rows: int = 0

    @property
    def is_sorted(self) -> bool:
        """Whether rows lie in key order with their successors noted."""
        return self.kind is not PartKind.HOT
