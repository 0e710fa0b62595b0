"""Serve the built hub from memory, compressed once; every page path answers with the one HTML page."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from powerdesk.delivery.rest import encoding, problem_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMMUTABLE = "public, max-age=31536000, immutable"
PAGE_PATHS = (
    "/",
    "/prices",
    "/map",
    "/constraints",
    "/status",
    "/datasets",
    "/datasets/{rest:path}",
    "/access",
    "/design",
    "/sign-in",
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


@dataclass(frozen=True, slots=True)
class Built:
    """The hub as built: its page and its other files by path."""

    page: Asset
    assets: dict[str, Asset]

    @classmethod
    def load(cls, static: Path) -> Built:
        """Return the files under `static`; a page that says how to build the hub when there are none."""
        assets = {
            path.relative_to(static).as_posix(): Asset.of(path.name, path.read_bytes())
            for path in sorted(static.rglob("*"))
            if path.is_file()
        }
        return cls(page=assets.get("index.html", Asset.of("index.html", NOT_BUILT.encode())), assets=assets)

    def unknown_address(self, request: Request) -> Response | None:
        """Return the hub's page, which says that nothing is there, for a browser outside the API; None for others."""
        if request.url.path.startswith("/v1/") or not _wants_page(request):
            return None
        answer = _answer(request, self.page, "no-store")
        answer.status_code = 404
        return answer


def router(built: Built) -> APIRouter:
    """Return routes for the pages and assets of the hub."""
    page, assets = built.page, built.assets
    routes = APIRouter(include_in_schema=False)

    def show_page(request: Request) -> Response:
        """Answer with the hub's page."""
        return _answer(request, page, "no-cache")

    for path in PAGE_PATHS:
        routes.add_api_route(path, show_page, methods=["GET"])

    @routes.get("/docs/problems/{slug}")
    def show_problem(request: Request, slug: str) -> Response:
        """Answer a browser with the hub's page, which shows the text that everybody else gets."""
        if _wants_page(request):
            return _answer(request, page, "no-cache")
        return Response(problem_pages.text(slug), media_type="text/markdown; charset=utf-8")

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


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


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
