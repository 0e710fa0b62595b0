"""What every Objects engine must do."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import obstore.store
import pytest

from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.objects import ObjectMissingError, Objects
from powerdesk.engines.scaled.objects_address import BucketUser
from servers import needed
from servers.minio import Minio

if TYPE_CHECKING:
    from collections.abc import Callable


def in_bucket(place: Path) -> Objects:
    """Open a part of the session's bucket; the place of a test gives it keys of its own."""
    from powerdesk.engines.scaled import objects, objects_address  # noqa: PLC0415 - only where a server is had

    server = needed.needed(Minio)
    address = server.make_bucket("contracts").replace("?", f"/{zlib.crc32(str(place).encode()):08x}/ours?", 1)
    return objects.S3Objects(objects_address.parse(address), user=user(server))


def user(server: Minio) -> BucketUser:
    return BucketUser(access_key=server.access_key, secret_key=server.secret_key)


def read_by_uri(uri: str) -> bytes:
    """Read a blob as another engine of the deployment would, by its address alone."""
    if not uri.startswith("s3://"):
        return Path(uri).read_bytes()
    server = needed.needed(Minio)
    folder, _, name = uri.rpartition("/")
    config = {"access_key_id": server.access_key, "secret_access_key": server.secret_key, "endpoint": server.url}
    store = obstore.store.S3Store.from_url(folder, config=config, client_options={"allow_http": True})
    return bytes(store.get(name).bytes())


ADAPTERS: dict[str, Callable[[Path], Objects]] = {"local": LocalObjects, "s3": in_bucket}
"""Add an engine here and the whole suite runs against it."""
ENGINES = ("local", pytest.param("s3", marks=pytest.mark.services))


@pytest.fixture(params=ENGINES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Objects]:
    return lambda: ADAPTERS[request.param](tmp_path / "objects")


@pytest.fixture
def objects(opened: Callable[[], Objects]) -> Objects:
    return opened()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000, bytes(range(256)) * (80 << 10)])
def test_put__is_read_back_whole_also_after_opening_again(opened: Callable[[], Objects], data: bytes) -> None:
    opened().put("raw/CAISO/2025-01.zip", data)

    objects = opened()
    assert objects.get("raw/CAISO/2025-01.zip") == data
    assert b"".join(objects.stream("raw/CAISO/2025-01.zip", chunk_bytes=1000)) == data
    assert read_by_uri(objects.uri("raw/CAISO/2025-01.zip")) == data


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
