"""What is subscribed to: a declaration narrowed by filter, fields and markets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.delivery.stream import messages
from powerdesk.kernel import ids, problem
from powerdesk.kernel.dtypes import Dtype
from powerdesk.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from powerdesk.store.dataset import Dataset

MAX_VALUES = 20_000
SID_LENGTH = 12
STAMP = "published_at"


@dataclass(frozen=True, slots=True)
class Spec:
    """One subscription's content: equal specs share one filter pass and one encoding.

    `every_belief` (policy block) gives each accepted row in commit order; otherwise only beliefs in force are given.
    """

    dataset: str
    market_column: str
    key: tuple[str, ...]
    within: tuple[tuple[str, tuple[str, ...]], ...]
    columns: tuple[str, ...]
    markets: tuple[str, ...]
    conflate_ms: int = 0
    every_belief: bool = False

    @property
    def sid(self) -> str:
        """The name of this content in messages and resume tokens; it does not depend on the entitlement."""
        return ids.content_id(self.dataset, repr(self.within), repr(self.columns))[:SID_LENGTH]

    @property
    def filters(self) -> Mapping[str, tuple[str, ...]]:
        """Values allowed per column, the market's narrowed to those the subscriber may see."""
        return {**dict(self.within), self.market_column: self.markets}

    @property
    def rest(self) -> str:
        """The REST address that reads the same rows."""
        query = urlencode({name: ",".join(values) for name, values in self.within})
        return f"/v1/datasets/{self.dataset}/rows" + (f"?{query}" if query else "")


def read(declared: Dataset, sub: messages.Sub) -> Spec:
    """Return what a sub message asks for, with the markets it touches; raise BadMessageError naming every fault."""
    filterable = sorted(column.name for column in declared.columns if column.key and column.dtype is Dtype.TEXT)
    known = [column.name for column in declared.columns] + [field.name for field in schema.SYSTEM_FIELDS]
    findings = [
        _finding(f"filter.{name}", name, ", ".join(filterable)) for name in sorted(set(sub.filter) - set(filterable))
    ]
    findings += [
        _finding(f"filter.{name}", f"{len(values)} values", f"1 to {MAX_VALUES} values")
        for name, values in sorted(sub.filter.items())
        if not 0 < len(values) <= MAX_VALUES
    ]
    findings += [_finding("fields", name, ", ".join(known)) for name in sub.fields or () if name not in known]
    if findings:
        raise messages.BadMessageError(
            found="; ".join(f"{item.pointer} {item.found}" for item in findings)[:400],
            allowed="see errors",
            remedy=f"GET /v1/datasets/{declared.id} describes the columns",
            findings=tuple(findings),
        )
    wanted = (STAMP,) if sub.fields is None else sub.fields
    own = tuple(column.name for column in declared.columns) if sub.fields is None else declared.key
    return Spec(
        dataset=declared.id,
        market_column=declared.market_column,
        key=declared.key,
        within=tuple((name, tuple(sorted(set(values)))) for name, values in sorted(sub.filter.items())),
        columns=tuple(dict.fromkeys((*own, *wanted))),
        markets=_touched(declared, sub.filter),
        conflate_ms=sub.conflate_ms,
        every_belief=sub.policy == "block",
    )


def _finding(pointer: str, found: str, allowed: str) -> problem.Finding:
    return problem.Finding(pointer=pointer, found=found[:80], allowed=allowed, remedy="correct the name")


def _touched(declared: Dataset, within: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the markets a filter touches: those named, those of its locations, else all that are licensed."""
    named = within.get(declared.market_column)
    if named is None and "location" in within:
        named = [location.partition(":")[0] for location in within["location"]]
    if named is None:
        named = [licence.market for licence in declared.licences]
    return tuple(sorted(set(named)))


def select(rows: pa.Table, spec: Spec) -> pa.Table:
    """Return the rows within a spec's filters, its columns only, in their order."""
    mask: pa.ChunkedArray | None = None
    for name, values in spec.filters.items():
        found = pc.is_in(rows.column(name), value_set=pa.array(values, pa.string()))
        mask = found if mask is None else pc.and_(mask, found)
    return rows.filter(mask).select(spec.columns)


def newest(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Return the last row of each full key, in the order those rows had."""
    if rows.num_rows <= 1:
        return rows
    numbered = rows.select(key).append_column("_row", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by(list(key)).aggregate([("_row", "max")]).column("_row_max")
    if len(last) == rows.num_rows:
        return rows
    return rows.take(pa.array(np.sort(last.to_numpy())))
