"""Roles: what a process serves. Embedded engines have one owning process, so it takes all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.app import engines
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.app.settings import Settings

ROLES: dict[str, tuple[str, ...]] = {
    "gateway": ("http", "hub", "downloads"),
    "ingest": ("feeds", "markets.handler", "store.projector", "records.outbox"),
    "stream": ("websocket", "sse"),
    "compute": ("compute",),
    "trade": (),
    "jobs": ("jobs.scheduler", "tables.sealing"),
}
"""Role -> the parts of the process it starts."""


class SplitRolesError(problem.Problem):
    """Embedded engines belong to one process; roles cannot be spread over several."""

    status = 409
    slug = "split-roles"
    title = "These engines cannot be shared by several processes"


class UnknownRoleError(problem.Problem):
    """No role of that name."""

    status = 400
    slug = "unknown-role"
    title = "No such role"


def check(names: Sequence[str], settings: Settings) -> None:
    """Raise unless the roles exist and the engines allow them to run apart."""
    unknown = [name for name in names if name not in ROLES]
    if unknown:
        raise UnknownRoleError(found=", ".join(unknown), allowed=", ".join(ROLES), remedy="name roles that exist")
    embedded = [name for name, url in engines.EMBEDDED.items() if getattr(settings, name).url == url]
    if set(names) != set(ROLES) and embedded:
        raise SplitRolesError(
            found=f"roles {', '.join(names)} on embedded {', '.join(embedded)}",
            allowed="all roles in one process",
            remedy="use `powerdesk up`, or name scaled engines in the settings",
        )
