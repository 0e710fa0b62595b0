"""Settings: every source, every fault named with its remedy, a sentence for every key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, SecretStr

from powerdesk.app import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str | None]]:
    """Yield every setting with its description."""
    for name, field in model.model_fields.items():
        yield ".".join((*path, name)), field.description
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, (*path, name))


def test_every_setting__has_a_sentence() -> None:
    found = dict(fields(settings.Settings))
    assert len(found) > 25
    assert "sim.seed" in found
    for name, description in found.items():
        assert description, name
        assert description.endswith("."), name


def test_defaults__listen_on_loopback() -> None:
    found = settings.load(environment={})
    assert (found.host, found.port, found.feeds) == ("127.0.0.1", 8600, ("sim", "caiso", "nyiso"))


def test_the_environment__reaches_nested_settings(tmp_path: Path) -> None:
    environment = {
        "POWERDESK_DATA": str(tmp_path),
        "POWERDESK_PORT": "8700",
        "POWERDESK_FEEDS": "sim,nyiso",
        "POWERDESK_SIM__BACKFILL_DAYS": "5",
        "POWERDESK_PUBLIC_HOSTS": "desk.example",
        "OTHER_PORT": "1",
    }
    found = settings.load(environment=environment)
    assert (found.data, found.port, found.feeds) == (tmp_path, 8700, ("sim", "nyiso"))
    assert (found.sim.backfill_days, found.public_hosts) == (5, ("desk.example",))


def test_trusted_proxies__are_addresses_or_networks() -> None:
    found = settings.load(environment={"POWERDESK_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"})
    assert found.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    with pytest.raises(settings.SettingsError, match="trusted_proxies"):
        settings.load(environment={"POWERDESK_TRUSTED_PROXIES": "a-proxy"})


def test_sources__count_in_order(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("port = 1\nhost = '::1'\n[sim]\nseed = 3\nbackfill_days = 1\n")
    environment = {"POWERDESK_PORT": "2", "POWERDESK_SIM__SEED": "4", "POWERDESK_DATA": str(tmp_path)}
    found = settings.load({"port": 3}, environment=environment)
    assert (found.port, found.host, found.sim.seed, found.sim.backfill_days) == (3, "::1", 4, 1)


@pytest.mark.parametrize(
    ("environment", "pointer", "remedy"),
    [
        ({"POWERDESK_PROT": "8700"}, "prot", "POWERDESK_PROT"),
        ({"POWERDESK_SIM__SEEDS": "1"}, "sim.seeds", "POWERDESK_SIM__SEEDS"),
        ({"POWERDESK_PORT": "many"}, "port", "POWERDESK_PORT"),
        ({"POWERDESK_PORT": "70000"}, "port", "POWERDESK_PORT"),
        ({"POWERDESK_FEEDS": "sim,miso"}, "feeds.1", "POWERDESK_FEEDS"),
        ({"POWERDESK_SIM": "1"}, "sim", "POWERDESK_SIM"),
        ({"POWERDESK_LOG_LEVEL": "loud"}, "log_level", "POWERDESK_LOG_LEVEL"),
    ],
)
def test_faults__are_named_with_their_remedy(environment: dict[str, str], pointer: str, remedy: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(environment=environment)
    (finding,) = caught.value.findings
    assert finding.pointer == pointer
    assert remedy in finding.remedy
    assert finding.found


def test_all_faults__are_named_at_once() -> None:
    environment = {"POWERDESK_PROT": "1", "POWERDESK_PORT": "x", "POWERDESK_STREAM__HEARTBEAT_S": "0"}
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(environment=environment)
    assert {finding.pointer for finding in caught.value.findings} == {"prot", "port", "stream.heartbeat_s"}


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", b"\xff\xfe".decode("latin-1")])
def test_a_file_that_is_no_toml__is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.toml").write_text(text, encoding="latin-1")
    with pytest.raises(settings.SettingsError, match=r"settings\.toml"):
        settings.load({"data": str(tmp_path)}, environment={})


def test_a_file_with_an_unknown_key__is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[access]\npeper = 'x'\n")
    with pytest.raises(settings.SettingsError, match="an unknown key") as caught:
        settings.load({"data": str(tmp_path)}, environment={})
    assert "settings.toml" in caught.value.remedy


def test_a_folder_that_cannot_be_looked_into__is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(settings.SettingsError, match="File name too long") as caught:
        settings.load({"data": str(tmp_path / ("x" * 300))}, environment={})
    assert caught.value.remedy == "correct --data"


def test_a_fault__names_every_place_where_the_setting_can_be_said() -> None:
    with pytest.raises(settings.SettingsError) as said:
        settings.load({"feeds": "sim,simm"}, environment={})
    assert said.value.remedy == "correct --feeds, POWERDESK_FEEDS or settings.toml"
    with pytest.raises(settings.SettingsError) as given:
        settings.load(environment={"POWERDESK_SIM__SEED": "x"})
    assert given.value.remedy == "correct POWERDESK_SIM__SEED or settings.toml"


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ("POWERDESK_TABLES_URL", "tables.url (POWERDESK_TABLES__URL)"),
        ("POWERDESK_ACCESS__PEPER", "access.pepper (POWERDESK_ACCESS__PEPPER)"),
        ("POWERDESK_NOTHING_LIKE_IT", "a key of docs/reference/settings.md"),
    ],
)
def test_an_unknown_key__is_told_which_known_one_it_resembles(given: str, allowed: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(environment={given: "x"})
    (finding,) = caught.value.findings
    assert finding.allowed.split(", ")[0] == allowed


def test_what_others_read__is_no_fault() -> None:
    environment = dict.fromkeys(sorted(settings.NOT_SETTINGS), "1")
    assert {"POWERDESK_API_KEY", "POWERDESK_CLICKHOUSE_URL"} <= environment.keys()
    assert settings.load(environment=environment) == settings.load(environment={})


def test_secrets__are_not_shown_by_settings_nor_by_their_faults() -> None:
    found = settings.load(environment={"POWERDESK_ACCESS__PEPPER": "battery staple"})
    assert found.access.pepper == SecretStr("battery staple")
    assert "staple" not in f"{found!r} {found} {found.model_dump_json()}"
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(environment={"POWERDESK_ACCESS__PEPER": "battery staple"})
    assert "staple" not in f"{caught.value} {caught.value.findings}"
