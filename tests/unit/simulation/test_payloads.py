"""Files: one kind, one form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from powerdesk.simulation import (
    feed,
    payloads,
)
from powerdesk.simulation.types import Kind


def test_kinds__each_make_a_payload_of_their_own() -> None:
    start = datetime(2026, 1, 5, tzinfo=UTC)
    found = feed.due(seed=1, after=start, upto=start + timedelta(days=2))
    seen = {kind: payloads.payload(next(one for one in found if one.kind is kind), seed=1) for kind in Kind}
    assert set(seen) == set(Kind)
    assert len(set(seen.values())) == len(Kind)
