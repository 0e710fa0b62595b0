"""The datasets of the grid: networks, constraints and what congestion is made of, as declared facts.

Sign of a shadow price. A constraint limits the flow of its branch, counted from `from_bus` to `to_bus`; `shift_factor`
is that flow's change per MW injected at a location and withdrawn at the reference. `shadow_price_per_mwh` >= 0 is what
one more MW of the limit would save, and `direction` says which limit binds: `from_to` the upper, `to_from` the lower.
So a location's congestion is the sum over constraints of -shadow price x shift factor where `from_to` binds, and of
+shadow price x shift factor where `to_from` does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.kernel.dtypes import Dtype
from powerdesk.markets import datasets
from powerdesk.store.dataset import Column, Dataset, Freshness, PublicationRule

if TYPE_CHECKING:
    from collections.abc import Mapping

NETWORK, CONGESTION = "network", "congestion"
"""Entitlement products: the model of a grid, and what it makes of prices."""
FROM_TO, TO_FROM, BOTH = "from_to", "to_from", "both"
SIGN: Mapping[str, float] = {FROM_TO: -1.0, TO_FROM: 1.0}
"""Congestion = sign of the direction x shadow price x shift factor."""
BUS, BRANCH, GENERATOR = "bus", "branch", "generator"
FORECAST_QUANTILES = (0.1, 0.5, 0.9)
LEAST_PART_PER_MWH = 0.005
"""Contributions below half of what prices are rounded to are left out of grid.price_parts."""
_SIM = "SIM"


def _own_market(rows: pa.Table) -> pa.Array:
    """Return interval_start for SIM, whose topology is announced when it takes effect; null (receipt) elsewhere."""
    simulated = pc.equal(rows.column("market"), _SIM)
    instants = pc.if_else(simulated, rows.column("interval_start"), pa.scalar(None, rows.column("interval_start").type))
    return instants.combine_chunks() if isinstance(instants, pa.ChunkedArray) else instants


_ANNOUNCED = PublicationRule(
    name="grid.announcement",
    meaning="SIM: the instant from which the row holds. Elsewhere: receipt, unless the source has a stamp.",
    instants=_own_market,
)
_WITH_PRICES = PublicationRule(
    name="grid.with-prices",
    meaning=f"Together with the prices of the run. {datasets.PRICES.publication.meaning}",
    instants=datasets.price_instants,
)
_NEWEST_INPUT = PublicationRule(
    name="grid.newest-input",
    meaning="When the last of the rows it is made of was published.",
    instants=datasets.no_rule,
)
_LASTING = Freshness(late_after=timedelta(days=400), stale_after=timedelta(days=800))
"""What holds until it is replaced is not late for being old."""
_PROMPT = Freshness(late_after=timedelta(hours=1), stale_after=timedelta(hours=6))

_MARKET, _START, _END = (datasets.PRICES.column(name) for name in ("market", "interval_start", "interval_end"))
_RUN, _LOCATION = (datasets.PRICES.column(name) for name in ("market_run", "location"))
_CURRENCY = datasets.PRICES.column("currency")
_SINCE = Column("interval_start", Dtype.INSTANT, "instant from which the row holds, until the next set", key=True)
_CONSTRAINT = Column(
    "constraint", Dtype.TEXT, "name of the constraint: monitored branch, contingency included", key=True
)
_FROM_BUS = Column("from_bus", Dtype.TEXT, "location id of the bus where positive flow enters", nullable=True)
_TO_BUS = Column("to_bus", Dtype.TEXT, "location id of the bus where positive flow leaves", nullable=True)


def _money(name: str, meaning: str, *, nullable: bool = False, low: float = -1e6) -> Column:
    return Column(name, Dtype.FLOAT64, meaning, unit="currency/MWh", nullable=nullable, low=low, high=1e6)


def _quantity(name: str, unit: str, meaning: str, *, low: float | None = None, high: float | None = None) -> Column:
    return Column(name, Dtype.FLOAT64, meaning, unit=unit, nullable=True, low=low, high=high)


NETWORKS = Dataset(
    id="grid.networks",
    title="Networks",
    meaning="Buses, branches and generators of a grid model. A set of rows holds until the next set of its network.",
    grain="one row per market, network, kind, element and instant from which it holds",
    columns=(
        _MARKET,
        Column("network", Dtype.TEXT, "name of the model", key=True),
        Column("kind", Dtype.TEXT, "bus, branch or generator", key=True, allowed=(BUS, BRANCH, GENERATOR)),
        Column("element", Dtype.TEXT, "name of the element, unique within its kind", key=True),
        _SINCE,
        Column(
            "location",
            Dtype.TEXT,
            "location id MARKET:NAME of a bus, or of the bus of a generator; null for a branch",
            nullable=True,
        ),
        _FROM_BUS,
        _TO_BUS,
        _quantity("x", "1", "own layout of the bus, across, 0 to 1", low=0.0, high=1.0),
        _quantity("y", "1", "own layout of the bus, upwards, 0 to 1", low=0.0, high=1.0),
        _quantity("base_kv", "kV", "nominal voltage of a bus", low=0.0),
        _quantity("rating_mw", "MW", "limit of a branch in both directions; null: none", low=0.0),
        _quantity("reactance_pu", "1", "series reactance of a branch, per unit"),
        _quantity("resistance_pu", "1", "series resistance of a branch, per unit"),
        _quantity("capacity_mw", "MW", "most power of a generator", low=0.0),
        Column("fuel", Dtype.TEXT, "fuel category of a generator", nullable=True),
    ),
    publication=_ANNOUNCED,
    product=NETWORK,
    freshness=_LASTING,
    licences=datasets.LICENCES,
    sources=datasets.SOURCES,
    series_label="element",
    lasting_by=("market", "network"),
)

CONSTRAINTS = Dataset(
    id="grid.constraints",
    title="Transmission constraints",
    meaning="Limits on branch flows, in the base case or after an outage. A row holds until the next of its name.",
    grain="one row per market, constraint and instant from which it holds",
    columns=(
        _MARKET,
        _CONSTRAINT,
        _SINCE,
        Column("monitored", Dtype.TEXT, "branch whose flow is limited, as grid.networks names it", nullable=True),
        Column(
            "direction",
            Dtype.TEXT,
            "which flow is limited: from_to (from from_bus to to_bus), to_from, or both alike",
            allowed=(FROM_TO, TO_FROM, BOTH),
        ),
        Column("contingency", Dtype.TEXT, "outage that the limit guards against; null: the base case", nullable=True),
        _quantity("limit_mw", "MW", "most flow in the limited direction", low=0.0),
        _FROM_BUS,
        _TO_BUS,
    ),
    publication=_ANNOUNCED,
    product=NETWORK,
    freshness=_LASTING,
    licences=datasets.LICENCES,
    sources=datasets.SOURCES,
    series_label="constraint",
    lasting_by=("market", "constraint"),
)

SHADOW_PRICES = Dataset(
    id="grid.shadow_prices",
    title="Shadow prices of constraints",
    meaning=(
        "What one more MW of a binding limit would have saved. A constraint that is absent from a published interval "
        "did not bind in it."
    ),
    grain="one row per market, market run, constraint and delivery interval in which it bound",
    columns=(
        _MARKET,
        _RUN,
        _CONSTRAINT,
        _START,
        _END,
        Column(
            "direction",
            Dtype.TEXT,
            "which limit binds: from_to on flow from from_bus to to_bus, to_from on the opposite flow",
            allowed=(FROM_TO, TO_FROM),
        ),
        _money("shadow_price_per_mwh", "saving per MW of limit in the binding direction, never negative", low=0.0),
        _quantity("flow_mw", "MW", "flow from from_bus to to_bus, negative where it runs the other way"),
        _quantity("limit_mw", "MW", "the limit that binds, signed as the flow"),
        _CURRENCY,
    ),
    publication=_WITH_PRICES,
    product=CONGESTION,
    freshness=Freshness(late_after=timedelta(hours=6), stale_after=timedelta(days=2)),
    licences=datasets.LICENCES,
    sources=datasets.SOURCES,
    series_label="constraint",
)

FLOWS = Dataset(
    id="grid.flows",
    title="Flows of branches",
    meaning="Flow that a clearing put on each branch, and the limit in force: the loading that the network map shows.",
    grain="one row per market, market run, branch and delivery interval",
    columns=(
        _MARKET,
        _RUN,
        Column("branch", Dtype.TEXT, "name of the branch, as grid.networks has it", key=True),
        _START,
        _END,
        _quantity("flow_mw", "MW", "flow from from_bus to to_bus, negative where it runs the other way"),
        _quantity("limit_mw", "MW", "limit in force in both directions, weather included; null: none", low=0.0),
    ),
    publication=_WITH_PRICES,
    product=CONGESTION,
    freshness=Freshness(late_after=timedelta(hours=6), stale_after=timedelta(days=2)),
    licences=datasets.LICENCES,
    sources=datasets.SOURCES,
    series_label="branch",
)

SHIFT_FACTORS = Dataset(
    id="grid.shift_factors",
    title="Shift factors of locations on constraints",
    meaning=(
        "Flow on a constraint per MW injected at a location and withdrawn at the reference. A set of rows holds until "
        "the next set of its constraint; a location that is absent from a set has no effect."
    ),
    grain="one row per market, constraint, location and instant from which it holds",
    columns=(
        _MARKET,
        _CONSTRAINT,
        _LOCATION,
        _SINCE,
        Column(
            "shift_factor",
            Dtype.FLOAT64,
            "flow from from_bus to to_bus per MW injected, outage of the contingency included",
            unit="1",
            low=-10.0,
            high=10.0,
        ),
        Column("reference", Dtype.TEXT, "where the MW is withdrawn: a location id, or load for the mean of the load"),
    ),
    publication=_ANNOUNCED,
    product=NETWORK,
    freshness=_LASTING,
    licences=datasets.LICENCES,
    sources=datasets.SOURCES,
    lasting_by=("market", "constraint"),
)

PRICE_PARTS = Dataset(
    id="grid.price_parts",
    title="Congestion by constraint",
    meaning=(
        "What each binding constraint adds to the price of a location: shadow price times the shift factor in force. "
        f"Contributions of less than {LEAST_PART_PER_MWH} per MWh are left out."
    ),
    grain="one row per market, market run, location, constraint and delivery interval",
    columns=(
        _MARKET,
        _RUN,
        _LOCATION,
        _CONSTRAINT,
        _START,
        _END,
        SHIFT_FACTORS.column("shift_factor"),
        SHADOW_PRICES.column("direction"),
        SHADOW_PRICES.column("shadow_price_per_mwh"),
        _money("congestion_per_mwh", "contribution to the congestion part; positive raises the price", low=-1e7),
        _CURRENCY,
    ),
    publication=_NEWEST_INPUT,
    product=CONGESTION,
    freshness=Freshness(late_after=timedelta(hours=6), stale_after=timedelta(days=2)),
    licences=datasets.LICENCES,
    inputs=(SHADOW_PRICES.id, SHIFT_FACTORS.id),
)

BINDING_FORECAST = Dataset(
    id="grid.binding_forecast",
    title="Forecast of binding constraints",
    meaning=(
        "Probability that a constraint binds, and its shadow price (0 where it does not bind) as mean and quantiles. "
        "Each issue is a new belief about the same interval."
    ),
    grain="one row per market, constraint, forecast run and delivery interval",
    columns=(
        _MARKET,
        _CONSTRAINT,
        Column("forecast_run", Dtype.TEXT, "method, and the market run that it speaks of", key=True),
        _START,
        _END,
        Column("binding_probability", Dtype.FLOAT64, "chance that the limit binds", unit="1", low=0.0, high=1.0),
        _money("shadow_price_mean_per_mwh", "mean of the shadow price, 0 counted where it does not bind", low=0.0),
        *(
            _money(f"shadow_price_q{round(100 * level)}_per_mwh", f"quantile {level} of the shadow price", low=0.0)
            for level in FORECAST_QUANTILES
        ),
        _CURRENCY,
    ),
    publication=_NEWEST_INPUT,
    product=CONGESTION,
    freshness=_PROMPT,
    licences=datasets.LICENCES,
    series_label="constraint",
    inputs=(SHADOW_PRICES.id, datasets.LOAD_FORECAST.id, datasets.RENEWABLES_FORECAST.id),
)

BASIS_SURFACE = Dataset(
    id="grid.basis_surface",
    title="Basis of locations to hubs",
    meaning="Distribution of a location's price less a hub's price over the days of a month, by block of hours.",
    grain="one row per market, market run, hub, location, month, block of hours and quantile",
    columns=(
        _MARKET,
        _RUN,
        Column("hub", Dtype.TEXT, "location id of the hub", key=True),
        _LOCATION,
        Column("interval_start", Dtype.INSTANT, "start of the month in the market's time zone", key=True),
        Column("hour_block", Dtype.TEXT, "local hour of day 00 to 23, or on_peak, off_peak, all", key=True),
        Column("quantile", Dtype.TEXT, "level in (0, 1) as a decimal, or mean", key=True),
        Column("interval_end", Dtype.INSTANT, "start of the next month in the market's time zone"),
        _money("basis_per_mwh", "price of the location less price of the hub", low=-2e5),
        Column("observations", Dtype.INT64, "intervals that the value is made of", low=1),
        _CURRENCY,
    ),
    publication=_NEWEST_INPUT,
    product="prices",
    freshness=Freshness(late_after=timedelta(days=35), stale_after=timedelta(days=70)),
    licences=datasets.LICENCES,
    inputs=(datasets.PRICES.id,),
)

DATASETS: tuple[Dataset, ...] = (
    NETWORKS,
    CONSTRAINTS,
    SHADOW_PRICES,
    FLOWS,
    SHIFT_FACTORS,
    PRICE_PARTS,
    BINDING_FORECAST,
    BASIS_SURFACE,
)
