"""Roles: what a process does. This table is the whole of it; `up` takes all of them, `serve --role` some."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from powerdesk.app import engines
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from powerdesk.app.settings import Settings


class Part(StrEnum):
    """One thing that a process does; each belongs to one role."""

    HTTP = "http"  # pages, datasets, downloads, access, operators' routes
    STREAM = "stream"  # WebSocket and server-sent events
    PROJECTOR = "store.projector"  # accepted batches become readable
    RECORDER = "markets.recorder"  # payloads are parsed and recorded
    OUTBOX = "records.outbox"  # messages of transactions reach the bus
    SIM = "simulation"  # the simulated market publishes
    JOBS = "jobs"  # polls, refills, back-fills
    SEALING = "tables.sealing"  # old months become sorted files
    WORKERS = "compute.workers"  # functions sent by the others run here


ROLES: dict[str, frozenset[Part]] = {
    "gateway": frozenset({Part.HTTP}),
    "ingest": frozenset({Part.PROJECTOR, Part.RECORDER, Part.OUTBOX, Part.SIM}),
    "stream": frozenset({Part.STREAM}),
    "compute": frozenset({Part.WORKERS}),
    "trade": frozenset(),
    "jobs": frozenset({Part.JOBS, Part.SEALING}),
}
"""Role -> what it does. Every process answers /health, /ready and /metrics besides."""
EVERY = frozenset(ROLES)
SHARED = ("tables", "records", "objects", "bus", "cache")
"""Engines that processes must share once roles are spread."""


class SplitRolesError(problem.Problem):
    """Embedded engines belong to one process; roles cannot be spread over several."""

    status = 409
    slug = "split-roles"
    title = "These engines cannot be shared by several processes"


class UnknownRoleError(problem.Problem):
    """No role of that name, or none that has anything to do."""

    status = 400
    slug = "unknown-role"
    title = "No such role"


def check(names: Iterable[str], settings: Settings) -> frozenset[str]:
    """Return the roles as a set; raise unless they exist, do something, and the engines allow them to run apart."""
    chosen = frozenset(names)
    unknown = sorted(chosen - EVERY)
    if unknown:
        raise UnknownRoleError(found=", ".join(unknown), allowed=", ".join(ROLES), remedy="name roles that exist")
    if not parts(chosen):
        idle = ", ".join(sorted(chosen)) or "no role"
        busy = ", ".join(name for name, does in ROLES.items() if does)
        raise UnknownRoleError(found=f"{idle}, which does nothing in this release", allowed=busy, remedy="name another")
    own = [name for name in SHARED if not engines.is_shared(getattr(settings, name).url)]
    if chosen != EVERY and own:
        raise SplitRolesError(
            found=f"roles {', '.join(sorted(chosen))} on embedded {', '.join(own)}",
            allowed="all roles in one process",
            remedy="use `powerdesk up`, or name engines that processes can share (docs/how-to/laptop-to-cluster.md)",
        )
    if chosen != EVERY and settings.access.pepper is None:
        raise SplitRolesError(
            found="access.pepper is not set",
            allowed="one secret that all processes share",
            remedy="set POWERDESK_ACCESS__PEPPER to the same long random text for every process",
        )
    return chosen


def parts(names: Iterable[str]) -> frozenset[Part]:
    """Return everything that these roles do."""
    return frozenset().union(*(ROLES[name] for name in names))
