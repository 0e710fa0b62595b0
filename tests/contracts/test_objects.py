"""What every Objects engine must do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.objects import ObjectMissingError, Objects

if TYPE_CHECKING:
    from collections.abc import Callable

ADAPTERS: dict[str, Callable[[Path], Objects]] = {"local": LocalObjects}
"""Add an engine here and the whole suite runs against it."""


@pytest.fixture(params=ADAPTERS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Objects]:
    return lambda: ADAPTERS[request.param](tmp_path / "objects")


@pytest.fixture
def objects(opened: Callable[[], Objects]) -> Objects:
    return opened()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
def test_put__is_read_back_whole_also_after_opening_again(opened: Callable[[], Objects], data: bytes) -> None:
    opened().put("raw/CAISO/2025-01.zip", data)

    objects = opened()
    assert objects.get("raw/CAISO/2025-01.zip") == data
    assert b"".join(objects.stream("raw/CAISO/2025-01.zip", chunk_bytes=1000)) == data
    assert Path(objects.uri("raw/CAISO/2025-01.zip")).read_bytes() == data


def test_put__replaces(objects: Objects) -> None:
    objects.put("a/b", b"long before")
    objects.put("a/b", b"now")

    assert objects.get("a/b") == b"now"
    assert objects.list("") == ("a/b",)


def test_get__an_absent_key_is_named(objects: Objects) -> None:
    objects.put("a/b", b"1")
    for key in ("a/c", "a", "nowhere"):
        with pytest.raises(ObjectMissingError, match=key):
            objects.get(key)
        with pytest.raises(ObjectMissingError, match=key):
            objects.stream(key)
        assert not objects.exists(key)
    assert objects.exists("a/b")


def test_delete__may_be_repeated(objects: Objects) -> None:
    objects.put("a/b", b"1")
    objects.delete("a/b")
    objects.delete("a/b")

    assert not objects.exists("a/b")
    assert objects.list("") == ()
    objects.put("a/b", b"2")
    assert objects.get("a/b") == b"2"


def test_list__gives_keys_by_text_prefix_sorted(objects: Objects) -> None:
    for key in ("b/1", "a/2", "a/10", "ab/3", "c"):
        objects.put(key, b"")

    assert objects.list("") == ("a/10", "a/2", "ab/3", "b/1", "c")
    assert objects.list("a") == ("a/10", "a/2", "ab/3")
    assert objects.list("a/") == ("a/10", "a/2")
    assert objects.list("a/1") == ("a/10",)
    assert objects.list("none/") == ()


UNFIT = ("", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "a/./b", "C:/x", "a\\b", ".hidden", "a/b.", "é", "a b")
RESERVED = ("a\0b", "con", "a/NUL.txt", "a" * 2000, ".staging/0")


@pytest.mark.parametrize("key", [*UNFIT, *RESERVED])
def test_keys__that_some_engine_cannot_keep_are_refused(objects: Objects, key: str) -> None:
    for use in (objects.get, objects.exists, objects.delete, objects.uri, objects.stream):
        with pytest.raises(faults.UnfitRequestError):
            use(key)
    with pytest.raises(faults.UnfitRequestError):
        objects.put(key, b"1")


def test_put__concurrent_writers_leave_one_whole_blob(objects: Objects) -> None:
    blobs = [bytes([n]) * 200_000 for n in range(8)]
    seen: set[bytes] = set()
    objects.put("a/b", blobs[0])
    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(objects.put, "a/b", blob) for blob in blobs]
        while not all(write.done() for write in writes):
            seen.add(objects.get("a/b"))
        for write in writes:
            write.result()

    assert seen | {objects.get("a/b")} <= set(blobs)
    assert objects.list("") == ("a/b",)
