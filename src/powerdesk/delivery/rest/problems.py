"""Errors on the wire: problem+json with the request's id, and a request id on every answer."""

from __future__ import annotations

import http
import logging
from typing import TYPE_CHECKING, ClassVar

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from powerdesk.access import entitlements, limits
from powerdesk.kernel.problem import DOCS_ROOT, Finding, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.requests import Request

    from powerdesk.delivery.rest import answers

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("powerdesk.delivery")


class MalformedRequestError(Problem):
    """Members of a body or parameters that cannot be read; `errors` names each. What was sent is never repeated."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "malformed-request"
    title: ClassVar[str] = "The request cannot be read"


def problem_body(error: Problem, *, instance: str, request_id: str) -> answers.ProblemShown:
    """Return the RFC 9457 members and ours: found, allowed, remedy, errors, retry_after, entitlement."""
    body: answers.ProblemShown = {
        "type": error.type_url,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "request_id": request_id,
        "found": error.found,
        "allowed": error.allowed,
        "remedy": error.remedy,
        "errors": [
            {"pointer": f.pointer, "found": f.found, "allowed": f.allowed, "remedy": f.remedy} for f in error.findings
        ],
    }
    if error.retry_after_s is not None:
        body["retry_after"] = error.retry_after_s
    if isinstance(error, entitlements.RefusedError):
        body["entitlement"] = [
            {"market": item.market, "product": item.product, "channel": item.channel.value} for item in error.missing
        ]
    return body


def response(error: Problem, request: Request) -> Response:
    """Return the problem as an answer."""
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if isinstance(error, limits.RateLimitedError):
        headers |= error.headers
    if error.status == http.HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="powerdesk"'
    body = problem_body(error, instance=request.url.path, request_id=request_id_of(request))
    return Response(msgspec.json.encode(body), status_code=error.status, media_type=MEDIA_TYPE, headers=headers)


def answer(error: Exception, request: Request) -> Response:
    """Return a failure as an answer: a problem as it says, anything else as a fault of ours, which is logged."""
    if isinstance(error, Problem):
        return response(error, request)
    log.error("request %s failed", request_id_of(request), exc_info=error)
    return _plain(request, 500, "an error of ours; it is logged under the request id", {})


def request_id_of(request: Request) -> str:
    """Return the id given to this request by the middleware."""
    return str(request.scope.get("powerdesk.request_id", ""))


def install(app: FastAPI, *, unknown_address: Callable[[Request], Response | None]) -> None:
    """Answer every failure as problem+json; a browser at an unknown address gets what `unknown_address` returns."""

    @app.exception_handler(Problem)
    @app.exception_handler(Exception)
    async def on_failure(request: Request, error: Exception) -> Response:
        return answer(error, request)

    @app.exception_handler(RequestValidationError)
    async def on_malformed(request: Request, error: RequestValidationError) -> Response:
        return response(_malformed(error), request)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        page = unknown_address(request) if error.status_code == http.HTTPStatus.NOT_FOUND else None
        if page is not None:
            return page
        return _plain(request, error.status_code, str(error.detail), dict(error.headers or {}))


def _malformed(error: RequestValidationError) -> MalformedRequestError:
    """Return the faults without what was sent: it may be a password."""
    findings = tuple(
        Finding(
            pointer="/".join(str(part) for part in fault["loc"]),
            found=str(fault["type"]),
            allowed=str(fault["msg"]),
            remedy="correct it; /openapi.json describes it",
        )
        for fault in error.errors()
    )
    return MalformedRequestError(
        found=f"{len(findings)} faults: {', '.join(finding.pointer for finding in findings)[:200]}",
        allowed="what /openapi.json describes",
        remedy="correct what errors names",
        findings=findings,
    )


def _plain(request: Request, status: int, detail: str, headers: dict[str, str]) -> Response:
    title = http.HTTPStatus(status).phrase
    body: answers.ProblemShown = {
        "type": f"{DOCS_ROOT}http-{status}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "request_id": request_id_of(request),
        "found": f"{request.method} {request.url.path}",
        "allowed": headers.get("allow", "see /openapi.json"),
        "remedy": "correct the path or method" if status < 500 else "try again; report the request id",  # noqa: PLR2004 - HTTP's classes
        "errors": [],
    }
    return Response(msgspec.json.encode(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)
