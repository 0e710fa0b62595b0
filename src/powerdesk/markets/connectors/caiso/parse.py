"""CAISO payloads to tables: OASIS price, load and renewables reports, in-band errors, outlook files. Pure.

OASIS gives every instant in GMT, so no local clock is involved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.markets import archives, frames, sheets, sniffing
from powerdesk.markets.connectors.caiso import areas, outlook, prices, refusals
from powerdesk.markets.sniffing import Form
from powerdesk.markets.types import Outcome, Parsed, PayloadError

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.markets.archives import Member

PARSER_VERSION = 2
"""2: files of one price part each are read together."""
REPORTS = "the header of an OASIS PRC_LMP, PRC_RTPD_LMP, PRC_INTVL_LMP, SLD_FCST or SLD_REN_FCST, or of an outlook CSV"


def parse(payload: bytes, *, name: str | None = None, not_after: datetime | None = None) -> Parsed:
    """Return the tables of a CAISO payload, recognised by content; raise PayloadError when it is none.

    An OASIS refusal is no error here: it comes back with its outcome and no tables.
    """
    sniffed = sniffing.sniff(payload)
    if sniffed.outcome is not Outcome.OK:
        raise PayloadError(
            outcome=sniffed.outcome,
            found=sniffed.detail,
            allowed="an OASIS zip, its CSV, or an outlook CSV",
            remedy=sniffed.remedy,
            retry_after_s=sniffed.retry_after_s,
        )
    found = archives.members(payload, name=name)
    if not found:
        raise sheets.unreadable(name or "payload", "an archive without files")
    parsed: list[Parsed] = []
    priced: list[tuple[Member, tuple[str, ...]]] = []
    for member in found:
        if sniffing.sniff(member.data).form is Form.XML:
            parsed.append(refusals.read(member.data, pointer=member.name))
            continue
        names = sheets.header(member.data, pointer=member.name)
        if prices.MARKER in names:
            priced.append((member, names))
        else:
            parsed.append(_member(member, names, name=name, not_after=not_after))
    return frames.merge([*prices.parse(priced), *parsed])


def _member(member: Member, names: tuple[str, ...], *, name: str | None, not_after: datetime | None) -> Parsed:
    if outlook.recognises(names):
        return outlook.parse(member, names=names, hint=name, not_after=not_after)
    for marker, reader in areas.READERS.items():
        if marker in names:
            return reader(member, names)
    raise sheets.unreadable(member.name, f"columns {', '.join(names)[:200]!r}", allowed=REPORTS)
