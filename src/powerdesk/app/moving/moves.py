"""The moves that verbs and routes ask for: copy between two places, and back up a desk that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from powerdesk.app import clock as clocks
from powerdesk.app import ownership
from powerdesk.app import settings as app_settings
from powerdesk.app.moving import copying, log, sides
from powerdesk.kernel import intervals, problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from powerdesk.app.engines import Engines
    from powerdesk.app.moving.copying import Note, Reporter
    from powerdesk.app.moving.sides import Side
    from powerdesk.app.settings import Settings
    from powerdesk.engines.ports.jobs import JobContext
    from powerdesk.kernel.clock import Clock


class BackupDamagedError(problem.Problem):
    """A backup does not hold what it held when it was made."""

    status = 409
    slug = "backup-damaged"
    title = "The backup is damaged"


class BadBackupFolderError(problem.Problem):
    """A backup cannot be made there."""

    status = 422
    slug = "bad-backup-folder"
    title = "The backup cannot be made there"


def new_folder(text: str) -> Path:
    """Return the folder for a backup; raise unless its address is whole, its parent is there, and it is new."""
    folder = Path(text)
    try:
        fit = folder.is_absolute() and folder.parent.is_dir() and not (folder.exists() and any(folder.iterdir()))
    except (OSError, ValueError):  # too long, a null byte, a file in the place of a folder
        fit = False
    if not fit:
        raise BadBackupFolderError(
            found=repr(text[:200]),
            allowed="an absolute path, to a new or an empty folder in one that is there",
            remedy="name another, as the machine that runs the jobs sees it",
        )
    return folder


def _begun_or_new(text: str) -> Path:
    """Return the folder for a backup, also where an earlier attempt began it; the copy refuses any other desk there."""
    return Path(text) if (Path(text) / ownership.LOCK_NAME).is_file() else new_folder(text)


def move(*, source: str, target: str, until: str | None, report: Reporter) -> Note:
    """Copy the desk at one place to another; secrets of the engines come from POWERDESK_FROM__* and POWERDESK_TO__*."""
    with (
        sides.opened(source, environment=app_settings.of_side("FROM__")) as here,
        sides.opened(target, environment=app_settings.of_side("TO__"), secret=here.secret) as there,
    ):
        kept = copying.note(here.engines)
        if kept is not None:
            copying.refuse_unfinished(here.engines)
        now = clocks.SystemClock().now()
        made = copying.copy(here, there, now=now, until=_commit(here, until), report=report)
        if kept is not None and until is None and not kept.opened_at:
            _same(kept, made)
        return made


def back_up(settings: Settings, engines: Engines, *, now: datetime, folder: Path, report: Reporter) -> Note:
    """Copy a desk that runs into a new folder."""
    here = sides.Side(place=str(settings.data), engines=engines, secret=sides.secret_of(settings))
    with sides.opened(str(folder), environment={}, secret=here.secret) as there:
        return copying.copy(here, there, now=now, until=None, report=report)


def backing_up(settings: Settings, engines: Engines, *, clock: Clock) -> Callable[[JobContext], str]:
    """Return the job that copies the desk into the folder its arguments name; its bar is that of the log."""

    def work(context: JobContext) -> str:
        copied = 0

        def report(stage: str, done: int, total: int | None) -> None:
            nonlocal copied
            copied += done if stage == "log" else 0
            context.report(min(1.0, copied / total) if total and stage == "log" else 0.0, stage)

        folder = _begun_or_new(context.arguments["folder"])
        made = back_up(settings, engines, now=clock.now(), folder=folder, report=report)
        rows = sum(facts["rows"] for facts in made.datasets.values())
        return f"{rows} rows up to commit {made.cut.readable} in {context.arguments['folder']}"

    return work


def _commit(side: Side, until: str | None) -> int | None:
    if until is None:
        return None
    if until.isdecimal():
        return int(until)
    return log.position_at(side.engines.bus, intervals.parse_instant(until))


def _same(kept: Note, made: Note) -> None:
    """Raise when a backup gave other rows, records or objects than it noted when it was made."""
    pairs = (
        *((f"rows of {name}", facts, made.datasets.get(name)) for name, facts in kept.datasets.items()),
        *((f"table {name}", facts, made.records.get(name)) for name, facts in kept.records.items()),
        ("objects", kept.objects, made.objects),
    )
    damaged = [what for what, before, after in pairs if before != after]
    if damaged:
        raise BackupDamagedError(
            found=f"other {', '.join(damaged)} than when it was made",
            allowed="what the backup's own note says",
            remedy="use another backup; what was restored from this one is incomplete",
        )
