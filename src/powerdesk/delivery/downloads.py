"""Downloads: a query written once to Objects, offered by a signed link that expires and is checked again at fetch."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from powerdesk.access import entitlements
from powerdesk.access.types import Channel
from powerdesk.delivery.caller import Caller
from powerdesk.delivery.rest import encoding, lanes, parameters, reading
from powerdesk.kernel import intervals, problem
from powerdesk.store import queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.access.types import Principal
    from powerdesk.delivery.caller import Gate
    from powerdesk.delivery.rest import answers
    from powerdesk.store.queries import Store

LINK_LIFETIME = timedelta(minutes=15)
FOLDER, HOUR = "downloads", "%Y%m%dT%H"
"""Where files lie: by the hour in which their link expires."""
FORGET, FORGET_CRON = "delivery.downloads", "23 * * * *"
MAX_ROWS = 5_000_000
BULK_FORMATS = {"csv": encoding.Format.CSV, "parquet": encoding.Format.PARQUET, "arrow": encoding.Format.ARROW}


class LinkError(problem.Problem):
    """A download link was altered, has expired, or its maker lost the right."""

    status = 403
    slug = "bad-link"
    title = "The link cannot be used"


class DownloadError(problem.Problem):
    """The body of a download request cannot be read."""

    status = 400
    slug = "bad-download"
    title = "The download cannot be made"


class Ordered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for: a dataset, its query parameters as in GET rows, and the file format."""

    dataset: str
    query: dict[str, str] = {}
    format: str = "csv"


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a token says: the object, who made it, of which dataset and query, what the file lacks, until when."""

    object_key: str
    principal: str
    dataset: str
    query: dict[str, str]
    format: str
    left_out: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Downloads:
    """What the download routes need; `principal_by_id` finds the maker of a link as they stand now.

    A file is made in a turn of the large reads.
    """

    store: Store
    gate: Gate
    secret: bytes
    principal_by_id: Callable[[str], Principal | None]
    lane: lanes.Lane


def router(downloads: Downloads) -> APIRouter:
    """Return the routes that make and serve downloads."""
    routes = APIRouter(prefix="/v1/downloads", tags=["downloads"])

    @routes.post("", status_code=201)
    async def make_download(request: Request) -> Response:
        """Write a query to a file and return a signed link to it."""
        body = await request.body()
        caller = await run_in_threadpool(downloads.gate.caller, request)
        made, turn = await downloads.lane.read(caller.principal.account, lambda: _make(downloads, caller, body))
        turn.end()
        return Response(msgspec.json.encode(made), status_code=201, media_type="application/json")

    @routes.get("/{token}")
    def fetch_download(request: Request, token: str) -> Response:
        """Serve the file of a signed link; the right of the link's maker is checked again."""
        return _serve(downloads, request, token)

    return routes


def forget(store: Store, *, cancelled: Callable[[], bool]) -> int:
    """Delete the files whose links have expired; return how many. Done every hour, else they would fill the disk."""
    gone, hour = 0, f"{store.clock.now():{HOUR}}"
    for key in store.objects.list(f"{FOLDER}/"):
        of = key.split("/")[1]
        if len(of) == len(hour) and of >= hour:  # a file of another shape is of a former release: its link is long past
            continue
        if cancelled():
            break
        store.objects.delete(key)
        gone += 1
    return gone


def _make(downloads: Downloads, caller: Caller, body: bytes) -> answers.Offered:
    try:
        ordered = msgspec.json.decode(body, type=Ordered)
    except msgspec.MsgspecError as error:
        raise DownloadError(
            found=str(error),
            allowed="{dataset, query: {name: text}, format: csv | parquet | arrow}",
            remedy="correct the body",
        ) from error
    if ordered.format not in BULK_FORMATS:
        raise DownloadError(found=f"format {ordered.format!r}", allowed=", ".join(BULK_FORMATS), remedy="choose one")
    asked = _asked(downloads.store, ordered, now=caller.at)
    declared = queries.dataset(downloads.store, ordered.dataset)
    downloads.gate.afford(caller, product=declared.product)
    asker = queries.Asker(principal=caller.principal, channel=Channel.DOWNLOAD)
    missing = queries.left_out(downloads.store, asker, request=asked.request)
    if missing and not asked.request.allow_partial:
        downloads.gate.note_denial(caller, what=ordered.dataset, missing=missing)
        raise entitlements.refused(missing, dataset=ordered.dataset)
    written = reading.whole(downloads.store, asker, asked=asked, now=caller.at)
    if written.more and "limit" not in ordered.query:
        raise DownloadError(
            found=f"more than {MAX_ROWS} rows", allowed=f"at most {MAX_ROWS} a file", remedy="ask for a shorter range"
        )
    downloads.gate.spend(caller, product=declared.product, rows=written.rows)
    return _offered(downloads, caller, ordered, written, left_out=tuple(each.market for each in missing))


