"""An access context on a fresh SQLite file, with a clock that moves when told."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from powerdesk.access import keys
from powerdesk.access.operations import accounts, entitling, services, signing_in
from powerdesk.access.queries import directory
from powerdesk.access.types import OPERATOR, SYSTEM, Credential, Entitlement
from powerdesk.engines.embedded import cache as embedded_cache
from powerdesk.engines.embedded import identity as embedded_identity
from powerdesk.engines.embedded import records as embedded_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.access.operations.services import AccessServices
    from powerdesk.access.queries.directory import UserView

MIGRATIONS = Path(__file__).parents[3] / "src/powerdesk/app/migrations"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD = "seven brown otters"


class HandClock:
    """Moves when told."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        """Return where the hand stands."""
        return self.instant

    def monotonic_s(self) -> float:
        """Return seconds since noon."""
        return (self.instant - NOON).total_seconds()

    def move(self, **by: float) -> None:
        """Move the hand."""
        self.instant += timedelta(**by)


class CountingIds:
    """Counts."""

    def __init__(self) -> None:
        self.counter = itertools.count(1)

    def new(self, prefix: str) -> str:
        """Return the next id."""
        return f"{prefix}_{next(self.counter):06d}"


@dataclass
class House:
    """Access as app would put it together, and short ways to fill it."""

    services: AccessServices
    clock: HandClock

    def tenant(self, name: str, *lines: tuple[str, str, str]) -> str:
        """Make a tenant with (market, product, channel) lines."""
        act = self.services.act(OPERATOR)
        with self.services.change() as unit:
            accounts.create_tenant(unit, act, tenant=name, name=name)
            entitling.replace(unit, act, tenant=name, grants=[Entitlement(*line) for line in lines])
        return name

    def user(self, name: str, *roles: str, tenant: str = "t", password: str | None = PASSWORD) -> UserView:
        """Make a person of a tenant (made when absent), with a password set through a one-time link."""
        with self.services.records.reader() as reader:
            known = directory.tenants(reader, principal=OPERATOR)
        if tenant not in known:
            self.tenant(tenant)
        act = self.services.act(OPERATOR)
        with self.services.change() as unit:
            view = accounts.create_user(
                unit, act, tenant=tenant, user=f"usr_{name.lower()}", name=name, roles=roles or ("viewer",)
            )
        if password is not None:
            signing_in.set_password(self.services, self.by_link(view.id), current=None, new=password)
        return view

    def link(self, user: str) -> str:
        """Make a one-time link."""
        with self.services.change() as unit:
            return signing_in.create_link(unit, self.services.act(SYSTEM), user=user)

    def by_link(self, user: str) -> Credential:
        """Sign in by a fresh one-time link."""
        opened = signing_in.open_link(
            self.services, code=self.link(user), visitor=signing_in.Visitor(address="127.0.0.1")
        )
        return self.services.authenticator.session(opened.token)

    def sign_in(self, name: str, password: str = PASSWORD, address: str = "10.0.0.1") -> signing_in.Opened:
        """Sign in by password."""
        return signing_in.sign_in(
            self.services, name=name, password=password, visitor=signing_in.Visitor(address=address)
        )

    def credential(self, name: str) -> Credential:
        """Sign in by password and prove the session."""
        return self.services.authenticator.session(self.sign_in(name).token)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate once; each test starts from a copy."""
    path = tmp_path_factory.mktemp("migrated") / "records.sqlite"
    records = embedded_records.SqliteRecords(path, clock=HandClock(), migrations=MIGRATIONS)
    records.migrate()
    records.close()
    return path


@pytest.fixture
def house(tmp_path: Path, migrated: Path) -> Iterator[House]:
    clock = HandClock()
    path = tmp_path / "records.sqlite"
    shutil.copy(migrated, path)
    records = embedded_records.SqliteRecords(path, clock=clock, migrations=MIGRATIONS)
    made = services.open_services(
        records=records,
        identity=embedded_identity.LocalIdentity(passes=1, memory_kib=64, lanes=1),
        cache=embedded_cache.MemoryCache(clock),
        clock=clock,
        ids=CountingIds(),
        pepper=keys.Pepper(bytes(range(32))),
    )
    yield House(made, clock)
    services.close(made)
    records.close()
