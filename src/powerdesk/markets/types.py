"""What travels between fetch, parse and record: outcomes, coverage, requests and parsed payloads; frozen, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    import pyarrow as pa

    from powerdesk.kernel.problem import Finding


class Outcome(StrEnum):
    """How a request or a payload ended."""

    OK = "ok"
    NOT_YET = "not-yet"  # the source will have it later
    NO_DATA_FINAL = "no-data-final"  # the source says it has none, after the time it should
    EXPIRED = "expired"  # older than the source keeps
    THROTTLED = "throttled"
    AUTH = "auth"
    SCHEMA = "schema"  # not what was agreed: a person must look
    TRANSIENT = "transient"  # try again


class PayloadError(Problem):
    """A payload cannot be read as any report of its market; `outcome` says whether to ask again."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "unreadable-payload"
    title: ClassVar[str] = "The payload is no report that this connector knows"

    def __init__(
        self,
        *,
        outcome: Outcome,
        found: str,
        allowed: str,
        remedy: str,
        findings: tuple[Finding, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(found=found, allowed=allowed, remedy=remedy, findings=findings, retry_after_s=retry_after_s)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Coverage:
    """Intervals that a request is expected to bring: every `step` from start (inclusive) to end (exclusive), UTC.

    `series` are location ids (for generation `location/fuel`); empty means: those that the payload itself names.
    """

    dataset: str
    market: str
    market_run: str
    series: tuple[str, ...]
    start: datetime
    end: datetime
    step: timedelta


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a feed can ask for: what it fills, how often it is polled and how much one request may cover."""

    id: str
    title: str
    dataset: str
    market_run: str
    step: timedelta
    cadence: timedelta
    """Time between polls."""
    window: timedelta
    """How far back (or, for day-ahead and forecasts, ahead) one poll looks."""
    series: tuple[str, ...]
    ahead: bool = False
    """True when the report is about the next day."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GET: where, with which parameters, and what it is expected to bring."""

    feed: str
    report: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    name: str | None = None
    """A hint for the parser where the payload does not carry its date."""
    coverage: tuple[Coverage, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a request. `payload` is empty unless bytes worth keeping arrived."""

    request: Request
    outcome: Outcome
    received_at: datetime
    payload: bytes = b""
    detail: str = ""
    retry_after_s: float | None = None
    attempts: int = 1
    """How often the source was asked; 0 when it was left alone because its host is unreachable."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A payload as tables by dataset id, each with the dataset's own columns, `published_at` (nullable) and `stage`.

    `findings` are faults, each rejected row is in one; `notes` are worth knowing but cost no row. `duplicates` counts
    rows said twice with the same values, `rejected` rows that could not be used. `source` ranks against others.
    """

    kind: str
    source: str
    outcome: Outcome = Outcome.OK
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    duplicates: int = 0
    rejected: int = 0
    detail: str = ""
    retry_after_s: float | None = None

    @property
    def rows(self) -> int:
        """Rows in all tables."""
        return sum(table.num_rows for table in self.tables.values())


class Parser(Protocol):
    """bytes -> tables, pure; raises PayloadError. `not_after` is an instant that no observed row can exceed."""

    def __call__(self, payload: bytes, *, name: str | None = None, not_after: datetime | None = None) -> Parsed:
        """Return the parsed payload."""
        ...


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive expected intervals that are not stored, and why. `detail` is for people."""

    dataset: str
    market: str
    market_run: str
    series: str
    start: datetime
    end: datetime
    reason: str
    detail: str = ""
