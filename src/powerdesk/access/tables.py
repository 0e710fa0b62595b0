"""Transactional tables of access: accounts, credentials, entitlements, the audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table

from powerdesk.engines import columns

tenants = Table(
    "tenants",
    columns.metadata,
    Column("id", columns.Text, primary_key=True),
    Column("name", columns.Text, nullable=False),
    Column("plan", columns.Text, nullable=False),
    Column("created_at", columns.Instant, nullable=False),
    Column("disabled_at", columns.Instant),
)

users = Table(
    "users",
    columns.metadata,
    Column("id", columns.Text, primary_key=True),
    Column("tenant", columns.Text, ForeignKey("tenants.id"), nullable=False),
    Column("name", columns.Text, nullable=False),
    Column("name_folded", columns.Text, nullable=False, unique=True),
    Column("verifier", columns.Text),
    Column("created_at", columns.Instant, nullable=False),
    Column("password_changed_at", columns.Instant),
    Column("disabled_at", columns.Instant),
)

service_accounts = Table(
    "service_accounts",
    columns.metadata,
    Column("id", columns.Text, primary_key=True),
    Column("tenant", columns.Text, ForeignKey("tenants.id"), nullable=False),
    Column("name", columns.Text, nullable=False),
    Column("created_at", columns.Instant, nullable=False),
    Column("created_by", columns.Text, nullable=False),
    Column("disabled_at", columns.Instant),
)

roles = Table(
    "roles",
    columns.metadata,
    Column("account", columns.Text, primary_key=True),
    Column("role", columns.Text, primary_key=True),
)
"""Roles held by an account (the id of a user or a service account)."""

sessions = Table(
    "sessions",
    columns.metadata,
    Column("id", columns.Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("user", columns.Text, ForeignKey("users.id"), nullable=False),
    Column("created_at", columns.Instant, nullable=False),
    Column("last_seen_at", columns.Instant, nullable=False),
    Column("expires_at", columns.Instant, nullable=False),
    Column("ended_at", columns.Instant),
    Column("address", columns.Text, nullable=False),
    Column("agent", columns.Text, nullable=False),
    Column("by_link", Boolean(create_constraint=False), nullable=False),
    Index("sessions_by_user", "user"),
)

one_time_links = Table(
    "one_time_links",
    columns.metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("user", columns.Text, ForeignKey("users.id"), nullable=False),
    Column("created_at", columns.Instant, nullable=False),
    Column("expires_at", columns.Instant, nullable=False),
    Column("used_at", columns.Instant),
)

api_keys = Table(
    "api_keys",
    columns.metadata,
    Column("id", columns.Text, primary_key=True),
    Column("tenant", columns.Text, ForeignKey("tenants.id"), nullable=False),
    Column("owner", columns.Text, nullable=False),
    Column("name", columns.Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("scopes", columns.Text, nullable=False),
    Column("created_at", columns.Instant, nullable=False),
    Column("created_by", columns.Text, nullable=False),
    Column("expires_at", columns.Instant),
    Column("last_used_at", columns.Instant),
    Column("revoked_at", columns.Instant),
    Column("replaces", columns.Text),
    Index("api_keys_by_tenant", "tenant", "created_at"),
)

entitlements = Table(
    "entitlements",
    columns.metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=True),
    Column("tenant", columns.Text, ForeignKey("tenants.id"), nullable=False),
    Column("market", columns.Text, nullable=False),
    Column("product", columns.Text, nullable=False),
    Column("channel", columns.Text, nullable=False),
    Column("valid_from", columns.Instant),
    Column("valid_to", columns.Instant),
    Column("deny", Boolean(create_constraint=False), nullable=False),
    Index("entitlements_by_tenant", "tenant"),
)

sign_in_failures = Table(
    "sign_in_failures",
    columns.metadata,
    Column("subject", columns.Text, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last_failed_at", columns.Instant, nullable=False),
    Column("locked_until", columns.Instant),
    Index("sign_in_failures_by_age", "last_failed_at"),
)

access_version = Table(
    "access_version",
    columns.metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row (id 1): rises with every change of an account, a credential, a role or an entitlement."""

audit_log = Table(
    "audit_log",
    columns.metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", columns.Instant, nullable=False),
    Column("principal", columns.Text, nullable=False),
    Column("tenant", columns.Text, nullable=False),
    Column("action", columns.Text, nullable=False),
    Column("outcome", columns.Text, nullable=False),
    Column("target", columns.Text, nullable=False),
    Column("detail", columns.Text, nullable=False),
    Column("request_id", columns.Text, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""Append-only and hash-chained; triggers refuse UPDATE and DELETE."""

audit_head = Table(
    "audit_head",
    columns.metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)
"""One row (id 1): where the log ends, under the server's secret, so that a cut tail shows."""
