"""What a desk's other process makes of SIM; the grid engine loads there, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from powerdesk.simulation.types import Plan, Publication


def plan(operating_day: date, *, seed: int) -> Plan:
    """Return the commitment of a day, to be given to `payload` in any process."""
    from powerdesk.simulation import planning, world  # noqa: PLC0415 - see above

    return planning.plan(world.default(), seed=seed, operating_day=operating_day)


def payload(publication: Publication, *, seed: int, size: int | None, plan: Plan | None) -> bytes:
    """Return the file that SIM publishes; as `payloads.payload`."""
    from powerdesk.simulation import payloads  # noqa: PLC0415 - see above

    return payloads.payload(publication, seed=seed, size=size, plan=plan)
