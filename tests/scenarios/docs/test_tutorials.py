"""The tutorials do what they say, block by block."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pages
import pytest

TUTORIALS = pages.ROOT / "docs" / "tutorials"


def copied(tmp_path: Path) -> pages.Place:
    """Return a copy of the checkout as far as the tutorial needs it, with the tutorial's files put in place."""
    left_out = shutil.ignore_patterns("static")
    shutil.copytree(pages.ROOT / "src" / "powerdesk", tmp_path / "src" / "powerdesk", ignore=left_out)
    shutil.copytree(pages.ROOT / "requirements", tmp_path / "requirements")
    for block in pages.blocks(TUTORIALS / "add-a-dataset.md"):
        if block.file is not None:
            pages.put(block, into=tmp_path)
    return pages.Place(tmp_path, source=tmp_path / "src")


@pytest.mark.skipif(sys.platform == "win32", reason="the page's commands are written for a POSIX shell")
def test_tutorial__adds_a_dataset(tmp_path: Path) -> None:
    place = copied(tmp_path)
    place.run("python", str(Path(__file__).parent / "sim_hours.py"))
    found = pages.blocks(TUTORIALS / "add-a-dataset.md")
    said = place.shell(pages.program(tuple(b for b in found if "offline" in b.words), address="none"))
    first, second, *rows = said.splitlines()
    assert first.startswith("116 new, 0 revised, 0 known already, lineage lin_")  # 58 locations, two whole hours
    assert second.startswith("0 new, 0 revised, 116 known already")
    assert len(rows) == 2
    with pages.Running(place) as desk:
        told = place.shell(pages.program(tuple(b for b in found if "run" in b.words), address=desk.address))
    assert "Day-ahead less real-time price" in told
    assert "tutorial.dart version 1 read ['markets.prices', 'markets.prices']" in told
    assert "116 rows made again" in told


def test_first_hour__runs_as_written(running: pages.Running) -> None:
    found = tuple(block for block in pages.blocks(TUTORIALS / "first-hour.md") if "run" in block.words)
    assert len(found) >= 5
    said = running.place.shell(pages.program(found, address=running.address))
    assert "SIM:HUB_NORTH" in said


def test_readme__runs_as_written(running: pages.Running) -> None:
    found = tuple(block for block in pages.blocks(pages.ROOT / "README.md") if "run" in block.words)
    assert {block.language for block in found} == {"sh", "python"}
    said = running.place.shell(pages.program(found, address=running.address))
    assert "SIM:HUB_NORTH" in said
