"""Messages that the store publishes."""

from __future__ import annotations

import msgspec

BATCHES_TOPIC = "store.batches"
COMMITTED_TOPIC = "store.committed"
VOID_HEADER = "void"
"""Marks a message that only keeps the position of one forgotten before a copy: it has no effect."""


class CommittedV1(msgspec.Struct, frozen=True, tag="store.committed.v1"):
    """A batch has become readable: its dataset, its commit, and how many rows were new, revised, already known."""

    dataset: str
    batch_id: str
    commit: int
    new: int
    revised: int
    duplicates: int
    markets: tuple[str, ...] = ()
