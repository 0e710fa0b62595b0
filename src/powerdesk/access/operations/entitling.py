"""Replace or edit what a tenant is entitled to."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa

from powerdesk.access import tables
from powerdesk.access.operations import auditing
from powerdesk.access.policies import OWNERS, ForbiddenError
from powerdesk.access.queries import credentials
from powerdesk.access.types import Channel
from powerdesk.kernel.problem import Finding, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.access.operations.auditing import Act
    from powerdesk.access.types import Entitlement
    from powerdesk.engines.ports.records import Unit

MOST_LINES = 10_000


class BadEntitlementError(Problem):
    """A line that means nothing; `findings` names each."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "bad-entitlement"
    title: ClassVar[str] = "The entitlements cannot be read"


class UnknownTenantError(Problem):
    """No such tenant within the caller's reach."""

    status: ClassVar[int] = 404
    slug: ClassVar[str] = "unknown-tenant"
    title: ClassVar[str] = "No such tenant"


class LineGoneError(Problem):
    """A line to be taken away is not there: somebody changed the entitlements meanwhile."""

    status: ClassVar[int] = 409
    slug: ClassVar[str] = "entitlement-gone"
    title: ClassVar[str] = "The entitlements changed meanwhile"


def edited(
    lines: Sequence[Entitlement], *, add: Sequence[Entitlement], remove: Sequence[Entitlement]
) -> tuple[Entitlement, ...]:
    """Return the lines without those removed and with those added, each once; LineGoneError names what is not there."""
    gone = [line for line in remove if line not in lines]
    if gone:
        raise LineGoneError(
            found=f"no line {_text(gone[0])}", allowed="lines that are there", remedy="look again and repeat the change"
        )
    kept = [line for line in lines if line not in remove]
    return (*kept, *(line for line in dict.fromkeys(add) if line not in kept))


def change(unit: Unit, act: Act, *, tenant: str, add: Sequence[Entitlement], remove: Sequence[Entitlement]) -> int:
    """Add and remove lines of the tenant, leaving the others as they are; return the new access version."""
    _admit(unit, act, tenant)
    lines = credentials.grants(unit, tenant=tenant).entitlements
    return replace(unit, act, tenant=tenant, grants=edited(lines, add=add, remove=remove))


def replace(unit: Unit, act: Act, *, tenant: str, grants: Sequence[Entitlement]) -> int:
    """Replace every line of the tenant; return the new access version. Open sockets hear of it.

    A tenant-admin gives nothing to their own tenant that it did not have; ForbiddenError names the first such line.
    """
    _admit(unit, act, tenant)
    check(grants)
    before = credentials.grants(unit, tenant=tenant).entitlements
    if not _is_operator(act):
        _check_no_wider(before, grants)
    unit.connection.execute(sa.delete(tables.entitlements).where(tables.entitlements.c.tenant == tenant))
    if grants:
        unit.connection.execute(sa.insert(tables.entitlements), [_row(tenant, line) for line in grants])
    detail = {
        "removed": "; ".join(_text(line) for line in before if line not in grants),
        "added": "; ".join(_text(line) for line in grants if line not in before),
    }
    auditing.note(unit, act, entry=act.entry(action="entitlements.replace", target=tenant, detail=detail))
    return auditing.changed(unit)


def _admit(unit: Unit, act: Act, tenant: str) -> None:
    """Let the operator change any tenant and a tenant-admin their own; raise for everybody else."""
    operator = act.by.kind in OWNERS
    if not operator and "tenant-admin" not in act.by.roles:
        raise ForbiddenError(
            found=f"{act.by.name!r} without the role tenant-admin", allowed="a tenant-admin", remedy="ask one"
        )
    known = unit.connection.execute(sa.select(tables.tenants.c.id).where(tables.tenants.c.id == tenant)).first()
    if known is None or not (operator or act.by.tenant == tenant):
        raise UnknownTenantError(found=f"tenant {tenant!r}", allowed="your own tenant", remedy="name that")


def _is_operator(act: Act) -> bool:
    return act.by.kind in OWNERS or "operator" in act.by.roles


def _check_no_wider(before: Sequence[Entitlement], after: Sequence[Entitlement]) -> None:
    """Raise ForbiddenError when a grant is new, or a denial gone, that no line beside it covers."""
    kept = {
        deny: tuple(line for line in lines if line.deny is deny) for deny, lines in ((False, before), (True, after))
    }
    new = [line for line in after if not line.deny and not any(line.within(other) for other in kept[False])]
    gone = [line for line in before if line.deny and not any(line.within(other) for other in kept[True])]
    for line in (*new, *gone):
        raise ForbiddenError(
            found=f"{'taking away' if line.deny else 'a new grant of'} {_text(line)}",
            allowed="lines within what the tenant has; a tenant-admin may take grants away and add denials",
            remedy="ask the operator, who grants to tenants",
        )


def check(grants: Sequence[Entitlement]) -> None:
    """Raise BadEntitlementError with a finding for each fault of each line."""
    channels = {"*", *(channel.value for channel in Channel)}
    findings = []
    if len(grants) > MOST_LINES:
        findings.append(Finding("/grants", f"{len(grants)} lines", f"at most {MOST_LINES}", "use * to join lines"))
    for number, line in enumerate(grants[:MOST_LINES]):
        at = f"/grants/{number}"
        if line.channel not in channels:
            findings.append(Finding(f"{at}/channel", line.channel, ", ".join(sorted(channels)), "use one of these"))
        findings += [
            Finding(f"{at}/{name}", "an empty text", "a code or *", "name it")
            for name in ("market", "product")
            if not getattr(line, name)
        ]
        if line.valid_from is not None and line.valid_to is not None and line.valid_to <= line.valid_from:
            findings.append(Finding(f"{at}/valid_to", str(line.valid_to), f"after {line.valid_from}", "swap them"))
    if findings:
        raise BadEntitlementError(
            found=f"{len(findings)} faults",
            allowed="lines as GET /v1/entitlements shows them",
            remedy="correct what the faults name",
            findings=tuple(findings),
        )


def _row(tenant: str, line: Entitlement) -> dict[str, object]:
    return {
        "tenant": tenant,
        "market": line.market,
        "product": line.product,
        "channel": line.channel,
        "valid_from": line.valid_from,
        "valid_to": line.valid_to,
        "deny": line.deny,
    }


def _text(line: Entitlement) -> str:
    times = "".join(
        f" {word} {at.isoformat()}" for word, at in (("from", line.valid_from), ("to", line.valid_to)) if at
    )
    return f"{'deny ' if line.deny else ''}{line.market} {line.product} {line.channel}{times}"
