"""A whole desk from one side to another: cut at one position of the log, resumable, verified.

Order matters. The snapshot of the records is opened first and the cut chosen after it, so everything that the records
speak of lies before the cut; lineage, which is written before the rows that cite it, is read after the cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from powerdesk.app import registry
from powerdesk.app.moving import blobs, log, records, series
from powerdesk.kernel import intervals, problem
from powerdesk.store import events

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.app.engines import Engines
    from powerdesk.app.moving.sides import Side
    from powerdesk.engines.ports.bus import Bus
    from powerdesk.engines.ports.records import Reader
    from powerdesk.store.dataset import Dataset

NOTE_KEY = f"{blobs.MOVING_PREFIX}copy.json"
ANNOUNCED_LOOK = 64


class OtherSecretError(problem.Problem):
    """The two sides hash keys with different secrets."""

    status = 409
    slug = "other-secret"
    title = "The desks have different secrets"


class UnfinishedCopyError(problem.Problem):
    """A copy into this place was broken off."""

    status = 409
    slug = "unfinished-copy"
    title = "The copy is not finished"


class Reporter(Protocol):
    """Told how a copy comes along."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """`done` more units of a stage; `total` of them when known."""
        ...


class Cut(msgspec.Struct, frozen=True):
    """Where a copy ends: the log up to `accepted`, of which `readable` is in the tables already."""

    accepted: int
    readable: int


class Note(msgspec.Struct, frozen=True):
    """What a copy wrote down in its target: the cut while it runs, and at the end what arrived.

    `opened_at` tells since when a desk lives on there, so that its rows are no longer those that arrived.
    """

    source: str
    cut: Cut
    at: str
    complete: bool = False
    datasets: dict[str, dict[str, Any]] = {}
    records: dict[str, dict[str, Any]] = {}
    objects: dict[str, Any] = {}
    opened_at: str = ""


def copy(source: Side, target: Side, *, now: datetime, until: int | None, report: Reporter) -> Note:
    """Copy the desk, or finish a copy that was broken off; return what arrived.

    `until` cuts the log and the tables at an earlier commit; records and objects are those of now.
    """
    _same_secret(source, target)
    kept = note(target.engines)
    with source.engines.records.reader() as snapshot:
        if records.inhabited(target.engines.records):
            begun = _resumed(kept, source, target)
        else:
            cut = _cut(source.engines.bus, until=until)
            begun = Note(source=source.place, cut=cut, at=intervals.format_instant(now))
            _write(target.engines, begun)
        with source.engines.records.reader() as later:
            tables = _records(begun, snapshot, later, target.engines)
    report("records", len(tables), len(tables))
    begun = msgspec.structs.replace(begun, records=tables)
    _write(target.engines, begun)
    return _rest(source.engines, target.engines, begun, report)


def _records(begun: Note, snapshot: Reader, later: Reader, target: Engines) -> dict[str, dict[str, Any]]:
    """Copy the records, or say what a copy that was broken off after them had brought."""
    if begun.records:
        return begun.records
    if records.inhabited(target.records):
        return records.described(target.records)
    return records.copy(snapshot, lineages=later, target=target.records)


def _rest(source: Engines, target: Engines, begun: Note, report: Reporter) -> Note:
    cut = begun.cut
    wanted = blobs.keys(source.objects)
    count, digest = blobs.copy(
        wanted, source=source.objects, target=target.objects, report=lambda done: report("objects", done, len(wanted))
    )
    log.copy_batches(
        source=source.bus,
        target=target.bus,
        upto=cut.accepted,
        report=lambda done: report("log", done, cut.accepted),
    )
    datasets = {declared.id: _series(declared, source, target, cut, report) for declared in registry.DATASETS}
    log.copy_waiting(source=source.bus, target=target.bus)
    log.settle(target=target.bus, readable=cut.readable)
    done = msgspec.structs.replace(begun, complete=True, datasets=datasets, objects={"count": count, "sha256": digest})
    _write(target, done)
    return done


def _series(declared: Dataset, source: Engines, target: Engines, cut: Cut, report: Reporter) -> dict[str, Any]:
    def told(rows: int) -> None:
        report(f"rows of {declared.id}", rows, None)

    rows, sha256 = series.copy(declared, source=source.tables, target=target.tables, upto=cut.readable, report=told)
    return {"rows": rows, "sha256": sha256}


def _cut(bus: Bus, *, until: int | None) -> Cut:
    accepted = bus.end(events.BATCHES_TOPIC)
    readable = announced(bus)
    if until is not None:
        accepted, readable = min(accepted, until), min(readable, until)
    return Cut(accepted=accepted, readable=readable)


def announced(bus: Bus) -> int:
    """Return the last commit that a projector announced as readable, 0 when none did."""
    end = bus.end(events.COMMITTED_TOPIC)
    found = bus.read(events.COMMITTED_TOPIC, after=max(0, end - ANNOUNCED_LOOK), limit=ANNOUNCED_LOOK)
    return max((msgspec.json.decode(one.value, type=events.CommittedV1).commit for one in found), default=0)


def note(engines: Engines) -> Note | None:
    """Return what the last copy wrote down in a desk's objects, None when there was none."""
    if not engines.objects.exists(NOTE_KEY):
        return None
    return msgspec.json.decode(engines.objects.get(NOTE_KEY), type=Note)


def refuse_unfinished(engines: Engines) -> None:
    """Raise when a copy into these engines was broken off."""
    said = note(engines)
    if said is not None and not said.complete:
        raise UnfinishedCopyError(
            found=f"a copy of {said.source} that was broken off",
            allowed="a whole desk",
            remedy="repeat the same `powerdesk store copy`, which goes on where it was",
        )


def note_opened(engines: Engines, *, now: datetime) -> None:
    """Note in a finished copy that a desk lives on there from now."""
    said = note(engines)
    if said is not None and not said.opened_at:
        _write(engines, msgspec.structs.replace(said, opened_at=intervals.format_instant(now)))


def _write(engines: Engines, said: Note) -> None:
    engines.objects.put(NOTE_KEY, msgspec.json.encode(said))


def _resumed(kept: Note | None, source: Side, target: Side) -> Note:
    if kept is not None and kept.source == source.place and not kept.complete:
        return kept
    raise records.TargetInhabitedError(
        found=f"a desk in {target.place}",
        allowed=f"an empty place, or an unfinished copy of {source.place}",
        remedy="name another place; nothing was changed",
    )


def _same_secret(source: Side, target: Side) -> None:
    if source.secret != target.secret:
        raise OtherSecretError(
            found=f"{source.place} and {target.place} with different access.pepper",
            allowed="one secret, which keys, links and the audit log hang on",
            remedy="set access.pepper of the target to the source's (pepper.secret of its folder)",
        )
