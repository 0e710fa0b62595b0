"""Writes: accept a batch durably, project it, derive from what was read, make again what was made, forget by age."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from powerdesk.access.types import SYSTEM, Channel
from powerdesk.engines.ports import bus as bus_port
from powerdesk.engines.ports import tables as table_port
from powerdesk.kernel import intervals, problem
from powerdesk.kernel.belief import Knowledge
from powerdesk.store import checking, events, queries, revising, schema, stamping, tables
from powerdesk.store import lineage as lineages
from powerdesk.store.types import Accepted, Outcome, Request, SchemaError, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from powerdesk.engines.ports.bus import Message
    from powerdesk.engines.ports.records import Unit
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Store

FILTERED_VALUES = 256
"""Longer lists cost an engine more than they save it when looking up known cells."""

NEWEST_KEPT = 256
"""Messages of each topic that are never forgotten."""

HOUSE = queries.Asker(principal=SYSTEM, channel=Channel.API)


class NotReproducibleError(problem.Problem):
    """The lineage cannot be made again: its calculation, inputs or payload are gone or gave other rows."""

    status = 409
    slug = "not-reproducible"
    title = "The result cannot be made again"


def define(store: Store) -> None:
    """Create a table for every dataset and set out from what is already applied."""
    for declared in store.datasets.values():
        store.tables.define(table_spec(declared))
    commits = {name: store.tables.position(name) for name in store.datasets}
    store.progress.start(position=0, commits=commits)


def table_spec(declared: Dataset) -> table_port.TableSpec:
    """Return the engine's view of a declaration: names, dtypes and the key."""
    specs = tuple(
        table_port.ColumnSpec(
            column.name,
            column.dtype,
            nullable=not column.key and column.name != declared.end_column,
        )
        for column in declared.columns
    )
    return table_port.TableSpec(name=declared.id, columns=specs, key=declared.key, time_column=declared.time_column)


def accept(
    store: Store,
    *,
    dataset: Dataset,
    rows: pa.Table,
    source: str,
    received_at: datetime,
    batch_id: str,
    lineage: str | None = None,
) -> Accepted:
    """Check a batch and append its good rows to the durable log; they are safe when this returns.

    The same batch id may come any number of times: values already known are counted by the projection, not stored.
    """
    checked = checking.check(dataset, rows)
    position = 0
    if checked.rows.num_rows:
        stamped = stamping.stamp(dataset, checked.rows, source=source, received_at=received_at, lineage=lineage)
        outgoing = bus_port.Outgoing(
            key=dataset.id,
            value=schema.encode(stamped),
            headers={"dataset": dataset.id, "batch_id": batch_id, "version": str(dataset.version)},
        )
        (position,) = store.bus.publish(events.BATCHES_TOPIC, [outgoing])
    return Accepted(
        batch_id=batch_id,
        dataset=dataset.id,
        position=position,
        rows=checked.rows.num_rows,
        rejected=checked.rejected,
        repeated=checked.repeated,
        findings=checked.findings,
        warnings=checked.warnings,
    )


def settled(store: Store, accepted: Accepted, *, timeout_s: float = queries.PROJECTION_TIMEOUT_S) -> Outcome:
    """Wait until an accepted batch is readable and return what it did."""
    if accepted.position:
        store.progress.wait(accepted.position, timeout_s=timeout_s)
        outcome = store.progress.outcome(accepted.position)
        if outcome is not None:
            return outcome
    return Outcome(
        dataset=accepted.dataset, batch_id=accepted.batch_id, commit=accepted.position, new=0, revised=0, duplicates=0
    )


def project(store: Store, message: Message) -> Outcome:
    """Apply one accepted batch to Tables and announce it. Safe to repeat: the batch id is applied once."""
    dataset_id, batch_id = message.headers["dataset"], message.headers["batch_id"]
    declared = queries.dataset(store, dataset_id)
    rows = _evolved(declared, schema.decode(message.value))
    revised = revising.revise(declared, rows=rows, known=_known(store, declared, rows), commit=message.position)
    if revised.rows.num_rows:
        store.tables.append(dataset_id, batch_id=f"{message.position}:{batch_id}", rows=revised.rows)
    outcome = Outcome(
        dataset=dataset_id,
        batch_id=batch_id,
        commit=message.position,
        new=revised.new,
        revised=revised.revised,
        duplicates=revised.duplicates,
    )
    _announce(store, outcome, markets=tuple(pc.unique(rows.column(declared.market_column)).to_pylist()))
    store.progress.advance(outcome)
    return outcome


