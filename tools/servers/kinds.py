"""The kinds of servers by name; each is loaded only when asked for, because its client library may be absent."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servers.base import Server

CLASSES = {
    "postgres": ("servers.postgres", "Postgres"),
    "redis": ("servers.redis", "Redis"),
    "kafka": ("servers.kafka", "Kafka"),
    "minio": ("servers.minio", "Minio"),
    "clickhouse": ("servers.clickhouse", "ClickHouse"),
    "dask": ("servers.dask", "Dask"),
    "nginx": ("servers.nginx", "Nginx"),
}
NEEDS_A_DESK = frozenset({"nginx"})
"""Installed for the tests, but of no use alone: `make services` does not start these."""


def load(name: str) -> type[Server]:
    """Return the class of one kind; KeyError for an unknown name."""
    module, attribute = CLASSES[name]
    kind: type[Server] = getattr(importlib.import_module(module), attribute)
    return kind
