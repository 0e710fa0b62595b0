"""Real servers for tests: had when they can be had, else the test fails in CI and skips with the reason on a laptop.

`needed(Kind)` is one server for the whole pytest session, in a temporary folder of its own: give each test its own
database, prefix or topic there. `own(Kind)` is a server of this test alone, to be killed, paused and started again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from servers.waiting import REQUIRED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.base import Server

S = TypeVar("S", bound="Server")
_numbers = itertools.count(1)
_started: dict[tuple[object, ...], Server] = {}


def needed(kind: type[S], **options: Any) -> S:
    """Return this session's running server of the kind (started at the first call); skip or fail when it is missing."""
    key = (kind, *sorted(options.items()))
    found = _started.get(key)
    if found is None:
        require(kind)
        found = _started[key] = kind(_folder(kind.name), **options)
        try:
            found.start()
        except BaseException:
            _end(_started.pop(key))
            raise
    return cast("S", found)


def end_all() -> None:
    """End what `needed` started; tests/conftest.py calls it when the session is over."""
    while _started:
        _end(_started.popitem()[1])


@contextlib.contextmanager
def own(kind: type[S], **options: Any) -> Iterator[S]:
    """Start a server for one test, end it and remove its folder afterwards; skip or fail when it is missing."""
    require(kind)
    server = kind(_folder(kind.name), **options)
    try:
        server.start()
        yield server
    finally:
        _end(server)


def require(kind: type[Server]) -> None:
    """Return when a server of the kind can be started here; else fail where services are required, skip elsewhere."""
    lacking = kind.missing()
    if lacking is None:
        return
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{kind.name} is required here ({REQUIRED}=1) and missing: {lacking}")
    pytest.skip(f"{kind.name} is missing: {lacking}; `make services` gets it")


def namespace() -> str:
    """Return a name that no other test of this session has: for a database, a key prefix, a topic, a bucket."""
    return f"t{os.getpid()}-{next(_numbers)}"


def _folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"powerdesk-{name}-"))
    folder.chmod(0o711)  # a server that refuses to be root passes through, and sees nothing
    return folder


def _end(server: Server) -> None:
    server.resume()
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)
