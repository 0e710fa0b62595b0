"""Reading beliefs: the SQL that brings the candidates in order, and the choice of the one in force.

The choice is one rule. Candidates (rows within the cut) come ordered by key, then by rank of source from worst to
best, then by knowledge time and commit. The last candidate of each key is the belief in force. Everything else here
only keeps candidates that cannot win from being looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines.embedded import tables_codes
from powerdesk.engines.embedded.tables_layout import (
    LABEL,
    STAMP_COLUMNS,
    TAG,
    TAG_COLUMNS,
    Layout,
    instant,
    quoted,
)
from powerdesk.engines.embedded.tables_parts import Part, PartKind
from powerdesk.engines.ports.tables import Cut, Dtype, Knowledge, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import numpy.typing as npt

    from powerdesk.engines.embedded.tables_codes import Codes

LABELS, TAGS = "_labels", "_tags"
LISTED_LABELS_MAX = 200


@dataclass(frozen=True)
class Scope:
    """A selection and a cut on one table, resolved against its codes; composes the SQL."""

    layout: Layout
    labels: Codes
    tags: Codes
    parts: tuple[Part, ...]
    selection: Selection
    cut: Cut | None = None
    commits: tuple[int, int] | None = None
    """(after, upto], for reading changes."""
    last_time: datetime | None = None
    """The greatest time ever appended, if known."""
    labels_left: npt.NDArray[np.bool_] | None = None
    """Per label, whether it is still looked for."""
    by_series: bool = False
    """Whether order and `after` leave the time column out."""
    every_revision: bool = False
    """Whether rows are wanted as they are, so that no choice among them follows."""

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

    def label_mask(self) -> npt.NDArray[np.bool_] | None:
        """Tell per label whether `within` allows it; None when all are allowed."""
        masks = [
            self.labels.where(name, allowed)
            for name, allowed in self.selection.within.items()
            if name in self.layout.label_columns
        ]
        masks += [] if self.labels_left is None else [self.labels_left]
        return np.logical_and.reduce(masks) if masks else None

    def tag_mask(self) -> npt.NDArray[np.bool_] | None:
        """Tell per tag whether it is allowed; None when all are."""
        names = TAG_COLUMNS if self.every_revision else ("source",)
        masks = [self.tags.where(name, allowed) for name, allowed in self.selection.within.items() if name in names]
        return np.logical_and.reduce(masks) if masks else None

    def label_table(self) -> pa.Table:
        """Return the allowed labels with a rank per text run of the key."""
        columns: dict[str, Any] = {"id": np.arange(len(self.labels), dtype=np.int32)}
        for number, run in enumerate(self.layout.label_runs):
            columns[f"rank{number}"] = self.labels.ranks(run)[0]
        mask = self.label_mask()
        return pa.table(columns if mask is None else {name: array[mask] for name, array in columns.items()})

    def tag_table(self) -> pa.Table:
        """Return the allowed tags with the rank of their source: by name, or the worst first."""
        names = list(self.tags.distinct("source"))
        if not self.every_revision:
            named = [name for name in dict.fromkeys(self.selection.sources) if name in names]
            names = [*named, *(name for name in names if name not in named)][::-1]
        ids = np.arange(len(self.tags), dtype=np.int32)
        ranks = pc.index_in(self.tags.texts("source"), value_set=pa.array(names, pa.string())).to_numpy()
        mask = self.tag_mask()
        return pa.table({"id": ids, "rank": ranks} if mask is None else {"id": ids[mask], "rank": ranks[mask]})

    @property
    def has_several_sources(self) -> bool:
        """Whether more than one source ever wrote to the table."""
        return len(self.tags.distinct("source")) > 1

    def row_filter(self) -> str:
        """Return the conditions on a row of a part, without those on codes."""
        time = quoted(self.layout.spec.time_column)
        terms = []
        if self.cut is not None:
            terms += [f"{self.knowledge_column} <= {instant(self.cut.as_of)}", f'"commit" <= {int(self.cut.commit)}']
        if self.commits is not None:
            terms += [f'"commit" > {int(self.commits[0])}', f'"commit" <= {int(self.commits[1])}']
        if self.selection.start is not None:
            terms.append(f"{time} >= {instant(self.selection.start)}")
        if self.selection.end is not None:
            terms.append(f"{time} < {instant(self.selection.end)}")
        for name, allowed in self.selection.within.items():
            if name in self.layout.plain_keys or (self.every_revision and name in self.layout.stored):
                terms.append(f"{quoted(name)} in ({', '.join(map(self._literal(name), allowed)) or 'null'})")
        mask = self.label_mask()
        if mask is not None and mask.sum() <= LISTED_LABELS_MAX:  # literal codes let DuckDB skip row groups
            codes = ", ".join(map(str, np.flatnonzero(mask)))
            terms.append(f"{LABEL} in ({codes or 'null'})")
        return " and ".join(terms) or "true"

    def candidates(self, names: Sequence[str]) -> str:
        """Return a subquery of stored columns `names` over every part, without rows that cannot be in force."""
        where = self.row_filter()
        pieces = []
        for relation, part in self._relations():
            prune = part.is_sorted and not self.every_revision and self.cut is not None
            terms = f"{where} and {self._not_superseded()}" if prune else where
            columns = [self._stored(part, name) for name in names]
            pieces.append(f"select {', '.join(columns)} from {relation} where {terms}")  # noqa: S608 - quoted names
        nothing = ", ".join(f"null::{self.layout.stored[name]} as {quoted(name)}" for name in names)
        return " union all ".join(pieces) or f"select {nothing} where false"

    @property
    def touched(self) -> tuple[Part, ...]:
        """The parts that may hold rows of the selected span."""
        return tuple(part for part in self.parts if part.overlaps(self.selection))

    @property
    def lies_in_order(self) -> bool:
        """Whether the candidates lie in the order wanted already: one sorted part, one source, rising keys."""
        touched = self.touched
        alone = len(touched) == 1 and touched[0].is_sorted
        return alone and not self.needs_tags and not self.selection.descending

    def _relations(self) -> list[tuple[str, Part]]:
        """Return what to read from, with a part that speaks for it; files with the same columns are read as one."""
        found = [(part.source, part) for part in self.touched if part.kind is not PartKind.FILE]
        files: dict[frozenset[str], list[Part]] = {}
        for part in self.touched:
            if part.kind is PartKind.FILE:
                files.setdefault(part.columns, []).append(part)
        found += [(f"read_parquet([{', '.join(part.source for part in parts)}])", parts[0]) for parts in files.values()]
        return found

    def query(
        self,
        answer: str,
        names: Sequence[str],
        *,
        order: Sequence[str] = (),
        joined: str = "",
        limit: int | None = None,
        where: str = "true",
    ) -> str:
        """Return SQL for the expressions `answer` over the allowed candidates' stored columns `names`.

        `answer`, `order` and `joined` speak of r (candidates), l (labels) and t (tags).
        """
        sql = f"select {answer} from ({self.candidates(names)}) r{joined}"  # noqa: S608 - quoted names
        mask = self.label_mask()
        by_label = (
            order
            or self.every_revision
            or self.selection.after is not None
            or (mask is not None and mask.sum() > LISTED_LABELS_MAX)
        )
        if self.layout.label_runs and by_label:
            sql += f" join {LABELS} l on r.{LABEL} = l.id"
        if self.needs_tags:
            sql += f" join {TAGS} t on r.{TAG} = t.id"
        sql += f" where {self.after_filter()} and {where}"
        sql += f" order by {', '.join(order)}" if order else ""
        return sql + (f" limit {limit}" if limit is not None else "")

    @property
    def needs_tags(self) -> bool:
        """Whether sources matter: tags are filtered, or there are several sources to rank."""
        return self.tag_mask() is not None or self.has_several_sources

    def key_order(self) -> list[str]:
        """Return the terms that order by key."""
        direction = " desc" if self.selection.descending else ""
        return [term + direction for _, term in self._key_terms()]

    def belief_order(self) -> list[str]:
        """Return the terms that order by key and put the belief in force last."""
        source = ["t.rank"] if self.needs_tags else []
        clock = f"r.{self.knowledge_column}"
        return [*self.key_order(), *source, clock, 'r."commit"', "r.revision"]

    def after_filter(self) -> str:
        """Return the condition that a key lies beyond `after`."""
        after = self.selection.after
        if after is None:
            return "true"
        given = dict(zip(self.layout.spec.key, after, strict=True))
        sign = "<" if self.selection.descending else ">"
        condition = "false"
        for run, term in reversed(self._key_terms()):
            beyond, same = self._compared(run, term, given, sign)
            condition = f"({beyond} or ({same} and {condition}))"
        return condition

    def _compared(self, run: tuple[str, ...], term: str, given: dict[str, object], sign: str) -> tuple[str, str]:
        """Return the conditions that one run of the key lies beyond, or is the same as, what is given."""
        if run[0] in self.layout.plain_keys:
            value = self._literal(run[0])(given[run[0]])
            return f"{term} {sign} {value}", f"{term} = {value}"
        ordered = self.labels.ranks(run)[1]
        rank, known = tables_codes.place(ordered, tuple(str(given[name]) for name in run))
        if known:
            return f"{term} {sign} {rank}", f"{term} = {rank}"
        return (f"{term} < {rank}" if self.selection.descending else f"{term} >= {rank}"), "false"

    def _key_terms(self) -> list[tuple[tuple[str, ...], str]]:
        """Return each run of the key with the SQL term that orders it; without the time column for series."""
        number = {run: f"l.rank{n}" for n, run in enumerate(self.layout.label_runs)}
        dropped = (self.layout.spec.time_column,) if self.by_series else ()
        return [(run, number.get(run, f"r.{quoted(run[0])}")) for run in self.layout.key_runs if run != dropped]

    def _stored(self, part: Part, name: str) -> str:
        if name in part.columns:
            return quoted(name)
        return f"null::{self.layout.stored[name]} as {quoted(name)}"

    def _not_superseded(self) -> str:
        """Return the condition that no successor of a sorted part's row, known when it was sorted, is in the cut."""
        if self.cut is None:
            raise AssertionError("only a cut has superseded rows")
        seen = f"_next_{self.knowledge_column} <= {instant(self.cut.as_of)} and _next_commit <= {int(self.cut.commit)}"
        return f"({seen}) is not true"

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


