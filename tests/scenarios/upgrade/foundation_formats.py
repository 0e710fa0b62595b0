"""The formats of release 0.1, frozen: the log's frames, the audit chain, lineages, keys, rows and sorted parts.

Nothing here is shared with the program, so that a change of the program cannot change what an old folder looks like.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MICROS = pa.timestamp("us", tz="UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FRAME = struct.Struct("<4sIQIQI")
VALUES = ("price_per_mwh", "energy_per_mwh", "congestion_per_mwh", "loss_per_mwh", "ghg_per_mwh")
LABEL_COLUMNS = ("market", "market_run", "location")
TAG_COLUMNS = ("source", "published_by", "stage", "reason", "lineage")


def micros(instant: datetime) -> int:
    """Return microseconds since 1970, as Records keeps instants."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def text_of(instant: datetime) -> str:
    """Return a whole second as messages have it."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the log before it has a position."""

    key: str
    value: bytes
    headers: Mapping[str, str]


def write_topic(folder: Path, segments: Sequence[Sequence[Message]], *, groups: Mapping[str, Sequence[int]]) -> None:
    """Write segments with one frame a message, and the marks of consumer groups."""
    folder.mkdir(parents=True)
    position = 0
    for messages in segments:
        data = b""
        first = position + 1
        for message in messages:
            body = b"\x91\x93" + _text(message.key) + _binary(message.value) + _texts(message.headers)
            head = FRAME.pack(b"PdL1", len(body), position + 1, 1, position, zlib.crc32(body))
            data += head + struct.pack("<I", zlib.crc32(head)) + body
            position += 1
        (folder / f"{first:020d}.log").write_bytes(data)
    for group, marks in groups.items():
        packed = [struct.pack("<Q", mark) for mark in marks]
        (folder / f"{group}.group").write_bytes(b"".join(one + struct.pack("<I", zlib.crc32(one)) for one in packed))


def _text(text: str) -> bytes:
    """Return MessagePack of a text shorter than 256 bytes."""
    data = text.encode()
    return (bytes([0xA0 + len(data)]) if len(data) < 32 else bytes([0xD9, len(data)])) + data


def _binary(data: bytes) -> bytes:
    """Return MessagePack of bytes."""
    return (bytes([0xC4, len(data)]) if len(data) < 256 else b"\xc5" + struct.pack(">H", len(data))) + data


def _texts(texts: Mapping[str, str]) -> bytes:
    """Return MessagePack of a map with at most 15 entries."""
    return bytes([0x80 + len(texts)]) + b"".join(_text(name) + _text(value) for name, value in texts.items())


def price_schema(*, system: Sequence[tuple[str, pa.DataType]]) -> pa.Schema:
    """Return the columns of markets.prices followed by others."""
    own = [(name, pa.string()) for name in LABEL_COLUMNS] + [("interval_start", MICROS), ("interval_end", MICROS)]
    own += [(name, pa.float64()) for name in VALUES] + [("currency", pa.string())]
    return pa.schema([pa.field(name, kind) for name, kind in (*own, *system)])


LOG_COLUMNS = (
    ("published_at", MICROS),
    ("published_by", pa.string()),
    ("received_at", MICROS),
    ("source", pa.string()),
    ("stage", pa.string()),
    ("reason", pa.string()),
    ("lineage", pa.string()),
)
PRICE_LOG = price_schema(system=LOG_COLUMNS)
LOAD_LOG = pa.schema(
    [
        ("market", pa.string()),
        ("location", pa.string()),
        ("interval_start", MICROS),
        ("interval_end", MICROS),
        ("load_mw", pa.float64()),
        *LOG_COLUMNS,
    ]
)
NEVER_NULL = frozenset(
    {*LABEL_COLUMNS, "interval_start", "interval_end", "published_at", "published_by", "received_at", "source", "stage"}
)


def batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> bytes:
    """Return an Arrow IPC stream, LZ4 compressed, as batches lie in the log."""
    strict = pa.schema([field.with_nullable(field.name not in NEVER_NULL) for field in schema])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, strict, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=strict))
    return bytes(sink.getvalue())


