"""Feeds, payloads, fetches and gaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision; there is no way back (forward only)."""
    _feeds()
    _payloads()
    _gaps()


def _feeds() -> None:
    op.create_table(
        "markets_feeds",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last_ok_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("last_error_at", sa.BigInteger(), nullable=True),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("last_payload_sha256", sa.String(), nullable=True),
        sa.Column("last_rows", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "markets_fetches",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("lag_s", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("markets_fetches_by_time", "markets_fetches", ["feed", "at"], unique=False)


def _gaps() -> None:
    op.create_table(
        "markets_gaps",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("market", sa.String(), nullable=False),
        sa.Column("market_run", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("markets_gaps_open", "markets_gaps", ["dataset", "market", "closed_at"], unique=False)


def _payloads() -> None:
    op.create_table(
        "markets_payloads",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("parser_version", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("rejected", sa.BigInteger(), nullable=True),
        sa.Column("duplicates", sa.BigInteger(), nullable=True),
        sa.Column("findings", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", "feed"),
    )
    op.create_index("markets_payloads_by_time", "markets_payloads", ["feed", "received_at"], unique=False)
