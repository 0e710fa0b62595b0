"""Rows as column-shaped JSON, cut into parts, and parts as frames. Encoded once, shared by subscribers and sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from powerdesk.delivery import columns
from powerdesk.delivery.stream import messages

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = 0x81
"""First byte of a WebSocket frame that holds a whole text message."""
SHORT, MEDIUM = 125, 0xFFFF
"""Bytes up to which a WebSocket header says the length in its second byte, and in two bytes more."""
PART_BYTES = 256 * 1024
SAMPLE_ROWS = 64
HEADROOM_BYTES = 512
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Frame:
    """One message ready to leave: its kind (the value of `t`), and its bytes on a server's WebSocket."""

    kind: str
    wire: bytes
    """The header, then JSON text from `begins` on; a server masks nothing, so all sockets share it."""
    begins: int
    seq: int | None = None
    """Where the subscription stands after this frame, when it says so."""

    @property
    def text(self) -> bytes:
        """The JSON text."""
        return self.wire[self.begins :]


def of_message(message: msgspec.Struct) -> Frame:
    """Return the frame of a message without rows."""
    seq = message.seq if isinstance(message, messages.SnapEnd) else None
    return _framed(str(message.__struct_config__.tag), _encoder.encode(message), seq=seq)


def of_update(*, sid: str, seq: int, prev: int, part: bytes) -> Frame:
    """Return an `upd` around encoded columns."""
    head = f'{{"t":"upd","sid":"{sid}","seq":{seq},"prev":{prev},"columns":'.encode()
    return _framed("upd", head, part, b"}", seq=seq)


def of_snapshot(*, sid: str, seq: int, as_of: str, part: bytes) -> Frame:
    """Return a `snap` around encoded columns."""
    head = f'{{"t":"snap","sid":"{sid}","seq":{seq},"as_of":"{as_of}","columns":'.encode()
    return _framed("snap", head, part, b"}")


def _framed(kind: str, *texts: bytes, seq: int | None = None) -> Frame:
    header = _header(sum(len(text) for text in texts))
    return Frame(kind=kind, wire=b"".join((header, *texts)), begins=len(header), seq=seq)


def _header(size: int) -> bytes:
    """Return the header of an unmasked text message of that many bytes (RFC 6455, 5.2)."""
    if size <= SHORT:
        return bytes((TEXT, size))
    if size <= MEDIUM:
        return bytes((TEXT, 126)) + size.to_bytes(2)
    return bytes((TEXT, 127)) + size.to_bytes(8)


def parts(rows: pa.Table, *, limit_bytes: int = PART_BYTES) -> tuple[bytes, ...]:
    """Return the rows as JSON objects of columns, each of at most `limit_bytes` (a single wider row excepted)."""
    if rows.num_rows == 0:
        return ()
    sample = rows.slice(0, SAMPLE_ROWS)
    room = limit_bytes - HEADROOM_BYTES
    per_row = max(1, len(columns.json(sample)) // sample.num_rows)
    count = max(1, room // per_row)
    found: list[bytes] = []
    waiting = [rows.slice(start, count) for start in range(0, rows.num_rows, count)]
    waiting.reverse()
    while waiting:
        piece = waiting.pop()
        encoded = columns.json(piece)
        if len(encoded) > room and piece.num_rows > 1:
            half = piece.num_rows // 2
            waiting += [piece.slice(half), piece.slice(0, half)]
        else:
            found.append(encoded)
    return tuple(found)
