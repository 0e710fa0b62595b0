"""Who may use what: one line for every route, channel, command and job of the desk."""

from __future__ import annotations

from powerdesk.access import policies
from powerdesk.access.policies import ENTITLED, OPERATOR, PUBLIC, SIGNED_IN, Kind, Policies, Policy

DATA_ADMIN = policies.roles("data-admin", "operator")
AUDITOR = policies.roles("auditor", "tenant-admin", "operator")

ROUTES: dict[str, Policy] = {
    "GET /health": PUBLIC,
    "GET /ready": PUBLIC,
    "GET /metrics": DATA_ADMIN,
    "GET /openapi.json": PUBLIC,
    "GET /asyncapi.json": PUBLIC,
    "GET /v1/datasets": SIGNED_IN,
    "GET /v1/datasets/{dataset_id}": SIGNED_IN,
    "GET /v1/datasets/{dataset_id}/rows": ENTITLED,
    "HEAD /v1/datasets/{dataset_id}/rows": ENTITLED,
    "GET /v1/datasets/{dataset_id}/latest": ENTITLED,
    "GET /v1/datasets/{dataset_id}/history": ENTITLED,
    "GET /v1/datasets/{dataset_id}/quality": ENTITLED,
    "GET /v1/lineage/{lineage_id}": ENTITLED,
    "POST /v1/lineage/{lineage_id}/remake": DATA_ADMIN,
    "POST /v1/downloads": ENTITLED,
    "GET /v1/downloads/{token}": PUBLIC,
    "GET /v1/stream/sse": ENTITLED,
    "GET /v1/grid/explain": ENTITLED,
    "GET /v1/locations": SIGNED_IN,
    "GET /v1/feeds": SIGNED_IN,
    "POST /v1/feeds/{feed_id}/{verb}": DATA_ADMIN,
    "GET /v1/payloads": DATA_ADMIN,
    "GET /v1/payloads/{sha256}": DATA_ADMIN,
    "GET /v1/jobs": DATA_ADMIN,
    "POST /v1/imports/{source}": DATA_ADMIN,
    "POST /v1/backfills": DATA_ADMIN,
    "POST /v1/backfills/estimate": DATA_ADMIN,
    "GET /v1/tenants": OPERATOR,
    "POST /v1/tenants": OPERATOR,
    "POST /v1/service-accounts": OPERATOR,
    "POST /v1/users": OPERATOR,
    "POST /v1/users/{name}/reset": OPERATOR,
    "POST /v1/users/{name}/unlock": OPERATOR,
    "POST /v1/sign-in-links": OPERATOR,
    "POST /v1/operator/backups": OPERATOR,
    "GET /v1/operator/engines": OPERATOR,
    "POST /v1/operator/keys": OPERATOR,
    "GET /v1/audit/verify": AUDITOR,
    "POST /v1/operator/shutdown": OPERATOR,
}
"""Routes of delivery and app; a signed download link is itself the credential of GET /v1/downloads/{token}."""

CHANNELS: dict[str, Policy] = {"WS /v1/stream": ENTITLED}
COMMANDS: dict[str, Policy] = dict.fromkeys(
    (
        *("up", "serve", "status", "down", "doctor", "import", "backfill", "get", "live", "replay", "datasets"),
        *("locations search", "feeds list", "feeds pause", "feeds resume", "feeds retry"),
        *("tenant create", "tenant list", "entitlement list", "entitlement set", "service-account create"),
        *("user create", "user reset", "user unlock", "key create", "key list", "key rotate", "key revoke"),
        *("sign-in-link", "audit verify", "store copy", "backup", "restore"),
        *("grid opf", "grid ptdf", "grid contingencies", "grid network", "grid explain", "sim"),
    ),
    OPERATOR,
)
"""A verb run beside the desk acts as the owner of the data folder; with --url and --key it acts as the key."""
JOBS: dict[str, Policy] = {
    "markets.poll": OPERATOR,
    "markets.refill": OPERATOR,
    "markets.backfill": OPERATOR,
    "store.backup": OPERATOR,
    "store.calculate": OPERATOR,
    "store.retention": OPERATOR,
    "delivery.downloads": OPERATOR,
    "grid.forecast": OPERATOR,
    "grid.surfaces": OPERATOR,
}


def add_all(table: Policies) -> None:
    """Declare everything above in a desk's table."""
    tables = {Kind.ROUTE: ROUTES, Kind.CHANNEL: CHANNELS, Kind.COMMAND: COMMANDS, Kind.JOB: JOBS}
    for kind, declared in tables.items():
        for name, policy in declared.items():
            table.declare(kind=kind, name=name, policy=policy)
