"""Published schemas read strictly: nothing may be said that they do not name."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Validator = jsonschema_rs.Draft202012Validator


def closed(schema: Any) -> Any:
    """Return a schema that refuses members which it does not name; parts of an allOf name them together."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: [_open(each) for each in part] if name == "allOf" else closed(part) for name, part in schema.items()}
    own = schema.get("type") == "object" and isinstance(schema.get("properties"), dict)
    return {**found, "additionalProperties": False} if own and "additionalProperties" not in schema else found


def _open(part: dict[str, Any]) -> dict[str, Any]:
    return part if "$ref" in part else {**part, "properties": closed(part["properties"])}


def validator(schema: dict[str, Any], components: dict[str, Any]) -> Validator:
    """Return what holds documents to a closed schema, formats included."""
    whole = {"$schema": DIALECT, **closed(schema), "components": {"schemas": closed(components["schemas"])}}
    return Validator(whole, validate_formats=True)


class Described:
    """Holds messages of the stream to the AsyncAPI document; `heard` are the kinds that it has seen."""

    def __init__(self, document: dict[str, Any], *, dataset: str) -> None:
        components = document["components"]
        payloads = {name: message["payload"] for name, message in components["messages"].items()}
        self._validators = {name: validator(payload, components) for name, payload in payloads.items()}
        self._dataset = dataset
        self.heard: set[str] = set()

    def check(self, message: dict[str, Any]) -> None:
        """Raise ValidationError unless the document describes the message, and its columns where it has any."""
        kind = message["t"]
        self.heard.add(kind)
        self._validators[f"{kind}.{self._dataset}" if "columns" in message else kind].validate(message)
