"""Transactional tables of the feeds: their state, the payloads kept, every fetch, and the gaps."""

from __future__ import annotations

import sqlalchemy as sa

from powerdesk.engines import columns

feeds = sa.Table(
    "markets_feeds",
    columns.metadata,
    sa.Column("id", columns.Text, primary_key=True),
    sa.Column("paused", sa.Boolean, nullable=False, default=False),
    sa.Column("state", columns.Text, nullable=False),  # waiting | running | throttled | unreachable
    sa.Column("since", columns.Instant, nullable=False),
    sa.Column("last_ok_at", columns.Instant),
    sa.Column("last_error", columns.Text),
    sa.Column("last_error_at", columns.Instant),
    sa.Column("next_try_at", columns.Instant),
    sa.Column("last_payload_sha256", columns.Text),
    sa.Column("last_rows", sa.BigInteger),
)

payloads = sa.Table(
    "markets_payloads",
    columns.metadata,
    sa.Column("sha256", columns.Text, primary_key=True),
    sa.Column("feed", columns.Text, primary_key=True),
    sa.Column("url", columns.Text, nullable=False),
    sa.Column("name", columns.Text),
    sa.Column("received_at", columns.Instant, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("outcome", columns.Text, nullable=False),  # received until parsed, then how parsing ended
    sa.Column("parser_version", sa.BigInteger),
    sa.Column("kind", columns.Text),
    sa.Column("rows", sa.BigInteger),
    sa.Column("rejected", sa.BigInteger),
    sa.Column("duplicates", sa.BigInteger),
    sa.Column("findings", columns.Text),  # JSON list of {pointer, found, allowed, remedy}
    sa.Column("forgotten_at", columns.Instant),  # when retention deleted the bytes
    sa.Index("markets_payloads_by_time", "feed", "received_at"),
)

fetches = sa.Table(
    "markets_fetches",
    columns.metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("feed", columns.Text, nullable=False),
    sa.Column("report", columns.Text, nullable=False),
    sa.Column("at", columns.Instant, nullable=False),
    sa.Column("outcome", columns.Text, nullable=False),
    sa.Column("detail", columns.Text, nullable=False),
    sa.Column("sha256", columns.Text),
    sa.Column("lag_s", sa.Double),  # receipt minus the end of the newest interval brought
    sa.Index("markets_fetches_by_time", "feed", "at"),
)

gaps = sa.Table(
    "markets_gaps",
    columns.metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("dataset", columns.Text, nullable=False),
    sa.Column("market", columns.Text, nullable=False),
    sa.Column("market_run", columns.Text, nullable=False),
    sa.Column("series", columns.Text, nullable=False),
    sa.Column("start", columns.Instant, nullable=False),
    sa.Column("end", columns.Instant, nullable=False),
    sa.Column("reason", columns.Text, nullable=False),
    sa.Column("detail", columns.Text, nullable=False),
    sa.Column("since", columns.Instant, nullable=False),
    sa.Column("closed_at", columns.Instant),
    sa.Index("markets_gaps_open", "dataset", "market", "closed_at"),
)
