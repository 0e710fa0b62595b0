"""How far calculations have come, what retention took, and where the log stood when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision; there is no way back (forward only)."""
    op.create_table(
        "store_calculations",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("commit", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
    )
    op.create_table(
        "store_log_marks",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "at"),
    )
    op.add_column("store_lineages", sa.Column("lost_at", sa.BigInteger(), nullable=True))
    op.add_column("store_lineages", sa.Column("lost_why", sa.String(), nullable=True))
    op.add_column("markets_payloads", sa.Column("forgotten_at", sa.BigInteger(), nullable=True))
