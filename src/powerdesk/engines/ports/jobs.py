"""Jobs: a leased job table with schedules, retries and a visible history."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - OpenAPI tells a run by its types
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - the same
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable


class UnknownJobError(Problem):
    """A job or a run that nobody defined."""

    status: ClassVar[int] = 404
    slug: ClassVar[str] = "unknown-job"
    title: ClassVar[str] = "No such job"


class BadScheduleError(Problem):
    """A cron expression that cannot be read."""

    slug: ClassVar[str] = "bad-schedule"
    title: ClassVar[str] = "The schedule cannot be read"


class LeaseLostError(Problem):
    """The run was given to another worker because this one did not report in time."""

    status: ClassVar[int] = 409
    slug: ClassVar[str] = "lease-lost"
    title: ClassVar[str] = "Another worker has this run"


class JobState(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # attempts used up
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A named job: its UTC cron expression (five fields, or six with seconds) or None when only triggered."""

    name: str
    cron: str | None = None
    max_attempts: int = 3
    lease_s: float = 60.0
    backoff_s: float = 5.0


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run as recorded; `progress` in [0, 1] or None."""

    run_id: str
    name: str
    state: JobState
    arguments: Mapping[str, str]
    attempt: int
    due_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    progress: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a running job may use: its arguments, and a way to report progress that also extends its lease."""

    run_id: str
    arguments: Mapping[str, str]
    report: Callable[[float, str], None] = field(repr=False)
    cancelled: Callable[[], bool] = field(repr=False)


class Jobs(Protocol):
    """Define jobs, run what is due, show what happened. No run is executed by two workers at once."""

    def define(self, spec: JobSpec, work: Callable[[JobContext], str]) -> None:
        """Register the job and the function that does it; the function returns a closing message."""
        ...

    def trigger(self, name: str, *, arguments: Mapping[str, str] | None = None, key: str | None = None) -> str:
        """Queue one run now, return its id; a waiting or running run with the same key is returned instead."""
        ...

    def run_due(self) -> int:
        """Lease and execute what is due (schedules, triggers, retries, expired leases); return how many ran."""
        ...

    def next_due(self) -> datetime | None:
        """Return when `run_due` should be called next, None when nothing is scheduled."""
        ...

    def cancel(self, run_id: str) -> None:
        """Ask a waiting or running run to stop."""
        ...

    def history(self, *, name: str | None = None, limit: int = 100) -> tuple[JobRun, ...]:
        """Return recent runs, newest first."""
        ...
