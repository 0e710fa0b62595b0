"""A ClickHouse database for each folder of a test: on chDB behind its front, and on a server that the user names."""

from __future__ import annotations

import atexit
import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import pytest

from servers import needed
from servers.clickhouse import REAL_URL, ClickHouse, real_server

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from powerdesk.engines.ports.tables import Tables
    from powerdesk.engines.scaled.tables_address import ClickHouseAddress


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(tz=UTC)  # noqa: TID251 - a test's clock

    def monotonic_s(self) -> float:
        """Return seconds."""
        return time.monotonic()  # noqa: TID251 - a test's clock


def opened(folder: Path) -> Tables:
    """Open the folder's database on chDB."""
    server = needed.needed(ClickHouse)
    return _opened(folder, server.url, server.password)


def opened_on_a_real_server(folder: Path) -> Tables:
    """Open the folder's database on the server named in the environment; skip where none is."""
    named = real_server()
    if named is None:
        pytest.skip(f"no ClickHouse server is named by {REAL_URL}")
    return _opened(folder, *named)


def _opened(folder: Path, url: str, password: str) -> Tables:
    from powerdesk.engines.scaled import tables, tables_address  # noqa: PLC0415 - an extra that a laptop may lack

    name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:24]
    address = tables_address.parsed(url)
    _create(address, password, name)
    return tables.ClickTables(replace(address, database=name), password=password, clock=RealClock())


@cache
def _create(address: ClickHouseAddress, password: str, name: str) -> None:
    client = _client(address, password)
    client.command(f"CREATE DATABASE {name}")
    if real_server() is not None:  # ours goes with its folder
        atexit.register(client.command, f"DROP DATABASE {name} SYNC")


@cache
def _client(address: ClickHouseAddress, password: str) -> Client:
    import clickhouse_connect  # noqa: PLC0415 - as above

    return clickhouse_connect.get_client(
        host=address.host,
        port=address.port,
        username=address.user,
        password=password,
        secure=address.secure,
        compress=False,
        autogenerate_session_id=False,
    )
