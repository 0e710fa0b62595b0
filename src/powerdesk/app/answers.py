"""What the app's own routes answer, and the shape of every JSON answer by its route: OpenAPI is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from powerdesk.access.queries.directory import KeyView, TenantView
from powerdesk.app import grid_routes
from powerdesk.app.remaking import Remade
from powerdesk.app.standing import Standing
from powerdesk.delivery.rest import answers
from powerdesk.delivery.rest.answers import Seconds, Share
from powerdesk.engines.ports.jobs import JobRun
from powerdesk.markets.planner import Estimate
from powerdesk.markets.queries import FeedStatus, PayloadRow

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tenants(TypedDict):
    """The tenants within reach."""

    tenants: list[TenantView]


class TenantMade(TypedDict):
    """A new tenant."""

    id: str
    title: str
    plan: str


class ServiceAccountMade(TypedDict):
    """A new service account."""

    id: str
    name: str
    tenant: str
    roles: list[str]


class UserMade(TypedDict):
    """A new account and the one-time link with which its owner signs in."""

    id: str
    name: str
    tenant: str
    link: str


class Link(TypedDict):
    """A one-time sign-in link of an account."""

    name: str
    link: str


class KeyMade(TypedDict):
    """A new key with its secret, shown this once."""

    key: KeyView
    secret: str


class Proven(TypedDict):
    """What checking the audit log found: rows proven, the first fault, and whether all of it is as it was written."""

    rows: int
    fault: str | None
    sequence: int | None
    intact: bool


class Progress(TypedDict):
    """How far the making of history has come: `done` of `total`, and the seconds it still takes."""

    progress: Share
    done: int
    total: int
    unit: str
    eta_s: Seconds | None


class CardLine(TypedDict):
    """A rule of a feed's report card, how it stands, and the proof or the reason."""

    rule: str
    verdict: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedShown(FeedStatus):
    """How a feed stands, with its report card."""

    backfill: Progress | None
    card: list[CardLine]


class Feeds(TypedDict):
    """The feeds that run."""

    feeds: list[FeedShown]


class Place(TypedDict):
    """A location: markets' own by number and title, simulated ones by zone and degrees."""

    id: str
    market: str
    name: str
    kind: str
    title: NotRequired[str]
    ptid: NotRequired[int | None]
    zone: NotRequired[str | None]
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]


class Places(TypedDict):
    """Locations found; `count` counts more than are shown."""

    locations: list[Place]
    count: int


class Payloads(TypedDict):
    """Raw payloads, newest first."""

    payloads: list[PayloadRow]


class FileLine(TypedDict):
    """What a file gave to a dataset; a dry run stores nothing and so tells of nothing stored."""

    file: str
    dataset: str
    kind: str | None
    rows: int
    duplicates: int
    rejected: int
    findings: list[str]
    gaps: int
    new: NotRequired[int]
    revised: NotRequired[int]
    commit: NotRequired[int | None]
    sha256: NotRequired[str]
    dry_run: NotRequired[bool]


class Taken(TypedDict):
    """A line for each dataset of the file."""

    files: list[FileLine]


class Runs(TypedDict):
    """Runs of jobs, newest first."""

    jobs: list[JobRun]


class Queued(TypedDict):
    """The run that was queued."""

    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEstimate(Estimate):
    """What a back-fill of a feed takes."""

    feed: str


class Engines(TypedDict):
    """How each engine stands."""

    engines: list[Standing]


class Readiness(TypedDict):
    """Whether the desk can serve, and if not, why; `behind` counts batches not readable yet."""

    ready: bool
    workers: dict[str, bool]
    log_end: int
    behind: int
    first_prices: bool
    degraded: list[str]
    title: NotRequired[str]
    found: NotRequired[str]
    allowed: NotRequired[str]
    remedy: NotRequired[str]


class Document(TypedDict):
    """A document in a language of its own; `openapi` or `asyncapi` names its version."""

    info: dict[str, str]
    components: dict[str, Any]
    openapi: NotRequired[str]
    asyncapi: NotRequired[str]


ANSWERS: Mapping[str, Any] = {
    "GET /v1/datasets": answers.DatasetsShown,
    "GET /v1/datasets/{dataset_id}": answers.DatasetSampled,
    "GET /v1/datasets/{dataset_id}/rows": answers.Rows,
    "GET /v1/datasets/{dataset_id}/latest": answers.Rows,
    "GET /v1/datasets/{dataset_id}/history": answers.Rows,
    "GET /v1/datasets/{dataset_id}/quality": answers.QualityShown,
    "GET /v1/lineage/{lineage_id}": answers.LineageShown,
    "POST /v1/lineage/{lineage_id}/remake": Remade,
    "POST /v1/downloads": answers.Offered,
    "GET /v1/grid/explain": grid_routes.Explained,
    "GET /v1/tenants": Tenants,
    "POST /v1/tenants": TenantMade,
    "POST /v1/service-accounts": ServiceAccountMade,
    "POST /v1/users": UserMade,
    "POST /v1/users/{name}/reset": Link,
    "POST /v1/sign-in-links": Link,
    "POST /v1/operator/keys": KeyMade,
    "GET /v1/audit/verify": Proven,
    "GET /v1/feeds": Feeds,
    "GET /v1/locations": Places,
    "GET /v1/payloads": Payloads,
    "POST /v1/imports/{source}": Taken,
    "GET /v1/jobs": Runs,
    "POST /v1/backfills/estimate": FeedEstimate,
    "POST /v1/backfills": Queued,
    "GET /v1/operator/engines": Engines,
    "POST /v1/operator/backups": Queued,
    "GET /ready": Readiness,
    "GET /openapi.json": Document,
    "GET /asyncapi.json": Document,
}
"""The shape of each JSON answer that is written by hand; GET rows may answer with an Estimate instead."""
