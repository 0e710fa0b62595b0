"""ClickHouse for tests: its engine chDB behind an HTTP front of ours, because no server package can be had everywhere.

Where POWERDESK_CLICKHOUSE_URL names a real server, the contract suites run on that one as well.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from servers import base

if TYPE_CHECKING:
    from collections.abc import Sequence

FRONT = Path(__file__).with_name("clickhouse_front.py")
USER = "desk"
REAL_URL, REAL_PASSWORD = "POWERDESK_CLICKHOUSE_URL", "POWERDESK_CLICKHOUSE_PASSWORD"


class ClickHouse(base.Server):
    """One engine in its folder; what it acknowledged is there again after kill -9."""

    name = "clickhouse"

    @classmethod
    def missing(cls) -> str | None:
        """Return what is lacking: the engine (none for Windows) or the client."""
        lacking = [name for name in ("chdb", "clickhouse_connect") if importlib.util.find_spec(name) is None]
        return f"{' and '.join(lacking)}: python tools/setup.py --extra scaled" if lacking else None

    @classmethod
    def install(cls) -> None:
        """Do nothing: engine and client are Python packages of the extras."""

    @property
    def url(self) -> str:
        """Return the address of the default database, without the password."""
        return f"clickhouse+http://{USER}@127.0.0.1:{self.port}/default"

    def database(self, name: str) -> str:
        """Make a database; return its address."""
        import clickhouse_connect  # noqa: PLC0415 - an extra that a laptop may lack

        client = clickhouse_connect.get_client(
            host="127.0.0.1", port=self.port, username=USER, password=self.password, compress=False
        )
        client.command(f"CREATE DATABASE {name}")
        client.close()
        return self.url.removesuffix("default") + name

    @property
    def password(self) -> str:
        """Return the generated password."""
        return (self.folder / "user").read_text(encoding="ascii").partition(":")[2]

    def prepare(self) -> None:
        """Write the user and a password; once."""
        user = self.folder / "user"
        if not user.exists():
            user.touch(mode=0o600)
            user.write_text(f"{USER}:{secrets.token_urlsafe(24)}", encoding="ascii")

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [sys.executable, str(FRONT), str(self.folder), str(self.port)]

    def healthy(self) -> bool:
        """Ask for an answer of the front; the engine was opened before it listened."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().read() == b"Ok.\n"
        finally:
            connection.close()


def real_server() -> tuple[str, str] | None:
    """Return address and password of the server that the user named for the tests; None when there is none."""
    url = os.environ.get(REAL_URL)
    return (url, os.environ.get(REAL_PASSWORD, "")) if url else None
