"""The one typed settings tree: every key has a sentence, unknown keys are refused, values are read once.

Order: command line, environment (`POWERDESK_*`, nested by `__`), `settings.toml` of the data folder, defaults.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "POWERDESK_"
NOT_SETTINGS = frozenset(
    PREFIX + name for name in ("REQUIRE_SERVICES", "SHARED", "CLICKHOUSE_URL", "CLICKHOUSE_PASSWORD", "API_KEY", "URL")
)
"""Read by the tests and examples of this repository, and by the command line as --key, not by the desk."""
FILE_NAME = "settings.toml"
FeedName = Literal["sim", "caiso", "nyiso"]


class SettingsError(problem.Problem):
    """A setting is unknown or has a value that is not allowed."""

    status = 400
    slug = "bad-settings"
    title = "The settings cannot be used"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineSettings(_Part):
    """Where one engine is; the scheme chooses the adapter."""

    url: str = Field(description="Scheme and place of the engine; the embedded default needs no set-up.")
    user: str | None = Field(default=None, description="Who signs in to it, where the address does not say.")
    password: SecretStr | None = Field(
        default=None, description="What they sign in with; kept out of addresses, so that those can be shown."
    )


class SimSettings(_Part):
    """The simulated market."""

    seed: int = Field(default=1, ge=0, description="Everything the simulated market does is a function of this seed.")
    locations: int = Field(default=0, ge=0, le=20_000, description="Settlement points added for load tests; 0 is none.")
    backfill_days: int = Field(default=2, ge=0, le=3660, description="Days of history made on the first start.")


class FetchSettings(_Part):
    """Real feeds."""

    caiso_url: str = Field(default="https://oasis.caiso.com", description="Base address of CAISO OASIS.")
    nyiso_url: str = Field(default="http://mis.nyiso.com", description="Base address of the NYISO MIS.")


class AccessSettings(_Part):
    """Accounts and keys."""

    pepper: SecretStr | None = Field(
        default=None, description="Secret that keys are hashed with; made in the data folder when absent."
    )


class StreamSettings(_Part):
    """The live stream."""

    heartbeat_s: float = Field(default=5.0, gt=0, description="Seconds between heartbeats.")
    connections: int = Field(default=2_000, gt=0, description="Most sockets open at once.")
    queue_mb: float = Field(default=8.0, gt=0, description="Most megabytes waiting for one slow subscriber.")


class LargeReadSettings(_Part):
    """Reads of more than 5 000 rows, and the making of downloads."""

    at_once: int = Field(default=2, gt=0, description="Large reads at once in a process.")
    of_account: int = Field(
        default=2, gt=0, description="Large reads at once of an account, with the answers that it has not taken yet."
    )
    waiting: int = Field(
        default=16, ge=0, description="Large reads that wait for their turn, at most half of them of one account."
    )
    wait_s: float = Field(default=30.0, gt=0, description="Seconds that a large read waits before it is refused.")


class RetentionSettings(_Part):
    """How long what is old is kept; what has no end here is kept for ever."""

    log_days: int = Field(
        default=30, ge=1, description="Days that messages stay in the log after every reader has done them."
    )
    payload_days: int | None = Field(
        default=None, ge=1, description="Days that raw payloads are kept to be parsed again; absent keeps them all."
    )
    rows_days: dict[str, Annotated[int, Field(ge=31)]] = Field(
        default={}, description="Days that rows are kept, by dataset id, in place of what the dataset declares."
    )

    @field_validator("rows_days", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


class TlsSettings(_Part):
    """Encryption on the one port, where no proxy in front does it."""

    certificate: Path | None = Field(
        default=None, description="PEM file with the certificate and its chain; the port speaks https when it is set."
    )
    key: Path | None = Field(
        default=None, description="PEM file with the private key; absent where the certificate's file holds it."
    )


class Settings(_Part):
    """All settings of a desk."""

    data: Path = Field(default=Path("powerdesk-data"), description="Folder that holds everything the desk knows.")
    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless told.")
    port: int = Field(default=8600, ge=0, le=65535, description="The one visible port; 0 takes a free one.")
    public_hosts: tuple[str, ...] = Field(
        default=(), description="Host names, besides the loopback ones, under which browsers may reach the desk."
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    connections_of_address: int = Field(
        default=1_000,
        gt=0,
        description="Most connections open at once from one client, an IPv4 address or an IPv6 /64; of a trusted proxy "
        "only the streams that it passes on are counted, by their client.",
    )
    secure_cookies: bool = Field(default=False, description="Set to true behind a proxy that speaks https.")
    feeds: tuple[FeedName, ...] = Field(default=("sim", "caiso", "nyiso"), description="Feeds that run.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is written to the log."
    )
    tables: EngineSettings = Field(default=EngineSettings(url="duckdb:"), description="Time series engine.")
    records: EngineSettings = Field(default=EngineSettings(url="sqlite:"), description="Transactions engine.")
    objects: EngineSettings = Field(default=EngineSettings(url="file:"), description="Blob engine.")
    bus: EngineSettings = Field(default=EngineSettings(url="local:"), description="Durable log engine.")
    cache: EngineSettings = Field(default=EngineSettings(url="memory:"), description="Cache and counters engine.")
    compute: EngineSettings = Field(default=EngineSettings(url="local:"), description="Parallel work engine.")
    sim: SimSettings = Field(default=SimSettings(), description="The simulated market.")
    fetch: FetchSettings = Field(default=FetchSettings(), description="Real feeds.")
    access: AccessSettings = Field(default=AccessSettings(), description="Accounts and keys.")
    stream: StreamSettings = Field(default=StreamSettings(), description="The live stream.")
    large_reads: LargeReadSettings = Field(default=LargeReadSettings(), description="Reads that take much memory.")
    retention: RetentionSettings = Field(default=RetentionSettings(), description="How long what is old is kept.")
    tls: TlsSettings = Field(default=TlsSettings(), description="Encryption on the one port.")

    @property
    def scheme(self) -> str:
        """What the port speaks: http or https."""
        return "http" if self.tls.certificate is None else "https"

    @property
    def secure(self) -> bool:
        """Whether browsers speak https, to this desk or to a proxy before it."""
        return self.secure_cookies or self.scheme == "https"

    @field_validator("feeds", "public_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part for part in value.split(",") if part) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            ipaddress.ip_network(part, strict=False)
        return value


def load(overrides: dict[str, Any] | None = None, *, environment: dict[str, str] | None = None) -> Settings:
    """Return the settings from all sources; raise SettingsError naming every fault and its source."""
    environ = dict(os.environ) if environment is None else environment
    given = _from_environment(environ)
    merged = _merged(given, overrides or {})
    folder = Path(merged.get("data", Settings.model_fields["data"].default))
    merged = _merged(_from_file(folder / FILE_NAME), merged)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise _explained(error, overrides or {}) from error


def of_side(mark: str) -> dict[str, str]:
    """Return the environment as one side of a move sees it: POWERDESK_<mark>NAME is its POWERDESK_NAME."""
    marked = PREFIX + mark
    return {PREFIX + name.removeprefix(marked): text for name, text in os.environ.items() if name.startswith(marked)}


def _from_environment(environ: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and name not in NOT_SETTINGS:
            _put(tree, name.removeprefix(PREFIX).lower().split("__"), value)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        branch = tree.setdefault(part, {})
        if not isinstance(branch, dict):
            return
        tree = branch
    tree[path[-1]] = value


def _from_file(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            return {}
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(found=f"{path}: {error}", allowed="TOML", remedy="correct the line named") from error
    except OSError as error:
        raise SettingsError(
            found=f"{path}: {error.strerror}", allowed="a file that can be read, or none", remedy="correct --data"
        ) from error


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        result[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _nearest(path: tuple[str | int, ...]) -> str:
    """Return the keys that an unknown one resembles, as settings and as environment, or where all are told."""
    keys = {"_".join(key): key for key in _keys(Settings)}
    near = difflib.get_close_matches("_".join(str(part) for part in path), keys, n=2, cutoff=0.75)
    named = [f"{'.'.join(keys[one])} ({PREFIX}{'__'.join(keys[one]).upper()})" for one in near]
    return ", ".join(named) or "a key of docs/reference/settings.md"


def _keys(part: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in part.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from ((name, *below) for below in _keys(field.annotation))
        else:
            yield (name,)


def _places(path: tuple[str | int, ...], given: Mapping[str, Any]) -> str:
    """Return where a setting can be said: on the command line, when it was; in the environment; in the file."""
    names = [part for part in path if isinstance(part, str)]  # an item of a list has no place of its own
    option = f"--{names[0]}, " if names and names[0] in given else ""
    return f"{option}{PREFIX}{'__'.join(names).upper()} or {FILE_NAME}"


def _explained(error: ValidationError, given: Mapping[str, Any]) -> SettingsError:
    findings = tuple(
        problem.Finding(
            pointer=".".join(str(part) for part in fault["loc"]) or "settings",
            found="an unknown key" if fault["type"] == "extra_forbidden" else fault["msg"],
            allowed=_nearest(fault["loc"]) if fault["type"] == "extra_forbidden" else "see docs/reference/settings.md",
            remedy=f"correct {_places(fault['loc'], given)}",
        )
        for fault in error.errors(include_input=False, include_url=False)
    )
    return SettingsError(
        found="; ".join(f"{finding.pointer}: {finding.found}" for finding in findings),
        allowed="the settings of docs/reference/settings.md",
        remedy=findings[0].remedy,
        findings=findings,
    )
