"""Open zip and gzip payloads within bounds; member paths are ignored, only their last part is shown.

An archive may hold archives, as a folder of downloads put into one zip does; those hold files only.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime

from powerdesk.markets import sniffing
from powerdesk.markets.sniffing import Form
from powerdesk.markets.types import Outcome, PayloadError

MAX_BYTES = 512 << 20
MAX_RATIO = 400
"""Real OASIS and MIS archives compress 10 to 40 times; a bomb compresses 1000 times."""
RATIO_FREE_BYTES = 4 << 20
MAX_MEMBERS = 512
_CHUNK = 1 << 20
_FORKS = "__MACOSX/"
"""Where an archive made on a Mac keeps what is no file of its own."""
_ZIP_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    OverflowError,
    ValueError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a payload: its bare name for display, bytes, and the naive wall-clock time the archive gives it."""

    name: str
    data: bytes
    modified: datetime | None = None


def members(payload: bytes, *, name: str | None = None) -> tuple[Member, ...]:
    """Return the files inside a payload and inside archives in it; a plain body is one member. Raises PayloadError."""
    if len(payload) > MAX_BYTES:
        raise _too_large(len(payload))
    allowed = _allowance(len(payload))
    outer = _unpacked(Member(_bare(name or "payload"), payload), allowed)
    if sniffing.sniff(payload).form is not Form.ZIP:
        return outer
    allowed -= sum(len(one.data) for one in outer)
    found: list[Member] = []
    for member in outer:
        inner = _unpacked(member, allowed)
        allowed -= sum(len(one.data) for one in inner if one is not member)
        found.extend(inner)
    if len(found) > MAX_MEMBERS:
        raise _too_many(len(found))
    return tuple(found)


def _unpacked(member: Member, allowed: int) -> tuple[Member, ...]:
    """Return the files of an archive, of at most `allowed` bytes together, or the member itself when it is none."""
    form = sniffing.sniff(member.data).form
    if form is Form.ZIP:
        return _zip_members(member.data, allowed)
    if form is Form.GZIP:
        return (Member(member.name, _gunzip(member.data, allowed), member.modified),)
    return (member,)


def _zip_members(payload: bytes, allowed: int) -> tuple[Member, ...]:
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith(_FORKS)]
            if len(infos) > MAX_MEMBERS:
                raise _too_many(len(infos))
            found: list[Member] = []
            for info in infos:
                data = _read(archive, info, allowed)
                allowed -= len(data)
                found.append(Member(_bare(info.filename), data, _modified(info)))
    except _ZIP_FAULTS as fault:
        raise _broken("zip", fault) from fault
    return tuple(found)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowed: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    with archive.open(info) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > allowed:
                raise _too_large(size)
            parts.append(chunk)
    return b"".join(parts)


def _gunzip(payload: bytes, allowed: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    rest = payload
    try:
        while rest:
            stream = zlib.decompressobj(wbits=31)
            while rest and not stream.eof:
                chunk = stream.decompress(rest, _CHUNK)
                size += len(chunk)
                if size > allowed:
                    raise _too_large(size)
                parts.append(chunk)
                rest = stream.unconsumed_tail
            parts.append(stream.flush(_CHUNK))
            if not stream.eof:
                raise EOFError("the stream ends in the middle")  # noqa: TRY301 - one handler for all gzip faults
            rest = stream.unused_data.lstrip(b"\x00")
    except (zlib.error, EOFError) as fault:
        raise _broken("gzip", fault) from fault
    return b"".join(parts)


def _allowance(compressed_bytes: int) -> int:
    return min(MAX_BYTES, max(RATIO_FREE_BYTES, compressed_bytes * MAX_RATIO))


def _bare(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1][:128]


def _modified(info: zipfile.ZipInfo) -> datetime | None:
    try:
        return datetime(*info.date_time)  # noqa: DTZ001 - zip times are wall-clock; the connector knows the zone
    except ValueError:
        return None


def _broken(form: str, fault: BaseException) -> PayloadError:
    return PayloadError(
        outcome=Outcome.TRANSIENT,
        found=f"a damaged {form} ({type(fault).__name__}: {str(fault)[:120]})",
        allowed=f"a whole {form}",
        remedy="fetch it again; if it stays damaged, look at the kept payload",
    )


def _too_many(count: int) -> PayloadError:
    return PayloadError(
        outcome=Outcome.SCHEMA,
        found=f"{count} files in one zip",
        allowed=f"at most {MAX_MEMBERS}",
        remedy="import the files in smaller archives",
    )


def _too_large(size: int) -> PayloadError:
    return PayloadError(
        outcome=Outcome.SCHEMA,
        found=f"more than {size} bytes after decompression",
        allowed=f"at most {MAX_BYTES} bytes and {MAX_RATIO} times the compressed size",
        remedy="import the file in parts, or look at it: it may be a decompression bomb",
    )
