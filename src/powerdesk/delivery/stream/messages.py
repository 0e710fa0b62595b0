"""Every message of the protocol as a frozen struct tagged by `t`; strict reading of what clients send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from powerdesk.access import entitlements
from powerdesk.delivery.rest.answers import Instant
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.access.types import Missing

PROTOCOL = 1
MAX_MESSAGE_BYTES = 64 * 1024
MAX_CONFLATE_MS = 60_000
MAX_SNAPSHOT_HOURS = 31 * 24
MAX_SEQ = 2**62


class BadMessageError(problem.Problem):
    """A frame that is not one of the protocol's messages."""

    status = 400
    slug = "bad-stream-message"
    title = "The message cannot be read"


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Go on after commit `seq`, or set out from what was known at `as_of` (RFC 3339 with offset): one of the two."""

    seq: int | None = None
    as_of: Instant | None = None


class ReplayWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A past window of publication time, [start, end), played at `speed` times the pace it had."""

    start: Instant
    end: Instant
    speed: float = 1.0


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="hello"):
    """The first message: protocol version, credential when the request had none, token to resume by."""

    proto: int
    token: str | None = None
    resume: str | None = None
    features: tuple[str, ...] = ()


class Sub(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="sub"):
    """Subscribe to a dataset. `from` defaults to where the resume token stood, else to now."""

    id: int
    channel: str
    filter: dict[str, tuple[str, ...]] = {}
    fields: tuple[str, ...] | None = None
    start: Literal["now", "snapshot", "resume"] | Origin | None = msgspec.field(name="from", default=None)
    hours: float | None = None
    conflate_ms: int = 0
    policy: Literal["conflate", "block", "skip"] = "conflate"
    replay: ReplayWindow | None = None


class Unsub(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="unsub"):
    """End a subscription."""

    sid: str


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="ping"):
    """Ask for a sign of life."""


ClientMessage = Hello | Sub | Unsub | Ping
CLIENT_MESSAGES: tuple[type[msgspec.Struct], ...] = (Hello, Sub, Unsub, Ping)


class Limits(msgspec.Struct, frozen=True):
    """What one socket may hold: subscriptions, and bytes queued for a slow reader."""

    subscriptions: int
    queue: int


class Welcome(msgspec.Struct, frozen=True, tag_field="t", tag="welcome"):
    """The socket is open. A different `epoch` means that sequence numbers kept from before are void."""

    session: str
    heartbeat_ms: int
    server_time: Instant
    epoch: str
    limits: Limits
    proto: int = PROTOCOL


class Denied(msgspec.Struct, frozen=True):
    """A market of the channel that the caller may not see here."""

    market: str
    product: str
    channel: str


class Ack(msgspec.Struct, frozen=True, tag_field="t", tag="ack"):
    """The subscription stands. `seq` is what the first `upd` names as `prev`; `series` is known after a snapshot."""

    id: int
    sid: str
    seq: int
    series: int | None = None
    denied: tuple[Denied, ...] = ()


class Fault(msgspec.Struct, frozen=True):
    """A problem as REST writes it: what was found, allowed and to be done, and the entitlements that were missing."""

    type: str
    title: str
    status: int
    detail: str
    found: str
    allowed: str
    remedy: str
    errors: tuple[dict[str, str], ...] = ()
    retry_after: float | None = None
    entitlement: tuple[Denied, ...] = ()


class Err(msgspec.Struct, frozen=True, tag_field="t", tag="err"):
    """The message with this id (null when it had none) was refused; nothing of it happened."""

    id: int | None
    problem: Fault


class Snap(msgspec.Struct, frozen=True, tag_field="t", tag="snap"):
    """Part of a snapshot: rows known at `as_of`, accepted up to commit `seq`."""

    sid: str
    seq: int
    as_of: Instant
    columns: dict[str, list[Any]]


class SnapEnd(msgspec.Struct, frozen=True, tag_field="t", tag="snap_end"):
    """The snapshot is complete."""

    sid: str
    seq: int


class Upd(msgspec.Struct, frozen=True, tag_field="t", tag="upd"):
    """Rows that changed. `prev` is the `seq` before it: another one means a lost message.

    `seq` says up to which commit everything has been sent. A part that is not the last of its commit repeats `prev`
    as `seq`, so that resuming from it brings the commit again.
    """

    sid: str
    seq: int
    prev: int
    columns: dict[str, list[Any]]


class Gap(msgspec.Struct, frozen=True, tag_field="t", tag="gap"):
    """Commits after `from` up to `to` were not sent; `rest` reads them."""

    sid: str
    after: int = msgspec.field(name="from")
    to: int
    reason: str
    rest: str


class Heartbeat(msgspec.Struct, frozen=True, tag_field="t", tag="hb"):
    """A sign of life: the last `seq` sent per subscription, and a token to resume by."""

    ts: Instant
    seq: dict[str, int]
    resume: str


