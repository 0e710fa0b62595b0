"""Addresses of ClickHouse."""

from __future__ import annotations

import subprocess
import sys

import pytest

from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import tables_address
from powerdesk.engines.scaled.tables_address import ClickHouseAddress


def test_address__is_taken_apart() -> None:
    plain = tables_address.parsed("clickhouse+http://desk@click:9000/power?timeout_s=2.5&connections=4&memory_mb=64")
    secure = tables_address.parsed("clickhouse+https://click.example.com")

    assert plain == ClickHouseAddress(
        host="click", port=9000, user="desk", database="power", timeout_s=2.5, connections=4, memory_mb=64
    )
    assert (secure.port, secure.user, secure.database, secure.secure) == (8443, "default", "default", True)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://desk@click/power", "scheme 'http'"),
        ("clickhouse+http://desk:hush@click/power", "a password in the address"),
        ("clickhouse+http:///power", "no host"),
        ("clickhouse+http://click/po-wer/er", "database 'po-wer/er'"),
        ("clickhouse+http://click:99999/power", "Port out of range"),
        ("clickhouse+http://click/power?retries=3", "option 'retries'"),
        ("clickhouse+http://click/power?timeout_s=soon", "timeout_s 'soon'"),
        ("clickhouse+http://click/power?timeout_s=0", "timeout_s '0'"),
        ("clickhouse+http://click/power?compression=gzip", "compression 'gzip'"),
    ],
)
def test_address__with_a_fault_is_refused_by_name_and_without_its_password(url: str, fault: str) -> None:
    with pytest.raises(faults.UnfitRequestError) as refused:
        tables_address.parsed(url)
    assert fault in refused.value.found
    assert "hush" not in str(refused.value)


UNREACHABLE = """
import time
from datetime import UTC, datetime
from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import tables, tables_address

class Clock:
    def now(self): return datetime.now(tz=UTC)
    def monotonic_s(self): return time.monotonic()

found = tables.ClickTables(tables_address.parsed("clickhouse+http://desk@127.0.0.1:9/desk"), password="", clock=Clock())
try:
    found.version()
except faults.EngineUnavailableError as error:
    print(error.found[:16])
"""


def test_a_server_that_cannot_be_reached__is_told_by_a_problem_and_not_printed_besides() -> None:
    pytest.importorskip("clickhouse_connect")
    told = subprocess.run([sys.executable, "-c", UNREACHABLE], capture_output=True, text=True, check=True, timeout=120)  # noqa: S603 - a program of this test
    assert (told.stdout.strip(), told.stderr) == ("asking who it is", "")
