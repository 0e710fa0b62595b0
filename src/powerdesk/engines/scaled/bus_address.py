"""Where a Kafka cluster is and how to speak to it: `kafka://host:port[,host:port]?prefix=...&partitions=topic:4`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from powerdesk.engines import names
from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}")
PREFIX = re.compile(r"([a-z0-9_][a-z0-9._-]{0,39})?")
EXAMPLE = "kafka://broker-1:9092,broker-2:9092?prefix=desk.&replicas=3"
ASKED = frozenset({"prefix", "partitions", "replicas", "timeout_s", "security", "mechanism", "ca"})


class Security(StrEnum):
    """How the connection is protected, in Kafka's words."""

    PLAINTEXT = "plaintext"
    SSL = "ssl"
    SASL_SSL = "sasl_ssl"
    SASL_PLAINTEXT = "sasl_plaintext"


class Mechanism(StrEnum):
    """How a user proves themselves to the broker."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """A cluster and this desk's part of it.

    `prefix` goes before every topic and group. `partitions` holds the topics that have more than one; `replicas` -1
    takes the cluster's default. `timeout_s` bounds every request. `ca` is a PEM file of authorities to trust.
    """

    servers: tuple[str, ...]
    prefix: str = ""
    partitions: Mapping[str, int] = field(default_factory=dict)
    replicas: int = -1
    timeout_s: float = 10.0
    security: Security = Security.PLAINTEXT
    mechanism: Mechanism = Mechanism.SCRAM_SHA_512
    ca: str = ""


@dataclass(frozen=True, slots=True)
class KafkaUser:
    """Who signs in to the brokers; the password never shows in a text of this object."""

    name: str
    password: str = field(repr=False)


def parse(url: str) -> KafkaAddress:
    """Return the address that `url` spells; raise UnfitRequestError, which never repeats a password."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise _unfit("a user in the address", "an address without secrets", "give user and password by settings")
    servers = tuple(parts.netloc.split(","))
    if parts.scheme != "kafka" or parts.path.strip("/") or not all(HOST.fullmatch(server) for server in servers):
        raise _unfit(url, EXAMPLE, "name each broker as host:port, parted by commas")
    asked = {name: given[-1] for name, given in parse_qs(parts.query, keep_blank_values=True).items()}
    if not asked.keys() <= ASKED:
        raise _unfit(f"{sorted(asked.keys() - ASKED)} in {url}", f"{sorted(ASKED)}", "correct the address")
    try:
        return KafkaAddress(
            servers=servers,
            prefix=_prefix(asked.get("prefix", "")),
            partitions=_partitions(asked.get("partitions", "")),
            replicas=int(asked.get("replicas", "-1")),
            timeout_s=_seconds(asked.get("timeout_s", "10")),
            security=Security(asked.get("security", "plaintext")),
            mechanism=Mechanism(asked.get("mechanism", "SCRAM-SHA-512")),
            ca=asked.get("ca", ""),
        )
    except ValueError as error:
        raise _unfit(f"{url}: {error}", EXAMPLE, "correct the address") from error


def _prefix(given: str) -> str:
    if not PREFIX.fullmatch(given):
        raise ValueError(f"prefix {given!r} is not up to 40 of a-z 0-9 . _ -")
    return given


def _partitions(given: str) -> dict[str, int]:
    """Return {topic: partitions} of `topic:4,other:2`."""
    found = {}
    for part in filter(None, given.split(",")):
        topic, _, count = part.rpartition(":")
        found[names.on_bus(topic, what="topic")] = int(count)
        if int(count) < 1:
            raise ValueError(f"{count} partitions of {topic}")
    return found


def _seconds(given: str) -> float:
    seconds = float(given)
    if not 0.5 <= seconds <= 300:  # noqa: PLR2004 - below, a healthy broker's pause is a fault; above, nobody waits
        raise ValueError(f"timeout_s {given} is not within 0.5 to 300")
    return seconds


def _unfit(found: str, allowed: str, remedy: str) -> faults.UnfitRequestError:
    return faults.UnfitRequestError(found=found, allowed=allowed, remedy=remedy)
