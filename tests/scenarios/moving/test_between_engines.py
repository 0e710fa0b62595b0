"""A desk that moves from a folder to servers and back again is the same desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cluster
import pytest
import test_moving

from powerdesk.app.moving import moves

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.services, pytest.mark.slow]


def test_copy__to_servers_and_back_brings_the_same_rows_and_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_moving.lived(tmp_path / "a")
    engines = cluster.engines()
    del engines["POWERDESK_ACCESS__PEPPER"]  # the secret goes along in the folder
    for name, value in engines.items():
        monkeypatch.setenv(name.replace("POWERDESK_", "POWERDESK_TO__"), value)
    there = moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "b"), until=None, report=test_moving.silent)
    for name, value in engines.items():
        monkeypatch.delenv(name.replace("POWERDESK_", "POWERDESK_TO__"))
        monkeypatch.setenv(name.replace("POWERDESK_", "POWERDESK_FROM__"), value)
    back = moves.move(source=str(tmp_path / "b"), target=str(tmp_path / "c"), until=None, report=test_moving.silent)
    assert (back.datasets, back.records, back.objects) == (there.datasets, there.records, there.objects)
    assert test_moving.history(tmp_path / "c").equals(test_moving.history(tmp_path / "a"))
