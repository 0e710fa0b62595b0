"""The examples run against a desk, and every picture that a page shows exists."""

from __future__ import annotations

import json
import re

import pages
import pytest

EXAMPLES = pages.ROOT / "examples"
PICTURE = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")
LARGEST_BYTES = 300_000


@pytest.fixture(scope="module")
def key(running: pages.Running) -> str:
    scopes = "api,stream,download"
    made = running.place.run("powerdesk", "key", "create", "examples", "--scopes", scopes, "-o", "json")
    return str(json.loads(made)["secret"])


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("prices_as_of.py", r"SIM:HUB_NORTH as known at .*: \d+ hours\n(  .* USD/MWh\n)+$"),
        ("live_stream.py", r"^SIM:HUB_NORTH  20\d\d-.*Z  -?\d+\.\d\d\n"),
        ("parquet_to_duckdb.py", r"^\d+ rows, \d+ bytes\nSIM:\S+ \d+ -?\d"),
    ],
)
def test_example__runs(running: pages.Running, key: str, script: str, expected: str) -> None:
    running.place.settings.update(POWERDESK_API_KEY=key, POWERDESK_URL=running.address, UPDATES="1")
    try:
        said = running.place.run("python", str(EXAMPLES / script))
    finally:
        for name in ("POWERDESK_API_KEY", "POWERDESK_URL", "UPDATES"):
            del running.place.settings[name]
    assert re.search(expected, said), said
    assert "lost" not in said


def test_examples__are_all_run() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {"prices_as_of.py", "live_stream.py", "parquet_to_duckdb.py"}


def test_pictures__exist_and_are_small() -> None:
    shown = set()
    for page in (pages.ROOT / "README.md", *(pages.ROOT / "docs").rglob("*.md")):
        for target in PICTURE.findall(page.read_text(encoding="utf-8")):
            picture = page.parent / target
            assert picture.is_file(), f"{page.name} shows {target}, which does not exist: run tools/pictures.py"
            shown.add(picture.resolve())
    assert shown
    for picture in (pages.ROOT / "docs" / "pictures").glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < LARGEST_BYTES
