"""A selection and a cut on one table, resolved against its codes, and the SQL for the rows of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines.embedded import tables_recent
from powerdesk.engines.embedded.tables_layout import (
    LABEL,
    TAG,
    TAG_COLUMNS,
    Layout,
    instant,
    micros,
    quoted,
)
from powerdesk.engines.embedded.tables_parts import Part, PartKind
from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from powerdesk.engines.embedded.tables_codes import Codes
    from powerdesk.engines.embedded.tables_held import View
    from powerdesk.engines.embedded.tables_recent import Recent
    from powerdesk.engines.ports.tables import Cut, Selection

LABELS, TAGS = "_labels", "_tags"
LISTED_CODES_MAX = 200


@dataclass(frozen=True)
class Scope:
    """A selection and a cut on one table, resolved against its codes; composes the SQL."""

    view: View
    selection: Selection
    cut: Cut | None = None
    commits: tuple[int, int] | None = None
    """(after, upto], for reading changes."""
    labels_left: npt.NDArray[np.bool_] | None = None
    """Per label, whether it is still looked for."""
    by_series: bool = False
    """Whether order and `after` leave the time column out."""
    every_revision: bool = False
    """Whether rows are wanted as they are, so that no choice among them follows."""

    @property
    def layout(self) -> Layout:
        """The table's layout."""
        return self.view.layout

    @property
    def labels(self) -> Codes:
        """The table's labels."""
        return self.view.labels

    @property
    def tags(self) -> Codes:
        """The table's tags."""
        return self.view.tags

    @property
    def recent(self) -> Recent:
        """The rows in memory."""
        return self.view.recent

    @property
    def knowledge_column(self) -> str:
        """The clock the cut speaks of."""
        received = self.cut is not None and self.cut.knowledge is Knowledge.RECEIVED
        return "received_at" if received else "published_at"

    @property
    def late_filters(self) -> dict[str, tuple[str | int | bool, ...]]:
        """Filters on columns that are neither key nor source: they look at the belief in force, so they come last."""
        early = {*self.layout.spec.key, "source"}
        return {name: allowed for name, allowed in self.selection.within.items() if name not in early}

    @property
    def row_filters(self) -> dict[str, tuple[str | int | bool, ...]]:
        """Filters on stored columns that apply to every row."""
        return {
            name: allowed
            for name, allowed in self.selection.within.items()
            if name in self.layout.plain_keys or (self.every_revision and name in self.layout.stored)
        }

    @property
    def revision_from(self) -> int:
        """The least revision wanted, where rows are wanted as they are."""
        return self.selection.revision_from if self.every_revision else 0

    @property
    def in_memory(self) -> bool:
        """Whether every row that may be a candidate is held in memory."""
        start = micros(self.selection.start)
        reaches = self.recent.from_us <= (tables_recent.EVERYTHING if start is None else start)
        return reaches or (self.commits is not None and self.commits[0] >= self.recent.after_commit)

    @cached_property
    def label_codes(self) -> npt.NDArray[np.intp] | None:
        """The labels allowed, in order; None when all are."""
        within = {n: allowed for n, allowed in self.selection.within.items() if n in self.layout.label_columns}
        codes = self.labels.matching(within)
        if self.labels_left is None:
            return codes
        return np.flatnonzero(self.labels_left) if codes is None else codes[self.labels_left[codes]]

    @cached_property
    def tag_codes(self) -> npt.NDArray[np.intp] | None:
        """The tags allowed, in order; None when all are."""
        names = TAG_COLUMNS if self.every_revision else ("source",)
        return self.tags.matching({n: allowed for n, allowed in self.selection.within.items() if n in names})

    @cached_property
    def source_ranks(self) -> npt.NDArray[Any]:
        """Per tag, the rank of its source: by name, or the worst first."""
        names = list(self.tags.distinct("source"))
        if not self.every_revision:
            named = [name for name in dict.fromkeys(self.selection.sources) if name in names]
            names = [*named, *(name for name in names if name not in named)][::-1]
        found = pc.index_in(self.tags.texts("source"), value_set=pa.array(names, pa.string()))
        ranks: npt.NDArray[Any] = found.to_numpy()
        return ranks

    @property
    def needs_tags(self) -> bool:
        """Whether sources matter: tags are filtered, or there are several sources to rank."""
        return self.tag_codes is not None or len(self.tags.distinct("source")) > 1

    @property
    def key_runs(self) -> list[tuple[str, ...]]:
        """The runs of the key that order the answer; without the time column for series."""
        dropped = (self.layout.spec.time_column,) if self.by_series else ()
        return [run for run in self.layout.key_runs if run != dropped]

    @property
    def touched(self) -> tuple[Part, ...]:
        """The parts that may hold rows of the selected span."""
        return tuple(part for part in self.view.parts if part.overlaps(self.selection))

    def row_filter(self) -> str:
        """Return the conditions on a row of a part, but for the commit of the cut."""
        time = quoted(self.layout.spec.time_column)
        terms = []
        if self.cut is not None:
            terms.append(f"{self.knowledge_column} <= {instant(self.cut.as_of)}")
        if self.commits is not None:
            terms += [f'"commit" > {int(self.commits[0])}', f'"commit" <= {int(self.commits[1])}']
        if self.selection.start is not None:
            terms.append(f"{time} >= {instant(self.selection.start)}")
        if self.selection.end is not None:
            terms.append(f"{time} < {instant(self.selection.end)}")
        if self.revision_from:
            terms.append(f"revision >= {int(self.revision_from)}")
        for name, allowed in self.row_filters.items():
            terms.append(f"{quoted(name)} in ({', '.join(map(self._literal(name), allowed)) or 'null'})")
        for column, table, codes in ((LABEL, LABELS, self.label_codes), (TAG, TAGS, self.tag_codes)):
            if codes is not None and len(codes) > LISTED_CODES_MAX:
                terms.append(f"{column} in (select id from {table})")  # noqa: S608 - names of this module
            elif codes is not None:  # literal codes let DuckDB skip row groups
                terms.append(f"{column} in ({', '.join(map(str, codes)) or 'null'})")
        return " and ".join(terms) or "true"

    def registered(self) -> dict[str, pa.Table]:
        """Return the tables that `row_filter` refers to, by name."""
        allowed = {LABELS: self.label_codes, TAGS: self.tag_codes}
        return {
            name: pa.table({"id": codes.astype(np.int32)})
            for name, codes in allowed.items()
            if codes is not None and len(codes) > LISTED_CODES_MAX
        }

    def sql(self, names: Sequence[str]) -> str:
        """Return SQL for stored columns `names` over every part, without rows that cannot be in force."""
        where = self.row_filter()
        pieces = []
        for relation, parts in self._relations():
            columns = [self._stored(parts[0], name) for name in names]
            terms = [where, *self._cut_terms(parts)]
            pieces.append(f"select {', '.join(columns)} from {relation} where {' and '.join(terms)}")  # noqa: S608 - quoted names
        nothing = ", ".join(f"null::{self.layout.stored[name]} as {quoted(name)}" for name in names)
        return " union all ".join(pieces) or f"select {nothing} where false"

    def _relations(self) -> list[tuple[str, tuple[Part, ...]]]:
        """Return what to read from, with the parts in it; files with the same columns are read as one."""
        found = [(part.source, (part,)) for part in self.touched if part.kind is not PartKind.FILE]
        files: dict[frozenset[str], tuple[Part, ...]] = {}
        for part in self.touched:
            if part.kind is PartKind.FILE:
                files[part.columns] = (*files.get(part.columns, ()), part)
        read = [(f"read_parquet([{', '.join(part.source for part in parts)}])", parts) for parts in files.values()]
        return [*found, *read]

    def _cut_terms(self, parts: tuple[Part, ...]) -> list[str]:
        """Return the conditions on commits, and that no successor of a row, known when it was sorted, is in the cut."""
        if self.cut is None:
            return []
        commit = int(self.cut.commit)
        reached = all(part.last_commit is not None and part.last_commit <= commit for part in parts)
        terms = [] if reached else [f'"commit" <= {commit}']
        if self.every_revision or not all(part.is_sorted for part in parts):
            return terms
        seen = f"_next_{self.knowledge_column} <= {instant(self.cut.as_of)}"
        return [*terms, f"({seen if reached else f'{seen} and _next_commit <= {commit}'}) is not true"]

    def _stored(self, part: Part, name: str) -> str:
        if name in part.columns:
            return quoted(name)
        return f"null::{self.layout.stored[name]} as {quoted(name)}"

    def _literal(self, name: str) -> Callable[[Any], str]:
        dtype = self.layout.columns[name].dtype
        known: dict[Dtype, Callable[[Any], str]] = {
            Dtype.INSTANT: instant,
            Dtype.INT64: lambda value: str(int(value)),
            Dtype.BOOL: lambda value: str(bool(value)),
            Dtype.TEXT: lambda value: "'" + str(value).replace("'", "''") + "'",
            Dtype.FLOAT64: lambda value: f"'{float(value)!r}'::DOUBLE",
        }
        return known[dtype]
