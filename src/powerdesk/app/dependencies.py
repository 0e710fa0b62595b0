"""The locked dependencies as they are installed: what a derived number depends on besides its inputs and its code."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import re

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
OWN = "powerdesk"


@functools.cache
def fingerprint() -> str:
    """Return the sha256 of names and versions of every distribution that the desk needs, once per process."""
    return hashlib.sha256("\n".join(installed()).encode()).hexdigest()


def installed() -> tuple[str, ...]:
    """Return `name==version`, sorted, of what the desk's requirements lead to here, extras left out."""
    found: dict[str, str] = {}
    waiting = [OWN]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        found[name] = distribution.version
        waiting += [needed for text in distribution.requires or () if (needed := _needed(text)) is not None]
    found.pop(OWN, None)
    return tuple(f"{name}=={version}" for name, version in sorted(found.items()))


def _needed(requirement: str) -> str | None:
    """Return the name of a requirement, None for one of an extra."""
    wanted, _, marker = requirement.partition(";")
    name = NAME.match(wanted.strip())
    return None if name is None or "extra" in marker else name[0]
