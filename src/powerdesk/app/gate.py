"""The gate of every channel: credentials to principals, the Host and CSRF checks, limits, and the audit of reads."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from powerdesk.access import audit, connections, limits
from powerdesk.access.operations import limiting
from powerdesk.access.types import Channel
from powerdesk.delivery.caller import Caller
from powerdesk.delivery.stream.gate import NoCredentialError
from powerdesk.store.queries import Asker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import HTTPConnection

    from powerdesk.access import keys
    from powerdesk.access.authenticator import Authenticator
    from powerdesk.access.operations.auditing import ReadAudit
    from powerdesk.access.types import Missing
    from powerdesk.delivery.stream.gate import Credential
    from powerdesk.engines.ports.cache import Cache
    from powerdesk.kernel.clock import Clock

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
PRESENTED_KEY = "powerdesk.presented"
CALLER_KEY = "powerdesk.caller"


@dataclass(frozen=True, slots=True)
class Gate:
    """Implements what REST, downloads and the stream ask of access."""

    authenticator: Authenticator
    reads: ReadAudit
    cache: Cache
    clock: Clock
    pepper: keys.Pepper
    operator_token: str
    public_hosts: frozenset[str]

    def host_allowed(self, host: str) -> bool:
        """Tell whether a Host header names this desk."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and (name in LOOPBACK_HOSTS or name in self.public_hosts)

    def presented(self, connection: HTTPConnection) -> connections.Presented:
        """Return the credential behind a request, proven once per request; 401 or 403 otherwise."""
        known: connections.Presented | None = connection.scope.get(PRESENTED_KEY)
        if known is None:
            known = connections.present(
                connection,
                authenticator=self.authenticator,
                pepper=self.pepper,
                operator_token=self.operator_token,
            )
            connection.scope[PRESENTED_KEY] = known
        return known

    def caller(self, connection: HTTPConnection) -> Caller:
        """Return who sent a request, with the channel that follows from the credential."""
        known: Caller | None = connection.scope.get(CALLER_KEY)
        if known is None:
            principal = self.presented(connection).principal
            known = Caller(
                principal=principal,
                channel=connections.channel_of(principal, surface=Channel.API),
                request_id=str(connection.scope.get("powerdesk.request_id", "")),
                at=self.clock.now(),
            )
            connection.scope[CALLER_KEY] = known
        return known

    def asker(self, caller: Caller) -> Asker:
        """Return what the store's queries need."""
        return Asker(principal=caller.principal, channel=caller.channel)

    def afford(self, caller: Caller | Asker, *, product: str) -> None:
        """Raise RateLimitedError before anything is read when nothing is left of the caller's budget."""
        limiting.afford(self.cache, principal=caller.principal, product=product)

    def spend(self, caller: Caller | Asker, *, product: str, rows: int) -> Mapping[str, str]:
        """Count a call and its rows; return the headers, or raise RateLimitedError."""
        standings = limiting.spend(self.cache, principal=caller.principal, product=product, rows=rows)
        return limits.headers(standings) if standings else {}

    def note_read(self, caller: Caller | Asker, *, what: str, rows: int) -> None:
        """Put a read into the next group commit of the audit log."""
        self.reads.note(self._entry(caller, "read", what, audit.Outcome.DONE, {"rows": str(rows)}))

    def note_denial(self, caller: Caller | Asker, *, what: str, missing: Sequence[Missing]) -> None:
        """Write a denial to the audit log; it is durable when this returns. RateLimitedError for one of too many."""
        limiting.admit_denial(self.cache, principal=caller.principal)
        lacking = {f"{m.market}/{m.product}": m.channel.value for m in missing}
        self.reads.note(self._entry(caller, "read", what, audit.Outcome.DENIED, lacking))
        self.reads.flush()

    def note_export(self, caller: Caller, *, what: str, rows: int, sha256: str) -> None:
        """Write an export to the audit log; it is durable when this returns."""
        detail = {"rows": str(rows), "sha256": sha256}
        self.reads.note(self._entry(caller, "export", what, audit.Outcome.DONE, detail))
        self.reads.flush()

    def note_act(self, caller: Caller, *, action: str, target: str) -> None:
        """Write an act of administration to the audit log; it is durable when this returns."""
        self.reads.note(self._entry(caller, action, target, audit.Outcome.DONE, {}))
        self.reads.flush()

    def _entry(
        self, caller: Caller | Asker, action: str, what: str, outcome: audit.Outcome, detail: dict[str, str]
    ) -> audit.Entry:
        return audit.Entry(
            at=caller.at if isinstance(caller, Caller) else self.clock.now(),
            principal=caller.principal.id,
            tenant=caller.principal.tenant,
            action=action,
            target=what,
            outcome=outcome,
            detail={**detail, "channel": caller.channel.value},
            request_id=caller.request_id if isinstance(caller, Caller) else "",
        )


@dataclass(frozen=True, slots=True)
class StreamGate:
    """The gate as the stream asks it: by handshake instead of request, and for as long as a socket is open."""

    gate: Gate

    def known_host(self, host: str) -> bool:
        """Tell whether a Host header names this desk."""
        return self.gate.host_allowed(host)

    def admit(self, credential: Credential) -> Asker:
        """Return who opens a stream: a browser's session as hub (same origin only), a key as stream."""
        if credential.bearer is not None:
            local = connections.is_loopback(credential.address)
            principal = connections.present_bearer(
                credential.bearer,
                authenticator=self.gate.authenticator,
                operator_token=self.gate.operator_token if local else None,
            ).principal
            return Asker(principal=principal, channel=Channel.STREAM)
        token = session_cookie(credential.cookie)
        if token is None:
            raise NoCredentialError(
                found="no credential", allowed="a session cookie, a key or hello.token", remedy="sign in, or send a key"
            )
        connections.require_own_page(origin=credential.origin, host=credential.host)
        return Asker(principal=self.gate.authenticator.session(token).principal, channel=Channel.HUB)

    def renew(self, asker: Asker) -> Asker:
        """Return the asker with the grants in force now."""
        return Asker(principal=self.gate.authenticator.renew(asker.principal), channel=asker.channel)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after any change of access; return how to stop that."""
        return self.gate.authenticator.on_change(lambda _version: callback())

    def afford(self, asker: Asker, *, product: str) -> None:
        """Raise RateLimitedError before anything is read when nothing is left of the asker's budget."""
        self.gate.afford(asker, product=product)

    def spend(self, asker: Asker, *, product: str, rows: int) -> None:
        """Count a call and its rows; raise RateLimitedError when the budget cannot take it."""
        self.gate.spend(asker, product=product, rows=rows)

    def note_read(self, asker: Asker, *, what: str, rows: int) -> None:
        """Put a read into the next group commit of the audit log."""
        self.gate.note_read(asker, what=what, rows=rows)

    def note_denial(self, asker: Asker, *, what: str, missing: Sequence[Missing]) -> None:
        """Write a denial to the audit log; it is durable when this returns."""
        self.gate.note_denial(asker, what=what, missing=missing)


def session_cookie(header: str | None) -> str | None:
    """Return the session token of a Cookie header."""
    if not header:
        return None
    try:
        found = SimpleCookie(header).get(connections.COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value
