"""The state of one subscription: what was sent, what waits for a slow reader, what was lost. Pure: time comes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from powerdesk.delivery.stream import frames, messages, subscription

if TYPE_CHECKING:
    from powerdesk.delivery.stream.frames import Frame
    from powerdesk.delivery.stream.subscription import Spec

Policy = Literal["conflate", "block", "skip"]
MERGE_EVERY_ROWS = 20_000
"""Rows that may wait for a slow reader before they are merged to the newest per key."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Rows for all subscribers of one spec: after them everything up to commit `seq` has been told."""

    seq: int
    rows: pa.Table
    parts: tuple[bytes, ...]
    shared: dict[tuple[str, int], tuple[Frame, ...]] = field(default_factory=dict, repr=False, compare=False)
    """Frames made so far, by (sid, prev)."""

    def frames(self, *, sid: str, prev: int) -> tuple[Frame, ...]:
        """Return the `upd` frames; subscribers in step share them."""
        found = self.shared.get((sid, prev))
        if found is None:
            seq = max(self.seq, prev)
            found = tuple(
                frames.of_update(sid=sid, seq=seq if part is self.parts[-1] else prev, prev=prev, part=part)
                for part in self.parts
            )
            self.shared[sid, prev] = found
        return found


@dataclass(frozen=True, slots=True)
class Behind:
    """What a slow reader missed: rows to be sent as one update, and what they cover."""

    seq: int
    rows: pa.Table
    superseded: int
    since_s: float


class Subscriber:
    """One subscription on one socket.

    `seq` is the last number sent and `joined` false until its snapshot has left: until then updates wait.
    """

    def __init__(self, *, sid: str, spec: Spec, policy: Policy, seq: int) -> None:
        self.sid = sid
        self.spec = spec
        self.policy: Policy = policy
        self.seq = seq
        self.joined = False
        self.claim: int | None = None
        """Where a resuming subscription stood; what its token says until everything missed has left."""
        self.rows_sent = 0
        self.early_rows = 0
        """Rows that wait for the snapshot to have left."""
        self._early: list[Delivery] = []
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._superseded = 0
        self._waiting_seq = seq
        self._since_s: float | None = None
        self._skipped_rows = 0

    @property
    def behind(self) -> bool:
        """Tell whether something waits or was skipped because the reader was slow."""
        return self._since_s is not None

    @property
    def in_step(self) -> bool:
        """Tell whether everything that left the group has been sent."""
        return self.joined and not self.behind

    def offer(self, delivery: Delivery, *, writable: bool, now_s: float) -> tuple[Frame, ...]:
        """Return the frames to send now; keep, merge or count the rest by the policy."""
        if not self.joined:
            self._early.append(delivery)
            self.early_rows += delivery.rows.num_rows
            return ()
        if self.policy == "block" or (writable and self._since_s is None):
            return self._sent(delivery)
        if self._since_s is None:
            self._since_s = now_s
        self._waiting_seq = max(self._waiting_seq, delivery.seq)
        if self.policy == "skip":
            self._skipped_rows += delivery.rows.num_rows
        else:
            self._wait(delivery.rows)
        return ()

    def join(self, *, seq: int, writable: bool, now_s: float) -> tuple[Frame, ...]:
        """Begin to send: the snapshot, which covers `seq`, has left. Return updates that waited for it."""
        self.seq = seq
        self.joined = True
        early, self._early = self._early, []
        return tuple(frame for delivery in early for frame in self.offer(delivery, writable=writable, now_s=now_s))

    def take_behind(self) -> Behind | None:
        """Return merged rows that waited and forget them, None when none wait. Skipped rows are told by `take_gap`."""
        if not self._waiting or self._since_s is None:
            return None
        self._merge()
        found = Behind(seq=self._waiting_seq, rows=self._waiting[0], superseded=self._superseded, since_s=self._since_s)
        self._waiting, self._waiting_rows, self._superseded = [], 0, 0
        return found

    def caught_up(self, delivery: Delivery) -> None:
        """Note that what waited has left; if nothing more came meanwhile, the reader is in step again."""
        if not self._waiting:
            self._since_s = None
        self.seq = max(self.seq, delivery.seq)
        self.rows_sent += delivery.rows.num_rows

    def take_gap(self) -> tuple[Frame, int]:
        """Return the gap message of a skipping reader that can be written to again, and how many rows it lacks."""
        skipped, self._skipped_rows, self._since_s = self._skipped_rows, 0, None
        gap = messages.Gap(sid=self.sid, after=self.seq, to=self._waiting_seq, reason="slow", rest=self.spec.rest)
        self.seq = max(self.seq, self._waiting_seq)
        return frames.of_message(gap), skipped

    @property
    def slow_since_s(self) -> float | None:
        """Since when the reader has been behind."""
        return self._since_s

    def _sent(self, delivery: Delivery) -> tuple[Frame, ...]:
        found = delivery.shared.get((self.sid, self.seq))
        if found is None:
            if not delivery.parts:
                return ()
            found = delivery.frames(sid=self.sid, prev=self.seq)
        if delivery.seq > self.seq:  # noqa: PLR1730 - once per message and reader: max() costs five times as much
            self.seq = delivery.seq
        self.rows_sent += delivery.rows.num_rows
        return found

    def _wait(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        merged = self._waiting[0].num_rows
        if self._waiting_rows > max(MERGE_EVERY_ROWS, 2 * merged):
            self._merge()

    def _merge(self) -> None:
        merged = subscription.newest(pa.concat_tables(self._waiting), self.spec.key)
        self._superseded += self._waiting_rows - merged.num_rows
        self._waiting, self._waiting_rows = [merged], merged.num_rows


class Conflation:
    """Rows that wait for the end of a conflation window; the newest per key leaves."""

    def __init__(self, key: tuple[str, ...]) -> None:
        self._key = key
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, rows: pa.Table) -> None:
        """Let rows wait."""
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if self._rows > max(MERGE_EVERY_ROWS, 2 * self._waiting[0].num_rows):
            self._waiting = [subscription.newest(pa.concat_tables(self._waiting), self._key)]
            self._rows = self._waiting[0].num_rows

    def take(self) -> pa.Table:
        """Return the newest row per key of all that waited, and forget it."""
        found = subscription.newest(pa.concat_tables(self._waiting), self._key)
        self._waiting, self._rows = [], 0
        return found
