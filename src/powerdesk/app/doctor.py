"""Look at what usually goes wrong, and say what to do."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shlex
import shutil
import socket
import stat
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from powerdesk.app import clock as clocks
from powerdesk.app import engines, ownership, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from powerdesk.app.settings import Settings

FREE_WANTED_GB = 2.0
STALE_CLOCK_YEAR = 2026
MIN_PYTHON = (3, 11)
TROUBLED = frozenset({"unreachable", "throttled"})
SHOWN_VERSIONS = ("powerdesk", "duckdb", "pyarrow", "fastapi", "picows", "highspy", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing looked at: ok, worth a look, or bad; what was found and what to do."""

    what: str
    level: Literal["ok", "look", "bad"]
    found: str
    do: str = ""

    def as_row(self) -> dict[str, Any]:
        """Return the finding as a row."""
        return asdict(self)


def examine(settings: Settings) -> tuple[Examined, ...]:
    """Return everything looked at, bad things included; nothing is changed."""
    return (*_machine(), *_folder(settings.data), _port(settings), *_engines(settings), _retention(settings), _hub())


def _machine() -> Iterator[Examined]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    fits = sys.version_info[:2] >= MIN_PYTHON
    yield Examined("python", "ok" if fits else "bad", version, "" if fits else "install Python 3.11 or newer")
    year = time.gmtime().tm_year
    clock_ok = year >= STALE_CLOCK_YEAR
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    yield Examined("clock", "ok" if clock_ok else "bad", text, "" if clock_ok else "set the machine's clock")
    for name in SHOWN_VERSIONS:
        try:
            yield Examined(f"version {name}", "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Examined(f"version {name}", "bad", "not installed", "run make setup, or pip install powerdesk")


def _folder(folder: Path) -> Iterator[Examined]:
    existing = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    enough = free_gb >= FREE_WANTED_GB
    remedy = "" if enough else f"free at least {FREE_WANTED_GB:g} GB, or choose another folder with --data"
    yield Examined("disk", "ok" if enough else "bad", f"{free_gb:.1f} GB free at {existing}", remedy)
    if folder.is_dir() and os.name == "posix":
        yield _access(folder)
    owner = ownership.find(folder) if folder.exists() else None
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        remedy = "choose another folder with --data, or correct its rights"
        yield Examined("folder", "bad", f"{existing} cannot be written to", remedy)
    elif owner is None:
        yield Examined("folder", "ok", f"{folder}: nobody works in it")
    else:
        yield Examined("folder", "ok", f"{folder}: process {owner.pid} works in it at {owner.url}")


def _access(folder: Path) -> Examined:
    """Return who may look into the folder: keys, prices under licence and the audit log are its owner's alone."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Examined("access", "ok", f"{folder} is its owner's alone")
    found = f"others may look into {folder} (mode {mode:03o})"
    return Examined("access", "look", found, f"chmod 700 {shlex.quote(str(folder))}")


def _port(settings: Settings) -> Examined:
    with socket.socket() as probe:
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            taken = ownership.find(settings.data) is not None
            remedy = "" if taken else "choose another with --port, or stop what uses it"
            return Examined("port", "ok" if taken else "look", f"{settings.port}: {error.strerror}", remedy)
    return Examined("port", "ok", f"{settings.host}:{settings.port} is free")


def _engines(settings: Settings) -> Iterator[Examined]:
    """Ask every engine that processes share who it is; embedded ones answer through the desk that owns them."""
    if ownership.find(settings.data) is not None:
        return
    clock = clocks.SystemClock()
    for port in engines.EMBEDDED:
        given = getattr(settings, port).url
        if not engines.is_shared(given):
            yield Examined(f"engine {port}", "ok", f"{given} in this process")
            continue
        found = standing.ask(port, functools.partial(_version, settings, port), clock=clock)
        yield of_standing(asdict(found), address=engines.shown(given))


def _version(settings: Settings, port: str) -> str:
    with engines.one(settings, port, clock=clocks.SystemClock()) as engine:
        return str(engine.version())


def of_standing(found: dict[str, Any], *, address: str = "") -> Examined:
    """Return what a desk, or an engine asked directly, says of itself."""
    what, where = f"engine {found['port']}", f" at {address}" if address else ""
    if found["version"] is None:
        return Examined(what, "bad", f"{found['missing']}{where}", "start the server, or correct its address")
    text = f"{found['version']}, {found['latency_ms']:.1f} ms{where}"
    if found["missing"] is not None:
        return Examined(what, "look", f"{text}; {found['missing']}", "start the server; it is taken up again by itself")
    return Examined(what, "ok", text)


def _retention(settings: Settings) -> Examined:
    """Return what goes by age; what nothing is said of is kept for ever."""
    given = settings.retention
    payloads = "kept" if given.payload_days is None else f"{given.payload_days} days"
    rows = ", ".join(f"{name} {days} days" for name, days in sorted(given.rows_days.items())) or "kept"
    return Examined("retention", "ok", f"log {given.log_days} days; raw payloads {payloads}; rows {rows}")


def feeds(listed: Iterable[dict[str, Any]]) -> tuple[Examined, ...]:
    """Return what GET /v1/feeds says of each feed of a running desk."""
    return tuple(
        Examined(f"feed {feed['id']}", "ok", feed["state"])
        if feed["state"] not in TROUBLED
        else Examined(
            f"feed {feed['id']}",
            "look",
            f"{feed['state']} since {feed['since']}: {feed['last_error']}; "
            f"next try {feed['next_try_at'] or 'at its next poll'}",
            f"check the network; `powerdesk feeds retry {feed['id']}` asks again",
        )
        for feed in listed
    )


def _hub() -> Examined:
    built = (STATIC / "index.html").is_file()
    return Examined(
        "hub", "ok" if built else "look", "built" if built else "not built", "" if built else "run make web"
    )


STATIC = Path(__file__).parent.parent / "delivery" / "hub" / "static"
