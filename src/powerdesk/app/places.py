"""Every location the desk knows: declared ones, those of the simulated market, and those that prices named."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from powerdesk.markets import datasets, locations
from powerdesk.simulation import feed
from powerdesk.store import operations, queries
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from powerdesk.app.settings import Settings
    from powerdesk.store.queries import Store


HUBS = frozenset({"hub", "trading hub"})


class Places:
    """A list kept in memory and made again when prices were written since."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._commit = -1
        self._known: list[dict[str, Any]] = []

    def all(self) -> list[dict[str, Any]]:
        """Return the locations by id: id, market, name, kind, zone, title, latitude, longitude where known."""
        with self._lock:
            commit = self._store.progress.commit(datasets.PRICES.id)
            if commit != self._commit:
                self._known = self._made()
                self._commit = commit
            return self._known

    def hubs(self) -> dict[str, tuple[str, ...]]:
        """Return the ids of the known hubs, by market."""
        found: dict[str, list[str]] = {}
        for place in self.all():
            if place["kind"] in HUBS:
                found.setdefault(str(place["market"]), []).append(str(place["id"]))
        return {market: tuple(ids) for market, ids in found.items()}

    def _made(self) -> list[dict[str, Any]]:
        simulated: dict[str, dict[str, Any]] = {}
        if "sim" in self._settings.feeds:
            size = self._settings.sim.locations or None
            simulated = {row["id"]: row for row in feed.locations(size=size).to_pylist()}
        cut = queries.snapshot(self._store, as_of=self._store.clock.now())
        request = Request(dataset=datasets.PRICES.id, columns=("location",))
        seen = queries.latest(self._store, operations.HOUSE, request=request, cut=cut).rows.column("location")
        ids = set(seen.to_pylist()) - set(simulated)
        others = [
            {**asdict(place), "id": place.id} for place in locations.with_learned(ids) if place.id not in simulated
        ]
        return sorted([*simulated.values(), *others], key=lambda place: str(place["id"]))
