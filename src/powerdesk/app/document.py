"""The OpenAPI document: the routes as served, and for each dataset its own parameters and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi.openapi.utils import get_openapi

from powerdesk.access.policies import Kind, Rule
from powerdesk.app import account_routes, answers, operator_routes, registry
from powerdesk.delivery import downloads
from powerdesk.delivery.rest import answers as rest_answers
from powerdesk.delivery.rest import descriptions, encoding
from powerdesk.delivery.stream import sse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

    from powerdesk.store.dataset import Dataset

DESCRIPTION = "Prices and more, as of any moment. Instants carry an offset; start is inclusive, end exclusive."
REFS = "#/components/schemas/{name}"
DATASET_VERBS = {
    "rows": "Rows as known at a moment",
    "latest": "The newest interval of each series",
    "history": "Every revision of the cells asked for",
}
BODIES: Mapping[str, Any] = {
    "POST /v1/downloads": downloads.Ordered,
    "POST /v1/tenants": account_routes.NewTenant,
    "POST /v1/service-accounts": account_routes.NewServiceAccount,
    "POST /v1/users": account_routes.NewUser,
    "POST /v1/sign-in-links": account_routes.LinkWanted,
    "POST /v1/operator/backups": operator_routes.BackupWanted,
    "POST /v1/operator/keys": account_routes.KeyWanted,
    "POST /v1/backfills": operator_routes.BackfillWanted,
    "POST /v1/backfills/estimate": operator_routes.BackfillWanted,
}
"""Routes that decode their body themselves, and what they decode it to."""
BINARY = {"schema": {"type": "string", "format": "binary"}}
RAW_BODIES = frozenset({"POST /v1/imports/{source}"})
FILES = tuple(encoding.MEDIA_TYPES[bulk].partition(";")[0] for bulk in encoding.BULK)
MEDIA: Mapping[str, Mapping[str, Any]] = {
    "GET /metrics": {"text/plain": {"schema": {"type": "string"}}},
    "GET /v1/stream/sse": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}},
    "GET /v1/payloads/{sha256}": {"application/octet-stream": BINARY},
    "GET /v1/downloads/{token}": dict.fromkeys(FILES, BINARY),
}
"""Routes that answer with something else than plain JSON."""
PROBLEM = {
    "description": "a problem, with what was found, what is allowed and what to do",
    "content": {"application/problem+json": {"schema": {"$ref": REFS.format(name=rest_answers.ProblemShown.__name__)}}},
}
ESTIMATE = {"$ref": REFS.format(name=rest_answers.Estimate.__name__)}
"""Instead of rows, with estimate=true."""
SECURITY: dict[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, or on loopback the operator's token."},
    "session": {"type": "apiKey", "in": "cookie", "name": "pd_session", "description": "A browser's session."},
}


def openapi(app: FastAPI, *, title: str, version: str) -> dict[str, Any]:
    """Return the document of an application whose policies are in `app.state.policies`."""
    document = get_openapi(title=title, version=version, routes=app.routes, description=DESCRIPTION)
    for dataset in registry.DATASETS:
        for verb, meaning in DATASET_VERBS.items():
            path = f"/v1/datasets/{dataset.id}/{verb}"
            document["paths"][path] = {"get": _dataset_operation(dataset, verb, meaning)}
    public = {name for kind, name, policy in app.state.policies if kind is Kind.ROUTE and policy.rule is Rule.PUBLIC}
    shapes = (*BODIES.values(), *answers.ANSWERS.values(), rest_answers.Estimate, rest_answers.ProblemShown)
    schemas, components = msgspec.json.schema_components(shapes, ref_template=REFS)
    bodies = dict(zip(BODIES, schemas, strict=False))
    answered = dict(zip(answers.ANSWERS, schemas[len(BODIES) :], strict=False))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            _complete(name, operation, bodies, public)
            if name in answered:
                _answer(operation["responses"], path, answered[name])
    _add(document["components"]["schemas"], components)
    document["components"]["securitySchemes"] = SECURITY
    return document


def _add(known: dict[str, Any], components: Mapping[str, Any]) -> None:
    """Add what msgspec described to what the framework did: both know some of our enums, and no other name twice."""
    for name, shape in components.items():
        if name in known and set(known[name].get("enum", ())) != set(shape.get("enum", (name,))):
            raise AssertionError(f"found two shapes named {name}; allowed: one; give one of them another name")
        known.setdefault(name, shape)


def _complete(name: str, operation: dict[str, Any], bodies: Mapping[str, Any], public: set[str]) -> None:
    """Say what the framework cannot see: bodies read by hand, other media types, problems, credentials."""
    if name in bodies:
        content = {"application/json": {"schema": bodies[name]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif name in RAW_BODIES:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": BINARY}}
    if name == "GET /v1/stream/sse":
        operation["parameters"] = _stream_parameters()
    responses = operation["responses"]
    if name in MEDIA:
        responses["200"]["content"] = MEDIA[name]
    responses.pop("422", None)
    responses["default"] = PROBLEM
    if name not in public:
        operation["security"] = [{scheme: []} for scheme in SECURITY]


def _answer(responses: dict[str, Any], path: str, schema: Mapping[str, Any]) -> None:
    """Say what a route answers when all is well; those with rows answer in other formats too."""
    (code,) = (code for code in responses if code.startswith("2"))
    verb = path.rpartition("/")[2]
    also = dict.fromkeys(FILES, BINARY) if verb in DATASET_VERBS else {}
    shape = {"anyOf": [schema, ESTIMATE]} if verb == "rows" else schema
    content = {"application/json": {"schema": shape}, **also}
    responses[code]["content"] = content
    if path == "/ready":
        responses["503"] = {"description": "not ready, and why", "content": content}


def _dataset_operation(dataset: Dataset, verb: str, meaning: str) -> dict[str, Any]:
    rows = descriptions.columns_schema(dataset)
    answer = {"anyOf": [rows, ESTIMATE]} if verb == "rows" else rows
    return {
        "tags": [dataset.id],
        "summary": f"{meaning}: {dataset.title}",
        "operationId": f"{verb}_{dataset.id.replace('.', '_')}",
        "parameters": descriptions.query_parameters(dataset),
        "responses": {
            "200": {
                "description": meaning,
                "content": {"application/json": {"schema": answer}, **dict.fromkeys(FILES, BINARY)},
            }
        },
    }


def _stream_parameters() -> list[dict[str, Any]]:
    ids = [dataset.id for dataset in registry.DATASETS]
    channel = {"type": "string", "enum": ids}
    return [
        {"name": "channel", "in": "query", "required": True, "description": "a dataset", "schema": channel},
        {
            "name": "from",
            "in": "query",
            "required": False,
            "description": "now, snapshot, or the sequence number after which to go on",
            "schema": {"type": "string"},
        },
    ]
