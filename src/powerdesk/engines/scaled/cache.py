"""Cache on Redis 7: values and rate windows that all processes of a desk share, and what holds while it is away."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import redis
from redis import backoff, retry

from powerdesk.engines import windows
from powerdesk.engines.ports import cache as port
from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import breaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.engines.ports.cache import Cache
    from powerdesk.kernel.clock import Clock

log = logging.getLogger(__name__)

ANSWER_S = 0.25
REST_S = 1.0
CONNECTIONS = 32
SHARE = 0.25
"""Part of each rate that one process grants alone while Redis is away: four gateways together keep the whole rate."""

HIT = """
local now = tonumber(ARGV[4])
if now < 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local amount, cost, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slots = tonumber(ARGV[5])
local slot = math.floor(now * slots / window)
local held = redis.call('HGETALL', KEYS[1])
local used, kept = 0, {}
for i = 1, #held, 2 do
  if tonumber(held[i]) < slot - slots then
    redis.call('HDEL', KEYS[1], held[i])
  else
    used = used + tonumber(held[i + 1])
    kept[#kept + 1] = held[i]
    kept[#kept + 1] = held[i + 1]
  end
end
local granted = 0
if used + cost <= amount then
  granted = 1
  if cost > 0 then
    redis.call('HINCRBY', KEYS[1], string.format('%d', slot), cost)
    redis.call('PEXPIRE', KEYS[1], math.ceil(window * (slots + 1) / slots))
    kept[#kept + 1] = string.format('%d', slot)
    kept[#kept + 1] = cost
  end
end
return {granted, string.format('%d', now), kept}
"""
"""One hit, atomically. `now * slots` stays below 2^53, so Lua's doubles divide as exactly as Python's integers."""


class RedisCache:
    """The Cache port on one Redis.

    Instants are Redis's own, so processes with different clocks count in one window; `now_ms` replaces them in tests.
    While Redis is away `get` finds nothing and rates are counted by `alone` at SHARE of their amount; the first failure
    and the recovery are logged. A call waits ANSWER_S at most, and for REST_S after a failure not at all.
    """

    shared = True

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        alone: Cache,
        prefix: str = "powerdesk/",
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._alone = alone
        self._prefix = prefix
        self._now_ms = now_ms
        self._breaker = breaker.Breaker(clock.monotonic_s, rest_s=REST_S)
        self._reason = ""
        self._pool = redis.BlockingConnectionPool.from_url(
            url,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            max_connections=CONNECTIONS,
            timeout=ANSWER_S,
            retry=retry.Retry(backoff.NoBackoff(), 0),
        )
        self._client = redis.Redis(connection_pool=self._pool)
        self._hit = self._client.register_script(HIT)

    def version(self) -> str:
        """Ask the server for its version."""
        found: list[str] = []
        self._insist(lambda: found.append(self._client.info("server")["redis_version"]))
        return f"Redis {found[0]}"

    def degraded(self) -> str | None:
        """Return what is missing while Redis is away."""
        if not self._breaker.is_open:
            return None
        return f"no shared cache ({self._reason}): each process alone grants {SHARE:g} of every rate, values are absent"

    def get(self, key: str) -> bytes | None:
        """Return the value, None when absent, expired or out of reach."""
        found: bytes | None = self._tried(lambda: self._client.get(self._prefix + "v/" + key))
        return found

    def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds; drop it when Redis is away."""
        self._tried(lambda: self._client.set(self._prefix + "v/" + key, value, px=max(math.ceil(ttl_s * 1000), 1)))

    def delete(self, key: str) -> None:
        """Forget the key; raise EngineUnavailableError when Redis is away."""
        self._insist(lambda: self._client.delete(self._prefix + "v/" + key))

    def hit(self, key: str, rate: port.Rate, *, cost: int = 1) -> port.Allowance:
        """Count `cost` against the rate; nothing is counted when it is not granted. Cost 0 only looks."""
        windows.check_cost(cost)
        name = f"{self._prefix}r/{rate.amount}/{rate.window_s}/{key}"
        now_ms = -1 if self._now_ms is None else self._now_ms()
        arguments = (rate.amount, cost, rate.window_s * 1000, now_ms, windows.SLOTS)
        answer = self._tried(lambda: self._hit(keys=(name,), args=arguments))
        if answer is None:
            share = port.Rate(amount=max(math.floor(rate.amount * SHARE), 1), window_s=rate.window_s)
            return self._alone.hit(key, share, cost=cost)
        granted, at_ms, kept = answer
        pairs = sorted(zip(map(int, kept[::2]), map(int, kept[1::2]), strict=True))
        used = sum(units for _, units in pairs)
        return windows.allowance(pairs, used=used, rate=rate, granted=bool(granted), cost=cost, now_ms=int(at_ms))

    def _tried(self, work: Callable[[], Any]) -> Any:
        """Return what `work` gives, None when Redis is away."""
        if not self._breaker.allows():
            return None
        try:
            answer = work()
        except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError) as error:
            self._reason = str(error) or type(error).__name__
            self._pool.disconnect(inuse_connections=False)  # the idle ones are likely to be as dead
            if self._breaker.failed():
                log.warning("cache degraded: %s", self.degraded())
            return None
        if self._breaker.worked():
            log.warning("cache whole again: rates are counted across processes")
        return answer

    def _insist(self, work: Callable[[], Any]) -> None:
        """Do `work`; raise EngineUnavailableError when Redis is away."""
        done: list[bool] = []

        def marked() -> bool:
            work()
            done.append(True)
            return True

        self._tried(marked)
        if not done:
            raise faults.EngineUnavailableError(
                found=f"Redis: {self._reason}",
                allowed="a cache server that answers",
                remedy="wait for it, or start it, then repeat",
                retry_after_s=REST_S,
            )

    def close(self) -> None:
        """Release connections."""
        self._pool.disconnect()
