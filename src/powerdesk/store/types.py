"""What goes into and comes out of the store: frozen types, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from powerdesk.kernel import problem
from powerdesk.kernel.belief import Knowledge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pyarrow as pa

    from powerdesk.access import types as access_types
    from powerdesk.kernel.problem import Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """A batch after the check on entry: rows that may be accepted, and everything that was wrong.

    `findings` explain rejected rows, `warnings` rows that are kept as the source said them.
    """

    rows: pa.Table
    rejected: int
    repeated: int
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A batch that is durable: its position in the log, and what the check said."""

    batch_id: str
    dataset: str
    position: int
    rows: int
    rejected: int
    repeated: int
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the projection of a batch did: rows new to their cell, revisions, and values already known."""

    dataset: str
    batch_id: str
    commit: int
    new: int
    revised: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a read could see: everything on the chosen clock up to `as_of`, accepted up to `commit`."""

    as_of: datetime
    commit: int
    knowledge: Knowledge = Knowledge.PUBLISHED


@dataclass(frozen=True, slots=True)
class Request:
    """Which rows of a dataset are asked for; `start` inclusive, `end` exclusive."""

    dataset: str
    within: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    columns: tuple[str, ...] | None = None
    sources: tuple[str, ...] = ()
    after: tuple[object, ...] | None = None
    limit: int | None = None
    descending: bool = False
    allow_partial: bool = False
    newest: bool = False
    """Of a calculation's input: of each series only the newest interval before `end`."""
    vintages: bool = False
    """Of a calculation's input: every revision known at the cut, not only the belief in force."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows in key order with the snapshot that makes them repeatable, and what was left out and why."""

    dataset: str
    rows: pa.Table
    snapshot: Snapshot
    left_out: tuple[access_types.Missing, ...] = ()
    more: bool = False
    """True when `limit` cut the answer; the last row's key continues it."""


class UnknownDatasetError(problem.Problem):
    """No dataset of that id is declared."""

    status = 404
    slug = "unknown-dataset"
    title = "No such dataset"


class UnknownColumnError(problem.Problem):
    """A column is named that the dataset does not declare."""

    status = 400
    slug = "unknown-column"
    title = "No such column in the dataset"


class SchemaError(problem.Problem):
    """A batch does not have the declared columns; nothing of it is stored."""

    status = 422
    slug = "schema-mismatch"
    title = "The batch does not match the declaration"


class LookAheadError(problem.Problem):
    """Something known only after the cut was asked for."""

    status = 409
    slug = "look-ahead"
    title = "The view may not see what was known later"


class NotProjectedError(problem.Problem):
    """Accepted rows did not become readable within the time allowed; they are safe and will appear."""

    status = 503
    slug = "not-projected-yet"
    title = "Accepted but not readable yet"
