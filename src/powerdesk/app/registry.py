"""What this desk is made of: datasets, events, calculations. Adding one to the house is adding it here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.access import events as access_events
from powerdesk.grid import datasets as grid_datasets
from powerdesk.grid import issued_forecasts, issued_surfaces, price_parts
from powerdesk.markets import datasets as market_datasets
from powerdesk.markets import events as market_events
from powerdesk.markets import spreads
from powerdesk.simulation import datasets as simulation_datasets
from powerdesk.store import events as store_events

if TYPE_CHECKING:
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.lineage import Calculation

DATASETS: tuple[Dataset, ...] = (
    *market_datasets.DATASETS,
    spreads.DART_SPREADS,
    *grid_datasets.DATASETS,
    *simulation_datasets.DATASETS,
)
EVENTS: tuple[type, ...] = (store_events.CommittedV1, market_events.PayloadReceivedV1, access_events.ChangedV1)
CALCULATIONS: tuple[Calculation, ...] = (
    spreads.CALCULATION,
    price_parts.CALCULATION,
    issued_forecasts.CALCULATION,
    issued_surfaces.CALCULATION,
)
PRODUCTS: tuple[str, ...] = tuple(sorted({dataset.product for dataset in DATASETS}))
MARKETS: tuple[str, ...] = tuple(sorted({licence.market for dataset in DATASETS for licence in dataset.licences}))
