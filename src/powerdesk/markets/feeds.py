"""Feeds as data: what can be asked, how often, and who reads the answer. `app` registers them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from powerdesk.markets.connectors.caiso import fetch as caiso_fetch
from powerdesk.markets.connectors.caiso import parse as caiso_parse
from powerdesk.markets.connectors.caiso import reports as caiso_reports
from powerdesk.markets.connectors.nyiso import fetch as nyiso_fetch
from powerdesk.markets.connectors.nyiso import parse as nyiso_parse
from powerdesk.markets.connectors.nyiso import reports as nyiso_reports

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from powerdesk.markets.fetching import Fetcher
    from powerdesk.markets.types import Fetched, Parser, Report, Request


class Requests(Protocol):
    """A connector's `reports.requests`: the GETs that cover a range."""

    def __call__(
        self, report: Report, *, base_url: str, start: datetime, end: datetime, now: datetime
    ) -> tuple[Request, ...]:
        """Return the requests."""
        ...


def _nothing(report: Report, *, base_url: str, start: datetime, end: datetime, now: datetime) -> tuple[Request, ...]:
    del report, base_url, start, end, now
    return ()


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """A feed: market, parser with its version, and for feeds that are fetched their reports, requests and host.

    `tier` is shown to users: "core" is kept in step with its source, "simulated" is made here.
    A feed that makes its own payloads (SIM) has no reports and no fetch.
    """

    id: str
    market: str
    title: str
    tier: str
    parse: Parser
    parser_version: int
    base_url: str = ""
    seconds_per_request: float = 1.0
    reports: tuple[Report, ...] = ()
    requests: Requests = field(default=_nothing)
    fetch: Callable[[Fetcher, Request], Fetched] | None = None

    def at(self, base_url: str) -> FeedSpec:
        """Return the feed pointed at another address: a mirror, or a test's own server."""
        return replace(self, base_url=base_url)

    def report(self, name: str) -> Report:
        """Return the report; KeyError when the feed has none of that name."""
        for report in self.reports:
            if report.id == name:
                return report
        raise KeyError(name)


CAISO = FeedSpec(
    id="caiso",
    market="CAISO",
    title="California ISO, OASIS",
    tier="core",
    parse=caiso_parse.parse,
    parser_version=caiso_parse.PARSER_VERSION,
    base_url=caiso_reports.BASE_URL,
    seconds_per_request=caiso_reports.SECONDS_PER_REQUEST,
    reports=caiso_reports.REPORTS,
    requests=caiso_reports.requests,
    fetch=caiso_fetch.fetch,
)
NYISO = FeedSpec(
    id="nyiso",
    market="NYISO",
    title="New York ISO, market information system",
    tier="core",
    parse=nyiso_parse.parse,
    parser_version=nyiso_parse.PARSER_VERSION,
    base_url=nyiso_reports.BASE_URL,
    seconds_per_request=nyiso_reports.SECONDS_PER_REQUEST,
    reports=nyiso_reports.REPORTS,
    requests=nyiso_reports.requests,
    fetch=nyiso_fetch.fetch,
)
REAL: tuple[FeedSpec, ...] = (CAISO, NYISO)
