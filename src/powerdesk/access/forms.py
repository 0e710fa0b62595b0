"""Bodies of the access routes: what is asked and what is answered, as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from powerdesk.access.types import Channel

FIRST_YEAR = 1970
LAST_YEAR = 9998
"""Years in which every zone's instants can be told in UTC, and kept."""


def _to_utc(instant: datetime) -> datetime:
    if not FIRST_YEAR < instant.year <= LAST_YEAR:
        raise ValueError(f"found year {instant.year}; allowed: {FIRST_YEAR + 1} to {LAST_YEAR}; or leave it out")
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(min_length=1, max_length=64)]


class _Asked(BaseModel):
    """A request body: unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


class SignIn(_Asked):
    """Name and password."""

    name: Name
    password: Annotated[str, Field(max_length=1_000)]


class NewPassword(_Asked):
    """The present password (null only in a session opened by a one-time link) and the new one."""

    current: Annotated[str, Field(max_length=1_000)] | None
    new: Annotated[str, Field(max_length=1_000)]


class NewKey(_Asked):
    """A key to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Channel], Field(min_length=1, max_length=20)]
    expires_at: Instant | None = None


class Rotation(_Asked):
    """How long the old key keeps working."""

    overlap_hours: Annotated[float, Field(ge=0, le=720, allow_inf_nan=False)]


class Line(_Asked):
    """One entitlement; `*` matches any."""

    market: Code
    product: Code
    channel: Code
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    deny: bool = False


class Lines(_Asked):
    """All entitlements of a tenant."""

    grants: Annotated[list[Line], Field(max_length=10_000)]


class LineChanges(_Asked):
    """Entitlements to add to a tenant's and to take from them, in one step."""

    add: Annotated[list[Line], Field(max_length=100)] = []
    remove: Annotated[list[Line], Field(max_length=100)] = []


class User(BaseModel):
    """Who asks."""

    id: str
    name: str
    kind: str
    tenant: str
    roles: list[str]


class Me(BaseModel):
    """Who asks, by which channels, with what; `csrf` is empty for keys and the operator."""

    user: User
    csrf: str
    channels: list[Channel]
    entitlements: list[Line]
    server_time: AwareDatetime
    version: str
    first_run: bool
    may_set_password_without_old: bool


class Session(BaseModel):
    """A live session."""

    id: str
    user: str
    created_at: AwareDatetime
    last_seen_at: AwareDatetime
    expires_at: AwareDatetime
    address: str
    agent: str
    current: bool


class Sessions(BaseModel):
    """Live sessions, newest first."""

    sessions: list[Session]


class Key(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    owner: str
    scopes: list[Channel]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    state: Literal["live", "expired", "revoked"]


class Keys(BaseModel):
    """Keys, newest first."""

    keys: list[Key]


class MintedKey(BaseModel):
    """A new key with its secret, shown this once."""

    key: Key
    secret: str


class TenantLine(Line):
    """One entitlement and whose it is."""

    tenant: str


class Judged(BaseModel):
    """The verdict on one tuple for the caller's tenant, and why."""

    market: str
    product: str
    channel: Channel
    allowed: bool
    why: str


class Entitlements(BaseModel):
    """Everything there is, what is granted, and the verdict on each tuple."""

    markets: list[str]
    products: list[str]
    channels: list[Channel]
    grants: list[TenantLine]
    verdicts: list[Judged]


class Moved(Judged):
    """A verdict that a change would turn, and from when on."""

    at: AwareDatetime


class Preview(BaseModel):
    """What a change would turn: now, and at each moment at which a line of it begins or ends."""

    moved: list[Moved]
