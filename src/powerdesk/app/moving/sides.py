"""One end of a move: a desk's engines without its workers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from powerdesk.app import clock as clocks
from powerdesk.app import engines, ownership, registry, settings
from powerdesk.kernel import problem
from powerdesk.store import operations as store_operations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from powerdesk.app.engines import Engines
    from powerdesk.app.settings import Settings


class NoSuchDeskError(problem.Problem):
    """The address names no desk."""

    status = 404
    slug = "no-such-desk"
    title = "No desk is there"


@dataclass(frozen=True, slots=True)
class Side:
    """A desk's engines, where it is, and the secret that its keys and its audit log hang on."""

    place: str
    engines: Engines
    secret: bytes = field(repr=False)


def folder_of(place: str) -> Path:
    """Return the data folder that an address names: a path or a `file:` URL."""
    parts = urlsplit(place)
    if parts.scheme in ("", "file") or len(parts.scheme) == 1:  # a drive letter is no scheme
        return Path(unquote(parts.path) if parts.scheme == "file" else place)
    raise NoSuchDeskError(
        found=place,
        allowed="a data folder, as a path or file: URL; its settings.toml names engines elsewhere",
        remedy="put the engines' addresses into settings.toml of a folder and name that folder",
    )


@contextlib.contextmanager
def opened(place: str, *, environment: Mapping[str, str], secret: bytes | None = None) -> Iterator[Side]:
    """Take the folder and open its engines. With the other side's `secret`, a folder that has none is made with it."""
    folder = folder_of(place)
    chosen = settings.load({"data": str(folder)}, environment=dict(environment))
    if secret is None and not (folder.is_dir() and engines.is_lived_in(chosen)):
        raise NoSuchDeskError(
            found=str(folder), allowed="the data folder of a desk", remedy="correct the path; nothing was changed"
        )
    owned = ownership.take(folder)
    try:
        own = secret_of(chosen, otherwise=secret)
        with contextlib.closing(_engines(chosen)) as found:
            yield Side(place=str(folder), engines=found, secret=own)
    finally:
        owned.release()


def _engines(chosen: Settings) -> Engines:
    found = engines.open_engines(chosen, clock=clocks.SystemClock(), ids=clocks.RandomIds())
    for declared in registry.DATASETS:
        found.tables.define(store_operations.table_spec(declared))
    return found


def secret_of(chosen: Settings, *, otherwise: bytes | None = None) -> bytes:
    """Return the secret of a desk: from the settings, else its folder, which takes `otherwise` when it has none."""
    if chosen.access.pepper is not None:
        return chosen.access.pepper.get_secret_value().encode()
    return ownership.secret(chosen.data, "pepper", otherwise=otherwise)
