"""Serve the built hub from memory, compressed once; every page path answers with the one HTML page."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from powerdesk.delivery.rest import encoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMMUTABLE = "public, max-age=31536000, immutable"
PAGE_PATHS = (
    "/",
    "/prices",
    "/status",
    "/datasets",
    "/datasets/{rest:path}",
    "/access",
    "/sign-in",
    "/docs/problems/{slug}",
)
NOT_BUILT = (
    "<!doctype html><meta charset=utf-8><title>Powerdesk</title><p>The hub is not built. Run <code>make web</code>, "
    "or install a wheel, which carries it. The API answers under <a href=/openapi.json>/openapi.json</a>."
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it goes out: bytes, gzip where that is smaller, type and tag."""

    plain: bytes
    packed: bytes | None
    media_type: str
    tag: str

    @classmethod
    def of(cls, name: str, data: bytes) -> Asset:
        """Return the asset for a file's bytes."""
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        packed = gzip.compress(data, 9, mtime=0) if not media_type.startswith(("font/", "image/png")) else None
        small = packed if packed is not None and len(packed) < len(data) else None
        return cls(plain=data, packed=small, media_type=media_type, tag=f'"{hashlib.sha256(data).hexdigest()[:20]}"')


def router(static: Path) -> APIRouter:
    """Return routes for the pages and assets of the hub built under `static`."""
    assets = {
        path.relative_to(static).as_posix(): Asset.of(path.name, path.read_bytes())
        for path in sorted(static.rglob("*"))
        if path.is_file()
    }
    page = assets.get("index.html", Asset.of("index.html", NOT_BUILT.encode()))
    routes = APIRouter(include_in_schema=False)

    def show_page(request: Request) -> Response:
        """Answer with the hub's page."""
        return _answer(request, page, "no-cache")

    for path in PAGE_PATHS:
        routes.add_api_route(path, show_page, methods=["GET"])

    @routes.get("/assets/{name:path}")
    def show_asset(request: Request, name: str) -> Response:
        """Answer with a built file."""
        asset = assets.get(f"assets/{name}")
        if asset is None:
            raise HTTPException(status_code=404, detail="no such file of the hub")
        return _answer(request, asset, IMMUTABLE)

    for name in (name for name in assets if "/" not in name and name != "index.html"):
        routes.add_api_route(f"/{name}", _root_file(assets[name]), methods=["GET"])
    return routes


def _root_file(asset: Asset) -> Callable[[Request], Response]:
    def show_root_file(request: Request) -> Response:
        """Answer with a file beside the page, such as the icon."""
        return _answer(request, asset, "no-cache")

    return show_root_file


def _answer(request: Request, asset: Asset, caching: str) -> Response:
    headers = {"ETag": asset.tag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if encoding.has_tag(request.headers.get("if-none-match", ""), asset.tag):
        return Response(status_code=304, headers=headers)
    if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.plain, media_type=asset.media_type, headers=headers)
