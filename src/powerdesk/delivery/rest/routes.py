"""The dataset routes: catalogue, rows, latest, history, lineage. Generic over declarations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from powerdesk.access import entitlements
from powerdesk.delivery.rest import descriptions, encoding, parameters, problems, reading
from powerdesk.kernel import intervals, problem
from powerdesk.store import lineage, queries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from powerdesk.delivery.caller import Caller, Gate
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Store


SAMPLE_ROWS = 5


class UnknownLineageError(problem.Problem):
    """No batch was written under this id, or none that the caller may see."""

    status = 404
    slug = "unknown-lineage"
    title = "No such lineage"


LIGHT_LOCATIONS = 16
LIGHT_SPAN = timedelta(days=2)
HEAVY = frozenset({"as_of", "commit", "cursor", "estimate", "format"})
"""Parameters that may reach far back, wait for a commit, or ask for bulk."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What the dataset routes need: the store, the gate, and the secret that signs cursors."""

    store: Store
    gate: Gate
    secret: bytes


def router(rest: Rest) -> APIRouter:
    """Return the routes under /v1 that serve every dataset."""
    routes = APIRouter(prefix="/v1", tags=["datasets"])

    @routes.get("/datasets")
    def list_datasets(request: Request) -> Response:
        """List the datasets with their columns, units, licences and present commit."""
        rest.gate.caller(request)
        return _json({"datasets": [_described(rest.store, each) for each in rest.store.datasets.values()]})

    @routes.get("/datasets/{dataset_id}")
    def describe_dataset(request: Request, dataset_id: str) -> Response:
        """Describe one dataset, with its newest rows where the caller may read any."""
        caller = rest.gate.caller(request)
        declared = queries.dataset(rest.store, dataset_id)
        return _json({**_described(rest.store, declared), **_sample(rest, caller, declared)})

    @routes.head("/datasets/{dataset_id}/rows", include_in_schema=False)
    @routes.get("/datasets/{dataset_id}/rows")
    async def read_rows(request: Request, dataset_id: str) -> Response:
        """Read rows as known at `as_of`, a page at a time."""
        return await _served(rest, request, lambda: _rows(rest, request, dataset_id))

    @routes.get("/datasets/{dataset_id}/latest")
    async def read_latest(request: Request, dataset_id: str) -> Response:
        """Read the newest interval of each series as known at `as_of`, a page of series at a time."""
        return await _served(rest, request, lambda: _latest(rest, request, dataset_id))

    @routes.get("/datasets/{dataset_id}/history")
    def read_history(request: Request, dataset_id: str) -> Response:
        """Read every revision of the cells asked for: how each number came to be."""
        return _history(rest, request, dataset_id)

    @routes.get("/lineage/{lineage_id}")
    def read_lineage(request: Request, lineage_id: str) -> Response:
        """Say what made the rows that carry this id; inputs the caller may not read are counted, not shown."""
        caller = rest.gate.caller(request)
        with rest.store.records.reader() as reader:
            made = queries.lineage_of(reader, lineage_id=lineage_id)
        if made is None:
            raise UnknownLineageError(
                found=repr(lineage_id[:60]),
                allowed="an id from a row's lineage column",
                remedy="ask for the rows with columns=lineage",
            )
        return _json(_visible(rest, caller, made))

    return routes


def _described(store: Store, declared: Dataset) -> dict[str, Any]:
    return descriptions.dataset_json(declared, position=store.progress.commit(declared.id))


def _sample(rest: Rest, caller: Caller, declared: Dataset) -> dict[str, Any]:
    """Return `sample`: the newest row of the series that were heard of last, or `sample_refused`: why there is none."""
    try:
        made = reading.newest(rest.store, rest.gate.asker(caller), declared=declared, rows=SAMPLE_ROWS, now=caller.at)
        rest.gate.spend(caller, product=declared.product, rows=made.rows)
    except problem.Problem as error:
        where = f"/v1/datasets/{declared.id}"
        return {"sample_refused": problems.problem_body(error, instance=where, request_id=caller.request_id)}
    rest.gate.note_read(caller, what=declared.id, rows=made.rows)
    return {"sample": msgspec.Raw(made.body)}


async def _served(rest: Rest, request: Request, work: Callable[[], Response]) -> Response:
    """Answer a light read at once on the loop, any other on a thread.

    Handing a read of a millisecond to a thread and back costs more than the read: with ten callers at 200 requests/s
    the hand-overs alone tripled the time of an answer.
    """
    return work() if _light(rest, request) else await run_in_threadpool(work)


def _light(rest: Rest, request: Request) -> bool:
    """Tell whether a read names few locations and only recent time, which engines answer from memory."""
    asked = request.query_params
    locations = asked.get("location", "")
    if not locations or locations.count(",") >= LIGHT_LOCATIONS or not HEAVY.isdisjoint(asked):
        return False
    try:
        start = intervals.parse_instant(asked.get("start", "").replace(" ", "+")) if "start" in asked else None
    except problem.Problem:
        return True  # to be refused, which is light
    newest_only = request.url.path.endswith("/latest")
    return newest_only if start is None else rest.store.clock.now() - start < LIGHT_SPAN


