"""PostgreSQL 15 or newer: scram passwords, loopback only, run as the user `postgres` where we are root."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from servers import base, debian
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

OLDEST = 15
USER = "postgres"
ROLE = "desk"
"""Owns the databases of the tests; no superuser, so that nothing of ours comes to need one."""


class Postgres(base.Server):
    """One PostgreSQL cluster in `folder/data`.

    Not `durable`: no fsync. A killed process still loses nothing (the kernel has the pages), a power cut would:
    right for contract suites, wrong for benchmarks.
    """

    name = "postgres"
    stop_signal: ClassVar[int] = signal.SIGINT  # fast shutdown: open sessions are ended, not waited for

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        super().__init__(folder, port=port)
        self.durable = durable

    @classmethod
    def missing(cls) -> str | None:
        """Return what is lacking: the programs, their user, or the client library."""
        if programs() is None:
            return f"PostgreSQL {OLDEST} or newer (Debian's package postgresql)"
        if debian.is_root() and shutil.which("setpriv") is None:
            return "setpriv (Debian's package util-linux), because PostgreSQL refuses to run as root"
        if importlib.util.find_spec("psycopg") is None:
            return "the client: python tools/setup.py --extra scaled"
        return None

    @classmethod
    def install(cls) -> None:
        """Get the programs by apt."""
        if programs() is None:
            debian.install_package("postgresql")

    @property
    def url(self) -> str:
        """Return the address of the database `desk`."""
        return self.address(database=ROLE)

    def address(self, *, database: str, role: str = ROLE) -> str:
        """Return the address of one database for one role."""
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def password(self) -> str:
        """Return the generated password of both roles."""
        return (self.folder / "password").read_text(encoding="ascii")

    def database(self, name: str, *, template: str = "template1") -> str:
        """Make a database owned by the desk's role, as a copy of `template`; return its address."""
        self.administer(f'CREATE DATABASE "{name}" OWNER {ROLE} TEMPLATE "{template}"')
        return self.address(database=name)

    def drop(self, name: str) -> None:
        """Remove a database and end its sessions."""
        self.administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def administer(self, statement: str) -> None:
        """Run one statement as the superuser."""
        import psycopg  # noqa: PLC0415 - an extra that a laptop may lack

        address = self.address(database="postgres", role=USER)
        with psycopg.connect(address, connect_timeout=round(PATIENCE_S), autocommit=True) as connection:
            connection.execute(statement.encode())

    def prepare(self) -> None:
        """Make the cluster with two generated passwords; once."""
        if (self.folder / "data" / "PG_VERSION").exists():
            return
        secret = self.folder / "password"
        secret.write_text(secrets.token_urlsafe(24), encoding="ascii")
        secret.chmod(0o600)
        if debian.is_root():
            for path in (self.folder, secret):
                shutil.chown(path, USER, USER)
        options = [f"--username={USER}", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8"]
        command = [*as_user(), str(folder_of_programs() / "initdb"), *options, "--locale=C.UTF-8", "--no-sync"]
        answer = subprocess.run(
            [*command, "-D", str(self.folder / "data")], check=False, capture_output=True, text=True, cwd="/"
        )
        if answer.returncode != 0:
            raise base.ServerDidNotStartError(
                f"initdb in {self.folder} (which {USER} must be able to reach): {answer.stderr}"
            )

    def command(self) -> Sequence[str]:
        """Return the command line, every option of ours on it."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "120",
            "shared_buffers": "128MB",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            "log_min_messages": "fatal",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*as_user(), str(folder_of_programs() / "postgres"), "-D", str(self.folder / "data"), *options]

    def healthy(self) -> bool:
        """Ask for the desk's role and database, and make them the first time."""
        import psycopg  # noqa: PLC0415 - an extra that a laptop may lack

        address = self.address(database="postgres", role=USER)
        with psycopg.connect(address, connect_timeout=2, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
                connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{self.password}'".encode())
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}".encode())
        return True


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, None when none is new enough."""
    debian_folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    fit = [folder for folder in debian_folders if int(folder.parent.name) >= OLDEST]
    if fit:
        return max(fit, key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("postgres")
    return None if on_path is None else Path(on_path).parent


def folder_of_programs() -> Path:
    """Return the folder of programs; ServerDidNotStartError when there is none."""
    found = programs()
    if found is None:
        raise base.ServerDidNotStartError(str(Postgres.missing()))
    return found


def as_user() -> list[str]:
    """Return the words that make a program run as the user `postgres` in the same process; none when we are no root."""
    if not debian.is_root():
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
