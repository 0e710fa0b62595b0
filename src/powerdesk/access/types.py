"""Principals, channels, entitlements and policies: frozen types, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class Channel(StrEnum):
    """How a number leaves the house; it follows from the credential, never from the caller's wish."""

    HUB = "hub"
    API = "api"
    STREAM = "stream"
    DOWNLOAD = "download"
    EXCEL = "excel"
    GRAPHQL = "graphql"
    FLIGHT = "flight"
    SDK = "sdk"
    COPILOT = "copilot"


class PrincipalKind(StrEnum):
    """What stands behind a request."""

    USER = "user"
    SERVICE = "service"
    KEY = "key"
    LINK = "link"
    OPERATOR = "operator"  # the owner of the data folder, by the loopback token
    SYSTEM = "system"  # the house itself: projections, jobs


@dataclass(frozen=True, slots=True)
class Entitlement:
    """tenant x market x product x channel x validity; '*' matches any market, product or channel."""

    market: str
    product: str
    channel: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    deny: bool = False

    def within(self, other: Entitlement) -> bool:
        """Tell whether the other line speaks of every tuple and moment that this one speaks of."""
        names = ((self.market, other.market), (self.product, other.product), (self.channel, other.channel))
        begins = other.valid_from is None or (self.valid_from is not None and self.valid_from >= other.valid_from)
        ends = other.valid_to is None or (self.valid_to is not None and self.valid_to <= other.valid_to)
        return begins and ends and all(theirs in (mine, "*") for mine, theirs in names)


@dataclass(frozen=True, slots=True)
class Missing:
    """A tuple the principal lacks; `why` is one sentence and does not count in comparisons."""

    market: str
    product: str
    channel: Channel
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A tuple the principal has; `why` is one sentence."""

    why: str


def _valid(entitlement: Entitlement, at: datetime) -> bool:
    after_start = entitlement.valid_from is None or entitlement.valid_from <= at
    return after_start and (entitlement.valid_to is None or at < entitlement.valid_to)


@dataclass(frozen=True, slots=True)
class Grants:
    """Entitlements compiled at an instant: deny by default, explicit deny wins. `version` rises on every change."""

    version: int
    entitlements: tuple[Entitlement, ...] = ()
    everything: bool = False
    _compiled: dict[tuple[str, str, str], list[Entitlement]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the lines, so that a verdict costs eight look-ups however many lines there are."""
        compiled: dict[tuple[str, str, str], list[Entitlement]] = {}
        for line in self.entitlements:
            compiled.setdefault((line.market, line.product, line.channel), []).append(line)
        object.__setattr__(self, "_compiled", compiled)

    def about(self, market: str, product: str, channel: Channel, *, at: datetime) -> list[Entitlement]:
        """Return the lines in force at the instant that speak of the tuple, `*` included."""
        compiled = self._compiled
        found: list[Entitlement] = []
        for m in (market, "*"):
            for p in (product, "*"):
                for c in (channel.value, "*"):
                    for line in compiled.get((m, p, c), ()):
                        if _valid(line, at):
                            found.append(line)  # noqa: PERF401 - four loops read better than one expression
        return found

    def allows(self, market: str, product: str, channel: Channel, *, at: datetime) -> bool:
        """Tell whether the tuple itself is granted; verdicts also ask the channel's rules (access.entitlements)."""
        if self.everything:
            return True
        lines = self.about(market, product, channel, at=at)
        return bool(lines) and not any(line.deny for line in lines)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, for which tenant, by which credential. `id` is what the audit log shows."""

    id: str
    kind: PrincipalKind
    tenant: str
    name: str
    roles: frozenset[str] = frozenset()
    channels: frozenset[Channel] = frozenset()
    """What this credential may use: a session {hub, download}; a key {api, ...} by its scopes; the operator all."""
    grants: Grants = field(default_factory=lambda: Grants(version=0))
    session: str | None = None
    """Session or key id behind the request; revocation names it."""
    plan: str = "standard"
    """The tenant's rate plan (a name in access.limits.PLANS)."""
    owner: str = ""
    """The account that a key acts for; empty for everybody else."""

    @property
    def account(self) -> str:
        """What limits count by: the keys of one account share them."""
        return self.owner or self.id


@dataclass(frozen=True, slots=True)
class Credential:
    """A proven credential: its principal, and until when it holds if nothing changes.

    `id` is the session or key; `idle_after` is how long it may stay unused (None: for ever);
    `by_link` marks a session that was opened by a one-time link, which may set a password without the old one.
    """

    id: str
    principal: Principal
    expires_at: datetime | None
    last_used_at: datetime | None
    idle_after: timedelta | None = None
    by_link: bool = False

    def holds(self, now: datetime) -> bool:
        """Tell whether the credential is within its times at the instant."""
        if self.expires_at is not None and now >= self.expires_at:
            return False
        return self.idle_after is None or self.last_used_at is None or now < self.last_used_at + self.idle_after


ROLES = (
    "viewer",
    "analyst",
    "trader",
    "scheduler",
    "risk",
    "approver",
    "data-admin",
    "tenant-admin",
    "auditor",
    "operator",
)
"""Every role an account may hold."""

SYSTEM = Principal(
    id="system",
    kind=PrincipalKind.SYSTEM,
    tenant="*",
    name="the house",
    channels=frozenset(Channel),
    grants=Grants(version=0, everything=True),
)

OPERATOR = Principal(
    id="operator",
    kind=PrincipalKind.OPERATOR,
    tenant="*",
    name="the owner of the data folder",
    roles=frozenset(ROLES),
    channels=frozenset(Channel),
    grants=Grants(version=0, everything=True),
)
