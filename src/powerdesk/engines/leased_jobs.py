"""Jobs over the Records port: a leased table of runs, schedules by cron, retries, a visible history."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import cronsim
import sqlalchemy as sa

from powerdesk.engines import bookkeeping
from powerdesk.engines.ports import jobs as port
from powerdesk.engines.ports.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from powerdesk.engines.ports.records import Reader, Records, Unit
    from powerdesk.kernel.clock import Clock
    from powerdesk.kernel.ids import IdSource

RUNS = bookkeeping.job_runs.c
SCHEDULES = bookkeeping.job_schedules.c
JOBS = ("jobs",)
LIVE = (JobState.WAITING.value, JobState.RUNNING.value)
CRON_KEY = "cron"
"""Ticks of one job share this key: a tick that comes while the last is still at work adds no second run."""
KEPT_RUNS = 500
"""Finished runs kept for each job."""


@dataclass(frozen=True, slots=True)
class _Lease:
    """A run that this worker holds; `owner` names this one attempt, so a late worker cannot speak for it."""

    run_id: str
    name: str
    owner: str
    attempt: int
    arguments: Mapping[str, str]


class RecordsJobs:
    """The Jobs port on any Records.

    A run is executed by whoever holds its lease; `report` extends it; when it ends without a word the run is
    leased again as the next attempt. All state changes are units over the jobs, which Records serialises. Where several
    processes schedule, `clock` must be one for all of them: see engines/scaled/jobs.py.
    """

    def __init__(self, records: Records, *, clock: Clock, ids: IdSource) -> None:
        self._records = records
        self._clock = clock
        self._ids = ids
        self._lock = threading.Lock()
        self._defined: dict[str, tuple[port.JobSpec, Callable[[port.JobContext], str]]] = {}

    def define(self, spec: port.JobSpec, work: Callable[[port.JobContext], str]) -> None:
        """Register the job and its work; a changed schedule counts from now, an unchanged one keeps its next tick."""
        next_due_at = None if spec.cron is None else _next_tick(spec.cron, self._clock.now())
        asked = sa.select(SCHEDULES.cron).where(SCHEDULES.name == spec.name)
        with self._records.reader() as reader:
            known = reader.connection.execute(asked).one_or_none()
        if known is None or known.cron != spec.cron:
            self._schedule(spec, next_due_at, asked)
        with self._lock:
            self._defined[spec.name] = (spec, work)

    def _schedule(self, spec: port.JobSpec, next_due_at: datetime | None, asked: sa.Select[tuple[str | None]]) -> None:
        with self._records.unit(over=JOBS) as unit:
            known = unit.connection.execute(asked).one_or_none()
            if known is None:
                unit.connection.execute(
                    sa.insert(bookkeeping.job_schedules).values(name=spec.name, cron=spec.cron, next_due_at=next_due_at)
                )
            elif known.cron != spec.cron:
                unit.connection.execute(
                    sa.update(bookkeeping.job_schedules)
                    .where(SCHEDULES.name == spec.name)
                    .values(cron=spec.cron, next_due_at=next_due_at)
                )

    def trigger(self, name: str, *, arguments: Mapping[str, str] | None = None, key: str | None = None) -> str:
        """Queue one run now, return its id; a waiting or running run with the same key is returned instead."""
        with self._records.unit(over=JOBS) as unit:
            if unit.connection.execute(sa.select(SCHEDULES.name).where(SCHEDULES.name == name)).first() is None:
                known = unit.connection.execute(sa.select(SCHEDULES.name).order_by(SCHEDULES.name)).scalars()
                raise port.UnknownJobError(
                    found=f"job {name!r}", allowed=", ".join(known) or "none is defined", remedy="name one of these"
                )
            return self._queue(unit, name=name, due_at=self._clock.now(), arguments=arguments or {}, key=key)

    def _queue(self, unit: Unit, *, name: str, due_at: datetime, arguments: Mapping[str, str], key: str | None) -> str:
        if key is not None:
            live = unit.connection.execute(
                sa.select(RUNS.run_id).where(RUNS.name == name, RUNS.key == key, RUNS.state.in_(LIVE))
            ).scalar()
            if live is not None:
                return str(live)
        run_id = self._ids.new("run")
        unit.connection.execute(
            sa.insert(bookkeeping.job_runs).values(
                run_id=run_id,
                name=name,
                key=key,
                state=JobState.WAITING.value,
                arguments=json.dumps(dict(arguments), sort_keys=True),
                attempt=0,
                due_at=due_at,
                cancel_requested=False,
                message="",
            )
        )
        return run_id

    def run_due(self) -> int:
        """Lease and execute what is due, one after another; return how many ran."""
        ran = 0
        while (lease := self._lease_next()) is not None:
            self._execute(lease)
            ran += 1
        return ran

    def _lease_next(self) -> _Lease | None:
        with self._lock:
            defined = {name: spec for name, (spec, _) in self._defined.items()}
        if not defined:
            return None
        now = self._clock.now()
        with self._records.unit(over=JOBS) as unit:
            self._queue_ticks(unit, names=tuple(defined), now=now)
            for run in unit.connection.execute(_due(now).where(RUNS.name.in_(defined))).all():
                spec = defined[run.name]
                closing = _closing(run, spec)
                if closing is not None:
                    _finish(unit, run.run_id, state=closing[0], message=closing[1], now=now)
                    continue
                owner = self._ids.new("lease")
                unit.connection.execute(
                    sa.update(bookkeeping.job_runs)
                    .where(RUNS.run_id == run.run_id)
                    .values(
                        state=JobState.RUNNING.value,
                        attempt=run.attempt + 1,
                        lease_owner=owner,
                        lease_until=now + timedelta(seconds=spec.lease_s),
                        started_at=now,
                        progress=None,
                    )
                )
                return _Lease(run.run_id, run.name, owner, run.attempt + 1, json.loads(run.arguments))
        return None

    def _queue_ticks(self, unit: Unit, *, names: tuple[str, ...], now: datetime) -> None:
        """Queue one run for each schedule whose tick has come; ticks missed while nobody ran are one run."""
        due = unit.connection.execute(
            sa.select(bookkeeping.job_schedules).where(
                SCHEDULES.name.in_(names), SCHEDULES.cron.is_not(None), SCHEDULES.next_due_at <= now
            )
        ).all()
        for schedule in due:
            self._queue(unit, name=schedule.name, due_at=schedule.next_due_at, arguments={}, key=CRON_KEY)
            unit.connection.execute(
                sa.update(bookkeeping.job_schedules)
                .where(SCHEDULES.name == schedule.name)
                .values(next_due_at=_next_tick(schedule.cron, now))
            )

    def _execute(self, lease: _Lease) -> None:
        with self._lock:
            spec, work = self._defined[lease.name]

        def report(progress: float, message: str) -> None:
            self._report(lease, progress=progress, message=message, lease_s=spec.lease_s)

        context = port.JobContext(
            run_id=lease.run_id,
            arguments=lease.arguments,
            report=report,
            cancelled=lambda: self._cancel_requested(lease.run_id),
        )
        try:
            message = work(context)
        except port.LeaseLostError:
            return  # the run belongs to another worker now, whose word counts
        except Exception as error:  # noqa: BLE001 - a job may fail in any way; the history shows how
            self._failed(lease, spec, reason=f"{type(error).__name__}: {error}")
        else:
            self._done(lease, message)

    def _report(self, lease: _Lease, *, progress: float, message: str, lease_s: float) -> None:
        if not 0.0 <= progress <= 1.0:
            raise ValueError(f"found progress {progress}; allowed: 0 to 1; report the part that is done")
        with self._records.unit(over=JOBS) as unit:
            updated = unit.connection.execute(
                _held(lease).values(
                    progress=progress,
                    message=message,
                    lease_until=self._clock.now() + timedelta(seconds=lease_s),
                )
            )
            if updated.rowcount == 0:
                raise port.LeaseLostError(
                    found=f"run {lease.run_id}, attempt {lease.attempt}, no longer held by this worker",
                    allowed=f"a report at least every {lease_s:g} s",
                    remedy="stop this attempt; another worker has taken the run",
                )

    def _cancel_requested(self, run_id: str) -> bool:
        with self._records.reader() as reader:
            asked = reader.connection.execute(sa.select(RUNS.cancel_requested).where(RUNS.run_id == run_id)).scalar()
        return bool(asked)

    def _done(self, lease: _Lease, message: str) -> None:
        now = self._clock.now()
        with self._records.unit(over=JOBS) as unit:
            cancelled = sa.case((RUNS.cancel_requested, JobState.CANCELLED.value), else_=JobState.DONE.value)
            unit.connection.execute(
                _held(lease).values(
                    state=cancelled, ended_at=now, message=message, lease_owner=None, lease_until=None, progress=1.0
                )
            )
            _prune(unit, lease.name)

    def _failed(self, lease: _Lease, spec: port.JobSpec, *, reason: str) -> None:
        now = self._clock.now()
        again = lease.attempt < spec.max_attempts
        wait = timedelta(seconds=spec.backoff_s * 2 ** (lease.attempt - 1))
        changes: dict[str, Any] = {"message": reason, "lease_owner": None, "lease_until": None}
        if again:
            changes |= {"state": JobState.WAITING.value, "due_at": now + wait}
        else:
            changes |= {"state": JobState.FAILED.value, "ended_at": now}
        with self._records.unit(over=JOBS) as unit:
            unit.connection.execute(_held(lease).values(**changes))
            _prune(unit, lease.name)

    def next_due(self) -> datetime | None:
        """Return when `run_due` should be called next, None when nothing is scheduled."""
        with self._lock:
            names = tuple(self._defined)
        with self._records.reader() as reader:
            found = [
                reader.connection.execute(query).scalar()
                for query in (
                    sa.select(sa.func.min(RUNS.due_at)).where(
                        RUNS.name.in_(names), RUNS.state == JobState.WAITING.value
                    ),
                    sa.select(sa.func.min(RUNS.lease_until)).where(
                        RUNS.name.in_(names), RUNS.state == JobState.RUNNING.value
                    ),
                    sa.select(sa.func.min(SCHEDULES.next_due_at)).where(SCHEDULES.name.in_(names)),
                )
            ]
        return min((instant for instant in found if instant is not None), default=None)

    def cancel(self, run_id: str) -> None:
        """Cancel a waiting run at once, ask a running one to stop; a finished one stays as it is."""
        with self._records.unit(over=JOBS) as unit:
            run = unit.connection.execute(sa.select(bookkeeping.job_runs).where(RUNS.run_id == run_id)).one_or_none()
            if run is None:
                raise port.UnknownJobError(
                    found=f"run {run_id!r}", allowed="a run of the history", remedy="look its id up in the history"
                )
            if run.state == JobState.WAITING.value:
                _finish(
                    unit, run_id, state=JobState.CANCELLED, message="cancelled before it ran", now=self._clock.now()
                )
            elif run.state == JobState.RUNNING.value:
                unit.connection.execute(
                    sa.update(bookkeeping.job_runs).where(RUNS.run_id == run_id).values(cancel_requested=True)
                )

    def history(self, *, name: str | None = None, limit: int = 100) -> tuple[port.JobRun, ...]:
        """Return recent runs, newest first."""
        query = sa.select(bookkeeping.job_runs).order_by(RUNS.sequence.desc()).limit(limit)
        if name is not None:
            query = query.where(RUNS.name == name)
        with self._records.reader() as reader:
            return _runs(reader, query)


def _next_tick(cron: str, after: datetime) -> datetime:
    try:
        return next(cronsim.CronSim(cron, after))
    except (cronsim.CronSimError, StopIteration) as error:
        raise port.BadScheduleError(
            found=f"cron expression {cron!r} ({error})",
            allowed="five fields (minute hour day month weekday), or six with seconds first, that ever come true",
            remedy="write it like '*/5 * * * *'",
        ) from error


def _due(now: datetime) -> sa.Select[Any]:
    waiting = sa.and_(RUNS.state == JobState.WAITING.value, RUNS.due_at <= now)
    abandoned = sa.and_(RUNS.state == JobState.RUNNING.value, RUNS.lease_until <= now)
    return sa.select(bookkeeping.job_runs).where(sa.or_(waiting, abandoned)).order_by(RUNS.due_at, RUNS.sequence)


def _closing(run: Any, spec: port.JobSpec) -> tuple[JobState, str] | None:
    """Return the end of a run that is due but must not be leased again, None when it may be."""
    if run.cancel_requested:
        return JobState.CANCELLED, "cancelled before another attempt"
    if run.attempt >= spec.max_attempts:
        return JobState.FAILED, f"its worker went silent in attempt {run.attempt} of {spec.max_attempts}"
    return None


def _held(lease: _Lease) -> sa.Update:
    """Update the run only while this very attempt holds it."""
    return sa.update(bookkeeping.job_runs).where(RUNS.run_id == lease.run_id, RUNS.lease_owner == lease.owner)


def _finish(unit: Unit, run_id: str, *, state: JobState, message: str, now: datetime) -> None:
    unit.connection.execute(
        sa.update(bookkeeping.job_runs)
        .where(RUNS.run_id == run_id)
        .values(state=state.value, message=message, ended_at=now, lease_owner=None, lease_until=None)
    )


def _prune(unit: Unit, name: str) -> None:
    finished = sa.and_(RUNS.name == name, RUNS.state.not_in(LIVE))
    oldest_kept = unit.connection.execute(
        sa.select(RUNS.sequence).where(finished).order_by(RUNS.sequence.desc()).offset(KEPT_RUNS - 1).limit(1)
    ).scalar()
    if oldest_kept is not None:
        unit.connection.execute(sa.delete(bookkeeping.job_runs).where(finished, RUNS.sequence < oldest_kept))


def _runs(reader: Reader, query: sa.Select[Any]) -> tuple[port.JobRun, ...]:
    return tuple(
        port.JobRun(
            run_id=row.run_id,
            name=row.name,
            state=JobState(row.state),
            arguments=json.loads(row.arguments),
            attempt=row.attempt,
            due_at=row.due_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
            progress=row.progress,
            message=row.message,
        )
        for row in reader.connection.execute(query)
    )
