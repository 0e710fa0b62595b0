"""The dataset of what only a simulated market can tell: what set its prices, what ran, what was out."""

from __future__ import annotations

from datetime import timedelta

from powerdesk.kernel.dtypes import Dtype
from powerdesk.markets import datasets
from powerdesk.store.dataset import Column, Dataset, Freshness, PublicationRule

MARGINAL_UNIT, CONSTRAINT, COMMITMENT, OUTAGE, RESERVE_PRICE = KINDS = (
    "marginal_unit",
    "constraint",
    "commitment",
    "outage",
    "reserve_price",
)
MW, USD_PER_MWH = "MW", "USD/MWh"

TRUTH = Dataset(
    id="simulation.truth",
    title="Truth of the simulated market",
    meaning=(
        "What set the prices of an interval, what ran and what was out, as the simulated market knows it of itself: "
        "to test forecasts and the recovery of constraints against. What is absent from an interval did not happen."
    ),
    grain="one row per market, market run, kind, element and delivery interval",
    columns=(
        *(datasets.PRICES.column(name) for name in ("market", "market_run")),
        Column(
            "kind",
            Dtype.TEXT,
            "marginal_unit: dispatch of a unit between its limits; constraint: shadow price of one that binds; "
            "commitment (DA): dispatch of a committed unit; outage: capacity that is out; reserve_price: of a product",
            key=True,
            allowed=KINDS,
        ),
        Column("element", Dtype.TEXT, "unit, branch or reserve product, as grid.networks names it", key=True),
        *(datasets.PRICES.column(name) for name in ("interval_start", "interval_end")),
        Column("value", Dtype.FLOAT64, "see kind", unit="see unit", low=-1e6, high=1e6),
        Column("unit", Dtype.TEXT, "unit of the value", allowed=(MW, USD_PER_MWH)),
    ),
    publication=PublicationRule(
        name="simulation.with-prices",
        meaning="Together with the prices of the run.",
        instants=datasets.price_instants,
    ),
    product="congestion",
    freshness=Freshness(late_after=timedelta(minutes=15), stale_after=timedelta(hours=1)),
    licences=tuple(one for one in datasets.LICENCES if one.source == datasets.SIMULATED),
    sources=(datasets.SIMULATED,),
    series_label="element",
)

DATASETS: tuple[Dataset, ...] = (TRUTH,)
