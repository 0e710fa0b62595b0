"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision; there is no way back (forward only)."""
    ${upgrades if upgrades else "raise AssertionError('a migration that changes nothing')"}
