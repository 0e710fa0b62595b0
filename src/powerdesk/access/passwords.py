"""Rules for passwords and for waiting after wrong ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from powerdesk.kernel.problem import Finding, Problem

SHORTEST = 12
LONGEST = 256  # argon2 would take more; a megabyte of password is an attack
DISTINCT = 5

COMMONEST = frozenset(
    {
        "123456789012",
        "1234567890123",
        "12345678901234",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "administrator",
        "changeme1234",
        "changemenow1",
        "correcthorsebatterystaple",
        "iloveyou1234",
        "letmein12345",
        "letmeinplease",
        "password1234",
        "password12345",
        "password123456",
        "passwordpassword",
        "powerdesk123",
        "powerdesk1234",
        "powerdeskpowerdesk",
        "qwerty123456",
        "qwertyqwerty",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiopasdfgh",
        "thisisapassword",
        "trustno1trustno1",
        "welcome12345",
        "welcome123456",
        "zaq12wsxcde3",
    }
)
"""Common passwords of 12 characters or more (shorter ones fail by length already), folded to lower case."""


class WeakPasswordError(Problem):
    """A password that breaks a rule; `findings` names each rule it breaks."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "weak-password"
    title: ClassVar[str] = "Choose another password"


@dataclass(frozen=True, slots=True)
class LockRule:
    """After `free` failures each further one doubles the wait, from `first_s` up to `longest_s` seconds."""

    free: int
    first_s: float
    longest_s: float


BY_NAME_AND_ADDRESS = LockRule(free=4, first_s=2.0, longest_s=3_600.0)
BY_ADDRESS = LockRule(free=29, first_s=2.0, longest_s=3_600.0)
BY_NAME = LockRule(free=99, first_s=1.0, longest_s=60.0)
"""Slows a guess from many addresses without letting them lock the true owner out for long."""

FORGET_FAILURES_AFTER = timedelta(days=1)


def wait_s(failures: int, rule: LockRule) -> float:
    """Return how many seconds the next attempt must wait after this many failures in a row."""
    beyond = failures - rule.free
    if beyond <= 0:
        return 0.0
    doublings = min(beyond - 1, 60)  # 2**60 s is beyond any longest_s, and larger powers overflow
    return min(rule.first_s * 2.0**doublings, rule.longest_s)


def check(password: str, *, name: str) -> None:
    """Raise WeakPasswordError naming every rule that the password for this account name breaks."""
    findings = faults(password, name=name)
    if findings:
        raise WeakPasswordError(
            found=f"a password that breaks {len(findings)} rule{'s' if len(findings) > 1 else ''}",
            allowed=f"{SHORTEST} to {LONGEST} characters, not common, without the account's name",
            remedy="take four unrelated words or let a password manager make one",
            findings=findings,
        )


def faults(password: str, *, name: str) -> tuple[Finding, ...]:
    """Return one finding for each rule that the password breaks."""
    folded = password.casefold()
    rules = (
        (len(password) < SHORTEST, f"{len(password)} characters", f"at least {SHORTEST}"),
        (len(password) > LONGEST, f"{len(password)} characters", f"at most {LONGEST}"),
        (folded in COMMONEST, "one of the commonest passwords", "one that is not on every list"),
        (len(name) > 2 and name.casefold() in folded, "the account's name inside it", "no part that names the account"),  # noqa: PLR2004 - a name of two letters is in half of all words
        (0 < len(set(folded)) < DISTINCT, f"{len(set(folded))} different characters", f"at least {DISTINCT}"),
    )
    return tuple(
        Finding(pointer="/new", found=found, allowed=allowed, remedy="choose another password")
        for broken, found, allowed in rules
        if broken
    )
