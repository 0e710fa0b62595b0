"""Large reads in turn: so many at once for everybody and for one account, and a waiting line that has an end.

A large answer is held in memory until its client has taken it. So the place of its account is given back when it has
been sent, while the place among everybody's is given back when it has been read: a slow client holds up its own account
and nobody else. Small reads pass by.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response

from powerdesk.delivery.rest import parameters
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

T = TypeVar("T")
PIECE_BYTES = 256 * 1024
RETRY_S = 5.0


class TooManyReadsError(problem.Problem):
    """The account has as many large reads under way and waiting as it may."""

    status: ClassVar[int] = 429
    slug: ClassVar[str] = "too-many-reads"
    title: ClassVar[str] = "Too many large reads at once"


class ReadsBusyError(problem.Problem):
    """The line of large reads is full, or none ended for too long."""

    status: ClassVar[int] = 503
    slug: ClassVar[str] = "reads-busy"
    title: ClassVar[str] = "Large reads have to wait"


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Large reads at once in this process, those of one account with answers on their way, and how many wait how long.

    An account has at most half of the places in the line.
    """

    at_once: int = 2
    of_account: int = 2
    waiting: int = 16
    wait_s: float = 30.0


def is_large(asked: parameters.Asked) -> bool:
    """Tell whether a read may give more rows than a screen shows."""
    return not asked.estimate and (asked.request.limit or parameters.BULK_LIMIT) > parameters.DISPLAY_LIMIT


class Lane:
    """The large reads of one process, on one event loop and on threads of their own."""

    def __init__(self, limits: LaneLimits | None = None) -> None:
        self._limits = limits or LaneLimits()
        self._places = asyncio.Semaphore(self._limits.at_once)
        self._threads = CapacityLimiter(self._limits.at_once)
        self._accounts: dict[str, asyncio.Semaphore] = {}
        self._asked: Counter[str] = Counter()
        """Large reads of each account: waiting, under way, or with an answer that is being sent."""
        self._waiting: Counter[str] = Counter()

    async def read(self, account: str, work: Callable[[], T]) -> tuple[T, Turn]:
        """Return what `work` gives once it is its turn, and the turn, which the caller ends.

        TooManyReadsError (429) or ReadsBusyError (503) where the line is full, or nothing moved for too long.
        """
        self._check(account)
        own = self._accounts.setdefault(account, asyncio.Semaphore(self._limits.of_account))
        self._asked[account] += 1
        try:
            await self._wait(account, own)
            try:
                return await to_thread.run_sync(work, limiter=self._threads), Turn(self, account)
            except BaseException:
                own.release()
                raise
            finally:
                self._places.release()
        except BaseException:
            self._forget(account)
            raise

    def ended(self, account: str) -> None:
        """Give an account's place back."""
        self._accounts[account].release()
        self._forget(account)

    async def _wait(self, account: str, own: asyncio.Semaphore) -> None:
        """Take a place of the account and one of all, in the order of asking."""
        self._waiting[account] += 1
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await own.acquire()
                try:
                    await self._places.acquire()
                except BaseException:
                    own.release()
                    raise
        except TimeoutError as error:
            raise (self._many(account) if own.locked() else self._busy()) from error
        finally:
            self._waiting[account] -= 1

    def _forget(self, account: str) -> None:
        self._asked[account] -= 1
        if not self._asked[account]:
            del self._accounts[account], self._asked[account], self._waiting[account]

    def _check(self, account: str) -> None:
        limits = self._limits
        if self._asked[account] < limits.of_account and not self._places.locked():
            return
        if self._waiting[account] >= max(1, limits.waiting // 2):
            raise self._many(account)
        if self._waiting.total() >= limits.waiting:
            raise self._busy()

    def _many(self, account: str) -> TooManyReadsError:
        limits, waiting = self._limits, self._waiting[account]
        return TooManyReadsError(
            found=f"{self._asked[account] - waiting} large reads of {account} not taken yet, {waiting} waiting",
            allowed=f"{limits.of_account} of an account with all its keys, {limits.waiting // 2} waiting",
            remedy=f"read one after the other and take each answer, or ask for at most {parameters.DISPLAY_LIMIT} rows",
            retry_after_s=RETRY_S,
        )

    def _busy(self) -> ReadsBusyError:
        limits = self._limits
        return ReadsBusyError(
            found=f"{self._waiting.total()} large reads waiting",
            allowed=f"{limits.at_once} large reads at once, {limits.waiting} waiting for at most {limits.wait_s:g} s",
            remedy=f"try again shortly, or ask for at most {parameters.DISPLAY_LIMIT} rows",
            retry_after_s=RETRY_S,
        )


class Turn:
    """A large read's place among those of its account; ending it twice is ending it once."""

    def __init__(self, lane: Lane, account: str) -> None:
        self._lane: Lane | None = lane
        self._account = account

    def end(self) -> None:
        """Let the account's next one begin."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.ended(self._account)


class Large(Response):
    """An answer that is sent piece by piece, as its client takes it, and ends its turn when it has been sent."""

    def __init__(self, made: Response, turn: Turn) -> None:
        super().__init__(status_code=made.status_code)
        self.body, self.raw_headers = made.body, made.raw_headers
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send it."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            whole = memoryview(self.body)
            for start in range(0, len(whole) or 1, PIECE_BYTES):
                piece, more = whole[start : start + PIECE_BYTES], start + PIECE_BYTES < len(whole)
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self._turn.end()
