"""What made a number: one id per written batch, from everything that determined it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from powerdesk.kernel import intervals
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    import pyarrow as pa

    from powerdesk.store.types import Snapshot

ID_HEX = 32
"""128 bits: below 1e-18 chance of one collision among a billion batches."""


class Kind(StrEnum):
    """Observed rows come from a payload, derived rows from a calculation."""

    PAYLOAD = "payload"
    CALCULATION = "calculation"


class Input(msgspec.Struct, frozen=True):
    """A repeatable read: dataset, canonical selection, snapshot, and the hash of the rows it gave."""

    name: str
    dataset: str
    selection: str
    as_of: str
    knowledge: str
    commit: int
    rows_sha256: str


class Lineage(msgspec.Struct, frozen=True):
    """Everything that determined a batch.

    `name` is the calculation's or the parser's, `version` its declared version, `payload_sha256` the raw bytes
    parsed, `dependencies` the hash of the locked dependencies.
    """

    kind: str
    name: str
    version: int
    dataset: str
    inputs: tuple[Input, ...] = ()
    payload_sha256: str | None = None
    parameters: dict[str, str] = {}
    seed: int | None = None
    dependencies: str = ""

    @property
    def id(self) -> str:
        """`lin_` and the hash of the canonical text of all fields."""
        canonical = msgspec.json.encode(self, order="deterministic")
        return "lin_" + hashlib.sha256(canonical).hexdigest()[:ID_HEX]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a calculation runs by itself, and what it reads then.

    Each commit of an input makes the windows due that its rows touch: of length `window`, counted from midnight UTC.
    `reads(market, start, end)` names the requests for one or more whole windows. `cron` (UTC) adds looks.
    """

    window: timedelta
    reads: Callable[[str, datetime, datetime], Mapping[str, Request]] = field(repr=False)
    cron: str | None = None


@dataclass(frozen=True, slots=True)
class Calculation:
    """A named, versioned pure function from input tables to rows of one dataset.

    `compute(inputs, parameters, seed)` must depend on nothing else. Two runs on one platform give the same bytes;
    elsewhere values agree within `tolerance`. Without a schedule it runs when somebody derives by it.
    """

    name: str
    version: int
    dataset: str
    compute: Callable[[Mapping[str, pa.Table], Mapping[str, str], int | None], pa.Table] = field(repr=False)
    tolerance: float = 0.0
    schedule: Schedule | None = None


def selection_text(request: Request) -> str:
    """Return the canonical text of what a request selects, snapshot apart."""
    return msgspec.json.encode(
        {
            "within": {name: sorted(values) for name, values in sorted(request.within.items())},
            "start": _instant(request.start),
            "end": _instant(request.end),
            "columns": request.columns,
            "sources": request.sources,
            **({"newest": True} if request.newest else {}),
            **({"vintages": True} if request.vintages else {}),
        },
        order="deterministic",
    ).decode()


def _instant(value: datetime | None) -> str | None:
    return None if value is None else intervals.format_instant(value)


def rows_sha256(rows: pa.Table) -> str:
    """Return the hash of the rows' values in order, independent of chunking and of unused buffer bytes."""
    digest = hashlib.sha256(repr(rows.schema.names).encode())
    for column in rows.combine_chunks().itercolumns():
        digest.update(
            msgspec.msgpack.encode(column.cast("int64").to_pylist() if _is_instant(column) else column.to_pylist())
        )
    return digest.hexdigest()


def _is_instant(column: pa.ChunkedArray) -> bool:
    return str(column.type).startswith("timestamp")


def request_of(read: Input) -> Request:
    """Return the request whose canonical text an input holds."""
    said = msgspec.json.decode(read.selection)
    return Request(
        dataset=read.dataset,
        within={name: tuple(values) for name, values in said["within"].items()},
        start=None if said["start"] is None else intervals.parse_instant(said["start"]),
        end=None if said["end"] is None else intervals.parse_instant(said["end"]),
        columns=None if said["columns"] is None else tuple(said["columns"]),
        sources=tuple(said["sources"]),
        newest=said.get("newest", False),
        vintages=said.get("vintages", False),
    )


def input_of(request: Request, snapshot: Snapshot, rows: pa.Table, name: str) -> Input:
    """Return the repeatable description of a read that was made, under the calculation's name for it."""
    return Input(
        name=name,
        dataset=request.dataset,
        selection=selection_text(request),
        as_of=intervals.format_instant(snapshot.as_of),
        knowledge=snapshot.knowledge.value,
        commit=snapshot.commit,
        rows_sha256=rows_sha256(rows),
    )
