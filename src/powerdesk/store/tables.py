"""Transactional tables of the store: what made each batch, how far calculations have come, where the log stood."""

from __future__ import annotations

import sqlalchemy as sa

from powerdesk.engines import columns

lineages = sa.Table(
    "store_lineages",
    columns.metadata,
    sa.Column("id", columns.Text, primary_key=True),
    sa.Column("kind", columns.Text, nullable=False),
    sa.Column("dataset", columns.Text, nullable=False),
    sa.Column("body", columns.Text, nullable=False),  # the Lineage as canonical JSON
    sa.Column("created_at", columns.Instant, nullable=False),
    sa.Column("lost_at", columns.Instant),  # since when it cannot be made again, for retention took what it read
    sa.Column("lost_why", columns.Text),
)

calculations = sa.Table(
    "store_calculations",
    columns.metadata,
    sa.Column("name", columns.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("commit", sa.BigInteger, nullable=False),  # inputs up to this one are calculated with
    sa.Column("at", columns.Instant, nullable=False),
)

log_marks = sa.Table(
    "store_log_marks",
    columns.metadata,
    sa.Column("topic", columns.Text, primary_key=True),
    sa.Column("at", columns.Instant, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),  # the end of the topic at that time
)
