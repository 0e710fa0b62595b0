"""Identity: prove that somebody is who they say."""

from __future__ import annotations

from typing import ClassVar, Protocol

from powerdesk.kernel.problem import Problem


class IdentityBusyError(Problem):
    """Too many password checks at once."""

    status: ClassVar[int] = 503
    slug: ClassVar[str] = "identity-busy"
    title: ClassVar[str] = "Too many sign-ins at once"


class Identity(Protocol):
    """Turn a password into a verifier and prove it later; slow by design, bounded in concurrency."""

    def enroll(self, password: str) -> str:
        """Return an opaque verifier to keep in Records."""
        ...

    def prove(self, verifier: str | None, password: str) -> bool:
        """Tell whether the password matches; None costs the same time as a mismatch."""
        ...

    def outdated(self, verifier: str) -> bool:
        """Tell whether the verifier should be made again with today's parameters."""
        ...
