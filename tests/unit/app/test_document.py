"""The OpenAPI document tells the shape of every JSON answer, and real answers have that shape and no other member."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import running_desk
from running_desk import prices
from schema_cases import Validator, closed, validator

from powerdesk.app import document, gateway

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx  # noqa: TID251 - the tests speak HTTP to a loopback server
    from running_desk import RunningDesk

JSON = "application/json"
NYISO_FILE = (
    '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"\n'
    '"11/02/2026 04:00","N.Y.C.",61761,41.00,2.00,-3.00\n'
)
OPEN = {"GET /openapi.json", "GET /asyncapi.json"}
"""Documents in languages that have schemas of their own."""
NOWHERE = "http://127.0.0.1:9"
SAME = {"POST /v1/operator/backups"}
"""Answers as a back-fill does, and has tests of its own."""
LINES = {"add": [{"market": "SIM", "product": "*", "channel": "hub"}], "remove": []}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("document"), fetch={"nyiso_url": NOWHERE}) as desk:
        desk.tenant("desk-one", ())
        desk.accept(prices("SIM", "A", "B"))
        desk.accept(prices("SIM", "A", "B", bump=1.0))
        yield desk


@pytest.fixture(scope="module")
def told(served: RunningDesk) -> dict[str, Any]:
    return gateway.application(served.desk).openapi()


def shapes(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what each route answers as JSON when all is well, by `METHOD path`."""
    return {
        f"{method.upper()} {path}": answer["content"][JSON]["schema"]
        for path, operations in told["paths"].items()
        for method, operation in operations.items()
        for code, answer in operation["responses"].items()
        if code.startswith("2") and JSON in answer.get("content", {})
    }


