"""From a query string to a request: every fault found and named at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from powerdesk.delivery import value_lists
from powerdesk.delivery.rest import accepting, encoding
from powerdesk.kernel import intervals, local_times, problem
from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.dtypes import Dtype
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from powerdesk.store.dataset import Dataset

COMMON = (
    "start", "end", "as_of", "knowledge", "commit", "columns", "source", "limit", "cursor", "format", "order",
    "estimate", "allow_partial", "tz",
)  # fmt: skip
DEFAULT_LIMIT = 1_000
DISPLAY_LIMIT = 5_000
BULK_LIMIT = 1_000_000
MAX_VALUES = 20_000
MAX_COMMIT = 2**62
CLOCKS_APART = timedelta(seconds=5)
"""An answer's moment may be asked again of another process of the desk, whose clock is behind by no more."""


class BadParametersError(problem.Problem):
    """Query parameters that cannot be read; `errors` names each with what is allowed."""

    status = 400
    slug = "bad-parameters"
    title = "Some parameters cannot be read"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query string understood: what to read, at which cut, in which format."""

    request: Request
    as_of: datetime | None
    knowledge: Knowledge
    commit: int | None
    format: encoding.Format
    cursor: str | None
    estimate: bool
    zone: ZoneInfo | None = None
    """Where the clock stands that local times are added in."""

    @property
    def canonical(self) -> str:
        """The query's identity: everything but limit and format."""
        request = self.request
        parts = (
            request.dataset, sorted((name, sorted(values)) for name, values in request.within.items()),
            request.start, request.end, request.columns, request.sources, request.descending,
            self.knowledge.value, request.allow_partial, self.as_of, self.commit,
        )  # fmt: skip
        return repr(parts)


