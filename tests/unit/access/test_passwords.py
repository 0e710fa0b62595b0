"""Password rules and waiting times."""

from __future__ import annotations

import pytest

from powerdesk.access import passwords


@pytest.mark.parametrize("password", ["seven brown otters", "Zürich-Genève 7", "x9!kQ2#mP4$w"])
def test_faults__of_a_good_password_are_none(password: str) -> None:
    assert passwords.faults(password, name="ada") == ()


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("short pass1", "at least 12"),
        ("ab cd ef " * 40, "at most 256"),
        ("PasswordPassword", "one that is not on every list"),
        ("my name is Ada Lovelace", "no part that names the account"),
        ("aaaabbbbccccdddd", "at least 5"),
    ],
)
def test_check__names_the_rule_that_is_broken(password: str, rule: str) -> None:
    with pytest.raises(passwords.WeakPasswordError) as caught:
        passwords.check(password, name="ada")
    assert [finding.allowed for finding in caught.value.findings] == [rule]
    assert password not in caught.value.detail


def test_check__returns_all_findings_together() -> None:
    with pytest.raises(passwords.WeakPasswordError) as caught:
        passwords.check("adaada", name="ada")
    assert len(caught.value.findings) == 3


def test_commonest__are_all_reachable() -> None:
    assert all(len(word) >= passwords.SHORTEST and word == word.casefold() for word in passwords.COMMONEST)


def test_wait__doubles_after_the_free_failures_up_to_the_longest() -> None:
    rule = passwords.LockRule(free=4, first_s=2.0, longest_s=60.0)
    assert [passwords.wait_s(n, rule) for n in range(3, 12)] == [0, 0, 2, 4, 8, 16, 32, 60, 60]
    assert passwords.wait_s(10**6, rule) == 60
