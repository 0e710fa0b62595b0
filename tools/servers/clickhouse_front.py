"""An HTTP front over chDB, ClickHouse's engine as a library: `python clickhouse_front.py FOLDER PORT`, for tests only.

It answers clickhouse-connect as a server would: text in the body, `INSERT ... FORMAT` in the address with the data as
body, parameters and settings in the address or in a form, one user whose password lies in FOLDER/user. Each
connection has a thread with two handles on the engine, one of them read-only. FOLDER/data is kept by kill -9.
"""

from __future__ import annotations

import base64
import hmac
import re
import sys
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb

OWN = re.compile(
    "query|database|query_id|session_(id|timeout|check)|user|password|quota_key|(de)?compress|wait_end_of_query|"
    "buffer_size|default_format|client_protocol_version|role|send_progress_in_http_headers|"
    "http_headers_progress_interval_ms|enable_http_compression"
)
"""What HTTP itself takes from the address; every other name is a setting, or a parameter with `param_` before it."""
CODE = re.compile(r"Code: (\d+)")
INSERTED_FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*$", re.IGNORECASE)
FIELD = re.compile(r'name="([^"]+)"')
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
AUTHENTICATION_FAILED, UNKNOWN = 516, 1002
STATUS = {AUTHENTICATION_FAILED: HTTPStatus.FORBIDDEN, 60: HTTPStatus.NOT_FOUND, 62: HTTPStatus.BAD_REQUEST}


class Refused(Exception):  # noqa: N818 - what the engine or the front refuses, with ClickHouse's code
    """The message as ClickHouse words it, and its code."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        found = CODE.search(message)
        self.code = int(found[1]) if found else UNKNOWN


class Handle:
    """One chDB connection, its database and the settings it has now."""

    def __init__(self, path: str, *, read_only: bool) -> None:
        self._connection = chdb.connect(path)
        self._database = "default"
        self._settings: dict[str, str] = {}
        self._answer: Any = None  # a view does not keep its answer alive
        if read_only:
            self._connection.query("SET readonly = 2")

    def prepare(self, database: str, settings: dict[str, str]) -> None:
        """Take the database and exactly these settings."""
        for name in self._settings.keys() - settings.keys():
            self.ask(f"SET {name} = DEFAULT", "TabSeparated", {})
            del self._settings[name]
        for name, value in settings.items():
            if self._settings.get(name) != value:
                if not NAME.fullmatch(name):
                    raise Refused(f"Code: 115. DB::Exception: Setting {name} is neither a builtin setting nor started")
                self.ask(f"SET {name} = {_literal(value)}", "TabSeparated", {})
                self._settings[name] = value
        if database != self._database:
            self.ask(f"USE `{database.replace('`', '')}`", "TabSeparated", {})
            self._database = database

    def ask(self, sql: str, form: str, parameters: dict[str, str]) -> memoryview:
        """Return the bytes that the engine answers, where it wrote them; good until this handle is asked again."""
        try:
            self._answer = self._connection.query(sql, form, params=parameters).get_memview()
        except RuntimeError as error:
            raise Refused(str(error)) from error
        answer: memoryview = self._answer.view()
        return answer

    def insert(self, sql: str, form: str, data: bytes) -> None:
        """Insert data of a format; `sql` ends before FORMAT."""
        try:
            inserter = self._connection.send_insert(sql, form)
            inserter.append(data)
            inserter.finish()
        except RuntimeError as error:
            raise Refused(str(error)) from error

    def close(self) -> None:
        """Let the engine have its handle back."""
        self._connection.close()


class Request(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 1 << 20
    path_of_data = ""
    user = b""

    def setup(self) -> None:
        """Begin without handles; they are opened when asked for."""
        super().setup()
        self._handles: dict[bool, Handle] = {}

    def finish(self) -> None:
        """Close the handles with the connection."""
        for handle in self._handles.values():
            handle.close()
        super().finish()

    def do_GET(self) -> None:
        """Answer `/ping` and read-only queries."""
        if self.path == "/ping":
            self._send(HTTPStatus.OK, b"Ok.\n", {})
        else:
            self.do_POST()

    def do_POST(self) -> None:
        """Answer a query or an insert."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        query_id = asked.get("query_id") or str(uuid.uuid4())
        told = {"X-ClickHouse-Query-Id": query_id, "X-ClickHouse-Summary": "{}"}
        try:
            self._authenticate()
            answer = self._answer(asked, body)
        except Refused as refused:
            status = STATUS.get(refused.code, HTTPStatus.INTERNAL_SERVER_ERROR)
            told |= {"X-ClickHouse-Exception-Code": str(refused.code)}
            self._send(status, f"{refused}\n".encode(), told)
        else:
            self._send(HTTPStatus.OK, answer, told)

    def log_message(self, *_: Any) -> None:
        """Say nothing about single requests."""

    def _authenticate(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        if not hmac.compare_digest(given.encode(), base64.b64encode(self.user)):
            raise Refused(f"Code: {AUTHENTICATION_FAILED}. DB::Exception: Authentication failed")

    def _answer(self, asked: dict[str, str], body: bytes) -> bytes | memoryview:
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            asked, body = asked | _form(kind, body), b""
        settings = {
            name: value for name, value in asked.items() if not OWN.fullmatch(name) and not name.startswith("param_")
        }
        read_only = settings.pop("readonly", "0") != "0"
        if read_only not in self._handles:
            self._handles[read_only] = Handle(self.path_of_data, read_only=read_only)
        handle = self._handles[read_only]
        handle.prepare(asked.get("database", "default"), settings)
        sql = asked.get("query", "")
        inserted = INSERTED_FORMAT.search(sql)
        if body and inserted and not read_only and sql.lstrip().lower().startswith("insert"):
            handle.insert(sql[: inserted.start()], inserted[1], body)
            return b""
        parameters = {name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")}
        text = "\n".join(part for part in (sql, body.decode()) if part)
        return handle.ask(text, asked.get("default_format", "TabSeparated"), parameters)

    def _send(self, status: HTTPStatus, body: bytes | memoryview, told: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in told.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Front(ThreadingHTTPServer):
    """A thread for each connection; they end with the process."""

    daemon_threads = True
    request_queue_size = 128


def _form(kind: str, body: bytes) -> dict[str, str]:
    """Return the fields of a form in several parts."""
    parts = body.split(b"--" + kind.rpartition("boundary=")[2].encode())
    fields = {}
    for part in parts[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        found = FIELD.search(head.decode())
        if found is None:
            raise Refused("Code: 1000. DB::Exception: a part of the form has no name")
        fields[found[1]] = content.removesuffix(b"\r\n").decode()
    return fields


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def main() -> None:
    """Serve until killed."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    Request.path_of_data = str(folder / "data")
    Request.user = (folder / "user").read_bytes()
    kept = chdb.connect(Request.path_of_data)  # the engine lives as long as one handle does
    Front(("127.0.0.1", port), Request).serve_forever()
    kept.close()


if __name__ == "__main__":
    main()
