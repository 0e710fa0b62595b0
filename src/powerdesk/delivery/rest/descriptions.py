"""Declarations as JSON: what GET /v1/datasets says, and the OpenAPI part of each dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from powerdesk.delivery.rest import encoding, parameters
from powerdesk.kernel.dtypes import Dtype
from powerdesk.store import schema

if TYPE_CHECKING:
    from powerdesk.delivery.rest import answers
    from powerdesk.store.dataset import Column, Dataset

JSON_TYPES: dict[Dtype, dict[str, Any]] = {
    Dtype.TEXT: {"type": "string"},
    Dtype.FLOAT64: {"type": "number"},
    Dtype.INT64: {"type": "integer"},
    Dtype.BOOL: {"type": "boolean"},
    Dtype.INSTANT: {"type": "string", "format": "date-time"},
}


ROWS = "#/components/schemas/Rows"
"""Where OpenAPI keeps the schema of answers.Rows."""


def dataset_json(declared: Dataset, *, position: int) -> answers.DatasetShown:
    """Return a declaration with its present commit."""
    return {
        "id": declared.id,
        "title": declared.title,
        "meaning": declared.meaning,
        "grain": declared.grain,
        "product": declared.product,
        "version": declared.version,
        "position": position,
        "publication": {"name": declared.publication.name, "meaning": declared.publication.meaning},
        "freshness": {
            "late_after_s": declared.freshness.late_after.total_seconds(),
            "stale_after_s": declared.freshness.stale_after.total_seconds(),
        },
        "columns": [_column(column) for column in declared.columns],
        "system_columns": [
            {"name": field.name, "dtype": str(field.type), "meaning": schema.SYSTEM_MEANINGS[field.name]}
            for field in schema.SYSTEM_FIELDS
        ],
        "key": list(declared.key),
        "series_key": list(declared.series_key),
        "time_column": declared.time_column,
        "end_column": None if declared.lasting_by else declared.end_column,
        "lasting_by": list(declared.lasting_by),
        "licences": [
            {
                "source": licence.source,
                "market": licence.market,
                "name": licence.name,
                "redistribute": licence.redistribute,
                "derive": licence.derive,
                "attribution": licence.attribution,
            }
            for licence in declared.licences
        ],
        "inputs": list(declared.inputs),
        "retention_s": None if declared.retention is None else declared.retention.total_seconds(),
    }


def _column(column: Column) -> answers.Column:
    return {
        "name": column.name,
        "dtype": column.dtype.value,
        "unit": column.unit,
        "meaning": column.meaning,
        "nullable": column.nullable,
        "key": column.key,
        "allowed": None if column.allowed is None else list(column.allowed),
    }


SEVERAL = "several values comma separated, in double quotes where they hold a comma"


def units(declared: Dataset, names: list[str]) -> dict[str, str]:
    """Return the unit of each named column that has one."""
    known = {column.name: column.unit for column in declared.columns}
    return {name: unit for name in names if (unit := known.get(name)) is not None}


def query_parameters(declared: Dataset) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of a rows request."""
    filters = [
        _parameter(column.name, f"{column.meaning}; {SEVERAL}", {"type": "string", "minLength": 1})
        for column in declared.columns
        if column.key and column.dtype is Dtype.TEXT
    ]
    instant = {"type": "string", "format": "date-time"}
    flag = {"type": "string", "enum": ["true", "false"]}
    return [
        *filters,
        _parameter(declared.time_column, "exactly this interval's start, instead of start and end", instant),
        _parameter("start", "first instant, inclusive; offset required", instant),
        _parameter("end", "first instant no longer included; offset required", instant),
        _parameter("as_of", "only what was known by then; the request's instant when absent", instant),
        _parameter("knowledge", "whose knowledge", {"type": "string", "enum": ["published", "received"]}),
        _parameter("commit", "only what was accepted up to this commit", {"type": "integer", "minimum": 0}),
        _parameter("columns", "columns wanted, comma separated; keys always come", {"type": "string", "minLength": 1}),
        _parameter("source", "only this source", {"type": "string", "minLength": 1}),
        _parameter("limit", "rows a page", {"type": "integer", "minimum": 1, "maximum": parameters.BULK_LIMIT}),
        _parameter("cursor", "`next` of the page before", {"type": "string"}),
        _parameter("format", "shape or format", {"type": "string", "enum": [item.value for item in encoding.Format]}),
        _parameter("order", "by key", {"type": "string", "enum": ["asc", "desc"]}),
        _parameter("tz", "IANA time zone: adds the interval's local times as text", {"type": "string"}),
        _parameter("estimate", "only count what would come", flag),
        _parameter("allow_partial", "leave refused markets out and say so", flag),
    ]


def _parameter(name: str, meaning: str, json_schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": meaning, "schema": json_schema}


def arrays(declared: Dataset) -> dict[str, Any]:
    """Return the JSON schema of each column's values, with its unit; the stream's answers have the same."""
    system = {
        field.name: {
            "type": "array", "description": schema.SYSTEM_MEANINGS[field.name],
            "items": {"type": ["integer" if field.type == "int64" else "string", "null"]},
        }
        for field in schema.SYSTEM_FIELDS
    }  # fmt: skip
    return {**{column.name: _array(column) for column in declared.columns}, **system}


def _array(column: Column) -> dict[str, Any]:
    cell = dict(JSON_TYPES[column.dtype])
    if not column.key:
        cell["type"] = [cell["type"], "null"]  # a retraction nulls values
    if column.unit is None:
        return {"type": "array", "description": column.meaning, "items": cell}
    described = f"{column.meaning} ({column.unit})"
    return {"type": "array", "description": described, "items": cell, "x-unit": column.unit}


def columns_schema(declared: Dataset) -> dict[str, Any]:
    """Return the JSON schema of an answer with rows of a dataset; its own columns are told in the shape of columns."""
    own = {
        "dataset": {"type": "string", "enum": [declared.id]},
        "columns": {
            "type": "object",
            "properties": arrays(declared),
            "patternProperties": {"_local$": {"type": "array", "description": "with tz", "items": {"type": "string"}}},
        },
    }
    return {"allOf": [{"$ref": ROWS}, {"type": "object", "properties": own}]}
