"""Questions to a ClickHouse server: bounded in time, memory and number, its failures in the words of the port."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver import exceptions
from clickhouse_connect.driver.httputil import get_pool_manager

from powerdesk.engines.ports import faults
from powerdesk.engines.scaled.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clickhouse_connect.driver.client import Client

    from powerdesk.engines.scaled.tables_address import ClickHouseAddress
    from powerdesk.kernel.clock import Clock

logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # else Python prints what we raise as well
REST_S = 1.0
"""How long callers are refused at once after the server did not answer."""
FULL = frozenset({243})  # NOT_ENOUGH_SPACE
TOO_MUCH = frozenset({158, 159, 160, 241, 307, 396})  # rows, time, estimated time, memory, bytes
REFUSED = frozenset({192, 193, 194, 291, 497, 516})  # users, passwords, grants
SENT_BYTES = 1 << 20
PARTITIONS_MAX = 2400  # two hundred years of months in one insert


class ClickHouseClient:
    """One server for all threads. It need not answer yet: each call tries, and a failure leaves nothing behind.

    Reads are repeated once by clickhouse-connect when the server closed the connection; writes never are.
    """

    def __init__(self, address: ClickHouseAddress, *, password: str, clock: Clock) -> None:
        self._address = address
        self._password = password
        self._breaker = Breaker(clock.monotonic_s, rest_s=REST_S)
        self._places = threading.BoundedSemaphore(address.connections)
        self._opening = threading.Lock()
        self._client: Client | None = None

    def ask(self, sql: str, parameters: Mapping[str, object], *, doing: str) -> pa.Table:
        """Return the answer of a read that may change nothing; parameters are bound by the server."""
        settings = {
            "readonly": 2,  # reads only; 1 would forbid the limits below
            "max_memory_usage": self._address.memory_mb << 20,
            "output_format_arrow_compression_method": self._address.compression,
            "output_format_arrow_low_cardinality_as_dictionary": 1,
        }
        with self._calling(doing) as client:
            answer = client.raw_query(sql, parameters=dict(parameters), settings=settings, fmt="ArrowStream")
        return pa.ipc.open_stream(pa.py_buffer(answer)).read_all()

    def tell(self, sql: str, parameters: Mapping[str, object] | None = None, *, doing: str) -> None:
        """Carry out a definition or a small write."""
        with self._calling(doing) as client:
            client.command(sql, parameters=dict(parameters or {}), settings={"async_insert": 0})

    def insert(self, into: str, rows: pa.Table, *, token: str, doing: str) -> None:
        """Insert rows by one request, sent once; `into` is a quoted table with its quoted columns.

        A server that knows the token drops a second arrival of the same request.
        """
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        data = sink.getvalue()
        settings = {
            "async_insert": 0,
            "insert_deduplication_token": token,
            "max_partitions_per_insert_block": PARTITIONS_MAX,
        }
        length = {"Content-Length": str(data.size)}
        with self._calling(doing) as client:  # of bytes clickhouse-connect would send a lost request again
            client.raw_insert(
                into,
                insert_block=_pieces(data),
                settings=settings,
                fmt="ArrowStream",
                transport_settings=length,
            )

    def close(self) -> None:
        """Let the connections go."""
        with self._opening:
            if self._client is not None:
                self._client.close()
                self._client = None

    @contextlib.contextmanager
    def _calling(self, doing: str) -> Iterator[Client]:
        """Give the client to one call at a place of its own, and turn failures into Problems."""
        if not self._breaker.allows():
            raise self._unavailable(doing, "it did not answer a moment ago")
        if not self._places.acquire(timeout=self._address.timeout_s):
            raise self._unavailable(doing, f"all {self._address.connections} connections are busy")
        try:
            yield self._opened(doing)
        except exceptions.Error as error:
            raise self._translated(error, doing) from error
        except pa.ArrowInvalid as error:
            raise self._unavailable(doing, f"an answer that is no Arrow stream ({error})") from error
        else:
            self._breaker.worked()
        finally:
            self._places.release()

    def _opened(self, doing: str) -> Client:
        """Return the client; the first call greets the server, and who waited for it in vain does not try again."""
        waited = not self._opening.acquire(blocking=False)
        if waited:
            self._opening.acquire()
        try:
            if self._client is None:
                if waited and self._breaker.is_open:
                    raise self._unavailable(doing, "it did not answer a moment ago")
                address = self._address
                self._client = clickhouse_connect.get_client(
                    host=address.host,
                    port=address.port,
                    username=address.user,
                    password=self._password,
                    database=address.database,
                    secure=address.secure,
                    compress=False,
                    connect_timeout=address.connect_timeout_s,
                    send_receive_timeout=address.timeout_s,
                    settings={"max_execution_time": address.timeout_s},
                    autogenerate_session_id=False,  # a session would let one request through at a time
                    form_encode_query_params=True,  # long lists do not fit into an address
                    pool_mgr=get_pool_manager(ca_cert=address.ca or None, maxsize=address.connections),
                )
            return self._client
        finally:
            self._opening.release()

    def _translated(self, error: exceptions.Error, doing: str) -> faults.EngineUnavailableError:
        code = getattr(error, "code", None)
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        if code is None:
            self._breaker.failed()
            return self._unavailable(doing, words)
        self._breaker.worked()
        if code in FULL or "no space left" in words.lower():
            return faults.EngineFullError(
                found=f"{doing}: {words}",
                allowed="a ClickHouse server with free space",
                remedy="free some space on the server and try again; nothing half-written can be seen",
            )
        if code in TOO_MUCH:
            return faults.EngineUnavailableError(
                found=f"{doing}: {words}",
                allowed=f"answers within {self._address.timeout_s:g} s and {self._address.memory_mb} MB",
                remedy="ask for less at a time, or raise timeout_s or memory_mb in the address of Tables",
            )
        if code in REFUSED:
            return faults.EngineUnavailableError(
                found=f"{doing}: {words}",
                allowed=f"user {self._address.user!r} with its password and rights on {self._address.database!r}",
                remedy="correct the user in the address of Tables, its password or its rights",
            )
        return self._unavailable(doing, words)

    def _unavailable(self, doing: str, why: str) -> faults.EngineUnavailableError:
        address = self._address
        return faults.EngineUnavailableError(
            found=f"{doing}: ClickHouse at {address.host}:{address.port}: {why}",
            allowed=f"a server that answers within {address.timeout_s:g} s",
            remedy="look whether the server runs and can be reached; it is used again as soon as it answers",
        )


def _pieces(data: pa.Buffer) -> Iterator[memoryview]:
    """Yield the bytes in pieces, none of them copied."""
    whole = memoryview(data)
    for start in range(0, len(whole), SENT_BYTES):
        yield whole[start : start + SENT_BYTES]
