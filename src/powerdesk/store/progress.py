"""How far the projection has come, and what each batch did: waited on by imports, reads and the stream."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from powerdesk.store.types import NotProjectedError, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED_OUTCOMES = 4096


class Progress:
    """The last log position applied, the last commit per dataset, and recent outcomes. Thread-safe, bounded."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._position = 0
        self._commits: dict[str, int] = {}
        self._outcomes: OrderedDict[int, Outcome] = OrderedDict()
        self._listeners: list[Callable[[Outcome], None]] = []

    @property
    def position(self) -> int:
        """The last position of the log whose effects are readable."""
        with self._changed:
            return self._position

    def commit(self, dataset: str) -> int:
        """Return the last commit that changed the dataset, 0 when none did."""
        with self._changed:
            return self._commits.get(dataset, 0)

    def start(self, *, position: int, commits: dict[str, int]) -> None:
        """Set out from what a former process had applied."""
        with self._changed:
            self._position = max(self._position, position)
            for dataset, commit in commits.items():
                self._commits[dataset] = max(self._commits.get(dataset, 0), commit)
            self._changed.notify_all()

    def subscribe(self, listener: Callable[[Outcome], None]) -> Callable[[], None]:
        """Call `listener` after every commit, on the projector's thread; return how to stop that."""
        with self._changed:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._changed:
                self._listeners.remove(listener)

        return unsubscribe

    def advance(self, outcome: Outcome) -> None:
        """Say that the log is readable up to `outcome.commit`, and what that batch did."""
        with self._changed:
            self._position = max(self._position, outcome.commit)
            if outcome.new or outcome.revised:
                self._commits[outcome.dataset] = max(self._commits.get(outcome.dataset, 0), outcome.commit)
            self._outcomes[outcome.commit] = outcome
            while len(self._outcomes) > REMEMBERED_OUTCOMES:
                self._outcomes.popitem(last=False)
            listeners = tuple(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            listener(outcome)

    def wait(self, position: int, *, timeout_s: float) -> None:
        """Return when the position is readable; raise NotProjectedError after the time-out."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._position >= position, timeout=timeout_s):
                raise NotProjectedError(
                    found=f"the log is readable up to {self._position}, asked for {position}",
                    allowed=f"positions projected within {timeout_s:g} s",
                    remedy="ask again; the rows are accepted and safe",
                    retry_after_s=1.0,
                )

    def outcome(self, position: int) -> Outcome | None:
        """Return what the batch at `position` did, None when it is not remembered any more."""
        with self._changed:
            return self._outcomes.get(position)
