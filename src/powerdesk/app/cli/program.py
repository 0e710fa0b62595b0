"""The entry point of the `powerdesk` command."""

from __future__ import annotations

import os

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
from powerdesk.engines import lean_imports, lean_memory

VERBS = (desk_verbs, data_verbs, access_verbs, tenant_verbs, move_verbs, grid_verbs, sim_verbs)
"""Importing these modules adds their verbs to `app`."""


def prepare() -> None:
    """Keep this process lean, before libraries load; for a process that is ours alone."""
    lean_memory.choose(os.environ)
    lean_imports.without_commands()


def main() -> None:
    """Run the command line and leave with the documented exit code."""
    prepare()
    leaving.run(app)
