"""The bytes of a log segment: frames that prove themselves, and what to make of a damaged tail.

A segment is a file named by its first position. A frame is one published batch, so a batch is there wholly or not:

    mark 4 | body length u32 | first position u64 | count u32 | flushed u64 | body crc32 u32 | head crc32 u32 | body

`flushed` is the last position known durable when the frame was written. It tells a torn tail from damage: frames after
a bad one that were written in the same flush prove nothing (the disk may have kept a later page and lost an earlier
one, and nobody was told the batch is safe), but a later frame with `flushed` at or past the bad position proves that
the lost messages had been acknowledged.

The body is MessagePack: an array of [key, value, headers, stamp], the stamp on the first message of a batch alone; logs
of the first release have none.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.engines.ports.bus import Outgoing

MARK = b"PdL1"
HEAD = struct.Struct("<4sIQIQI")
HEAD_CRC = struct.Struct("<I")
HEAD_BYTES = HEAD.size + HEAD_CRC.size
BODY_BYTES_MAX = 1 << 30


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One message inside a body."""

    key: str
    value: bytes
    headers: dict[str, str]
    published_us: int = 0
    """When the batch was published, in microseconds since 1970, on its first message; 0 elsewhere, or unknown."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame is and which positions it holds: first .. first + count - 1."""

    offset: int
    first: int
    count: int
    flushed: int
    body_bytes: int

    @property
    def end(self) -> int:
        """Offset of the byte after the frame."""
        return self.offset + HEAD_BYTES + self.body_bytes

    @property
    def last(self) -> int:
        """The last position in the frame."""
        return self.first + self.count - 1


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Entry])


def encode_body(messages: Sequence[Outgoing], *, published_us: int = 0) -> bytes:
    """Return the body for `messages`, stamped with microseconds since 1970."""
    entries = [Entry(m.key, m.value, dict(m.headers)) for m in messages]
    first = messages[0]
    entries[0] = Entry(first.key, first.value, dict(first.headers), published_us)
    return _encoder.encode(entries)


def encode_head(body: bytes, *, body_crc: int, first: int, count: int, flushed: int) -> bytes:
    """Return the head that goes before `body`."""
    head = HEAD.pack(MARK, len(body), first, count, flushed, body_crc)
    return head + HEAD_CRC.pack(zlib.crc32(head))


def decode_body(body: bytes | memoryview) -> list[Entry]:
    """Return the messages of a body whose checksum has been proved."""
    return _decoder.decode(body)


def stamp_of(body: bytes | memoryview) -> int:
    """Return when the batch of a proved body was published, in microseconds since 1970; 0 when nobody noted it."""
    entries = decode_body(body)
    return entries[0].published_us if entries else 0


def frame_of_head(head: bytes, *, offset: int) -> Frame | None:
    """Return the frame that a proved head announces, or None; its body is not looked at."""
    if len(head) < HEAD_BYTES or head[:4] != MARK:
        return None
    if HEAD_CRC.unpack_from(head, HEAD.size)[0] != zlib.crc32(head[: HEAD.size]):
        return None
    _, body_bytes, first, count, flushed, _ = HEAD.unpack_from(head)
    return Frame(offset=offset, first=first, count=count, flushed=flushed, body_bytes=body_bytes)


def frame_at(data: bytes | memoryview, at: int, *, base: int = 0) -> Frame | None:
    """Return the wholly proved frame that begins at `at` of `data`, or None; `base` is added to its offset."""
    head = bytes(data[at : at + HEAD_BYTES])
    frame = frame_of_head(head, offset=base + at)
    if frame is None:
        return None
    body = data[at + HEAD_BYTES : at + HEAD_BYTES + frame.body_bytes]
    if len(body) < frame.body_bytes or zlib.crc32(body) != HEAD.unpack_from(head)[5]:
        return None
    return frame


@dataclass(frozen=True, slots=True)
class Survey:
    """What a segment holds: its good frames in order, and whether acknowledged messages were lost after them."""

    frames: tuple[Frame, ...]
    good_bytes: int
    damaged_at: int | None
    """Offset of damage to acknowledged messages; None when what follows the good frames is only a torn tail."""


def survey(data: bytes | memoryview, *, first: int) -> Survey:
    """Return the good frames of a segment that begins at position `first`. Linear in the bytes of the segment."""
    frames: list[Frame] = []
    offset, expected = 0, first
    while (frame := frame_at(data, offset)) is not None and frame.first == expected:
        frames.append(frame)
        offset, expected = frame.end, frame.last + 1
    lost = offset < len(data) and _acknowledged_later(data, offset, expected)
    return Survey(frames=tuple(frames), good_bytes=offset, damaged_at=offset if lost else None)


def _acknowledged_later(data: bytes | memoryview, offset: int, expected: int) -> bool:
    """Tell whether a proved frame after `offset` shows that position `expected` had been acknowledged."""
    raw = bytes(data)
    at = raw.find(MARK, offset)
    while at >= 0:
        frame = frame_at(data, at)
        if frame is not None and frame.flushed >= expected:
            return True
        at = raw.find(MARK, frame.end if frame is not None else at + 1)
    return False
