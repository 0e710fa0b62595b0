"""The rows of records.sqlite in the kept folder, by the statements of release 0.1. Frozen; see foundation.py."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import foundation_facts as facts
import foundation_formats as formats
from foundation_formats import micros

if TYPE_CHECKING:
    import sqlite3

Rows = dict[str, list[tuple[Any, ...]]]


def fill(records: sqlite3.Connection) -> None:
    """Insert every row by the statements of release 0.1, naming the columns it knew."""
    then = micros(facts.OCTOBER)
    rows = {**_account_rows(then), **_right_rows(then), **_markets_rows(), **_engine_rows()}
    for into, values in rows.items():
        marks = ", ".join("?" * len(values[0]))
        records.executemany(f"INSERT INTO {into} VALUES ({marks})", values)  # noqa: S608 - frozen names
    formats.write_audit(
        records,
        [
            (then, "operator", "*", "tenant.create", "done", "pilot", "{}", ""),
            (then, "operator", "*", "user.create", "done", "usr_ada", '{"name":"ada","roles":"viewer"}', "req-1"),
            (then, "usr_ada", "pilot", "key.create", "done", "0Kept0ne", '{"name":"kept","scopes":"api"}', "req-2"),
            (micros(facts.at(9)), "usr_ada", "pilot", "read", "denied", "markets.load", '{"channel":"api"}', "req-3"),
        ],
        pepper=facts.PEPPER,
    )


def _account_rows(then: int) -> Rows:
    return {
        "tenants (id, name, plan, created_at, disabled_at)": [("pilot", "Pilot", "standard", then, None)],
        "users (id, tenant, name, name_folded, verifier, created_at, password_changed_at, disabled_at)": [
            ("usr_ada", "pilot", facts.USER, facts.USER, facts.VERIFIER, then, then, None),
            ("usr_bob", "pilot", "Bob", "bob", None, then, None, then),
        ],
        "service_accounts (id, tenant, name, created_at, created_by, disabled_at)": [
            ("svc_loader", "pilot", "loader", then, "usr_ada", None)
        ],
        "roles (account, role)": [("usr_ada", "tenant-admin"), ("usr_ada", "viewer"), ("svc_loader", "viewer")],
        "sessions (id, token_hash, user, created_at, last_seen_at, expires_at, ended_at, address, agent, by_link)": [
            (
                "ses_kept",
                hashlib.sha256(facts.SESSION_TOKEN.encode()).digest(),
                "usr_ada",
                micros(facts.at(9)),
                micros(facts.at(12)),
                micros(facts.at(9) + timedelta(days=7)),
                None,
                "127.0.0.1",
                "a browser",
                0,
            )
        ],
        "one_time_links (code_hash, user, created_at, expires_at, used_at)": [
            (hashlib.sha256(b"used").digest(), "usr_ada", then, then + 900_000_000, then + 60_000_000)
        ],
    }


def _right_rows(then: int) -> Rows:
    return {
        "api_keys (id, tenant, owner, name, mac, scopes, created_at, created_by, expires_at, last_used_at, revoked_at,"
        " replaces)": [
            (
                "0Kept0ne",
                "pilot",
                "usr_ada",
                "kept",
                _mac(facts.KEY),
                "api",
                then,
                "usr_ada",
                None,
                then,
                None,
                "0RevokeD",
            ),
            (
                "0RevokeD",
                "pilot",
                "usr_ada",
                "gone",
                _mac(facts.REVOKED_KEY),
                "api",
                then,
                "usr_ada",
                None,
                None,
                then,
                None,
            ),
        ],
        "entitlements (tenant, market, product, channel, valid_from, valid_to, deny)": [
            *(("pilot", "NYISO", "*", channel, None, None, 0) for channel in ("hub", "api", "stream", "download")),
            ("pilot", "NYISO", "load", "api", then, None, 1),
        ],
        "access_version (id, version)": [(1, 1)],
        "sign_in_failures (subject, failures, last_failed_at, locked_until)": [("name:mallory", 3, then, None)],
        "store_lineages (id, kind, dataset, body, created_at)": [
            (facts.LINEAGE, "payload", "markets.prices", facts.LINEAGE_BODY, then)
        ],
    }


def _mac(key: str) -> bytes:
    return formats.key_mac(key, pepper=facts.PEPPER)


def _markets_rows() -> Rows:
    received = micros(facts.OCTOBER.replace(minute=30))
    waiting = [
        (
            sha256,
            "nyiso",
            "https://example.invalid/rt",
            "realtime_zone.csv",
            at,
            len(facts.PAYLOADS[sha256]),
            "received",
        )
        for sha256, at in (
            (facts.ANNOUNCED_SHA, micros(facts.at(12, 50))),
            (facts.QUEUED_SHA, micros(facts.at(12, 55))),
        )
    ]
    return {
        "markets_feeds (id, paused, state, since, last_ok_at, last_error, last_error_at, next_try_at,"
        " last_payload_sha256, last_rows)": [
            ("nyiso", 0, "running", received, micros(facts.at(12, 55)), None, None, None, facts.RECORDED_SHA, 4),
            ("caiso", 1, "unreachable", received, None, "transient: no route", received, None, None, None),
        ],
        "markets_fetches (feed, report, at, outcome, detail, sha256, lag_s)": [
            ("nyiso", "rt5-prices", received, "ok", "", facts.RECORDED_SHA, 1200.0),
            ("caiso", "rt5-prices", received, "transient", "no route", None, None),
        ],
        "markets_payloads (sha256, feed, url, name, received_at, bytes, outcome)": waiting,
        "markets_payloads (sha256, feed, url, name, received_at, bytes, outcome, parser_version, kind, rows, rejected,"
        " duplicates, findings)": [
            (
                facts.RECORDED_SHA,
                "nyiso",
                "https://example.invalid/rt",
                "realtime_zone.csv",
                received,
                len(facts.RECORDED),
                "ok",
                *(1, "nyiso.lbmp.rt5", 4, 0, 0, "[]"),
            )
        ],
        'markets_gaps (dataset, market, market_run, series, start, "end", reason, detail, since, closed_at)': [
            (
                "markets.prices",
                "NYISO",
                "RT5",
                "NYISO:CAPITL",
                micros(facts.N0),
                micros(facts.N1),
                "absent",
                "",
                received,
                None,
            ),
            (
                "markets.prices",
                "NYISO",
                "RT5",
                "NYISO:ALPHA",
                micros(facts.O0),
                micros(facts.O1),
                "absent",
                "",
                1,
                received,
            ),
        ],
    }


def _engine_rows() -> Rows:
    then = micros(facts.at(9))
    return {
        "outbox (topic, key, value, headers, queued_at)": [
            (
                "markets.payload-received.v1",
                "nyiso",
                facts.payload_received(facts.QUEUED_SHA, facts.at(12, 55)),
                "{}",
                then,
            )
        ],
        "job_schedules (name, cron, next_due_at)": [
            ("markets.backfill", None, None),
            ("markets.refill.caiso", "17 * * * *", micros(facts.at(9, 17))),
        ],
        "job_runs (run_id, name, key, state, arguments, attempt, due_at, lease_owner, lease_until, cancel_requested,"
        " started_at, ended_at, progress, message)": [
            ("run_1", "markets.refill.caiso", None, "done", "{}", 1, then, None, None, 0, then, then, 1.0, "0 rows"),
            ("run_2", "markets.poll.caiso.rt5", None, "failed", "{}", 3, then, None, None, 0, then, then, 0.5, "x"),
            ("run_3", "markets.poll.caiso.rt5", None, "running", "{}", 1, then, "gone", then, 0, then, None, 0.5, ""),
        ],
    }