class _Reading:
    """Collects findings while parameters are read."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.findings: list[problem.Finding] = []
        self.values: dict[str, list[str]] = {}
        for name, value in pairs:
            self.values.setdefault(name, []).append(value)

    def fault(self, name: str, allowed: str, remedy: str, found: str | None = None) -> None:
        shown = ",".join(self.values.get(name, [])) if found is None else found
        self.findings.append(problem.Finding(pointer=name, found=repr(shown[:80]), allowed=allowed, remedy=remedy))

    def one(self, name: str) -> str | None:
        given = self.values.get(name)
        if given is None:
            return None
        if len(given) > 1:
            self.fault(name, "one value", "give it once")
        return given[0]

    def many(self, name: str) -> tuple[str, ...] | None:
        given = self.values.get(name)
        if given is None:
            return None
        found = tuple(dict.fromkeys(part for text in given for part in value_lists.split(text)))
        if not found or len(found) > MAX_VALUES:
            allowed = f'1 to {MAX_VALUES} values, comma separated, in "quotes" where they hold a comma'
            self.fault(name, allowed, "name at least one or drop the parameter")
        return found

    def instant(self, name: str) -> datetime | None:
        text = self.one(name)
        if text is None:
            return None
        try:
            return intervals.parse_instant(text.replace(" ", "+"))  # a '+' in a URL arrives as a space
        except problem.Problem as error:
            self.fault(name, error.allowed, error.remedy)
            return None

    def past(self, name: str, now: datetime | None) -> datetime | None:
        found = self.instant(name)
        if found is not None and now is not None and (fault := future(name, found, now)) is not None:
            self.findings.append(fault)
        return found

    def choice(self, name: str, allowed: Mapping[str, str]) -> str | None:
        text = self.one(name)
        if text is not None and text not in allowed:
            self.fault(name, ", ".join(allowed), "choose one of these")
            return None
        return text

    def integer(self, name: str, low: int, high: int) -> int | None:
        text = self.one(name)
        if text is None:
            return None
        try:
            value = int(text) if text.isascii() else low - 1
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            self.fault(name, f"an integer from {low} to {high}", "correct the number")
            return None
        return value

    def zone(self, name: str) -> ZoneInfo | None:
        text = self.one(name)
        if text is None:
            return None
        try:
            return local_times.zone_of(text)
        except local_times.LocalTimeError as error:
            self.fault(name, error.allowed, error.remedy)
            return None


def future(name: str, instant: datetime, now: datetime) -> problem.Finding | None:
    """Return the fault of asking what will be known; None for an instant that is past by a clock CLOCKS_APART ahead."""
    if instant - now <= CLOCKS_APART:
        return None
    allowed = f"an instant up to now, {intervals.format_instant(now)} by this desk's clock"
    remedy = "leave it out for the present"
    return problem.Finding(pointer=name, found=intervals.format_instant(instant), allowed=allowed, remedy=remedy)


FLAGS = {"true": "yes", "false": "no"}


def read(
    dataset: Dataset,
    pairs: Sequence[tuple[str, str]],
    *,
    accept: str,
    display_only: bool,
    now: datetime | None = None,
) -> Asked:
    """Return what the query string asks of a dataset; raise BadParametersError naming every fault.

    With `now`, an `as_of` after it is one.
    """
    reading = _Reading(pairs)
    filters = {column.name for column in dataset.columns if column.key and column.dtype is Dtype.TEXT}
    known_names = filters | set(COMMON) | {dataset.time_column}
    for name in sorted(set(reading.values) - known_names):
        reading.fault(name, ", ".join(sorted(known_names)), "correct the name", found=name)
    within = {name: values for name in sorted(filters) if (values := reading.many(name)) is not None}
    start, end = reading.instant("start"), reading.instant("end")
    exactly = reading.instant(dataset.time_column)
    if exactly is not None:  # the full key of one cell
        start, end = exactly, exactly + timedelta(microseconds=1)
    if start is not None and end is not None and end <= start:
        reading.fault("end", "an instant after start", "start is inclusive, end exclusive")
    columns = reading.many("columns")
    known = {column.name for column in dataset.columns} | set(_system())
    if columns is not None and (unknown := [name for name in columns if name not in known]):
        reading.fault("columns", ", ".join(sorted(known)), "correct the names", found=",".join(unknown))
    limit = reading.integer("limit", 1, DISPLAY_LIMIT if display_only else BULK_LIMIT)
    order = reading.choice("order", {"asc": "oldest first", "desc": "newest first"})
    partial = reading.choice("allow_partial", FLAGS)
    estimate = reading.choice("estimate", FLAGS)
    knowledge = reading.choice("knowledge", {item.value: item.value for item in Knowledge})
    sources = reading.many("source") or ()
    asked = Asked(
        request=Request(
            dataset=dataset.id,
            within={**within, **({"source": sources} if sources else {})},
            start=start,
            end=end,
            columns=columns,
            limit=limit or DEFAULT_LIMIT,
            descending=order == "desc",
            allow_partial=partial == "true",
        ),
        as_of=reading.past("as_of", now),
        knowledge=Knowledge(knowledge or Knowledge.PUBLISHED.value),
        commit=reading.integer("commit", 0, MAX_COMMIT),
        format=_format(reading, accept, display_only=display_only),
        cursor=reading.one("cursor"),
        estimate=estimate == "true",
        zone=reading.zone("tz"),
    )
    if reading.findings:
        raise BadParametersError(
            found=f"{len(reading.findings)} parameters that cannot be read",
            allowed="see errors",
            remedy=f"correct them; GET /v1/datasets/{dataset.id} describes the columns",
            findings=tuple(reading.findings),
        )
    return asked


def _format(reading: _Reading, accept: str, *, display_only: bool) -> encoding.Format:
    allowed = encoding.JSON_FORMATS if display_only else frozenset(encoding.Format)
    named = reading.choice("format", {item.value: item.value for item in encoding.Format if item in allowed})
    if named is not None:
        return encoding.Format(named)
    offered = [kind for kind, wanted in encoding.ACCEPTED.items() if wanted in allowed]
    return encoding.ACCEPTED[accepting.chosen(accept, offered=offered)]


def _system() -> tuple[str, ...]:
    return (
        "published_at", "published_by", "received_at", "source", "stage", "revision", "commit", "reason", "lineage",
    )  # fmt: skip
