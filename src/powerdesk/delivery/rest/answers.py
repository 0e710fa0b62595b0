"""Shapes of what the routes of datasets answer: the type checker holds the code to them, OpenAPI tells them."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from powerdesk.store.lineage import Input

Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Seconds = Annotated[float, Meta(extra_json_schema={"x-unit": "s"})]
Share = Annotated[float, Meta(description="share of what was expected", ge=0.0)]
Cell = str | float | int | bool | None
"""Of a table: an instant is text; a missing number is null."""


class Lacking(TypedDict):
    """What the caller lacks to read the rows of a market."""

    market: str
    product: str
    channel: str


class Fault(TypedDict):
    """One fault of several: where it is, what was found, what is allowed, what to do."""

    pointer: str
    found: str
    allowed: str
    remedy: str


class ProblemShown(TypedDict):
    """A problem (RFC 9457), with what was found, what is allowed and what to do."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    found: str
    allowed: str
    remedy: str
    errors: list[Fault]
    retry_after: NotRequired[Seconds]
    entitlement: NotRequired[list[Lacking]]


class Envelope(TypedDict):
    """What every answer with rows says of itself; `units` by column, `next` is the cursor of the page that follows."""

    dataset: str
    as_of: Instant
    knowledge: str
    commit: int
    count: int
    units: dict[str, str]
    next: str | None
    more: bool
    left_out: list[Lacking]


class Rows(Envelope):
    """Rows with their envelope, in one of three shapes: `columns`; `names` and `rows`; or `records`."""

    columns: NotRequired[dict[str, list[Cell]]]
    names: NotRequired[list[str]]
    rows: NotRequired[list[list[Cell]]]
    records: NotRequired[list[dict[str, Cell]]]


class Estimate(TypedDict):
    """What a request would give and cost: rows, bytes of JSON, calls and rows of the budget."""

    rows: int
    bytes: int
    calls: int
    cost_rows: int


class Publication(TypedDict):
    """By which rule rows are dated."""

    name: str
    meaning: str


class Freshness(TypedDict):
    """From which age on the newest interval is late, and stale."""

    late_after_s: Seconds
    stale_after_s: Seconds


class Column(TypedDict):
    """A declared column: its kind of value, its unit, what it means."""

    name: str
    dtype: str
    unit: str | None
    meaning: str
    nullable: bool
    key: bool
    allowed: list[str] | None


class SystemColumn(TypedDict):
    """A column that every dataset has."""

    name: str
    dtype: str
    meaning: str


class Licence(TypedDict):
    """On what terms the rows of a source may be used."""

    source: str
    market: str
    name: str
    redistribute: bool
    derive: bool
    attribution: str


class DatasetShown(TypedDict):
    """A dataset's declaration, and the commit up to which it is readable."""

    id: str
    title: str
    meaning: str
    grain: str
    product: str
    version: int
    position: int
    publication: Publication
    freshness: Freshness
    columns: list[Column]
    system_columns: list[SystemColumn]
    key: list[str]
    series_key: list[str]
    time_column: str
    end_column: str | None
    lasting_by: list[str]
    licences: list[Licence]
    inputs: list[str]
    retention_s: Seconds | None


class DatasetsShown(TypedDict):
    """Every dataset of the desk."""

    datasets: list[DatasetShown]


class DatasetSampled(DatasetShown):
    """A declaration with the newest rows, or with the problem that says why the caller gets none."""

    sample: NotRequired[Rows]
    sample_refused: NotRequired[ProblemShown]


class GroupShown(TypedDict):
    """How complete a group of series is: intervals expected and present; null where none was expected."""

    group: list[str]
    minutes: int
    series: int
    expected: int
    present: int
    completeness: Share | None


class Age(TypedDict):
    """How old the newest interval is."""

    newest_interval_end: Instant | None
    age_s: Seconds | None
    state: str


class GapShown(TypedDict):
    """Intervals [start, end) that are not there, and why."""

    group: list[str]
    market: str | None
    market_run: str | None
    series: list[str]
    start: Instant
    end: Instant
    intervals: int
    reason: str
    detail: str


class Restated(TypedDict):
    """Rows that replaced former ones: how many, and the last of them."""

    in_span: int
    last_24h: int
    last: list[dict[str, Cell]]


class QualityShown(TypedDict):
    """What was due in [start, end) and is there, as known at `as_of`; `gap_count` counts more than `gaps` shows."""

    dataset: str
    start: Instant
    end: Instant
    as_of: Instant
    expected: int
    present: int
    missing: int
    completeness: Share | None
    groups: list[GroupShown]
    freshness: Age
    gaps: list[GapShown]
    gap_count: int
    restatements: Restated
    left_out: list[Lacking]


class LineageShown(TypedDict):
    """What made a batch; `hidden_inputs` counts those that the caller may not read, `lost` says what was deleted."""

    id: str
    kind: str
    name: str
    version: int
    dataset: str
    inputs: list[Input]
    payload_sha256: str | None
    parameters: dict[str, str]
    seed: int | None
    dependencies: str
    hidden_inputs: int
    lost: str | None


class Offered(TypedDict):
    """A file that was made, and the signed link to it."""

    url: str
    expires_at: Instant
    sha256: str
    bytes: int
    rows: int
    licence: list[str]
