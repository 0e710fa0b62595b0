"""Show the stream in a terminal: one line a tick, with a sparkline of what came before."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import typer

from powerdesk.app.cli import printing
from powerdesk.app.cli.connection import AnsweredProblem
from powerdesk.app.cli.root import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from powerdesk.app.cli.connection import Reached
    from powerdesk.kernel.problem import Problem

SPARK_POINTS = 40
QUIET_S = 60.0
"""Heartbeats come every few seconds: a minute without any means the connection is dead."""


def show(
    desk: Reached,
    *,
    params: dict[str, Any],
    updates: int,
    output: Output | None,
    nothing: Callable[[Reached, str, dict[str, Any]], Problem],
) -> None:
    """Print rows as they arrive until enough came, the replay ended, or the user leaves.

    Raise what `nothing` makes after a replay without a row, and of a location that the desk does not know.
    """
    recent: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SPARK_POINTS))
    seen = 0
    try:
        for kind, body in _events(desk, {"channel": "markets.prices", "from": "snapshot", **params}):
            if kind == "replay_end" and not seen:
                raise nothing(desk, "no price", params)
            if kind == "snap_end" and not seen and "replay_start" not in params:
                if not _is_known(desk, params["location"]):
                    raise nothing(desk, "no price", params)
                typer.echo(f"no price of {params['location']} in {params['market_run']} yet: waiting", err=True)
            if kind in ("replay_end", "bye"):
                return
            if kind == "err":
                raise AnsweredProblem(body["problem"], int(body["problem"].get("status", 400)))
            for row in _rows(body) if kind in ("snap", "upd") else ():
                _print(row, recent[row["location"]], printing.chosen(output))
                seen += 1
                if updates and seen >= updates:
                    return
    except KeyboardInterrupt:
        return


def _is_known(desk: Reached, location: str) -> bool:
    return any(row["id"] == location for row in desk.get("/v1/locations", search=location)["locations"])


def _events(desk: Reached, params: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    timeout = httpx.Timeout(10.0, read=QUIET_S)
    url = f"{desk.base}/v1/stream/sse"
    with httpx.stream("GET", url, params=params, headers=desk.headers, timeout=timeout) as answer:
        if answer.is_error:
            raise AnsweredProblem(msgspec.json.decode(answer.read()), answer.status_code)
        kind = ""
        for line in answer.iter_lines():
            if line.startswith("event:"):
                kind = line[6:].strip()
            elif line.startswith("data:"):
                yield kind, msgspec.json.decode(line[5:])


def _rows(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    columns = body["columns"]
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _print(row: dict[str, Any], recent: deque[float], output: Output) -> None:
    if output is not Output.TABLE:
        print(msgspec.json.encode(row).decode(), flush=True)
        return
    price = row["price_per_mwh"]
    if price is not None:
        recent.append(price)
    spark = printing.sparkline(list(recent))
    where, when = row["location"], row["interval_start"]
    print(f"{when}  {where:<24} {printing.text(price):>10} {row.get('currency', '')}/MWh  {spark}", flush=True)
