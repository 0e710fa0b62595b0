"""Tables that the engines themselves keep in Records: the outbox, job schedules and job runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, LargeBinary, Table

from powerdesk.engines import columns

outbox = Table(
    "outbox",
    columns.metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=True),
    Column("topic", columns.Text, nullable=False),
    Column("key", columns.Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", columns.Text, nullable=False),
    Column("queued_at", columns.Instant, nullable=False),
    sqlite_autoincrement=True,
)
"""Messages written in the transaction that caused them; a row goes when the bus has it."""

job_schedules = Table(
    "job_schedules",
    columns.metadata,
    Column("name", columns.Text, primary_key=True),
    Column("cron", columns.Text),
    Column("next_due_at", columns.Instant),
)

job_runs = Table(
    "job_runs",
    columns.metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=True),
    Column("run_id", columns.Text, nullable=False, unique=True),
    Column("name", columns.Text, nullable=False),
    Column("key", columns.Text),
    Column("state", columns.Text, nullable=False),
    Column("arguments", columns.Text, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("due_at", columns.Instant, nullable=False),
    Column("lease_owner", columns.Text),
    Column("lease_until", columns.Instant),
    Column("cancel_requested", Boolean(create_constraint=False), nullable=False),
    Column("started_at", columns.Instant),
    Column("ended_at", columns.Instant),
    Column("progress", Double),
    Column("message", columns.Text, nullable=False),
    Index("job_runs_by_state", "state", "due_at"),
    Index("job_runs_by_name", "name", "sequence"),
    sqlite_autoincrement=True,
)
