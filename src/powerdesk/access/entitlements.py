"""Entitlement verdicts: tenant x market x product x channel x validity, deny by default, explicit deny wins."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from powerdesk.access.types import Allowed, Channel, Missing, PrincipalKind
from powerdesk.kernel.problem import Finding, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from powerdesk.access.types import Principal

SESSION_CHANNELS = frozenset({Channel.HUB, Channel.DOWNLOAD})
"""What a browser session may use."""

KEY_SCOPES = frozenset(
    {
        Channel.API,
        Channel.STREAM,
        Channel.DOWNLOAD,
        Channel.EXCEL,
        Channel.GRAPHQL,
        Channel.FLIGHT,
        Channel.SDK,
    }
)
"""What a key may ask for; a key never acts in the hub."""

IMPLIED_BY_API = frozenset({Channel.STREAM, Channel.EXCEL, Channel.GRAPHQL, Channel.FLIGHT, Channel.SDK})
"""Granted by a grant of api and by nothing else: a line that lists one of them without api gives nothing."""

MOST_NAMED = 100
"""Tuples that a refusal names; more than the markets and products of a desk make."""
NEEDS_API = IMPLIED_BY_API | {Channel.API, Channel.COPILOT}
PROGRAMS = frozenset({PrincipalKind.KEY, PrincipalKind.SERVICE})
"""Callers that need api for whatever they do, so that a key cannot take by download what it may not read."""


class RefusedError(Problem):
    """The caller lacks an entitlement; `missing` names each tuple."""

    status: ClassVar[int] = 403
    slug: ClassVar[str] = "not-entitled"
    title: ClassVar[str] = "Your tenant is not entitled to this"

    def __init__(self, *, missing: Sequence[Missing], dataset: str | None = None) -> None:
        self.missing = tuple(missing[:MOST_NAMED])
        named = ", ".join(f"{m.market} {m.product} by {m.channel.value}" for m in self.missing[:10])
        left = len(missing) - 10
        named += f" and {left} more" if left > 0 else ""
        super().__init__(
            found=f"no entitlement to {named}" + ("" if dataset is None else f" (dataset {dataset})"),
            allowed="what GET /v1/entitlements lists for your tenant",
            remedy="ask the operator for the missing lines, or leave them out (allow_partial=true)",
            findings=tuple(_finding(m) for m in self.missing),
        )


def _finding(missing: Missing) -> Finding:
    return Finding(
        pointer=f"entitlement/{missing.market}/{missing.product}/{missing.channel.value}",
        found=missing.why or "no grant",
        allowed="a grant in force and no denial",
        remedy="ask the operator for it",
    )


def verdict(principal: Principal, *, market: str, product: str, channel: Channel, at: datetime) -> Allowed | Missing:
    """Tell whether the principal may take the product of the market by the channel at the instant, and why.

    Three things must hold: the credential may use the channel; whatever is a program's has api granted; and the
    channel itself is granted (or implied by api). An explicit denial of any of them wins over every grant.
    """
    if channel not in principal.channels:
        return Missing(market, product, channel, why=f"this credential does not act by {channel.value}")
    if principal.grants.everything:
        return Allowed(why=f"{principal.kind.value} may read everything")
    program = channel in NEEDS_API or principal.kind in PROGRAMS
    for needed in (Channel.API, channel) if program else (channel,):
        why_not = _why_not(principal, market, product, needed, at)
        if why_not is not None:
            return Missing(market, product, channel, why=why_not)
    return Allowed(why=f"granted by {'api' if channel in IMPLIED_BY_API else channel.value}")


def _why_not(principal: Principal, market: str, product: str, needed: Channel, at: datetime) -> str | None:
    lines = principal.grants.about(market, product, needed, at=at)
    if any(line.deny for line in lines):
        return f"{needed.value} is denied"
    if needed in IMPLIED_BY_API:
        return None  # reached only when api is granted
    return None if lines else f"{needed.value} is not granted"


def missing(principal: Principal, *, market: str, product: str, channel: Channel, at: datetime) -> Missing | None:
    """Return the tuple the principal lacks, None when it is allowed."""
    found = verdict(principal, market=market, product=product, channel=channel, at=at)
    return found if isinstance(found, Missing) else None


def refused(missing: Iterable[Missing], *, dataset: str | None = None) -> RefusedError:
    """Return the error that names each missing tuple once, in the order first seen."""
    return RefusedError(missing=tuple(dict.fromkeys(missing)), dataset=dataset)


def matrix(
    principal: Principal, *, markets: Sequence[str], products: Sequence[str], at: datetime
) -> tuple[tuple[str, str, Channel, Allowed | Missing], ...]:
    """Return the verdict of the principal's tenant for each market, product and channel.

    Each channel is judged as the credential that carries it would be: hub and download as a session, others as a key.
    """
    session = dataclasses.replace(principal, kind=PrincipalKind.USER, channels=SESSION_CHANNELS)
    program = dataclasses.replace(principal, kind=PrincipalKind.KEY, channels=frozenset(Channel))
    return tuple(
        (
            market,
            product,
            channel,
            verdict(
                session if channel in SESSION_CHANNELS else program,
                market=market,
                product=product,
                channel=channel,
                at=at,
            ),
        )
        for market in markets
        for product in products
        for channel in Channel
    )


def moved(
    before: Principal, after: Principal, *, markets: Sequence[str], products: Sequence[str], moments: Iterable[datetime]
) -> tuple[tuple[datetime, str, str, Channel, Allowed | Missing], ...]:
    """Return the verdicts that differ between two states of one tenant's grants, at each of the moments, in order."""
    found = []
    for at in sorted(set(moments)):
        old = matrix(before, markets=markets, products=products, at=at)
        new = matrix(after, markets=markets, products=products, at=at)
        found += [
            (at, *to)
            for was, to in zip(old, new, strict=True)
            if isinstance(was[-1], Missing) != isinstance(to[-1], Missing)
        ]
    return tuple(found)
