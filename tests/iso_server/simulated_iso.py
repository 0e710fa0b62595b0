"""A loopback server that answers as CAISO OASIS and NYISO MIS do, with faults that tests inject."""

from __future__ import annotations

import collections
import http.server
import re
import threading
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import simulated_payloads as payloads

if TYPE_CHECKING:
    from collections.abc import Callable


class Fault(StrEnum):
    """What goes wrong with one answer."""

    THROTTLE_TEXT = "429 with a text body"
    THROTTLE_HTML = "429 with an HTML body"
    THROTTLE_200 = "a throttle page with status 200"
    UNAVAILABLE = "503"
    SLOW_BODY = "a body that drips"
    TRUNCATED = "half of the bytes"
    HTML = "HTML instead of data"
    RENAMED_COLUMN = "a renamed value column"
    MISSING_COLUMN = "no value column"
    EXTRA_COLUMN = "a column more"
    RESTATED = "other values than before"
    DUPLICATE_ROWS = "every row twice"
    CONFLICTING_ROWS = "a second value for one row"
    BAD_NUMBER = "text where a number belongs"
    SHORT_ROW = "a row that breaks off"
    MISSING_ROWS = "every tenth row left out"
    EMPTY_DAY = "a header and no rows"
    MISSING_FILE = "404"
    OASIS_1000 = "refusal 1000"
    OASIS_1004 = "refusal 1004"
    OASIS_1014 = "refusal 1014"
    OASIS_1015 = "refusal 1015"


_THROTTLE = "You have exceeded the request limit. Please retry after 5 seconds."
_HTML = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Scheduled maintenance</body></html>"
_VALUE = re.compile(r"\bMW\b|\bVALUE\b|\bPRC\b|LBMP \(\$/MWHr\)|Load\"|Gen MW")


class IsoServer:
    """Start with `with IsoServer() as server:`; `base_url` is where it listens. Faults are used up in order."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._faults: collections.deque[Fault] = collections.deque()
        self._stopping = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def inject(self, fault: Fault, *, times: int = 1) -> None:
        """Spoil the next answers."""
        self._faults.extend([fault] * times)

    def heal(self) -> None:
        """Forget the faults left."""
        self._faults.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, bytes, bool]:
        """Return (status, body, drip) of a GET."""
        self.requests.append(path)
        fault = self._faults.popleft() if self._faults else None
        plain = {
            Fault.THROTTLE_TEXT: (429, _THROTTLE.encode()),
            Fault.THROTTLE_HTML: (429, f"<html><body>{_THROTTLE}</body></html>".encode()),
            Fault.THROTTLE_200: (200, f"<html><body>{_THROTTLE}</body></html>".encode()),
            Fault.UNAVAILABLE: (503, b"Service Unavailable"),
            Fault.HTML: (200, _HTML.encode()),
            Fault.MISSING_FILE: (404, b"<html><body>Not Found</body></html>"),
        }
        if fault in plain:
            return (*plain[fault], False)
        if fault is not None and fault.value.startswith("refusal"):
            return 200, payloads.oasis_refusal(int(fault.value.split()[1])), False
        body = self._body(urlsplit(path), fault)
        if body is None:
            return 404, b"<html><body>Not Found</body></html>", False
        if fault is Fault.TRUNCATED:
            body = body[: len(body) // 2]
        return 200, body, fault is Fault.SLOW_BODY

    def _body(self, address: Any, fault: Fault | None) -> bytes | None:
        shift = 1.0 if fault is Fault.RESTATED else 0.0
        if address.path.startswith("/oasisapi/"):
            return payloads.zipped({"oasis.csv": spoil(_oasis(parse_qs(address.query), shift), fault)})
        match = re.fullmatch(r"/public/csv/(\w+)/(\d{8})(\w+?)(_csv)?\.(csv|zip)", address.path)
        if match is None:
            return None
        kind, stamp, suffix = match.group(1), match.group(2), match.group(3)
        day = datetime.strptime(stamp, "%Y%m%d").replace(tzinfo=UTC).date()
        if match.group(5) == "csv":
            return spoil(payloads.nyiso_csv(kind, day, shift=shift), fault).encode()
        days = [day + timedelta(days=offset) for offset in range(31)]
        return payloads.zipped(
            {
                f"{one:%Y%m%d}{suffix}.csv": spoil(payloads.nyiso_csv(kind, one, shift=shift), fault)
                for one in days
                if one.month == day.month
            }
        )

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        return _handler_for(self.answer, self._stopping)


def _oasis(query: dict[str, list[str]], shift: float) -> str:
    report, run = query["queryname"][0], query["market_run_id"][0]
    low, high = (
        datetime.strptime(query[name][0], "%Y%m%dT%H:%M-0000").replace(tzinfo=UTC)
        for name in ("startdatetime", "enddatetime")
    )
    if report == "SLD_FCST":
        return payloads.oasis_load_csv(run, low=low, high=high)
    if report == "SLD_REN_FCST":
        return payloads.oasis_renewables_csv(run, low=low, high=high)
    return payloads.oasis_csv(report, run, nodes=query["node"][0].split(","), low=low, high=high, shift=shift)


def spoil(text: str, fault: Fault | None) -> str:
    """Return a CSV with the fault in it; faults that are not about content leave it as it is."""
    head, *rows = text.splitlines()
    edits: dict[Fault, Callable[[], tuple[str, list[str]]]] = {
        Fault.RENAMED_COLUMN: lambda: (_VALUE.sub(lambda found: "NEW_" + found.group(0), head, count=1), rows),
        Fault.MISSING_COLUMN: lambda: _without_value(head, rows),
        Fault.EXTRA_COLUMN: lambda: (head + ",SURPRISE", [row + ",1" for row in rows]),
        Fault.DUPLICATE_ROWS: lambda: (head, [row for row in rows for _ in range(2)]),
        Fault.CONFLICTING_ROWS: lambda: (head, [*rows, _with_value(head, rows[3], "999.5")]),
        Fault.BAD_NUMBER: lambda: (head, [*rows[:3], _with_value(head, rows[3], "n/k"), *rows[4:]]),
        Fault.SHORT_ROW: lambda: (head, [*rows[:3], rows[3].rsplit(",", 3)[0], *rows[4:]]),
        Fault.MISSING_ROWS: lambda: (head, [row for number, row in enumerate(rows) if number % 10]),
        Fault.EMPTY_DAY: lambda: (head, []),
    }
    if fault in edits:
        head, rows = edits[fault]()
    return "\n".join([head, *rows]) + "\n"


def _position(head: str) -> int:
    found = _VALUE.search(head)
    if found is None:
        raise ValueError(head)
    return head[: found.start()].count(",")


def _with_value(head: str, row: str, value: str) -> str:
    cells = row.split(",")
    cells[_position(head)] = value
    return ",".join(cells)


def _without_value(head: str, rows: list[str]) -> tuple[str, list[str]]:
    position = _position(head)

    def cut(line: str) -> str:
        cells = line.split(",")
        return ",".join(cells[:position] + cells[position + 1 :])

    return cut(head), [cut(row) for row in rows]


def _handler_for(
    answer: Callable[[str], tuple[int, bytes, bool]], stopping: threading.Event
) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, drip = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                if not drip:
                    self.wfile.write(body)
                    return
                for position in range(len(body)):
                    self.wfile.write(body[position : position + 1])
                    self.wfile.flush()
                    if stopping.wait(0.02):
                        return
            except ConnectionError:
                return

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: a test's output is its own."""

    return Handler
