"""The contract of Identity. Another engine joins by one line in OPENERS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from powerdesk.engines.embedded import identity as embedded

if TYPE_CHECKING:
    from powerdesk.engines.ports.identity import Identity


def open_local() -> Identity:
    return embedded.LocalIdentity(passes=1, memory_kib=64, lanes=1)


OPENERS = {"local": open_local}


@pytest.fixture(params=sorted(OPENERS))
def identity(request: pytest.FixtureRequest) -> Identity:
    return OPENERS[request.param]()


def test_prove__accepts_the_password_and_nothing_else(identity: Identity) -> None:
    verifier = identity.enroll("correct horse battery")
    assert identity.prove(verifier, "correct horse battery")
    assert not identity.prove(verifier, "correct horse batterz")
    assert not identity.prove(verifier, "")


def test_prove__without_a_verifier_is_false(identity: Identity) -> None:
    assert not identity.prove(None, "nobody has this password")


def test_prove__of_a_broken_verifier_is_false(identity: Identity) -> None:
    assert not identity.prove("not a verifier", "x")


def test_enroll__never_repeats_nor_shows_the_password(identity: Identity) -> None:
    first, second = identity.enroll("correct horse"), identity.enroll("correct horse")
    assert first != second
    assert "correct horse" not in first


def test_outdated__is_false_for_a_new_verifier(identity: Identity) -> None:
    assert not identity.outdated(identity.enroll("correct horse"))
