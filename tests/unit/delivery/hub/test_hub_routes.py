"""The hub's files: the page on every page path, assets kept for ever, compressed once."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import httpx  # noqa: TID251 - speaks to the routes in process
import pytest
from fastapi import FastAPI, Request

from powerdesk.delivery.hub import routes

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = b"console.log('powerdesk')\n" * 200


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>hub</title>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    made = FastAPI()
    made.include_router(routes.router(routes.Built.load(tmp_path)))
    return made


def get(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers={"Accept-Encoding": "identity", **headers})

    return asyncio.run(call())


def test_pages__are_served_at_every_address_of_the_rail() -> None:
    rail = re.findall(r"path: '(/[a-z]+)'", (ROOT / "web" / "src" / "app" / "routes.tsx").read_text(encoding="utf-8"))
    assert len(rail) >= 6
    assert set(rail) <= set(routes.PAGE_PATHS)


@pytest.mark.parametrize("path", ["/", "/prices", "/map", "/datasets/markets.prices/rows", "/access"])
def test_pages__are_the_one_page(app: FastAPI, path: str) -> None:
    answer = get(app, path)
    assert (answer.status_code, "<title>hub</title>" in answer.text) == (200, True)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"


def test_problem_pages__are_the_page_for_browsers_and_text_for_others(app: FastAPI) -> None:
    assert "<title>hub</title>" in get(app, "/docs/problems/bad-link", Accept="text/html").text
    text = get(app, "/docs/problems/bad-link")
    assert text.headers["content-type"].startswith("text/markdown")
    assert "- status: 403" in text.text


def test_assets__are_kept_for_ever_and_compressed(app: FastAPI) -> None:
    plain = get(app, "/assets/app-1a2b.js")
    assert plain.content == SCRIPT
    assert "immutable" in plain.headers["cache-control"]
    packed = get(app, "/assets/app-1a2b.js", **{"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == SCRIPT  # the client unpacks
    assert int(packed.headers["content-length"]) < len(gzip.compress(SCRIPT)) + 20 < len(SCRIPT)
    again = get(app, "/assets/app-1a2b.js", **{"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/icon.svg", "/other"])
def test_other_paths__are_not_found(app: FastAPI, path: str) -> None:
    assert get(app, path).status_code == 404


def test_files_beside_the_page__are_served(app: FastAPI) -> None:
    assert get(app, "/icon.svg").headers["content-type"] == "image/svg+xml"


def test_a_hub_that_is_not_built__says_how(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(routes.router(routes.Built.load(tmp_path / "nowhere")))
    assert "make web" in get(app, "/").text


def test_a_browser_at_an_unknown_address__gets_the_page_and_a_program_does_not(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>hub</p>", encoding="utf-8")
    built = routes.Built.load(tmp_path)

    def asked(path: str, accept: str) -> Request:
        headers = [(b"accept", accept.encode())]
        return Request({"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b""})

    answer = built.unknown_address(asked("/nowhere", "text/html,*/*"))
    assert answer is not None
    assert (answer.status_code, bytes(answer.body)) == (404, b"<p>hub</p>")
    assert built.unknown_address(asked("/nowhere", "application/json")) is None
    assert built.unknown_address(asked("/v1/nowhere", "text/html")) is None
