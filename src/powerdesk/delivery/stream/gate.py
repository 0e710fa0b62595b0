"""What the stream asks of access: who that is, whether it still holds, what to note. App implements it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from powerdesk.access.types import Missing
    from powerdesk.store.queries import Asker


class NoCredentialError(problem.Problem):
    """Nobody is named: no session cookie, no bearer header, no token in hello."""

    status = 401
    slug = "sign-in-required"
    title = "Sign in first"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request or a hello carried; secrets are never shown by repr."""

    host: str
    origin: str | None = None
    cookie: str | None = field(default=None, repr=False)
    """The whole Cookie header."""
    bearer: str | None = field(default=None, repr=False)
    """What follows `Bearer` in the Authorization header, or hello.token."""
    address: str = ""
    agent: str = ""


class Gatekeeper(Protocol):
    """Called from worker threads, `known_host` and `on_change` excepted; may read Records."""

    def known_host(self, host: str) -> bool:
        """Tell whether a Host header names this desk; asked on the loop, so it must not block."""
        ...

    def admit(self, credential: Credential) -> Asker:
        """Return who that is, with the channel that follows from the credential; raise a Problem (401, 403) else."""
        ...

    def renew(self, asker: Asker) -> Asker:
        """Return the asker with the grants in force now; raise a Problem when the credential has ended."""
        ...

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back (on any thread) after a change of grants, sessions or keys; return how to stop that."""
        ...

    def afford(self, asker: Asker, *, product: str) -> None:
        """Raise a Problem with retry_after_s, before anything is read, when nothing is left of the asker's budget."""
        ...

    def spend(self, asker: Asker, *, product: str, rows: int) -> None:
        """Count a call and its rows; raise a Problem with retry_after_s when the rate is exceeded."""
        ...

    def note_read(self, asker: Asker, *, what: str, rows: int) -> None:
        """Put a read into the audit log with the next group commit."""
        ...

    def note_denial(self, asker: Asker, *, what: str, missing: Sequence[Missing]) -> None:
        """Put a denial into the audit log before the answer leaves."""
        ...