def holes(schema: Any, told: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> list[str]:
    """Return the places of a schema that say nothing of what may stand there."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [] if name in seen else holes(told["components"]["schemas"][name], told, seen | {name})
    parts = {
        **schema.get("properties", {}),
        **{f"{kind}/{at}": each for kind in ("anyOf", "allOf") for at, each in enumerate(schema.get(kind, ()))},
        **{kind: schema[kind] for kind in ("items", "additionalProperties") if isinstance(schema.get(kind), dict)},
    }
    if not parts and schema.get("type") in (None, "object", "array") and not {"enum", "const"} & schema.keys():
        return ["."]
    return [f"{name}/{where}" for name, part in parts.items() for where in holes(part, told, seen)]


def check(told: Mapping[str, Any], name: str, answer: httpx.Response) -> None:
    """Assert that an answer has the shape of its route, and nothing that the shape does not name."""
    assert answer.is_success, f"{name}: {answer.text}"
    assert answer.headers["content-type"] == JSON
    schema, components = shapes(told)[name], told["components"]
    known = Validator({**schema, "components": components}) if name in OPEN else validator(schema, components)
    faults = list(known.iter_errors(answer.json()))
    assert not faults, f"{name}: {faults[0]}"


def test_schemas_of_json_answers__leave_nothing_open(told: dict[str, Any]) -> None:
    open_ones = {
        name: found for name, schema in shapes(told).items() if name not in OPEN and (found := holes(schema, told))
    }
    assert not open_ones
    assert len(shapes(told)) > 80


def test_a_shape_that_says_nothing__is_found() -> None:
    told = {"components": {"schemas": {"Any": {"type": "object"}}}}
    nested = {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": {"$ref": "#/components/schemas/Any"}}},
    }
    assert holes({}, told) == ["."]
    assert holes(nested, told) == ["rows/items/."]
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(closed(nested | {"properties": {"a": {"type": "integer"}}}), {"a": 1, "b": 2})


def gets(lineage: str) -> dict[str, str]:
    """Return what is asked of each GET route with a parameter in its path or a parameter it needs."""
    return {
        "/v1/datasets/{dataset_id}": "/v1/datasets/markets.prices",
        "/v1/datasets/{dataset_id}/rows": "/v1/datasets/markets.prices/rows?market=SIM&tz=America/Chicago&limit=1",
        "/v1/datasets/{dataset_id}/latest": "/v1/datasets/markets.prices/latest?format=records",
        "/v1/datasets/{dataset_id}/history": "/v1/datasets/markets.prices/history?format=rows",
        "/v1/datasets/{dataset_id}/quality": "/v1/datasets/markets.prices/quality",
        "/v1/lineage/{lineage_id}": f"/v1/lineage/{lineage}",
        "/v1/grid/explain": "/v1/grid/explain?location=SIM:A&interval_start=2026-11-03T08:00:00Z",
    }


def test_real_answers__have_the_shape_that_the_document_tells(served: RunningDesk, told: dict[str, Any]) -> None:
    operator, browser = served.operator(), served.browser("desk-one")
    asked = set()

    def ask(method: str, template: str, path: str, *, by: httpx.Client = operator, **options: Any) -> httpx.Response:
        answer = by.request(method, path, **options)
        check(told, f"{method} {template}", answer)
        asked.add(f"{method} {template}")
        return answer

    file = {"params": {"name": "20261102damlbmp_zone.csv"}, "content": NYISO_FILE}
    ask("POST", "/v1/imports/{source}", "/v1/imports/nyiso?dry_run=true", **file)
    ask("POST", "/v1/imports/{source}", "/v1/imports/nyiso", **file)
    rows = operator.get("/v1/datasets/markets.prices/rows?market=NYISO&columns=lineage&format=records").json()[
        "records"
    ]
    lineage = rows[0]["lineage"]
    ask("POST", "/v1/lineage/{lineage_id}/remake", f"/v1/lineage/{lineage}/remake")
    ask("POST", "/v1/downloads", "/v1/downloads", json={"dataset": "markets.prices"})
    ask("POST", "/v1/tenants", "/v1/tenants", json={"name": "two"})
    ask("POST", "/v1/service-accounts", "/v1/service-accounts", json={"name": "robot"})
    ask("POST", "/v1/users", "/v1/users", json={"name": "ada"})
    ask("POST", "/v1/users/{name}/reset", "/v1/users/ada/reset")
    ask("POST", "/v1/sign-in-links", "/v1/sign-in-links", json={"name": "ada"})
    ask("POST", "/v1/operator/keys", "/v1/operator/keys", json={"name": "k", "owner": "desk-one"})
    fill = {"feed": "nyiso", "start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
    ask("POST", "/v1/backfills/estimate", "/v1/backfills/estimate", json=fill)
    ask("POST", "/v1/backfills", "/v1/backfills", json=fill)
    ask("POST", "/v1/entitlements/{tenant}/preview", "/v1/entitlements/desk-one/preview", json=LINES)
    made = ask("POST", "/v1/keys", "/v1/keys", by=browser, json={"name": "mine", "scopes": ["api"]}).json()["key"]["id"]
    ask("POST", "/v1/keys/{id}/rotate", f"/v1/keys/{made}/rotate", by=browser, json={"overlap_hours": 0})
    check(told, "GET /v1/me", browser.get("/v1/me"))
    estimate = operator.get("/v1/datasets/markets.prices/rows?estimate=true")
    check(told, "GET /v1/datasets/{dataset_id}/rows", estimate)
    check(told, "GET /v1/datasets/{dataset_id}", browser.get("/v1/datasets/markets.prices"))  # may read none of them
    for template in (name.removeprefix("GET ") for name in shapes(told) if name.startswith("GET ")):
        ask("GET", template, gets(lineage).get(template, template))
    assert asked == set(shapes(told)) - SAME


def test_feeds_and_their_locations__have_the_shape_that_the_document_tells(
    assembled: RunningDesk, told: dict[str, Any]
) -> None:
    feeds, places = (assembled.operator().get(path) for path in ("/v1/feeds", "/v1/locations?limit=1000"))
    check(told, "GET /v1/feeds", feeds)
    check(told, "GET /v1/locations", places)
    assert {feed["id"] for feed in feeds.json()["feeds"]} == {"sim", "caiso", "nyiso"}
    assert {place["market"] for place in places.json()["locations"]} == {"SIM", "CAISO", "NYISO"}


def test_a_problem__has_the_shape_that_the_document_tells(served: RunningDesk, told: dict[str, Any]) -> None:
    known = validator(document.PROBLEM["content"]["application/problem+json"]["schema"], told["components"])
    for path in ("/v1/datasets/nothing", "/v1/datasets/markets.prices/rows?start=x", "/v1/nowhere"):
        known.validate(served.operator().get(path).json())
    refused = served.browser("desk-one").get("/v1/datasets/markets.prices/rows")
    assert refused.status_code == 403
    known.validate(json.loads(refused.content))
