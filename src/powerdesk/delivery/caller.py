"""Who is asking, as the channels need it: resolved once per request, before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from starlette.requests import HTTPConnection

    from powerdesk.access.types import Channel, Missing, Principal
    from powerdesk.store.queries import Asker


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal with the channel that follows from its credential, and the id of this request."""

    principal: Principal
    channel: Channel
    request_id: str
    at: datetime

    @property
    def display_only(self) -> bool:
        """True for a browser session: answers are display-sized and bulk formats belong to download or api."""
        return self.channel.value == "hub"


class Gate(Protocol):
    """Everything a channel must ask before it answers; app implements it over access."""

    def caller(self, connection: HTTPConnection) -> Caller:
        """Authenticate by cookie, key or operator token; raise a Problem (401, 403) otherwise."""
        ...

    def asker(self, caller: Caller) -> Asker:
        """Return what store queries need."""
        ...

    def afford(self, caller: Caller, *, product: str) -> None:
        """Raise RateLimitedError before anything is read when nothing is left of the caller's budget."""
        ...

    def spend(self, caller: Caller, *, product: str, rows: int) -> Mapping[str, str]:
        """Count one call and its rows; return the rate-limit headers or raise RateLimitedError."""
        ...

    def note_read(self, caller: Caller, *, what: str, rows: int) -> None:
        """Put a read into the audit log with the next group commit."""
        ...

    def note_denial(self, caller: Caller, *, what: str, missing: Sequence[Missing]) -> None:
        """Put a denial into the audit log before the answer leaves; raise RateLimitedError for one of too many."""
        ...

    def note_export(self, caller: Caller, *, what: str, rows: int, sha256: str) -> None:
        """Put an export into the audit log before the file is offered."""
        ...
