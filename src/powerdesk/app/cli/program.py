"""The entry point of the `powerdesk` command."""

from __future__ import annotations

from powerdesk.app.cli import (
    access_verbs,
    data_verbs,
    desk_verbs,
    grid_verbs,
    leaving,
    move_verbs,
    sim_verbs,
    tenant_verbs,
)
from powerdesk.app.cli.root import app

VERBS = (desk_verbs, data_verbs, access_verbs, tenant_verbs, move_verbs, grid_verbs, sim_verbs)
"""Importing these modules adds their verbs to `app`."""


def main() -> None:
    """Run the command line and leave with the documented exit code."""
    leaving.run(app)
