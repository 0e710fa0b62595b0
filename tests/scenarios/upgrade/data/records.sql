-- The schema of records.sqlite at revision 0003, as release 0.1 left it. Frozen: never edit.

CREATE TABLE alembic_version (
    version_num TEXT NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
) STRICT;
CREATE TABLE job_runs (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, name TEXT NOT NULL, "key" TEXT, state
    TEXT NOT NULL, arguments TEXT NOT NULL, attempt INTEGER NOT NULL, due_at INTEGER NOT NULL, lease_owner TEXT,
    lease_until INTEGER, cancel_requested INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER, progress REAL,
    message TEXT NOT NULL, UNIQUE (run_id)
) STRICT;
CREATE INDEX job_runs_by_name ON job_runs (name, sequence);
CREATE INDEX job_runs_by_state ON job_runs (state, due_at);
CREATE TABLE job_schedules (
    name TEXT NOT NULL, cron TEXT, next_due_at INTEGER, PRIMARY KEY (name)
) STRICT;
CREATE TABLE outbox (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, "key" TEXT NOT NULL, value BLOB NOT
    NULL, headers TEXT NOT NULL, queued_at INTEGER NOT NULL
) STRICT;
CREATE TABLE access_version (
    id INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (id)
) STRICT;
CREATE TABLE audit_head (
    id INTEGER NOT NULL, sequence INTEGER NOT NULL, hash BLOB NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (id)
) STRICT;
CREATE TABLE audit_log (
    sequence INTEGER NOT NULL, at INTEGER NOT NULL, principal TEXT NOT NULL, tenant TEXT NOT NULL, action TEXT NOT
    NULL, outcome TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL, request_id TEXT NOT NULL, previous_hash
    BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (sequence)
) STRICT;
CREATE TABLE roles (
    account TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (account, role)
) STRICT;
CREATE TABLE sign_in_failures (
    subject TEXT NOT NULL, failures INTEGER NOT NULL, last_failed_at INTEGER NOT NULL, locked_until INTEGER, PRIMARY
    KEY (subject)
) STRICT;
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (last_failed_at);
CREATE TABLE tenants (
    id TEXT NOT NULL, name TEXT NOT NULL, "plan" TEXT NOT NULL, created_at INTEGER NOT NULL, disabled_at INTEGER,
    PRIMARY KEY (id)
) STRICT;
CREATE TABLE api_keys (
    id TEXT NOT NULL, tenant TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, mac BLOB NOT NULL, scopes TEXT
    NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER, last_used_at INTEGER,
    revoked_at INTEGER, replaces TEXT, PRIMARY KEY (id), FOREIGN KEY(tenant) REFERENCES tenants (id)
) STRICT;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant, created_at);
CREATE TABLE entitlements (
    sequence INTEGER NOT NULL, tenant TEXT NOT NULL, market TEXT NOT NULL, product TEXT NOT NULL, channel TEXT NOT
    NULL, valid_from INTEGER, valid_to INTEGER, deny INTEGER NOT NULL, PRIMARY KEY (sequence), FOREIGN KEY(tenant)
    REFERENCES tenants (id)
) STRICT;
CREATE INDEX entitlements_by_tenant ON entitlements (tenant);
CREATE TABLE service_accounts (
    id TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT
    NULL, disabled_at INTEGER, PRIMARY KEY (id), FOREIGN KEY(tenant) REFERENCES tenants (id)
) STRICT;
CREATE TABLE users (
    id TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, name_folded TEXT NOT NULL, verifier TEXT, created_at
    INTEGER NOT NULL, password_changed_at INTEGER, disabled_at INTEGER, PRIMARY KEY (id), FOREIGN KEY(tenant)
    REFERENCES tenants (id), UNIQUE (name_folded)
) STRICT;
CREATE TABLE one_time_links (
    code_hash BLOB NOT NULL, user TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used_at
    INTEGER, PRIMARY KEY (code_hash), FOREIGN KEY(user) REFERENCES users (id)
) STRICT;
CREATE TABLE sessions (
    id TEXT NOT NULL, token_hash BLOB NOT NULL, user TEXT NOT NULL, created_at INTEGER NOT NULL, last_seen_at
    INTEGER NOT NULL, expires_at INTEGER NOT NULL, ended_at INTEGER, address TEXT NOT NULL, agent TEXT NOT NULL,
    by_link INTEGER NOT NULL, PRIMARY KEY (id), FOREIGN KEY(user) REFERENCES users (id), UNIQUE (token_hash)
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TABLE store_lineages (
    id TEXT NOT NULL, kind TEXT NOT NULL, dataset TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE TABLE markets_feeds (
    id TEXT NOT NULL, paused INTEGER NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL, last_ok_at INTEGER,
    last_error TEXT, last_error_at INTEGER, next_try_at INTEGER, last_payload_sha256 TEXT, last_rows INTEGER,
    PRIMARY KEY (id)
) STRICT;
CREATE TABLE markets_fetches (
    number INTEGER NOT NULL, feed TEXT NOT NULL, report TEXT NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL,
    detail TEXT NOT NULL, sha256 TEXT, lag_s REAL, PRIMARY KEY (number)
) STRICT;
CREATE INDEX markets_fetches_by_time ON markets_fetches (feed, at);
CREATE TABLE markets_payloads (
    sha256 TEXT NOT NULL, feed TEXT NOT NULL, url TEXT NOT NULL, name TEXT, received_at INTEGER NOT NULL, bytes
    INTEGER NOT NULL, outcome TEXT NOT NULL, parser_version INTEGER, kind TEXT, rows INTEGER, rejected INTEGER,
    duplicates INTEGER, findings TEXT, PRIMARY KEY (sha256, feed)
) STRICT;
CREATE INDEX markets_payloads_by_time ON markets_payloads (feed, received_at);
CREATE TABLE markets_gaps (
    number INTEGER NOT NULL, dataset TEXT NOT NULL, market TEXT NOT NULL, market_run TEXT NOT NULL, series TEXT NOT
    NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, since INTEGER
    NOT NULL, closed_at INTEGER, PRIMARY KEY (number)
) STRICT;
CREATE INDEX markets_gaps_open ON markets_gaps (dataset, market, closed_at);
