"""Readiness names what does not answer, also when it went between two questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx  # noqa: TID251 - asks the desk under test

from powerdesk.app import standing
from powerdesk.engines.ports.faults import EngineUnavailableError
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    import pytest
    from running_desk import RunningDesk


def test_a_log_that_goes_after_it_was_seen_well__is_named_and_answers_503(
    assembled: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(topic: str) -> int:
        raise EngineUnavailableError(found=f"no broker for {topic}", allowed="a broker", remedy="start it")

    monkeypatch.setattr(standing, "PATIENCE_S", PATIENCE_S)  # a busy machine is not what is looked for here
    assert httpx.get(f"{assembled.base}/ready", timeout=PATIENCE_S).json()["degraded"] == []
    monkeypatch.setattr(assembled.desk.engines.bus, "end", gone)
    answer = httpx.get(f"{assembled.base}/ready", timeout=PATIENCE_S)
    assert answer.status_code == 503
    assert answer.json()["degraded"] == ["bus"]
    assert "engines away: bus" in answer.json()["found"]
