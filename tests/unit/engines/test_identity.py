"""What is argon2's own in Identity: parameters, equal work, bounded concurrency."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import argon2

from powerdesk.engines.embedded import identity as embedded
from powerdesk.engines.ports import identity as port

if TYPE_CHECKING:
    import pytest


def test_verifier__is_argon2id_by_rfc_9106() -> None:
    found = argon2.extract_parameters(embedded.LocalIdentity().enroll("correct horse"))
    assert found == argon2.profiles.RFC_9106_LOW_MEMORY


def test_prove__does_equal_work_for_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = embedded.LocalIdentity(passes=1, memory_kib=64, lanes=1)
    verifier = identity.enroll("correct horse")
    identity.prove(None, "warm up")
    checked: list[argon2.Parameters] = []
    genuine = argon2.PasswordHasher.verify

    def verify(self: argon2.PasswordHasher, hash: str, password: str) -> bool:  # noqa: A002 - argon2's name
        checked.append(argon2.extract_parameters(hash))
        return genuine(self, hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    identity.prove(verifier, "wrong")
    identity.prove(None, "wrong")
    assert len(checked) == 2
    assert checked[0] == checked[1]


def test_outdated__is_true_after_the_parameters_rose() -> None:
    old = embedded.LocalIdentity(passes=1, memory_kib=64, lanes=1).enroll("correct horse")
    assert embedded.LocalIdentity(passes=2, memory_kib=64, lanes=1).outdated(old)


def test_prove__refuses_when_all_turns_are_taken_too_long() -> None:
    identity = embedded.LocalIdentity(at_once=1, wait_s=0.01, passes=1, memory_kib=64, lanes=1)
    refused: list[BaseException] = []

    def attempt() -> None:
        try:
            identity.enroll("correct horse")
        except port.IdentityBusyError as error:
            refused.append(error)

    with identity._turn():
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert identity.prove(identity.enroll("a"), "a")
