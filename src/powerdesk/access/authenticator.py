"""Who is asking, answered from memory: proven credentials by hash, dropped when anything in access changes."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from powerdesk.access import policies
from powerdesk.access.types import PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from powerdesk.access.types import Credential, Principal
    from powerdesk.kernel.clock import Clock

POLL_S = 0.25
"""How old the known access version may be: what another process changed takes effect this much later."""

MAX_CREDENTIALS = 20_000


class Lookup(Protocol):
    """Where credentials are proven when memory does not know them; each raises a 401 Problem when it cannot."""

    def version(self) -> int:
        """Return the present access version."""
        ...

    def session(self, token: str) -> Credential:
        """Prove a session token."""
        ...

    def key(self, text: str) -> Credential:
        """Prove an API key."""
        ...

    def by_id(self, principal: Principal) -> Credential:
        """Return the present state of the credential behind a principal proven earlier."""
        ...


@dataclass(slots=True)
class _Known:
    """A proven credential, when it was last used, and the access version it was compiled at."""

    credential: Credential
    version: int


class Authenticator:
    """Prove credentials; thread-safe.

    A credential is trusted from memory only while the access version is the one it was compiled at. Operations
    of this process call `refresh` after their commit, so they take effect at once; those of other processes are
    seen within POLL_S, by requests or by whoever calls `poll` (open sockets do, so that they hear in time).
    """

    def __init__(self, lookup: Lookup, *, clock: Clock) -> None:
        self._lookup = lookup
        self._clock = clock
        self._lock = threading.Lock()
        self._polling = threading.Lock()
        self._known: collections.OrderedDict[bytes, _Known] = collections.OrderedDict()
        self._used: dict[tuple[PrincipalKind, str], datetime] = {}
        self._callbacks: list[Callable[[int], None]] = []
        self._version = lookup.version()
        self._polled_s = clock.monotonic_s()

    def session(self, token: str) -> Credential:
        """Return whom a session token stands for; a 401 Problem otherwise."""
        return self._proven(b"session" + hashlib.sha256(token.encode()).digest(), token, self._lookup.session)

    def key(self, text: str) -> Credential:
        """Return whom an API key stands for; a 401 Problem otherwise."""
        return self._proven(b"key" + hashlib.sha256(text.encode()).digest(), text, self._lookup.key)

    def _proven(self, name: bytes, secret: str, prove: Callable[[str], Credential]) -> Credential:
        self.poll()
        now = self._clock.now()
        with self._lock:
            known = self._known.get(name)
            if known is not None and known.version == self._version and known.credential.holds(now):
                known.credential = _used_at(known.credential, now)
                self._used[known.credential.principal.kind, known.credential.id] = now
                self._known.move_to_end(name)
                return known.credential
            if known is not None:
                del self._known[name]
        credential = self._with_last_use(prove(secret))
        if not credential.holds(now):
            raise policies.SignInRequiredError(
                found="a credential over its time", allowed="one that is still valid", remedy="sign in again"
            )
        self._remember(name, credential, now)
        return credential

    def _with_last_use(self, credential: Credential) -> Credential:
        """Put in the last use that memory knows and the database not yet."""
        with self._lock:
            used = self._used.get((credential.principal.kind, credential.id))
        if used is None or (credential.last_used_at is not None and used <= credential.last_used_at):
            return credential
        return dataclasses.replace(credential, last_used_at=used)

    def _remember(self, name: bytes, credential: Credential, now: datetime) -> None:
        version = credential.principal.grants.version
        with self._lock:
            self._known[name] = _Known(_used_at(credential, now), version)
            self._used[credential.principal.kind, credential.id] = now
            if len(self._known) > MAX_CREDENTIALS:
                self._known.popitem(last=False)
        self._observe(version)

    def still_valid(self, principal: Principal) -> bool:
        """Tell whether the credential behind a principal proven earlier still holds, with the same grants and roles."""
        try:
            present = self.renew(principal)
        except (policies.SignInRequiredError, policies.ForbiddenError):
            return False
        return _same_powers(present, principal)

    def renew(self, principal: Principal) -> Principal:
        """Return the principal as it is now; a 401 Problem when its credential no longer holds.

        Costs a look into memory while nothing changed. It does not count as use of the session.
        """
        if principal.kind not in {PrincipalKind.USER, PrincipalKind.KEY}:
            return principal
        self.poll()
        name = b"id" + f"{principal.kind.value}/{principal.session}".encode()
        now = self._clock.now()
        with self._lock:
            known = self._known.get(name)
            fresh = known is not None and known.version == self._version
        credential = known.credential if known is not None and fresh else self._lookup.by_id(principal)
        credential = self._with_last_use(credential)
        if not credential.holds(now):
            raise policies.SignInRequiredError(
                found="a credential over its time", allowed="one that is still valid", remedy="sign in again"
            )
        if not fresh:
            with self._lock:
                self._known[name] = _Known(credential, credential.principal.grants.version)
                if len(self._known) > MAX_CREDENTIALS:
                    self._known.popitem(last=False)
            self._observe(credential.principal.grants.version)
        return credential.principal

    def on_change(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back with the new access version after each change seen (on the thread that saw it); return the undo."""
        with self._lock:
            self._callbacks.append(callback)

        def undo() -> None:
            with self._lock:
                self._callbacks.remove(callback)

        return undo

    def poll(self) -> None:
        """Look for changes by other processes, at most every POLL_S."""
        now_s = self._clock.monotonic_s()
        if now_s - self._polled_s < POLL_S or not self._polling.acquire(blocking=False):
            return
        try:
            self._polled_s = now_s
            self._observe(self._lookup.version())
        finally:
            self._polling.release()

    def refresh(self) -> None:
        """Look for changes now; called after every committed change of access in this process, and by a worker.

        While the worker does so more often than every POLL_S, no request has to.
        """
        now_s = self._clock.monotonic_s()
        self._observe(self._lookup.version())
        self._polled_s = now_s

    def _observe(self, version: int) -> None:
        with self._lock:
            if version <= self._version:
                return
            self._version = version
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback(version)

    def take_usage(self) -> Mapping[tuple[PrincipalKind, str], datetime]:
        """Return when each credential was last used since the last call, and begin anew."""
        with self._lock:
            used, self._used = self._used, {}
        return used


def _used_at(credential: Credential, now: datetime) -> Credential:
    if credential.idle_after is None or credential.last_used_at == now:
        return credential
    return dataclasses.replace(credential, last_used_at=now)


def _same_powers(one: Principal, other: Principal) -> bool:
    return (one.tenant, one.roles, one.channels, one.grants.entitlements) == (
        other.tenant,
        other.roles,
        other.channels,
        other.grants.entitlements,
    )
