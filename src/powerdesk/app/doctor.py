"""Look at what usually goes wrong, and say what to do."""

from __future__ import annotations

import importlib.metadata
import shutil
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from powerdesk.app import engines, ownership

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
    return (*_machine(), *_folder(settings.data), _port(settings), *_engines(settings), _hub())


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
    owner = ownership.find(folder) if folder.exists() else None
    if owner is None:
        yield Examined("folder", "ok", f"{folder}: nobody works in it")
    else:
        yield Examined("folder", "ok", f"{folder}: process {owner.pid} works in it at {owner.url}")


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
    for name, url in engines.EMBEDDED.items():
        given = getattr(settings, name).url
        known = given == url
        yield Examined(f"engine {name}", "ok" if known else "bad", given, "" if known else f"use {url}")


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
