"""NYISO payloads to tables: MIS files (LBMP, load, load forecast, fuel mix) and OASIS exports. Pure.

Clock: stamps are local prevailing time. Files with a time-zone column say which of two equal hours they mean; in the
others the order of rows tells, or nothing does and the rows are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.markets import archives, frames, sheets, sniffing
from powerdesk.markets.connectors.nyiso import areas, clock, prices
from powerdesk.markets.types import Outcome, Parsed, PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from powerdesk.markets.archives import Member

PARSER_VERSION = 1
REPORTS = (
    "the header of damlbmp, realtime, pal, isolf or rtfuelmix of MIS, or of an OASIS export of DAM, RTC or RTD LBMP"
)


def parse(payload: bytes, *, name: str | None = None, not_after: datetime | None = None) -> Parsed:
    """Return the tables of a NYISO payload, recognised by content; raise PayloadError when it is none.

    `not_after` (when it was received) settles the repeated hour of autumn in a file that ends within it.
    """
    sniffed = sniffing.sniff(payload)
    if sniffed.outcome is not Outcome.OK:
        raise PayloadError(
            outcome=sniffed.outcome,
            found=sniffed.detail,
            allowed="a MIS or OASIS CSV, plain, gzipped or zipped",
            remedy=sniffed.remedy,
            retry_after_s=sniffed.retry_after_s,
        )
    found = archives.members(payload, name=name)
    if not found:
        raise sheets.unreadable(name or "payload", "an archive without files")
    return frames.merge([_member(member, not_after) for member in found])


def _member(member: Member, not_after: datetime | None) -> Parsed:
    names = sheets.header(member.data, pointer=member.name)
    for recognise, reader in _READERS:
        if recognise(names):
            return reader(member, names, not_after)
    raise sheets.unreadable(member.name, f"columns {', '.join(names)[:200]!r}", allowed=REPORTS)


_READERS: tuple[tuple[Callable[[tuple[str, ...]], bool], Callable[..., Parsed]], ...] = (
    (lambda names: clock.STAMP in names and any(name.startswith("LBMP") for name in names), prices.mis),
    (lambda names: clock.STAMP in names and "Fuel Category" in names, areas.fuel_mix),
    (lambda names: clock.STAMP in names and "Load" in names, areas.load),
    (lambda names: clock.STAMP in names and "Capitl" in names and "NYISO" in names, areas.load_forecast),
    (prices.is_export, prices.exported),
    (lambda names: clock.STAMP in names and any(name.startswith("Marginal Cost") for name in names), prices.mis),
)
"""The last entry claims drifted price files, so that the missing columns are named."""
