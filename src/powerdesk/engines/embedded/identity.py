"""Identity with local passwords: argon2id, a bounded number at a time, equal work for unknown users."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import TYPE_CHECKING

import argon2
from argon2 import exceptions

from powerdesk.engines.ports import identity as port

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_FOR_TURN_S = 5.0


class LocalIdentity:
    """The Identity port by argon2id (RFC 9106, the low-memory choice: 64 MiB, 3 passes, 4 lanes).

    At most `at_once` hashes run together, so that a flood of sign-ins cannot take the memory of the desk;
    whoever waits longer than `wait_s` is told to come back.
    """

    def __init__(
        self,
        *,
        at_once: int = 2,
        wait_s: float = WAIT_FOR_TURN_S,
        passes: int = 3,
        memory_kib: int = 65_536,
        lanes: int = 4,
    ) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        self._turns = threading.BoundedSemaphore(at_once)
        self._wait_s = wait_s

    def enroll(self, password: str) -> str:
        """Return an opaque verifier to keep in Records."""
        with self._turn():
            return self._hasher.hash(password)

    def prove(self, verifier: str | None, password: str) -> bool:
        """Tell whether the password matches; None costs the same time as a mismatch."""
        against = self._nobody if verifier is None else verifier
        with self._turn():
            try:
                self._hasher.verify(against, password)
            except (exceptions.VerifyMismatchError, exceptions.InvalidHashError):
                return False
        return verifier is not None

    def outdated(self, verifier: str) -> bool:
        """Tell whether the verifier should be made again with today's parameters."""
        return self._hasher.check_needs_rehash(verifier)

    @functools.cached_property
    def _nobody(self) -> str:
        """A verifier made with the same parameters, for names that do not exist."""
        return self._hasher.hash("nobody has this password")

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._wait_s):
            raise port.IdentityBusyError(
                found=f"no turn within {self._wait_s:g} s",
                allowed="a few password checks at once",
                remedy="try again in a moment",
                retry_after_s=self._wait_s,
            )
        try:
            yield
        finally:
            self._turns.release()
