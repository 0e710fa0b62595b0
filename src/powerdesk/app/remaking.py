"""Results made again from their lineage, and compared with the rows that were stored under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from powerdesk.delivery.rest.routes import UnknownLineageError
from powerdesk.markets.operations import receiving
from powerdesk.store import checking, lineage, schema
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from powerdesk.app.desk import Desk
    from powerdesk.store.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Remade:
    """What making rows again gave, next to what is stored.

    `rows` counts the remade rows whose keys are stored under the id: a row that said what was known already was
    never stored. `same` holds when those rows and the stored ones have the same values in the declared columns
    (float64 within the tolerance of the calculation), and there is at least one.
    """

    id: str
    kind: str
    dataset: str
    same: bool
    rows: int
    stored_rows: int
    rows_sha256: str
    stored_sha256: str


def remake(desk: Desk, *, lineage_id: str) -> Remade:
    """Make rows again from what made them; raise NotReproducibleError when that is not there any more."""
    with desk.engines.records.reader() as reader:
        made = store_queries.lineage_of(reader, lineage_id=lineage_id)
    if made is None:
        raise UnknownLineageError(
            found=repr(lineage_id[:60]), allowed="an id from a row's lineage column", remedy="copy the id"
        )
    declared = store_queries.dataset(desk.store, made.dataset)
    store_operations.refuse_lost(desk.store, made)
    tolerance = 0.0
    if made.kind == lineage.Kind.CALCULATION.value:
        again = store_operations.remake(desk.store, made=made)
        tolerance = desk.store.calculations[made.name].tolerance
    else:
        again = _parsed_again(desk, made)
    stored = _stored(desk, declared, lineage_id)
    rows = _own(declared, checking.check(declared, again).rows)
    rows = _own(declared, rows.join(stored.select(declared.key), keys=list(declared.key), join_type="left semi"))
    return Remade(
        id=lineage_id,
        kind=made.kind,
        dataset=declared.id,
        same=stored.num_rows > 0 and _agree(rows, stored, tolerance=tolerance),
        rows=rows.num_rows,
        stored_rows=stored.num_rows,
        rows_sha256=lineage.rows_sha256(rows),
        stored_sha256=lineage.rows_sha256(stored),
    )


def _stored(desk: Desk, declared: Dataset, lineage_id: str) -> pa.Table:
    """Return the distinct rows that carry the id, in key order."""
    found = store_queries.changes(
        desk.store,
        store_operations.HOUSE,
        request=Request(dataset=declared.id, within={"lineage": (lineage_id,)}),
        after=0,
        upto=desk.store.progress.position,
    )
    names = [column.name for column in declared.columns]
    return _own(declared, found.select(names).group_by(names).aggregate([]))


def _own(declared: Dataset, rows: pa.Table) -> pa.Table:
    """Return the declared columns as the store keeps them, in key order."""
    wanted = pa.schema(schema.own_fields(declared))
    return rows.select(wanted.names).cast(wanted).sort_by([(name, "ascending") for name in declared.key])


def _agree(rows: pa.Table, stored: pa.Table, *, tolerance: float) -> bool:
    """Tell whether two tables of one shape hold the same values, nulls included."""
    if rows.num_rows != stored.num_rows:
        return False
    return all(
        _columns_agree(made.to_pylist(), kept.to_pylist(), tolerance=tolerance)
        for made, kept in zip(rows.itercolumns(), stored.itercolumns(), strict=True)
    )


def _columns_agree(made: list[object], kept: list[object], *, tolerance: float) -> bool:
    if made == kept or not tolerance:
        return made == kept
    return all(
        one == other or (isinstance(one, float) and isinstance(other, float) and abs(one - other) <= tolerance)
        for one, other in zip(made, kept, strict=True)
    )


def _parsed_again(desk: Desk, made: lineage.Lineage) -> pa.Table:
    feed = desk.markets.feed(made.name.removeprefix("markets."))
    if feed.parser_version != made.version or made.payload_sha256 is None:
        raise store_operations.NotReproducibleError(
            found=f"parser version {feed.parser_version}",
            allowed=f"version {made.version}, which made the rows",
            remedy="install the release that had it",
        )
    payload = desk.engines.objects.get(receiving.object_key(made.payload_sha256))
    return feed.parse(payload, name=made.parameters.get("name")).tables[made.dataset]