@dataclass(frozen=True, slots=True)
class Codes:
    """The labels and tags of a table, by number."""

    labels: Sequence[tuple[str, ...]]
    tags: Sequence[tuple[str | None, ...]]

    def stored(self, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
        """Return rows as a part holds them: keys and provenance as numbers."""
        labelled = LABEL_COLUMNS if len(self.labels[0]) == len(LABEL_COLUMNS) else ("market", "location")
        found = []
        for row in rows:
            label = self.labels.index(tuple(row[name] for name in labelled))
            tag = self.tags.index(tuple(row[name] for name in TAG_COLUMNS))
            coded = {"_label": label, "_tag": tag}
            found.append({name: coded[name] if name in coded else row[name] for name in names})
        return found


STORED_PRICE: tuple[tuple[str, pa.DataType], ...] = (
    ("_label", pa.int32()),
    ("interval_start", MICROS),
    ("interval_end", MICROS),
    *((name, pa.float64()) for name in VALUES),
    ("currency", pa.string()),
    ("_tag", pa.int32()),
    ("published_at", MICROS),
    ("received_at", MICROS),
    ("revision", pa.int64()),
    ("commit", pa.int64()),
)
NEXT = (("_next_published_at", MICROS), ("_next_received_at", MICROS), ("_next_commit", pa.int64()))


def sorted_part(rows: Sequence[Mapping[str, Any]], codes: Codes) -> pa.Table:
    """Return a block: rows in key order (labels are numbered in it), each with its successor in the cell if any."""
    names = [name for name, _ in STORED_PRICE]
    found = codes.stored(rows, names)
    found.sort(key=lambda row: (row["_label"], row["interval_start"], row["published_at"], row["commit"]))
    for row, after in zip(found, [*found[1:], None], strict=True):
        same = after is not None and all(after[name] == row[name] for name in ("_label", "interval_start"))
        for name, _ in NEXT:
            row[name] = after[name.removeprefix("_next_")] if same and after is not None else None
    return pa.Table.from_pylist(found, schema=pa.schema([*STORED_PRICE, *NEXT]))


def sealed_file(part: pa.Table, codes: Codes) -> bytes:
    """Return a sorted part as Parquet, with its texts, so that it can be read without the database."""
    for columns, code, entries in ((LABEL_COLUMNS, "_label", codes.labels), (TAG_COLUMNS, "_tag", codes.tags)):
        for at, name in enumerate(columns):
            values = [entries[number][at] for number in part.column(code).to_pylist()]
            part = part.append_column(name, pa.array(values, pa.string()))
    buffer = io.BytesIO()
    pq.write_table(part, buffer, compression="zstd", row_group_size=30_720)
    return buffer.getvalue()


def lineage(*, feed: str, dataset: str, payload_sha256: str) -> tuple[str, str]:
    """Return id and body of the lineage of a parsed payload."""
    body = json.dumps(
        {
            "kind": "payload",
            "name": f"markets.{feed}",
            "version": 1,
            "dataset": dataset,
            "inputs": [],
            "payload_sha256": payload_sha256,
            "parameters": {},
            "seed": None,
            "dependencies": "",
        },
        separators=(",", ":"),
    )
    return "lin_" + hashlib.sha256(body.encode()).hexdigest()[:32], body


def content_id(*parts: str) -> str:
    """Return the name of a batch made of these."""
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part.encode() for part in parts)).digest()
    return base64.b32encode(digest[:20]).decode().lower()


DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def key_text(name: str, *, secret: str) -> str:
    """Return an API key as its owner keeps it, of 8 and 43 characters: the last six are a checksum in base 62."""
    body = f"pd_live_{name}_{secret}"
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, len(DIGITS))
        digits = DIGITS[digit] + digits
    return f"{body}_{digits}"


def key_mac(text: str, *, pepper: bytes) -> bytes:
    """Return what Records keeps of an API key."""
    return hmac.digest(hmac.digest(pepper, b"api-key", "sha256"), text.encode(), "sha256")


def resume_token(*, epoch: str, channel: str, seq: int) -> str:
    """Return a token of the stream."""
    said = json.dumps([epoch, {channel: seq}], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def write_audit(records: sqlite3.Connection, entries: Sequence[tuple[Any, ...]], *, pepper: bytes) -> None:
    """Append entries of (at, principal, tenant, action, outcome, target, detail, request id), and seal the end."""
    digest = bytes(32)
    for sequence, entry in enumerate(entries, start=1):
        text = json.dumps([sequence, *entry], ensure_ascii=True, separators=(",", ":"))
        previous, digest = digest, hashlib.sha256(digest + text.encode()).digest()
        records.execute(
            "INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (sequence, *entry, previous, digest)
        )
    secret = hmac.digest(pepper, b"audit", "sha256")
    mac = hmac.digest(secret, f"{len(entries)}:{digest.hex()}".encode(), "sha256")
    records.execute("INSERT INTO audit_head VALUES (1, ?, ?, ?)", (len(entries), digest, mac))
