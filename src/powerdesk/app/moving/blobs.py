"""Every object that is not a table's own file, compared by its bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from powerdesk.app.moving.series import CopyDiffersError
from powerdesk.engines.ports.objects import ObjectMissingError
from powerdesk.engines.ports.tables import OBJECTS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.engines.ports.objects import Objects

MOVING_PREFIX = "moving/"


def keys(objects: Objects) -> tuple[str, ...]:
    """Return the keys of what a desk keeps; table files and notes about moves are the engines' own."""
    return tuple(key for key in objects.list("") if not key.startswith((OBJECTS_PREFIX, MOVING_PREFIX)))


def copy(
    wanted: tuple[str, ...], *, source: Objects, target: Objects, report: Callable[[int], None]
) -> tuple[int, str]:
    """Copy objects that the target lacks and read each back; return how many there are and a hash of all.

    One that the source deletes meanwhile, as retention does, is left out.
    """
    digest, count = hashlib.sha256(), 0
    for key in wanted:
        try:
            data = source.get(key)
        except ObjectMissingError:
            continue
        sent = hashlib.sha256(data).digest()
        if not (target.exists(key) and hashlib.sha256(target.get(key)).digest() == sent):
            target.put(key, data)
            if hashlib.sha256(target.get(key)).digest() != sent:
                raise CopyDiffersError(found=f"other bytes of {key}", allowed="the source's", remedy="copy again")
        digest.update(key.encode() + sent)
        count += 1
        report(1)
    return count, digest.hexdigest()