def in_force(candidates: pa.Table, *, key: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Tell which of the ordered candidates are the last of their key. Linear."""
    last = np.zeros(candidates.num_rows, np.bool_)
    last[-1:] = True
    for name in key:
        values = plain(candidates.column(name))
        last[:-1] |= values[1:] != values[:-1]
    return last


def lies_sorted(scope: Scope, candidates: pa.Table) -> bool:
    """Tell whether candidates that were not ordered by the engine are in key order, oldest belief first. Linear."""
    number = {run: scope.labels.ranks(run)[0] for run in scope.layout.label_runs}
    labels = plain(candidates.column(LABEL))
    rising = np.zeros(max(0, candidates.num_rows - 1), np.bool_)
    same = ~rising
    columns = [
        number[run][labels] if run in number else plain(candidates.column(run[0])) for run in scope.layout.key_runs
    ]
    columns += [plain(candidates.column(name)) for name in (scope.knowledge_column, "commit", "revision")]
    for values in columns:
        rising |= same & (values[1:] > values[:-1])
        same &= values[1:] == values[:-1]
    return bool((rising | same).all())


def plain(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column without nulls as numpy; instants as int64 microseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.to_numpy())


def stored_names(scope: Scope, names: Sequence[str]) -> tuple[str, ...]:
    """Return the stored columns needed to answer with `names`, to tell keys apart and to order beliefs."""
    layout = scope.layout
    needed = {LABEL, *layout.plain_keys, *STAMP_COLUMNS} | {name for name in names if name in layout.stored}
    needed |= {TAG} if scope.needs_tags or any(name in TAG_COLUMNS for name in names) else set()
    return tuple(name for name in layout.stored if name in needed)


def decoded(scope: Scope, rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return `rows` with codes turned to text, columns in the order of `names`."""
    columns = []
    for name in names:
        if name in scope.layout.label_columns:
            columns.append(scope.labels.decode(name, rows.column(LABEL)))
        elif name in TAG_COLUMNS:
            columns.append(scope.tags.decode(name, rows.column(TAG)))
        else:
            columns.append(rows.column(name))
    return pa.Table.from_arrays(columns, schema=scope.layout.arrow_schema(names))


def matching(scope: Scope, rows: pa.Table) -> pa.Table:
    """Return the rows whose belief has the values that late filters allow."""
    for name, allowed in scope.late_filters.items():
        kind = scope.layout.arrow_schema([name]).field(name).type
        rows = rows.filter(pc.is_in(rows.column(name), value_set=pa.array(list(allowed), kind)))
    return rows
