"""The `powerdesk` command: every verb is one HTTP call, to the running owner or to a desk opened for the moment."""

from __future__ import annotations

from powerdesk.app.cli import access_verbs, data_verbs, desk_verbs
from powerdesk.app.cli.root import app

__all__ = ["app", "main"]

VERBS = (desk_verbs, data_verbs, access_verbs)
"""Importing these modules adds their verbs to `app`."""


def main() -> None:
    """Run the command line and leave with the documented exit code."""
    from powerdesk.app.cli import leaving  # noqa: PLC0415 - problems load only when needed

    leaving.run(app)
