"""One owner per folder, found by the others, never hindered by those who only look."""

from __future__ import annotations

import json
import os
import shutil
import threading
from typing import IO, TYPE_CHECKING

import pytest

from powerdesk.app import ownership
from powerdesk.engines.embedded import files
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder__has_one_owner_who_is_named(tmp_path: Path) -> None:
    owned = ownership.take(tmp_path / "new" / "folder")
    with pytest.raises(ownership.FolderOwnedError, match="another process"):
        ownership.take(tmp_path / "new" / "folder")
    owned.announce(url="http://127.0.0.1:8600")
    found = ownership.find(tmp_path / "new" / "folder")
    assert found == ownership.Owner(pid=os.getpid(), url="http://127.0.0.1:8600", token=owned.token)
    with pytest.raises(ownership.FolderOwnedError, match=f"process {os.getpid()} at http://127.0.0.1:8600"):
        ownership.take(tmp_path / "new" / "folder")
    owned.release()
    assert ownership.find(tmp_path / "new" / "folder") is None
    ownership.take(tmp_path / "new" / "folder").release()


def test_a_folder_nobody_made__has_no_owner_and_is_not_made_by_looking(tmp_path: Path) -> None:
    assert ownership.find(tmp_path / "nowhere") is None
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_what_is_private__is_readable_by_the_owner_only(tmp_path: Path) -> None:
    owned = ownership.take(tmp_path)
    owned.announce(url="http://127.0.0.1:1")
    ownership.secret(tmp_path, "pepper")
    for name in (ownership.OWNER_NAME, "pepper.secret"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    owned.release()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_data_folder_and_its_copy__are_made_for_their_owner_alone(tmp_path: Path) -> None:
    ownership.take(tmp_path / "desk").release()
    files.make_folder(tmp_path / "copies" / "of-today")
    for made in ("desk", "copies", "copies/of-today"):
        assert (tmp_path / made).stat().st_mode & 0o077 == 0


def test_what_a_killed_owner_left__is_not_believed(tmp_path: Path) -> None:
    left = {"pid": 1, "url": "http://127.0.0.1:9", "token": "old"}
    (tmp_path / ownership.OWNER_NAME).write_text(json.dumps(left))
    assert ownership.find(tmp_path) is None
    owned = ownership.take(tmp_path)
    assert ownership.find(tmp_path) is None  # starting: not yet announced, and the old word is gone
    owned.release()


@pytest.mark.parametrize("text", ["", "{", "{}", '{"pid": "x", "url": "u", "token": "t"}', "\x00"])
def test_a_torn_announcement__is_no_owner(tmp_path: Path, text: str) -> None:
    owned = ownership.take(tmp_path)
    (tmp_path / ownership.OWNER_NAME).write_text(text)
    assert ownership.find(tmp_path) is None
    owned.release()


def test_those_who_look__do_not_take_each_other_for_a_killed_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = ownership.take(tmp_path)
    owned.announce(url="http://127.0.0.1:9")
    (tmp_path / "killed").write_bytes((tmp_path / ownership.OWNER_NAME).read_bytes())
    owned.release()
    (tmp_path / "killed").rename(tmp_path / ownership.OWNER_NAME)
    genuine, tries = ownership._lock, []

    def once_looked_at(handle: IO[bytes]) -> None:
        tries.append(handle)
        if len(tries) == 1:
            raise BlockingIOError
        genuine(handle)

    monkeypatch.setattr(ownership, "_lock", once_looked_at)
    assert ownership.find(tmp_path) is None


def test_those_who_look__do_not_hinder_an_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "LOCK_TRIES", round(PATIENCE_S / ownership.LOCK_PAUSE_S))
    (tmp_path / ownership.OWNER_NAME).write_text("{}")
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.001):
            ownership.find(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    taken = 0
    try:
        for _ in range(20):
            ownership.take(tmp_path).release()
            taken += 1
            (tmp_path / ownership.OWNER_NAME).write_text("{}")
    finally:
        stop.set()
        for looker in lookers:
            looker.join()
    assert taken == 20


def test_a_path_that_is_a_file__is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ownership.FolderUnusableError, match="file"):
        ownership.take(tmp_path / "file")


def test_secrets_and_ids__stay_the_same(tmp_path: Path) -> None:
    assert ownership.secret(tmp_path, "pepper") == ownership.secret(tmp_path, "pepper")
    assert len(ownership.secret(tmp_path, "pepper")) == 32
    assert ownership.secret(tmp_path, "other") != ownership.secret(tmp_path, "pepper")
    assert ownership.desk_id(tmp_path) == ownership.desk_id(tmp_path)


def test_epochs__end_where_the_next_begins_and_are_kept(tmp_path: Path) -> None:
    first = ownership.begin_epoch(tmp_path, position=0)
    second = ownership.begin_epoch(tmp_path, position=7)
    third = ownership.begin_epoch(tmp_path, position=7)
    assert len({first.now, second.now, third.now}) == 3
    assert third.former == {ownership.desk_id(tmp_path): 0, first.now: 7, second.now: 7}


def test_epochs__of_a_copy_part_from_those_of_the_original(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    shared = ownership.begin_epoch(original, position=0)
    shutil.copytree(original, copy)
    later = ownership.begin_epoch(original, position=50)
    restored = ownership.begin_epoch(copy, position=40)
    assert restored.former[shared.now] == 40
    assert later.now not in restored.former


def test_epochs__are_bounded(tmp_path: Path) -> None:
    for position in range(ownership.EPOCHS_KEPT + 3):
        epochs = ownership.begin_epoch(tmp_path, position=position)
    assert len(epochs.former) == ownership.EPOCHS_KEPT - 1