def _asked(store: Store, ordered: Ordered, *, now: datetime | None = None) -> parameters.Asked:
    declared = queries.dataset(store, ordered.dataset)
    pairs = [(name, value) for name, value in ordered.query.items() if name != "format"]
    asked = parameters.read(declared, pairs, accept="", display_only=False, now=now)
    limit = MAX_ROWS if "limit" not in ordered.query else asked.request.limit
    return replace(asked, request=replace(asked.request, limit=limit), format=BULK_FORMATS[ordered.format])


def _offered(
    downloads: Downloads, caller: Caller, ordered: Ordered, written: reading.Written, *, left_out: tuple[str, ...]
) -> answers.Offered:
    digest = hashlib.sha256(written.body).hexdigest()
    expires_at = caller.at + LINK_LIFETIME
    key = f"{FOLDER}/{expires_at:{HOUR}}/{digest}"
    downloads.store.objects.put(key, written.body)
    downloads.gate.note_export(caller, what=ordered.dataset, rows=written.rows, sha256=digest)
    link = Link(key, caller.principal.id, ordered.dataset, ordered.query, ordered.format, left_out, expires_at)
    declared = queries.dataset(downloads.store, ordered.dataset)
    return {
        "url": f"/v1/downloads/{_sign(link, downloads.secret)}",
        "expires_at": intervals.format_instant(expires_at),
        "sha256": digest,
        "bytes": len(written.body),
        "rows": written.rows,
        "licence": [licence.attribution for licence in declared.licences],
    }


def _serve(downloads: Downloads, request: Request, token: str) -> Response:
    now = downloads.store.clock.now()
    link = _verified(token, downloads.secret, now)
    principal = downloads.principal_by_id(link.principal)
    if principal is None:
        raise LinkError(found="a link whose maker is gone", allowed="a live account", remedy="ask for a new link")
    asked = _asked(downloads.store, Ordered(link.dataset, link.query, link.format))
    asker = queries.Asker(principal=principal, channel=Channel.DOWNLOAD)
    missing = queries.left_out(downloads.store, asker, request=asked.request)
    taken_away = tuple(each for each in missing if each.market not in link.left_out)
    if taken_away:
        request_id = str(request.scope.get("powerdesk.request_id", ""))
        caller = Caller(principal=principal, channel=Channel.DOWNLOAD, request_id=request_id, at=now)
        downloads.gate.note_denial(caller, what=link.dataset, missing=taken_away)
        raise entitlements.refused(taken_away, dataset=link.dataset)
    name = f"{link.dataset}.{link.format}"
    return StreamingResponse(
        downloads.store.objects.stream(link.object_key),
        media_type=encoding.MEDIA_TYPES[BULK_FORMATS[link.format]],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


def _sign(link: Link, secret: bytes) -> str:
    body = msgspec.msgpack.encode(link)
    mac = hmac.new(secret, b"download:" + body, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac + body).decode().rstrip("=")


def _verified(token: str, secret: bytes, now: datetime) -> Link:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        mac, body = raw[:32], raw[32:]
        if not hmac.compare_digest(mac, hmac.new(secret, b"download:" + body, hashlib.sha256).digest()):
            raise LinkError(
                found="a link with a wrong signature", allowed="a link as given", remedy="ask for a new link"
            )
        link = msgspec.msgpack.decode(body, type=Link)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise LinkError(found="text that is no link", allowed="a link as given", remedy="ask for a new link") from error
    if now >= link.expires_at:
        raise LinkError(
            found=f"a link that expired at {intervals.format_instant(link.expires_at)}",
            allowed="links within 15 minutes",
            remedy="ask for a new link",
        )
    return link