def _evolved(declared: Dataset, rows: pa.Table) -> pa.Table:
    """Read rows logged under an older version of the declaration: columns added since are null.

    Rows of a newer version raise SchemaError: without their other columns they would be stored wrong for good.
    """
    wanted = schema.log_schema(declared)
    if rows.schema.equals(wanted):
        return rows
    newer = [name for name in rows.column_names if name not in wanted.names]
    if newer:
        raise SchemaError(
            found=f"an accepted batch of {declared.id} with {', '.join(newer)}, which this release does not know",
            allowed="columns of the declaration",
            remedy="start the release that accepted it, or a newer one; the batch waits in the log",
        )
    columns = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in wanted
    ]
    return pa.table(columns, schema=wanted)


def _known(store: Store, declared: Dataset, rows: pa.Table) -> pa.Table:
    """Return every stored revision of the cells that the rows touch (a superset by time and low-cardinality keys)."""
    times = rows.column(declared.time_column)
    bounds = pc.min_max(times)
    within = {name: tuple(pc.unique(rows.column(name)).to_pylist()) for name in (*declared.series_key, "source")}
    selection = table_port.Selection(within=within, start=bounds["min"].as_py(), end=_just_after(bounds["max"]))
    return store.tables.history(declared.id, selection=selection, cut=EVERYTHING).cast(schema.row_schema(declared))


LOST_AT_ONCE = 500
EVERYTHING = table_port.Cut(as_of=intervals.parse_instant("9999-01-01T00:00:00Z"), commit=2**62)


def _just_after(instant: pa.TimestampScalar) -> datetime:
    after: datetime = pa.scalar(instant.value + 1, type=schema.INSTANT).as_py()
    return after


def _announce(store: Store, outcome: Outcome, *, markets: tuple[str, ...]) -> None:
    message = events.CommittedV1(
        dataset=outcome.dataset,
        batch_id=outcome.batch_id,
        commit=outcome.commit,
        new=outcome.new,
        revised=outcome.revised,
        duplicates=outcome.duplicates,
        markets=markets,
    )
    store.bus.publish(
        events.COMMITTED_TOPIC, [bus_port.Outgoing(key=outcome.dataset, value=msgspec.json.encode(message))]
    )


def note_lineage(unit: Unit, *, lineage: lineages.Lineage, now: datetime) -> str:
    """Record what is about to make a batch; the same lineage again changes nothing. Return its id."""
    present = unit.connection.execute(
        sa.select(tables.lineages.c.id).where(tables.lineages.c.id == lineage.id)
    ).scalar()
    if present is None:
        unit.connection.execute(
            sa.insert(tables.lineages).values(
                id=lineage.id,
                kind=lineage.kind,
                dataset=lineage.dataset,
                body=msgspec.json.encode(lineage).decode(),
                created_at=now,
            )
        )
    return lineage.id


def derive(
    store: Store,
    *,
    calculation: lineages.Calculation,
    requests: Mapping[str, Request],
    cut: Snapshot,
    parameters: Mapping[str, str],
    seed: int | None = None,
) -> tuple[str, Accepted]:
    """Run a calculation on inputs read at a cut and accept its rows under the lineage id of all that made them.

    Where it gives no rows nothing is written, the lineage neither.
    """
    view = queries.view(store, HOUSE, cut=cut)
    found = {name: view.rows(request) for name, request in requests.items()}
    made = lineages.Lineage(
        kind=lineages.Kind.CALCULATION.value,
        name=calculation.name,
        version=calculation.version,
        dataset=calculation.dataset,
        inputs=tuple(lineages.input_of(request, cut, found[name], name) for name, request in requests.items()),
        parameters=dict(parameters),
        seed=seed,
        dependencies=store.dependencies(),
    )
    rows = calculation.compute(found, parameters, seed)
    now = store.clock.now()
    if rows.num_rows:
        with store.records.unit() as unit:
            note_lineage(unit, lineage=made, now=now)
    accepted = accept(
        store,
        dataset=queries.dataset(store, calculation.dataset),
        rows=rows,
        source=calculation.name,
        received_at=now,
        batch_id=made.id,
        lineage=made.id,
    )
    return made.id, accepted


def lose(unit: Unit, *, ids: Sequence[str], why: str, now: datetime) -> int:
    """Mark lineages as no longer reproducible; the first reason stays. Return how many were not marked before."""
    fresh = sa.and_(tables.lineages.c.id.in_(ids), tables.lineages.c.lost_at.is_(None))
    return unit.connection.execute(sa.update(tables.lineages).where(fresh).values(lost_at=now, lost_why=why)).rowcount


