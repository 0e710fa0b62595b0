"""Redis 7: a password, loopback only, nothing kept on disk."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
from typing import TYPE_CHECKING

from servers import base, debian

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY = "256mb"


class Redis(base.Server):
    """One Redis that forgets everything when it ends, as the cache's port allows."""

    name = "redis"

    @classmethod
    def missing(cls) -> str | None:
        """Return what is lacking: the program or the client library."""
        if shutil.which("redis-server") is None:
            return "redis-server (Debian's package redis-server)"
        if importlib.util.find_spec("redis") is None:
            return "the client: python tools/setup.py --extra scaled"
        return None

    @classmethod
    def install(cls) -> None:
        """Get the program by apt."""
        if shutil.which("redis-server") is None:
            debian.install_package("redis-server")

    @property
    def url(self) -> str:
        """Return the address of database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def password(self) -> str:
        """Return the generated password."""
        return (self.folder / "password").read_text(encoding="ascii")

    def prepare(self) -> None:
        """Write password and configuration; once."""
        secret = self.folder / "password"
        if not secret.exists():
            secret.write_text(secrets.token_urlsafe(24), encoding="ascii")
            secret.chmod(0o600)
        lines = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"dir {self.folder}",
            'save ""',
            "appendonly no",
            f"maxmemory {MEMORY}",
            "maxmemory-policy volatile-lru",
        )
        configuration = self.folder / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(lines) + "\n", encoding="ascii")

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [shutil.which("redis-server") or "redis-server", str(self.folder / "redis.conf")]

    def healthy(self) -> bool:
        """Ask for a pong."""
        import redis  # noqa: PLC0415 - an extra that a laptop may lack

        with redis.Redis(port=self.port, password=self.password, socket_timeout=1) as client:
            return bool(client.ping())
