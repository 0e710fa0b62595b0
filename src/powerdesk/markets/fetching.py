"""Get bytes from a host within deadlines and limits, and say in one word how it ended. Never raises for the network."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from powerdesk.markets import sniffing
from powerdesk.markets.sniffing import Form
from powerdesk.markets.types import Fetched, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from powerdesk.kernel.clock import Clock
    from powerdesk.markets.hosts import Hosts, HostState
    from powerdesk.markets.types import Request

USER_AGENT = "powerdesk/0.1 (market data desk; polls public reports at the published rate)"
_OK = 200
_STATUS: dict[int, Outcome] = {
    204: Outcome.NOT_YET,
    401: Outcome.AUTH,
    403: Outcome.AUTH,
    404: Outcome.NOT_YET,  # the file of a day that has not begun, or is gone: the planner tells by the date
    407: Outcome.AUTH,
    408: Outcome.TRANSIENT,
    410: Outcome.EXPIRED,
    425: Outcome.TRANSIENT,
    429: Outcome.THROTTLED,
}
_SERVER_FAULT = 500
_MAX_REDIRECTS = 3
_SECONDS = re.compile(r"\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines in seconds, the largest body in bytes, and how often to try."""

    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 120.0
    max_bytes: int = 256 << 20
    attempts: int = 3
    backoff_s: float = 2.0
    longest_wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: Outcome
    payload: bytes = b""
    detail: str = ""
    retry_after_s: float | None = None
    reached: bool = True


class Fetcher:
    """One HTTP client for all feeds; safe to use from several threads.

    `wait(seconds)` returns True when the process is stopping (an event's wait); `jitter` is a numpy Generator.
    `fetch` takes `inspect`, which may read a body further (OASIS refuses inside a zip) and return another outcome.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        hosts: Hosts,
        wait: Callable[[float], bool],
        jitter: np.random.Generator,
        limits: Limits | None = None,
    ) -> None:
        self._clock = clock
        self.hosts = hosts
        self._wait = wait
        self._jitter = jitter
        self._limits = limits or Limits()
        self._client = httpx.Client(
            timeout=httpx.Timeout(self._limits.read_s, connect=self._limits.connect_s, pool=self._limits.total_s),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            follow_redirects=True,
            max_redirects=_MAX_REDIRECTS,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fetch(self, request: Request, *, inspect: Callable[[bytes], tuple[Outcome, str, float | None]]) -> Fetched:
        """Return what came of the request, trying again within the budget when that may help."""
        host = urlsplit(request.url).hostname or ""
        closed = self.hosts.closed_until(host)
        if closed is not None:
            detail = f"{closed.cause} (unreachable since {closed.unreachable_since:%Y-%m-%dT%H:%M:%SZ})"
            return Fetched(
                request,
                Outcome.TRANSIENT,
                self._clock.now(),
                detail=detail,
                retry_after_s=self._pause_left_s(closed),
                attempts=0,
            )
        attempt = 0
        while True:
            attempt += 1
            answer = self._once(request, host, inspect)
            last = attempt >= self._limits.attempts
            if answer.outcome not in (Outcome.TRANSIENT, Outcome.THROTTLED) or last:
                break
            if self._wait(self._pause_s(attempt, answer)):
                break
        return Fetched(
            request,
            answer.outcome,
            self._clock.now(),
            payload=answer.payload,
            detail=answer.detail,
            retry_after_s=answer.retry_after_s or self._pause_left_s(self.hosts.state(host)),
            attempts=attempt,
        )

    def _pause_left_s(self, state: HostState) -> float | None:
        """Return whole seconds until the host is tried again; None when it may be tried at any time."""
        if state.next_try_at is None:
            return None
        return max(0.0, math.ceil((state.next_try_at - self._clock.now()).total_seconds()))

    def _pause_s(self, attempt: int, answer: _Answer) -> float:
        base = self._limits.backoff_s * 2.0 ** (attempt - 1) * float(self._jitter.uniform(0.5, 1.5))
        return min(max(base, answer.retry_after_s or 0.0), self._limits.longest_wait_s)

    def _once(
        self, request: Request, host: str, inspect: Callable[[bytes], tuple[Outcome, str, float | None]]
    ) -> _Answer:
        pause_s = self.hosts.reserve(host)
        if pause_s > 0 and self._wait(pause_s):
            return _Answer(Outcome.TRANSIENT, detail="stopping")
        try:
            answer = self._get(request)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as fault:
            answer = _Answer(Outcome.TRANSIENT, detail=f"{type(fault).__name__}: {str(fault)[:160]}", reached=False)
        if not answer.reached:
            self.hosts.failed(host, cause=answer.detail)
        else:
            self.hosts.succeeded(host)
        if answer.outcome is Outcome.THROTTLED:
            self.hosts.hold(host, seconds=min(answer.retry_after_s or 0.0, self._limits.longest_wait_s))
        if answer.outcome is Outcome.OK:
            outcome, detail, retry_after_s = inspect(answer.payload)
            return _Answer(outcome, answer.payload, detail, retry_after_s)
        return answer

    def _get(self, request: Request) -> _Answer:
        deadline_s = self._clock.monotonic_s() + self._limits.total_s
        with self._client.stream("GET", request.url, params=list(request.params) or None) as response:
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > self._limits.max_bytes:
                    return _Answer(Outcome.SCHEMA, detail=f"a body of more than {self._limits.max_bytes} bytes")
                if self._clock.monotonic_s() > deadline_s:
                    return _Answer(
                        Outcome.TRANSIENT, detail=f"not complete after {self._limits.total_s:g} s", reached=False
                    )
            return _judge(response.status_code, response.headers, bytes(body))


def _judge(status: int, headers: httpx.Headers, body: bytes) -> _Answer:
    """Return the outcome of a complete answer from its status, headers and the form of its body."""
    sniffed = sniffing.sniff(body)
    retry_after_s = _retry_after(headers) or sniffed.retry_after_s
    if status == _OK:
        payload = body if sniffed.outcome is Outcome.OK else b""
        return _Answer(sniffed.outcome, payload, sniffed.detail, retry_after_s)
    outcome = _STATUS.get(status)
    if outcome is None:
        outcome = Outcome.TRANSIENT if status >= _SERVER_FAULT else Outcome.SCHEMA
    if outcome is Outcome.AUTH and sniffed.outcome is Outcome.THROTTLED:
        outcome = Outcome.THROTTLED
    shown = sniffed.detail if sniffed.form in (Form.HTML, Form.TEXT) else ""
    return _Answer(outcome, b"", f"HTTP {status} {shown}".strip(), retry_after_s)


def _retry_after(headers: httpx.Headers) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if _SECONDS.fullmatch(value) else None
