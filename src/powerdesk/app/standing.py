"""How the engines stand: what each is, how long it takes to answer, what is missing just now."""

from __future__ import annotations

import threading
from concurrent import futures
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.app.engines import Engines
    from powerdesk.kernel.clock import Clock

PORTS = ("tables", "records", "objects", "bus", "cache", "compute")
PATIENCE_S = 3.0
KEPT_S = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """One engine: `version` is its own word, None while it does not answer; `missing` says what does not work."""

    port: str
    version: str | None
    latency_ms: float | None
    missing: str | None

    @property
    def well(self) -> bool:
        """Whether it does all that it should."""
        return self.missing is None


class Standings:
    """Asks the engines side by side, each within PATIENCE_S, at most once a second; askers share one answer."""

    def __init__(self, engines: Engines, *, clock: Clock) -> None:
        self._engines = engines
        self._clock = clock
        self._lock = threading.Lock()
        self._asking = futures.ThreadPoolExecutor(len(PORTS), thread_name_prefix="standing")
        self._waiting: dict[str, futures.Future[Standing]] = {}
        self._found: tuple[Standing, ...] = ()
        self._found_at_s = -KEPT_S

    def look(self) -> tuple[Standing, ...]:
        """Return how every engine stands, in the order of PORTS."""
        with self._lock:
            if self._clock.monotonic_s() - self._found_at_s >= KEPT_S:
                for port in PORTS:  # a question still unanswered is not asked twice
                    if port not in self._waiting or self._waiting[port].done():
                        self._waiting[port] = self._asking.submit(self._ask, port)
                futures.wait(self._waiting.values(), timeout=PATIENCE_S)
                self._found = tuple(_answered(port, self._waiting[port]) for port in PORTS)
                self._found_at_s = self._clock.monotonic_s()
            return self._found

    def _ask(self, port: str) -> Standing:
        engine = getattr(self._engines, port)
        return ask(port, engine.version, degraded=getattr(engine, "degraded", None), clock=self._clock)

    def close(self) -> None:
        """Ask no more."""
        self._asking.shutdown(wait=False, cancel_futures=True)


def ask(
    port: str, version: Callable[[], str], *, clock: Clock, degraded: Callable[[], str | None] | None = None
) -> Standing:
    """Return how an engine answers the question who it is."""
    began_s = clock.monotonic_s()
    try:
        said = version()
    except Problem as error:
        return Standing(port, None, None, error.found)
    latency_ms = (clock.monotonic_s() - began_s) * 1e3
    return Standing(port, said, latency_ms, None if degraded is None else degraded())


def _answered(port: str, asked: futures.Future[Standing]) -> Standing:
    return asked.result() if asked.done() else Standing(port, None, None, f"no answer within {PATIENCE_S:g} s")
