"""A desk spread over processes: real servers behind it, one process for each role, nginx before it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx  # noqa: TID251 - the tests speak HTTP to the processes
import processes
import pytest

from powerdesk.app import ownership
from servers import base
from servers.clickhouse import ClickHouse
from servers.kafka import Kafka
from servers.minio import Minio
from servers.needed import namespace, needed, require
from servers.nginx import Nginx
from servers.postgres import Postgres
from servers.redis import Redis
from servers.waiting import PATIENCE_S, REQUIRED, NotYet, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PEPPER = "a pepper that every process of this test shares"
LIBRARIES = ("*/faketime", "faketime")
READY_S = 30.0
"""More than readiness takes where every engine is asked in vain, on a busy machine too."""

ROLES = ("gateway", "ingest", "stream", "jobs")


def _skewed(seconds: float) -> dict[str, str]:
    """Return the environment in which a program's clock is ahead; monotonic time goes on as it is."""
    if not seconds:
        return {}
    found = [path for folder in LIBRARIES for path in Path("/usr/lib").glob(f"{folder}/libfaketimeMT.so.1")]
    if not found and os.environ.get(REQUIRED) == "1":  # noqa: TID251 - CI says so there
        pytest.fail("libfaketime is required here and missing: apt-get install faketime")
    if not found:
        pytest.skip("libfaketime is missing: install faketime with your system's installer")
    return {"LD_PRELOAD": str(found[0]), "FAKETIME": f"{seconds:+g}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def engines() -> dict[str, str]:
    """Return settings, as environment, of a place of its own on this session's servers."""
    name = namespace().replace("-", "_")
    tables, minio = needed(ClickHouse), needed(Minio)
    postgres = needed(Postgres, durable=False)
    minio.make_bucket(name.replace("_", "-"))
    return {
        "POWERDESK_TABLES__URL": tables.database(name),
        "POWERDESK_TABLES__PASSWORD": tables.password,
        "POWERDESK_RECORDS__URL": postgres.database(name),
        "POWERDESK_OBJECTS__URL": minio.bucket_url(name.replace("_", "-")),
        "POWERDESK_OBJECTS__USER": minio.access_key,
        "POWERDESK_OBJECTS__PASSWORD": minio.secret_key,
        "POWERDESK_BUS__URL": f"{needed(Kafka).url}?prefix={name}.",
        "POWERDESK_CACHE__URL": needed(Redis).url,
        "POWERDESK_ACCESS__PEPPER": PEPPER,
    }


@dataclass
class Process:
    """One role: its process, its folder, its port; started again it comes back at the same port."""

    role: str
    folder: Path
    port: int
    settings: dict[str, str]
    skew_s: float = 0.0
    """How far its clock is ahead."""
    running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return its own address, behind the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["serve", "--role", self.role, "--data", str(self.folder), "--port", str(self.port)]
        with (self.folder / "err.txt").open("ab") as err:
            self.running = subprocess.Popen(  # noqa: S603 - our own program
                [*processes.COMMAND, *arguments],
                env={**processes.environment(**self.settings), **_skewed(self.skew_s)},
                stdout=subprocess.DEVNULL,
                stderr=err,
            )

    def await_ready(self) -> None:
        """Wait until it is ready; show its log when it ended."""
        assert self.running is not None
        running = self.running

        def ready() -> bool | NotYet:
            assert running.poll() is None, self.said()
            try:
                found = httpx.get(f"{self.url}/ready", timeout=READY_S)
            except httpx.TransportError as error:
                return NotYet(f"{error!r}; log: {self.said()}")
            return found.is_success or NotYet(f"{found.text}; log: {self.said()}")

        until(ready, what=f"role {self.role} being ready")

    def said(self) -> str:
        """Return the end of what it wrote."""
        return (self.folder / "err.txt").read_text()[-3000:]

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.running is not None
        self.running.kill()
        self.running.wait(PATIENCE_S)

    def end(self) -> None:
        """Ask it to stop."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
            self.running.wait(PATIENCE_S)


@dataclass
class Cluster:
    """All processes and the one port before them."""

    base: str
    roles: dict[str, Process]
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.Client:
        """Return a client of the visible port."""
        made = httpx.Client(base_url=self.base, headers=headers, timeout=PATIENCE_S)
        self.clients.append(made)
        return made

    def operator(self) -> httpx.Client:
        """Return a client of the gateway itself, with the token of its folder."""
        gateway = self.roles["gateway"]
        owner = ownership.find(gateway.folder)
        assert owner is not None
        made = httpx.Client(
            base_url=gateway.url, headers={"Authorization": f"Bearer {owner.token}"}, timeout=PATIENCE_S
        )
        self.clients.append(made)
        return made


@contextlib.contextmanager
def running(folder: Path, *, feeds: str = "", skews_s: Mapping[str, float] | None = None) -> Iterator[Cluster]:
    """Start the roles and the proxy; end them when the block does. `skews_s` sets clocks ahead, by role."""
    chosen = {**engines(), "POWERDESK_FEEDS": feeds, "POWERDESK_TRUSTED_PROXIES": "127.0.0.1"}
    roles = {
        role: Process(role, folder / role, base.free_port(), chosen, skew_s=(skews_s or {}).get(role, 0.0))
        for role in ROLES
    }
    proxy = None
    cluster = None
    try:
        for process in roles.values():
            process.start()
        for process in roles.values():
            process.await_ready()
        require(Nginx)
        proxy = Nginx(
            folder / "nginx",
            routes={
                "/v1/stream": f"127.0.0.1:{roles['stream'].port}",
                "/": f"127.0.0.1:{roles['gateway'].port}",
            },
        )
        proxy.start()
        cluster = Cluster(base=proxy.url, roles=roles)
        yield cluster
    finally:
        for client in cluster.clients if cluster is not None else ():
            client.close()
        if proxy is not None:
            proxy.stop()
        for process in roles.values():
            process.end()
