"""What every Kafka client of the house is told, and what Kafka's errors mean to it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError

from powerdesk.engines.ports import faults
from powerdesk.engines.scaled.bus_address import Security

if TYPE_CHECKING:
    from powerdesk.engines.scaled.bus_address import KafkaAddress, KafkaUser
    from powerdesk.kernel.problem import Problem

log = logging.getLogger("powerdesk.bus")
MESSAGE_BYTES_MAX = 64 << 20
"""The largest message; larger contents go into Objects and their key on the bus."""
FETCH_WAIT_MS = 100
SETTINGS: dict[str, Any] = {
    "client.id": "powerdesk",
    "allow.auto.create.topics": False,
    "message.max.bytes": MESSAGE_BYTES_MAX,
    "socket.keepalive.enable": True,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,  # a broker that came back is met again this soon
    "log.connection.close": False,
    "logger": log,
}
PRODUCING: dict[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 1,
    "partitioner": "murmur2",  # as Java's clients do, so that any client finds a key in the same partition
    "queue.buffering.max.messages": 0,  # bounded by bytes
    "queue.buffering.max.kbytes": 256 << 10,
}
CONSUMING: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "check.crcs": True,
    "fetch.wait.max.ms": FETCH_WAIT_MS,
    "fetch.message.max.bytes": 8 << 20,
    "fetch.max.bytes": MESSAGE_BYTES_MAX,
    "receive.message.max.bytes": MESSAGE_BYTES_MAX + (1 << 20),
    "queued.max.messages.kbytes": 32 << 10,
}
SETTLING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - its public name
    }
)
"""What a new topic, or one whose leader changes, says for a moment."""
MOVED = frozenset({KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.FENCED_INSTANCE_ID})
DAMAGED = frozenset({KafkaError._BAD_MSG, KafkaError.INVALID_MSG})  # noqa: SLF001 - its public name


def settings_of(address: KafkaAddress, user: KafkaUser | None) -> dict[str, Any]:
    """Return the settings that all clients of a cluster share; raise UnfitRequestError when a user is lacking."""
    timeout_ms = int(address.timeout_s * 1000)
    settings = SETTINGS | {
        "bootstrap.servers": ",".join(address.servers),
        "security.protocol": address.security.value,
        "socket.timeout.ms": timeout_ms,
        "socket.connection.setup.timeout.ms": max(1000, timeout_ms),
    }
    if address.ca:
        settings["ssl.ca.location"] = address.ca
    if address.security in {Security.SASL_SSL, Security.SASL_PLAINTEXT}:
        if user is None:
            raise faults.UnfitRequestError(
                found=f"security={address.security.value} without a user",
                allowed="a user and a password",
                remedy="give them by settings",
            )
        settings |= {
            "sasl.mechanism": address.mechanism.value,
            "sasl.username": user.name,
            "sasl.password": user.password,
        }
    return settings


def problem(error: KafkaError, *, doing: str) -> Problem:
    """Return the Problem for an error that Kafka or its client reported while `doing`."""
    found = f"{doing}: {error.str()}"
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return too_large(found)
    if error.code() in DAMAGED:
        return faults.CorruptDataError(
            found=found, allowed="messages whose checksums hold", remedy="restore the topic from a replica or a backup"
        )
    if error.code() in MOVED:
        return moved(found)
    return silent(found)


def silent(found: str, *, retry_after_s: float | None = None) -> faults.EngineUnavailableError:
    """Return the Problem for brokers that do not answer."""
    return faults.EngineUnavailableError(
        found=found,
        allowed="a Kafka cluster that answers in time",
        remedy="look at the brokers and the way to them; it goes on by itself once they answer",
        retry_after_s=retry_after_s,
    )


def too_large(found: str) -> faults.UnfitRequestError:
    """Return the Problem for a message that is too large."""
    return faults.UnfitRequestError(
        found=found,
        allowed=f"messages of at most {MESSAGE_BYTES_MAX} bytes",
        remedy="publish smaller batches, or put the content into Objects and publish its key",
    )


def moved(found: str) -> faults.EngineUnavailableError:
    """Return the Problem for a partition that another member of the group reads by now."""
    return faults.EngineUnavailableError(
        found=found,
        allowed="commits of the member that reads the partition",
        remedy="leave the group and join again; the message comes again to whoever reads the partition",
    )


def closed() -> faults.EngineUnavailableError:
    """Return the Problem for the use of a closed bus."""
    return faults.EngineUnavailableError(found="the bus is closed", allowed="an open bus", remedy="open the bus again")