class Warn(msgspec.Struct, frozen=True, tag_field="t", tag="warn"):
    """The reader was slow: for how long, and how many rows were superseded or skipped meanwhile."""

    code: str
    lag_ms: int
    dropped: int


class Revoked(msgspec.Struct, frozen=True, tag_field="t", tag="revoked"):
    """The subscription ended because an entitlement or the credential did."""

    sid: str
    denied: tuple[Denied, ...] = ()


class Bye(msgspec.Struct, frozen=True, tag_field="t", tag="bye"):
    """The server closes the socket now."""

    reason: str
    resume: str


class Pong(msgspec.Struct, frozen=True, tag_field="t", tag="pong"):
    """The answer to a ping."""


class ReplayEnd(msgspec.Struct, frozen=True, tag_field="t", tag="replay_end"):
    """The window has been played."""

    sid: str


SERVER_MESSAGES: tuple[type[msgspec.Struct], ...] = (
    Welcome, Ack, Err, Snap, SnapEnd, Upd, Gap, Heartbeat, Warn, Revoked, Bye, Pong, ReplayEnd,
)  # fmt: skip

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(Hello | Sub | Unsub | Ping)
_encoder = msgspec.json.Encoder()


def decode(data: bytes | str) -> ClientMessage:
    """Return the client's message; raise BadMessageError naming field, found and allowed."""
    try:
        message = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        text, _, where = str(error).partition(" - at `")
        pointer = where.rstrip("`").removeprefix("$.") if where else "message"
        raise _bad(pointer=pointer, found=text, allowed="a message of protocol 1 (see /asyncapi.json)") from error
    _check(message)
    return message


def _check(message: ClientMessage) -> None:
    if isinstance(message, Hello) and message.proto != PROTOCOL:
        raise _bad(pointer="proto", found=str(message.proto), allowed=str(PROTOCOL))
    if not isinstance(message, Sub):
        return
    if not 0 <= message.conflate_ms <= MAX_CONFLATE_MS:
        raise _bad(pointer="conflate_ms", found=str(message.conflate_ms), allowed=f"0 to {MAX_CONFLATE_MS}")
    if message.policy == "block" and message.conflate_ms:
        raise _bad(
            pointer="conflate_ms", found=str(message.conflate_ms), allowed="0 with policy block, which is lossless"
        )
    if message.hours is not None and not 0 < message.hours <= MAX_SNAPSHOT_HOURS:
        raise _bad(pointer="hours", found=f"{message.hours:g}", allowed=f"more than 0, at most {MAX_SNAPSHOT_HOURS}")
    if message.replay is not None and not 0 < message.replay.speed <= 1e9:  # noqa: PLR2004 - the bound is the message
        raise _bad(pointer="replay.speed", found=f"{message.replay.speed:g}", allowed="more than 0, at most 1e9")
    if isinstance(message.start, Origin):
        seq, as_of = message.start.seq, message.start.as_of
        if (seq is None) == (as_of is None):
            raise _bad(pointer="from", found=f"seq {seq}, as_of {as_of}", allowed="one of seq and as_of")
        if seq is not None and not 0 <= seq <= MAX_SEQ:
            raise _bad(pointer="from.seq", found=str(seq), allowed=f"0 to {MAX_SEQ}")


def message_id(data: bytes | str) -> int | None:
    """Return the id of a message that cannot be read otherwise, None when it shows none."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    given = found.get("id") if isinstance(found, dict) else None
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def encode(message: msgspec.Struct) -> bytes:
    """Return the message as JSON."""
    return _encoder.encode(message)


def fault(error: problem.Problem) -> Fault:
    """Return a problem in the form that the wire carries."""
    return Fault(
        type=error.type_url,
        title=error.title,
        status=error.status,
        detail=error.detail,
        found=error.found,
        allowed=error.allowed,
        remedy=error.remedy,
        errors=tuple(
            {"pointer": item.pointer, "found": item.found, "allowed": item.allowed, "remedy": item.remedy}
            for item in error.findings
        ),
        retry_after=error.retry_after_s,
        entitlement=denied(error.missing) if isinstance(error, entitlements.RefusedError) else (),
    )


def denied(found: Sequence[Missing]) -> tuple[Denied, ...]:
    """Return missing tuples as the wire carries them."""
    return tuple(Denied(market=each.market, product=each.product, channel=each.channel.value) for each in found)


def _bad(*, pointer: str, found: str, allowed: str) -> BadMessageError:
    remedy = "correct the field and send the message again"
    finding = problem.Finding(pointer=pointer, found=found[:200], allowed=allowed, remedy=remedy)
    return BadMessageError(found=f"{pointer}: {found[:200]}", allowed=allowed, remedy=remedy, findings=(finding,))
