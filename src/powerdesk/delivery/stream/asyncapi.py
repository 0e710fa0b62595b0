"""The AsyncAPI 3 document of the stream, generated from the message structs and the dataset declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from powerdesk.delivery.rest import descriptions
from powerdesk.delivery.stream import messages, session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from powerdesk.store.dataset import Dataset

REF = "#/components/schemas/"
ROWS = {"snap": messages.Snap.__name__, "upd": messages.Upd.__name__}
"""Messages with rows, and their schemas."""


def document(datasets: Mapping[str, Dataset], *, version: str = "1") -> dict[str, Any]:
    """Return the document: one channel `/v1/stream` that carries every dataset, and what each of them sends."""
    every = (*messages.CLIENT_MESSAGES, *messages.SERVER_MESSAGES)
    _, schemas = msgspec.json.schema_components(every, ref_template=REF + "{name}")
    named = {_tag(message): _message(message) for message in every}
    for declared in datasets.values():
        schemas[f"columns.{declared.id}"] = _columns(declared)
        named |= {f"{kind}.{declared.id}": _rows(kind, name, declared) for kind, name in ROWS.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Powerdesk stream", "version": version, "description": _description()},
        "defaultContentType": "application/json",
        "channels": {
            "stream": {
                "address": "/v1/stream",
                "title": "Snapshots and numbered updates of datasets",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in named},
            }
        },
        "operations": {
            "say": _operation("receive", "What a client sends.", (_tag(each) for each in messages.CLIENT_MESSAGES)),
            "hear": _operation(
                "send",
                "What the desk sends.",
                (
                    *(_tag(each) for each in messages.SERVER_MESSAGES),
                    *(f"{kind}.{name}" for name in datasets for kind in ROWS),
                ),
            ),
        },
        "components": {"messages": named, "schemas": schemas},
        "x-close-codes": {str(code): meaning for code, meaning in session.CLOSE_CODES.items()},
    }


def _tag(message: type[msgspec.Struct]) -> str:
    return str(message.__struct_config__.tag)


def _message(message: type[msgspec.Struct]) -> dict[str, Any]:
    summary = (message.__doc__ or "").strip().partition("\n")[0]
    return {"name": _tag(message), "summary": summary, "payload": {"$ref": REF + message.__name__}}


def _operation(action: str, summary: str, names: Iterable[str]) -> dict[str, Any]:
    refs = [{"$ref": f"#/channels/stream/messages/{name}"} for name in names]
    return {"action": action, "summary": summary, "channel": {"$ref": "#/channels/stream"}, "messages": refs}


def _rows(kind: str, name: str, declared: Dataset) -> dict[str, Any]:
    columns = {"type": "object", "properties": {"columns": {"$ref": f"{REF}columns.{declared.id}"}}}
    return {
        "name": kind,
        "title": declared.title,
        "summary": declared.meaning,
        "payload": {"allOf": [{"$ref": REF + name}, columns]},
    }


def _columns(declared: Dataset) -> dict[str, Any]:
    arrays = descriptions.arrays(declared)
    return {"type": "object", "title": declared.title, "description": declared.grain, "properties": arrays}


def _description() -> str:
    return (
        "JSON text frames over WebSocket. Say hello within 5 s, then subscribe. Every upd names the seq before it in "
        "prev: another one means a lost message. Resume by the token of hb or bye, or by from {seq} within one epoch. "
        "The same messages come as server-sent events from GET /v1/stream/sse, which plays a past window when given "
        "replay_start, replay_end and speed."
    )
