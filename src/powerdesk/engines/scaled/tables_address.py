"""Where a ClickHouse is and how to speak to it: `clickhouse+http://user@host:8123/database?timeout_s=30`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from powerdesk.engines.ports import faults

EXAMPLE = "clickhouse+https://desk@clickhouse.example.com:8443/powerdesk?timeout_s=30"
SECURE = {"clickhouse+http": False, "clickhouse+https": True}
PORTS = {"clickhouse+http": 8123, "clickhouse+https": 8443}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
ASKED = frozenset({"timeout_s", "connect_timeout_s", "connections", "memory_mb", "ca", "compression"})
COMPRESSIONS = ("none", "lz4_frame", "zstd")
TIMEOUT_S_MAX, CONNECTIONS_MAX = 3600.0, 1000


@dataclass(frozen=True, slots=True)
class ClickHouseAddress:
    """A server, a database on it, and the bounds of what is asked of it.

    `timeout_s` bounds each request, `connections` the requests at one time, `memory_mb` the server's memory for one
    read. `ca` is a PEM file of authorities to trust. `compression` is that of answers: none on one machine or a fast
    network, lz4_frame or zstd on a slow one.
    """

    host: str
    port: int
    user: str
    database: str
    secure: bool = False
    timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    connections: int = 16
    memory_mb: int = 4096
    ca: str = ""
    compression: str = "none"


def parsed(url: str) -> ClickHouseAddress:
    """Return the address in its parts; raise UnfitRequestError listing every fault."""
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    database = unquote(parts.path.lstrip("/")) or "default"
    wrong = [f"scheme {parts.scheme!r}"] if parts.scheme not in SECURE else []
    wrong += ["a password in the address"] if parts.password is not None else []
    wrong += [] if parts.hostname else ["no host"]
    wrong += [] if NAME.fullmatch(database) else [f"database {database!r}"]
    wrong += [f"option {name!r}" for name in sorted(asked.keys() - ASKED)]
    compression = asked.get("compression", "none")
    wrong += [] if compression in COMPRESSIONS else [f"compression {compression!r}"]
    port: int | None = None
    numbers: dict[str, float] = {}
    try:
        port = parts.port
    except ValueError as error:
        wrong.append(str(error))
    for name, most in (
        ("timeout_s", TIMEOUT_S_MAX),
        ("connect_timeout_s", TIMEOUT_S_MAX),
        ("connections", CONNECTIONS_MAX),
        ("memory_mb", 1 << 22),
    ):
        numbers[name] = _number(asked.get(name, str(getattr(DEFAULTS, name))))
        wrong += [] if 0 < numbers[name] <= most else [f"{name} {asked.get(name)!r}"]
    if wrong:
        raise faults.UnfitRequestError(
            found=f"address of Tables: {', '.join(wrong)}",
            allowed=f"{EXAMPLE}; options {', '.join(sorted(ASKED))}",
            remedy="correct the address; the password has a setting of its own",
        )
    return ClickHouseAddress(
        host=parts.hostname or "",
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or "default"),
        database=database,
        secure=SECURE[parts.scheme],
        timeout_s=numbers["timeout_s"],
        connect_timeout_s=numbers["connect_timeout_s"],
        connections=int(numbers["connections"]),
        memory_mb=int(numbers["memory_mb"]),
        ca=asked.get("ca", ""),
        compression=compression,
    )


DEFAULTS = ClickHouseAddress("", 0, "", "")


def _number(text: str) -> float:
    """Return a number; minus one for what is none, which no option allows."""
    try:
        return float(text)
    except ValueError:
        return -1.0
