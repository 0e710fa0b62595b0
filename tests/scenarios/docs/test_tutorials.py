"""The tutorials do what they say, block by block."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pages
import pytest
import sim_hours

from servers.waiting import NotYet, until

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
    with pages.Running(place) as desk:
        calculated(place)
        told = place.shell(pages.program(tuple(b for b in found if "run" in b.words), address=desk.address))
    assert "Mean load of each hour" in told
    assert "tutorial.hourly_load version 1 read ['markets.load']" in told
    assert "rows made again from the same snapshots" in told


def calculated(place: pages.Place) -> None:
    """Return once the desk has calculated both whole hours of the system by itself."""

    def whole() -> bool | NotYet:
        got = place.shell("powerdesk get tutorial.hourly_load -o json || true")
        hours = {json.loads(line)["interval_start"] for line in got.splitlines()}
        return len(hours) == sim_hours.HOURS or NotYet(got)

    until(whole, what=f"calculating {sim_hours.HOURS} hours")


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
