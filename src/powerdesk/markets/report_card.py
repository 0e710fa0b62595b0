"""What each connector is known to do: a rule is done (with its proof), unverified (and why), or exempt (and why)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a rule stands."""

    DONE = "done"
    UNVERIFIED = "unverified"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a report card; `because` is the proof or the reason."""

    connector: str
    rule: str
    verdict: Verdict
    because: str


_DONE, _UNVERIFIED, _EXEMPT = Verdict.DONE, Verdict.UNVERIFIED, Verdict.EXEMPT

CARDS: tuple[Rule, ...] = (
    Rule("caiso", "demand forecast parsed", _DONE, "recorded SLD_FCST zip, 6432 rows"),
    Rule("caiso", "renewables forecast parsed", _DONE, "recorded SLD_REN_FCST zip, 1008 rows"),
    Rule("caiso", "outlook demand parsed on both clock changes", _DONE, "recorded netdemand.csv of 2019"),
    Rule("caiso", "outlook fuel mix parsed", _DONE, "recorded fuelsource.csv of 2023"),
    Rule(
        "caiso", "price reports parsed", _UNVERIFIED, "no recorded PRC_* file: columns as documented, simulated server"
    ),
    Rule("caiso", "in-band error codes", _UNVERIFIED, "documented codes, no recorded refusal"),
    Rule("caiso", "throttle page", _UNVERIFIED, "documented text, not recorded"),
    Rule("caiso", "endpoints and versions answer", _UNVERIFIED, "never called from here"),
    Rule(
        "caiso",
        "issue stamp of forecasts",
        _UNVERIFIED,
        "the zip's own time of making, read as Pacific time: the later of its two possible readings",
    ),
    Rule(
        "caiso", "publication time of prices", _UNVERIFIED, "13:00 the day before and start of interval, not measured"
    ),
    Rule("caiso", "CIM XML", _EXEMPT, "the same reports are asked for as CSV"),
    Rule("nyiso", "fuel mix parsed", _DONE, "recorded month, 57 722 rows, dispatches out of turn included"),
    Rule("nyiso", "load forecast parsed", _DONE, "recorded isolf, 1728 rows"),
    Rule("nyiso", "OASIS export of day-ahead prices", _DONE, "recorded summer of 2024, 2208 rows"),
    Rule("nyiso", "OASIS export of RTC prices", _DONE, "recorded summer of 2024, 8819 rows"),
    Rule("nyiso", "congestion sign", _DONE, "energy part equal over zones within 0.02 in published data"),
    Rule("nyiso", "MIS price files parsed", _UNVERIFIED, "no recorded damlbmp or realtime file: documented columns"),
    Rule(
        "nyiso", "actual load parsed", _UNVERIFIED, "no recorded pal file: documented columns; stamps taken as starts"
    ),
    Rule("nyiso", "repeated hour without a zone column", _DONE, "order of rows, refused where it does not decide"),
    Rule(
        "nyiso",
        "issue stamp of load forecasts",
        _UNVERIFIED,
        "not in the file: dated to the end of its first day, by which it was public",
    ),
    Rule("nyiso", "publication time of prices", _UNVERIFIED, "11:00 the day before and end of interval, not measured"),
    Rule("nyiso", "endpoints answer", _UNVERIFIED, "never called from here"),
    Rule("nyiso", "hourly averages (rtlbmp)", _EXEMPT, "derived from the five-minute prices that are kept"),
)


def card(connector: str) -> tuple[Rule, ...]:
    """Return the report card of a connector, empty when there is none."""
    return tuple(rule for rule in CARDS if rule.connector == connector)