def _rows(rest: Rest, request: Request, dataset_id: str) -> Response:
    caller, declared, asked = _asked(rest, request, dataset_id)
    asker = rest.gate.asker(caller)
    _refuse_early(rest, caller, asked)
    if asked.estimate:
        return _json(reading.estimate(rest.store, asker, asked=asked, now=caller.at))
    tag = _etag(rest.store, declared, asked, str(request.url.query), caller)
    if encoding.has_tag(request.headers.get("if-none-match", ""), tag):
        rest.gate.spend(caller, product=declared.product, rows=0)
        return Response(status_code=304, headers={"ETag": tag})
    made = reading.page(rest.store, asker, asked=asked, secret=rest.secret, now=caller.at, read=queries.rows)
    return _answer(rest, request, caller, declared, made, tag)


def _latest(rest: Rest, request: Request, dataset_id: str) -> Response:
    caller, declared, asked = _asked(rest, request, dataset_id)
    _refuse_early(rest, caller, asked)
    asker = rest.gate.asker(caller)
    made = reading.page(rest.store, asker, asked=asked, secret=rest.secret, now=caller.at, read=queries.latest)
    return _answer(rest, request, caller, declared, made, None)


def _history(rest: Rest, request: Request, dataset_id: str) -> Response:
    caller, declared, asked = _asked(rest, request, dataset_id)
    _refuse_early(rest, caller, asked)
    made = reading.revisions(rest.store, rest.gate.asker(caller), asked=asked, now=caller.at)
    return _answer(rest, request, caller, declared, made, None)


def _asked(rest: Rest, request: Request, dataset_id: str) -> tuple[Caller, Dataset, parameters.Asked]:
    caller = rest.gate.caller(request)
    declared = queries.dataset(rest.store, dataset_id)
    asked = parameters.read(
        declared,
        request.query_params.multi_items(),
        accept=request.headers.get("accept", ""),
        display_only=caller.display_only,
    )
    return caller, declared, asked


def _refuse_early(rest: Rest, caller: Caller, asked: parameters.Asked) -> None:
    """Write a denial into the audit log before refusing."""
    missing = queries.left_out(rest.store, rest.gate.asker(caller), request=asked.request)
    if missing and not asked.request.allow_partial:
        rest.gate.note_denial(caller, what=asked.request.dataset, missing=missing)
        raise entitlements.refused(missing, dataset=asked.request.dataset)


def _answer(
    rest: Rest, request: Request, caller: Caller, declared: Dataset, made: reading.Written, tag: str | None
) -> Response:
    limits = rest.gate.spend(caller, product=declared.product, rows=made.rows)
    rest.gate.note_read(caller, what=declared.id, rows=made.rows)
    headers = {
        **limits,
        "X-As-Of": intervals.format_instant(made.snapshot.as_of),
        "X-Commit": str(made.snapshot.commit),
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization, Cookie",
    }
    if tag is not None:
        headers["ETag"] = tag
    if made.cursor is not None:
        following = request.url.remove_query_params(["cursor"]).include_query_params(cursor=made.cursor)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return Response(content=made.body, media_type=made.media_type, headers=headers)


def _etag(store: Store, declared: Dataset, asked: parameters.Asked, query: str, caller: Caller) -> str:
    """Return a tag that changes when the dataset, the query, or what the caller may see changes.

    It is strong only where the bytes cannot change: for a past moment and a named commit.
    """
    fixed = asked.as_of is not None and asked.commit is not None and asked.cursor is None
    state = f"{declared.version}|{store.progress.commit(declared.id)}|{query}|{asked.format.value}"
    rights = f"{caller.principal.id}|{caller.principal.grants.version}|{caller.channel.value}"
    digest = hashlib.sha256(f"{state}|{rights}".encode()).hexdigest()[:24]
    return f'"{digest}"' if fixed else f'W/"{digest}"'


def _visible(rest: Rest, caller: Caller, made: lineage.Lineage) -> dict[str, Any]:
    inputs = []
    hidden = 0
    for read in made.inputs:
        request = lineage.request_of(read)
        if queries.left_out(rest.store, rest.gate.asker(caller), request=request):
            hidden += 1
        else:
            inputs.append(msgspec.to_builtins(read))
    body: dict[str, Any] = msgspec.to_builtins(made)
    return {**body, "id": made.id, "inputs": inputs, "hidden_inputs": hidden}


def _json(body: Mapping[str, Any]) -> Response:
    return Response(content=msgspec.json.encode(body), media_type=encoding.MEDIA_TYPES[encoding.Format.JSON])
