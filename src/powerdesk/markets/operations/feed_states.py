"""How each feed stands: since when, what it brought last, and what it last met."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from powerdesk.markets import tables
from powerdesk.markets.types import Fetched, Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.engines.ports.records import Unit
    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.markets.types import Request

_WAITING, _RUNNING, _THROTTLED, _UNREACHABLE = "waiting", "running", "throttled", "unreachable"


def note_fetched(unit: Unit, *, feed_id: str, fetched: Fetched) -> None:
    """Write how the feed stands after a fetch; `since` moves only when the state does.

    A fetch that was not tried, since the host is known to be unreachable, leaves the cause that the last try met.
    """
    now = fetched.received_at
    current = _ensure(unit, feed_id=feed_id, now=now)
    state = {Outcome.THROTTLED: _THROTTLED, Outcome.TRANSIENT: _UNREACHABLE}.get(fetched.outcome, _RUNNING)
    changes: dict[str, Any] = {"state": state}
    if state != current:
        changes["since"] = now
    if fetched.outcome in (Outcome.OK, Outcome.NOT_YET, Outcome.NO_DATA_FINAL):
        changes |= {"last_ok_at": now, "next_try_at": None}
    else:
        if fetched.attempts:
            changes |= {"last_error": f"{fetched.outcome.value}: {fetched.detail}"[:400], "last_error_at": now}
        changes["next_try_at"] = (
            None if fetched.retry_after_s is None else now + timedelta(seconds=fetched.retry_after_s)
        )
    unit.connection.execute(sa.update(tables.feeds).where(tables.feeds.c.id == feed_id).values(**changes))


def note_published(unit: Unit, *, feed: FeedSpec, request: Request, now: datetime) -> None:
    """Write that a feed which makes its own payloads runs, also while it makes history."""
    note_fetched(unit, feed_id=feed.id, fetched=Fetched(request=request, outcome=Outcome.OK, received_at=now))


def note_recorded(unit: Unit, *, feed_id: str, sha256: str, rows: int, error: str | None, now: datetime) -> None:
    """Write what the last payload recorded came to; `error` says why it could not be taken, if so."""
    changes: dict[str, Any] = {"last_payload_sha256": sha256, "last_rows": rows}
    if error:
        changes |= {"last_error": error[:400], "last_error_at": now}
    _ensure(unit, feed_id=feed_id, now=now)
    unit.connection.execute(sa.update(tables.feeds).where(tables.feeds.c.id == feed_id).values(**changes))


def pause(unit: Unit, *, feed: FeedSpec, paused: bool, now: datetime) -> None:
    """Stop or resume polling of a feed; what is queued already is still recorded."""
    _ensure(unit, feed_id=feed.id, now=now)
    unit.connection.execute(
        sa.update(tables.feeds).where(tables.feeds.c.id == feed.id).values(paused=paused, since=now)
    )


def _ensure(unit: Unit, *, feed_id: str, now: datetime) -> str:
    """Return the state of the feed, which exists afterwards."""
    table = tables.feeds
    state = unit.connection.execute(sa.select(table.c.state).where(table.c.id == feed_id)).scalar()
    if state is None:
        unit.connection.execute(sa.insert(table).values(id=feed_id, paused=False, state=_WAITING, since=now))
        return _WAITING
    return str(state)
