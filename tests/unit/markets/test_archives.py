"""Archives are opened within bounds, whatever they claim."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from powerdesk.markets import archives
from powerdesk.markets.types import Outcome, PayloadError


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_paths_in_a_zip__are_ignored() -> None:
    members = archives.members(zipped({"../../etc/passwd": b"a", "C:\\x\\y.csv": b"b", "d/": b""}))
    assert [(member.name, member.data) for member in members] == [("passwd", b"a"), ("y.csv", b"b")]


def test_archives_in_a_zip__are_opened_once_and_what_a_mac_adds_is_left_out() -> None:
    deep = zipped({"deep.zip": zipped({"x": b"x"})})
    body = zipped({"m/a.zip": zipped({"a.csv": b"a"}), "b.csv.gz": gzip.compress(b"b"), "__MACOSX/m/._a.zip": b"\0\5"})
    members = archives.members(body)
    assert [(member.name, member.data) for member in members] == [("a.csv", b"a"), ("b.csv.gz", b"b")]
    assert archives.members(deep)[0].name == "x"
    (still,) = archives.members(zipped({"deepest.zip": deep}))
    assert (still.name, still.data[:2]) == ("deep.zip", b"PK")


def test_a_bomb_within_a_zip__is_refused_before_it_unfolds() -> None:
    bomb = zipped({"a.zip": zipped({"a": b"\0" * (64 << 20)})})
    with pytest.raises(PayloadError, match="after decompression"):
        archives.members(bomb)


def test_many_small_files_of_archives_in_a_zip__are_bounded() -> None:
    few = zipped({f"{number}": b"x" for number in range(300)})
    with pytest.raises(PayloadError, match="600 files"):
        archives.members(zipped({"a.zip": few, "b.zip": few}))


@pytest.mark.parametrize("pack", [lambda data: zipped({"a": data}), gzip.compress], ids=["zip", "gzip"])
def test_a_bomb__is_refused_before_it_unfolds(pack: object) -> None:
    assert callable(pack)
    bomb = pack(b"\0" * (64 << 20))
    assert len(bomb) < 100_000
    with pytest.raises(PayloadError, match="after decompression") as caught:
        archives.members(bomb)
    assert caught.value.outcome is Outcome.SCHEMA


def test_many_small_files__are_bounded() -> None:
    with pytest.raises(PayloadError, match="600 files"):
        archives.members(zipped({f"{number}": b"x" for number in range(600)}))


@pytest.mark.parametrize("pack", [lambda data: zipped({"a": data}), gzip.compress], ids=["zip", "gzip"])
def test_a_broken_archive__asks_to_be_fetched_again(pack: object) -> None:
    assert callable(pack)
    whole = pack(bytes(range(256)) * 40)
    for size in range(4, len(whole), 7):
        with pytest.raises(PayloadError) as caught:
            archives.members(whole[:size])
        assert caught.value.outcome is Outcome.TRANSIENT


def test_gzip_in_several_streams__is_joined() -> None:
    body = gzip.compress(b"one,") + gzip.compress(b"two")
    assert archives.members(body, name="dir/x.csv.gz")[0].data == b"one,two"


def test_a_plain_body__is_one_member() -> None:
    (member,) = archives.members(b"a,b\n1,2\n", name="/tmp/file.csv")  # noqa: S108 - only a name
    assert (member.name, member.data) == ("file.csv", b"a,b\n1,2\n")
