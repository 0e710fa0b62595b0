"""The stream as server-sent events: one subscription per request, the same messages, `event:` being their `t`.

The id of an event is a resume token, so a browser that reconnects by itself goes on where it stood. A replay
(`replay_start`, `replay_end`, `speed`) ends the response after its `replay_end`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from powerdesk.delivery import value_lists
from powerdesk.delivery.stream import messages, opening, tokens
from powerdesk.delivery.stream.gate import Credential
from powerdesk.delivery.stream.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from powerdesk.delivery.stream.frames import Frame
    from powerdesk.delivery.stream.hub import Hub
    from powerdesk.store.queries import Asker

MEDIA_TYPE = "text/event-stream"
HIGH_WATER_BYTES = 512 * 1024
LOW_WATER_BYTES = 64 * 1024
REPLAY_END = "replay_end"
_NUMBERS = {"conflate_ms": int, "hours": float}
_PLAIN = ("channel", "policy")
_REPLAY = {"replay_start": "start", "replay_end": "end", "speed": "speed"}
RESERVED = (*_PLAIN, *_NUMBERS, *_REPLAY, "fields", "from", "as_of", "resume")
"""Query parameters with a meaning of their own; every other one is a filter column.

Its values are comma separated, in double quotes where they hold a comma.
"""


class Events:
    """A sink that a response takes chunks from."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._chunks: deque[bytes] = deque()
        self._came = asyncio.Event()
        self._ended = False
        self._blocked = False
        self._bytes = 0
        self.session: Session | None = None

    @property
    def writable(self) -> bool:
        """False while more than HIGH_WATER_BYTES wait for the client."""
        return not self._blocked

    @property
    def queued_bytes(self) -> int:
        """Bytes that the response has not taken."""
        return self._bytes

    def send(self, frame: Frame) -> None:
        """Queue a frame as one event."""
        chunk = b"".join((b"event: ", frame.kind.encode(), b"\n", self._id(frame), b"data: ", frame.text, b"\n\n"))
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        self._ended = self._ended or frame.kind == REPLAY_END
        self._came.set()
        if self._bytes > HIGH_WATER_BYTES and not self._blocked:
            self._blocked = True
            if self.session is not None:
                self.session.blocked()

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - events have no close code; `bye` tells the reason
        """End the response after what is queued."""
        self._ended = True
        self._came.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield events until the session is closed."""
        while self._chunks or not self._ended:
            while self._chunks:
                chunk = self._chunks.popleft()
                yield chunk
                self._bytes -= len(chunk)
                if self._blocked and self._bytes < LOW_WATER_BYTES:
                    self._blocked = False
                    if self.session is not None:
                        self.session.drained()
            if not self._ended:
                self._came.clear()
                await self._came.wait()

    def _id(self, frame: Frame) -> bytes:
        if frame.seq is None or self.session is None:
            return b""
        (sid, *_) = self.session.subscribers or ("",)
        if sid.startswith(opening.REPLAY):
            return b""  # a replay has no later: whoever asks again gets it from its start
        token = tokens.write(tokens.Resume(epoch=self._epoch, seq={sid: frame.seq}))
        return b"id: " + token.encode() + b"\n"


def read(params: Sequence[tuple[str, str]]) -> messages.Sub:
    """Return the subscription that a query string describes; raise BadMessageError naming every fault.

    `replay_start`, `replay_end` and `speed` ask for a past window of publication time instead of what comes.
    """
    sub: dict[str, Any] = {"t": "sub", "id": 1, "filter": {}}
    for name, value in params:
        if name in _NUMBERS:
            sub[name] = _number(value)
        elif name in _PLAIN:
            sub[name] = value
        elif name in _REPLAY:
            sub.setdefault("replay", {})[_REPLAY[name]] = _number(value) if name == "speed" else value
        elif name == "fields":
            sub["fields"] = value.split(",")
        elif name == "from":
            sub["from"] = {"seq": int(value)} if value.isascii() and value.isdigit() and len(value) < 20 else value  # noqa: PLR2004 - digits of an int64
        elif name == "as_of":
            sub["from"] = {"as_of": value}
        elif name != "resume":
            sub["filter"].setdefault(name, []).extend(value_lists.split(value))
    found = messages.decode(msgspec.json.encode(sub))
    if not isinstance(found, messages.Sub):
        raise TypeError("a sub message decodes to Sub")
    return found


async def events(
    hub: Hub, asker: Asker, params: Sequence[tuple[str, str]], *, last_event_id: str | None = None
) -> AsyncIterator[bytes]:
    """Yield the events of one subscription until it ends; raise a Problem before the first when it cannot begin.

    `params` are the pairs of the query string. `last_event_id` (the header a reconnecting browser sends) or the
    parameter `resume` is a resume token and wins over `from`.
    """
    sub = read(params)
    token = last_event_id or dict(params).get("resume")
    if token is not None:
        sub = msgspec.structs.replace(sub, start="resume")
    sink = Events(hub.epoch)
    sink.session = session = Session(hub=hub, sink=sink, credential=Credential(host=""))
    try:
        session.welcome(asker, resume=token)
        session.received(messages.encode(sub))
        async for chunk in sink.chunks():
            yield chunk
    finally:
        session.lost()


def _number(text: str) -> int | float | str:
    """Return the number a text says, the text itself when it says none: the decoder then names the fault."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text) if text.lower() not in ("nan", "inf", "-inf", "infinity", "-infinity") else text
    except ValueError:
        return text