def forget(store: Store, *, dataset_id: str, before: datetime) -> tuple[int, int]:
    """Delete a dataset's whole months before an instant; return rows deleted and lineages that lost what they read.

    What cites the rows is marked first, so that no id ever looks reproducible which is not.
    """
    floor = before.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    old = table_port.Selection(end=floor)
    lost = 0
    if store.tables.count(dataset_id, selection=old, cut=EVERYTHING):
        why = f"retention deleted rows of {dataset_id} before {floor:%Y-%m-%d}"
        cited = queries.citing(store, dataset_id=dataset_id, before=floor)
        for first in range(0, len(cited), LOST_AT_ONCE):
            with store.records.unit() as unit:
                lost += lose(unit, ids=cited[first : first + LOST_AT_ONCE], why=why, now=store.clock.now())
    # Without a row to forget too: what an earlier call took out of reads, and a crash or a reader kept, leaves the disk
    return store.tables.forget(dataset_id, before=floor), lost


def mark_log(store: Store, *, topics: Sequence[str], now: datetime) -> None:
    """Remember where the topics end now: what a later run may cut off by age."""
    rows = [{"topic": topic, "at": now, "position": store.bus.end(topic)} for topic in topics]
    with store.records.unit() as unit:
        unit.connection.execute(sa.delete(tables.log_marks).where(tables.log_marks.c.at == now))
        unit.connection.execute(sa.insert(tables.log_marks), rows)


def truncate_log(store: Store, *, topic: str, groups: Sequence[str], before: datetime) -> int:
    """Forget what a topic held at the last mark before an instant and every group has done; return messages forgotten.

    The engine forgets whole segments, so fewer may go. The newest messages stay whatever their age: a process that
    starts learns from the last announcements how far the log is readable.
    """
    begin, position = store.bus.begin(topic), queries.marked(store, topic=topic, before=before)
    newest = store.bus.end(topic) - NEWEST_KEPT
    done = min((position, newest, *(store.bus.committed(topic, group=group) for group in groups)))
    if done < begin:
        return 0
    kept = store.bus.truncate(topic, before=done + 1)
    with store.records.unit() as unit:
        marks = tables.log_marks.c
        unit.connection.execute(sa.delete(tables.log_marks).where(marks.topic == topic, marks.position < kept))
    return kept - begin


def note_calculated(store: Store, calculation: lineages.Calculation, *, commit: int) -> None:
    """Remember that every commit of the inputs up to this one has been calculated with."""
    table = tables.calculations
    this = sa.and_(table.c.name == calculation.name, table.c.version == calculation.version)
    values = {"commit": commit, "at": store.clock.now()}
    with store.records.unit() as unit:
        if not unit.connection.execute(sa.update(table).where(this).values(**values)).rowcount:
            keys = {"name": calculation.name, "version": calculation.version}
            unit.connection.execute(sa.insert(table).values(**keys, **values))


def refuse_lost(store: Store, made: lineages.Lineage) -> None:
    """Raise NotReproducibleError when retention took what the lineage read."""
    with store.records.reader() as reader:
        why = queries.lost(reader, lineage_id=made.id)
    if why is not None:
        raise NotReproducibleError(
            found=why,
            allowed="inputs that are kept",
            remedy="the rows stay as they are; derive anew",
        )


def remake(store: Store, *, made: lineages.Lineage) -> pa.Table:
    """Make a derived result again from its lineage; raise NotReproducibleError when its inputs or code changed."""
    calculation = store.calculations.get(made.name)
    if calculation is None or calculation.version != made.version:
        raise NotReproducibleError(
            found=f"calculation {made.name} version {'none' if calculation is None else calculation.version}",
            allowed=f"version {made.version}, which made the rows",
            remedy="install the release that had it, or derive anew",
        )
    found = {}
    for read in made.inputs:
        cut = Snapshot(
            as_of=intervals.parse_instant(read.as_of), commit=read.commit, knowledge=Knowledge(read.knowledge)
        )
        found[read.name] = queries.view(store, HOUSE, cut=cut).rows(lineages.request_of(read))
        if lineages.rows_sha256(found[read.name]) != read.rows_sha256:
            raise NotReproducibleError(
                found=f"other rows of {read.dataset} at the same snapshot",
                allowed="the rows the lineage names by hash",
                remedy="report this: rows at a snapshot never change; or derive anew",
            )
    return calculation.compute(found, made.parameters, made.seed)
