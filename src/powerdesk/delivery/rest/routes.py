"""The dataset routes: catalogue, rows, latest, history, lineage. Generic over declarations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from powerdesk.access import entitlements
from powerdesk.delivery.rest import descriptions, direct, encoding, lanes, parameters, problems, reading
from powerdesk.kernel import intervals, problem
from powerdesk.store import lineage, queries
from powerdesk.store.types import Request as RowsRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from powerdesk.delivery.caller import Caller, Gate
    from powerdesk.delivery.rest import answers
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Store


SAMPLE_ROWS = 5


class UnknownLineageError(problem.Problem):
    """No batch was written under this id, or none that the caller may see."""

    status = 404
    slug = "unknown-lineage"
    title = "No such lineage"


@dataclass(frozen=True, slots=True)
class Rest:
    """What the dataset routes need: the store, the gate, the secret that signs cursors, the turns of large reads."""

    store: Store
    gate: Gate
    secret: bytes
    lane: lanes.Lane


@dataclass(frozen=True, slots=True)
class Asking:
    """One request understood: who asks, of which dataset, for what."""

    caller: Caller
    declared: Dataset
    asked: parameters.Asked


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
    @direct.direct
    async def read_rows(request: Request, dataset_id: str) -> Response:
        """Read rows as known at `as_of`, a page at a time."""
        return await _served(rest, request, dataset_id, _rows)

    @routes.get("/datasets/{dataset_id}/latest")
    @direct.direct
    async def read_latest(request: Request, dataset_id: str) -> Response:
        """Read the newest interval of each series as known at `as_of`, a page of series at a time."""
        return await _served(rest, request, dataset_id, _latest)

    @routes.get("/datasets/{dataset_id}/history")
    @direct.direct
    async def read_history(request: Request, dataset_id: str) -> Response:
        """Read every revision of the cells asked for: how each number came to be."""
        return await _served(rest, request, dataset_id, _history)

    @routes.get("/lineage/{lineage_id}")
    def read_lineage(request: Request, lineage_id: str) -> Response:
        """Say what made the rows that carry this id; inputs the caller may not read are counted, not shown.

        `lost` tells why it cannot be made again, where retention deleted what it read.
        """
        caller = rest.gate.caller(request)
        with rest.store.records.reader() as reader:
            made = queries.lineage_of(reader, lineage_id=lineage_id)
            lost = queries.lost(reader, lineage_id=lineage_id)
        if made is None:
            raise UnknownLineageError(
                found=repr(lineage_id[:60]),
                allowed="an id from a row's lineage column",
                remedy="ask for the rows with columns=lineage",
            )
        _check_readable(rest, caller, queries.dataset(rest.store, made.dataset))
        return _json({**_visible(rest, caller, made), "lost": lost})

    return routes


def _described(store: Store, declared: Dataset) -> answers.DatasetShown:
    return descriptions.dataset_json(declared, position=store.progress.commit(declared.id))


def _sample(rest: Rest, caller: Caller, declared: Dataset) -> dict[str, Any]:
    """Return `sample`: the newest row of the series that were heard of last, or `sample_refused`: why there is none."""
    try:
        rest.gate.afford(caller, product=declared.product)
        made = reading.newest(rest.store, rest.gate.asker(caller), declared=declared, rows=SAMPLE_ROWS, now=caller.at)
        rest.gate.spend(caller, product=declared.product, rows=made.rows)
    except problem.Problem as error:
        where = f"/v1/datasets/{declared.id}"
        return {"sample_refused": problems.problem_body(error, instance=where, request_id=caller.request_id)}
    rest.gate.note_read(caller, what=declared.id, rows=made.rows)
    return {"sample": msgspec.Raw(made.body)}


async def _served(
    rest: Rest, request: Request, dataset_id: str, read: Callable[[Rest, Request, Asking], Response]
) -> Response:
    """Answer a light read at once on the loop, any other on a thread, a large one in its turn.

    A refusal is in the audit log before it leaves.

    Handing a read of a millisecond to a thread and back costs more than the read.
    """
    asking = _asking(rest, request, dataset_id)

    def made() -> Response:
        rest.gate.afford(asking.caller, product=asking.declared.product)
        return read(rest, request, asking)

    try:
        if lanes.is_large(asking.asked):
            return lanes.Large(*await rest.lane.read(asking.caller.principal.account, made))
        return made() if _light(rest, asking, newest=read is _latest) else await run_in_threadpool(made)
    except entitlements.RefusedError as refused:
        await run_in_threadpool(rest.gate.note_denial, asking.caller, what=dataset_id, missing=refused.missing)
        raise


def _asking(rest: Rest, request: Request, dataset_id: str) -> Asking:
    caller = rest.gate.caller(request)
    declared = queries.dataset(rest.store, dataset_id)
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    accept = request.headers.get("accept", "")
    asked = parameters.read(declared, pairs, accept=accept, display_only=caller.display_only, now=caller.at)
    return Asking(caller, declared, asked)


def _light(rest: Rest, asking: Asking, *, newest: bool) -> bool:
    """Tell whether a read waits for no commit, writes no file, and is one that the store has at hand."""
    asked = asking.asked
    waits = asked.commit is not None or asked.cursor is not None
    if waits or asked.estimate or asked.format not in encoding.JSON_FORMATS:
        return False
    since = asked.request.start or (asked.as_of or asking.caller.at if newest else None)
    return queries.is_at_hand(rest.store, request=asked.request, since=since)


def _rows(rest: Rest, request: Request, asking: Asking) -> Response:
    caller, declared, asked = asking.caller, asking.declared, asking.asked
    asker = rest.gate.asker(caller)
    if asked.estimate:
        found = reading.estimate(rest.store, asker, asked=asked, now=caller.at)
        rest.gate.spend(caller, product=declared.product, rows=0)
        return _json(found)
    tag = _etag(rest.store, asking, request.scope["query_string"])
    seen = request.headers.get("if-none-match")
    if seen is not None and encoding.has_tag(seen, tag):
        missing = queries.left_out(rest.store, asker, request=asked.request)
        if missing and not asked.request.allow_partial:
            raise entitlements.refused(missing, dataset=declared.id)
        rest.gate.spend(caller, product=declared.product, rows=0)
        return Response(status_code=304, headers={"ETag": tag})
    made = reading.page(rest.store, asker, asked=asked, secret=rest.secret, now=caller.at, read=queries.rows)
    return _answer(rest, request, asking, made, tag)


def _latest(rest: Rest, request: Request, asking: Asking) -> Response:
    caller = asking.caller
    asker = rest.gate.asker(caller)
    made = reading.page(rest.store, asker, asked=asking.asked, secret=rest.secret, now=caller.at, read=queries.latest)
    return _answer(rest, request, asking, made, None)


def _history(rest: Rest, request: Request, asking: Asking) -> Response:
    caller = asking.caller
    made = reading.revisions(rest.store, rest.gate.asker(caller), asked=asking.asked, now=caller.at)
    return _answer(rest, request, asking, made, None)


def _answer(rest: Rest, request: Request, asking: Asking, made: reading.Written, tag: str | None) -> Response:
    caller, declared = asking.caller, asking.declared
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


def _etag(store: Store, asking: Asking, query: bytes) -> str:
    """Return a tag that changes when the dataset, the query, or what the caller may see changes.

    It is strong only where the bytes cannot change: for a past moment and a named commit.
    """
    caller, declared, asked = asking.caller, asking.declared, asking.asked
    fixed = asked.as_of is not None and asked.commit is not None and asked.cursor is None
    last = store.progress.commit(declared.id)
    upto = last if asked.commit is None else min(last, asked.commit)
    state = f"{declared.version}|{upto}|{query!r}|{asked.format.value}"
    rights = f"{caller.principal.id}|{caller.principal.grants.version}|{caller.channel.value}"
    digest = hashlib.sha256(f"{state}|{rights}".encode()).hexdigest()[:24]
    return f'"{digest}"' if fixed else f'W/"{digest}"'


def _check_readable(rest: Rest, caller: Caller, declared: Dataset) -> None:
    """Raise RefusedError, audited, when the caller may read the rows of no market of the dataset."""
    missing = queries.left_out(rest.store, rest.gate.asker(caller), request=RowsRequest(declared.id))
    if {one.market for one in missing} >= set(queries.licensed_markets(declared)):
        rest.gate.note_denial(caller, what=f"lineage of {declared.id}", missing=missing)
        raise entitlements.refused(missing, dataset=declared.id)


def _visible(rest: Rest, caller: Caller, made: lineage.Lineage) -> dict[str, Any]:
    inputs = []
    hidden = 0
    for read in made.inputs:
        request = lineage.request_of(read)
        if queries.left_out(rest.store, rest.gate.asker(caller), request=request):
            hidden += 1
        else:
            inputs.append(read)
    return {**msgspec.structs.asdict(made), "id": made.id, "inputs": inputs, "hidden_inputs": hidden}


def _json(body: Mapping[str, Any]) -> Response:
    return Response(content=msgspec.json.encode(body), media_type=encoding.MEDIA_TYPES[encoding.Format.JSON])
