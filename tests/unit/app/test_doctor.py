"""What the doctor says of a data folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from powerdesk.app import doctor, settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of a folder are told by its mode on POSIX only")


@pytest.mark.parametrize(
    ("mode", "level", "do"),
    [(0o700, "ok", ""), (0o750, "look", "chmod 700 {folder}"), (0o705, "look", "chmod 700 {folder}")],
)
def test_a_folder_that_others_may_look_into__is_told_and_left_as_it_is(
    tmp_path: Path, mode: int, level: str, do: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    chosen = settings.load({"data": str(folder)}, environment={})
    (found,) = (one for one in doctor.examine(chosen) if one.what == "access")
    assert (found.level, found.do) == (level, do.format(folder=folder))
    assert folder.stat().st_mode & 0o777 == mode
