"""Message -> operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.markets import events
from powerdesk.markets.operations import receiving, recording

if TYPE_CHECKING:
    from powerdesk.markets.operations.recording import Recorded
    from powerdesk.markets.operations.services import Services

GROUP = "markets.recorder"


def payload_received(services: Services, body: bytes) -> Recorded:
    """Record the payload of a `markets.payload-received.v1` message; safe to receive twice."""
    event = events.decode(body)
    payload = services.objects.get(receiving.object_key(event.sha256))
    with services.records.unit() as unit:
        return recording.record(unit, services, event=event, payload=payload)
