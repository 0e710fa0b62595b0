"""Transactional tables of the store: what made each batch."""

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
)
