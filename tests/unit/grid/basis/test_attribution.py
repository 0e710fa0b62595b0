"""What a basis is made of: identities on made, cleared and recorded prices."""

from __future__ import annotations

import basis_prices as prices
import duckdb
import numpy as np
import pyarrow as pa
import pytest

from powerdesk.grid import prices as grid_prices
from powerdesk.grid import synthetic
from powerdesk.grid.basis import attribution
from powerdesk.grid.basis.cells import Blocks
from powerdesk.grid.basis.panel import BasisError, Leg, panel
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

LOS_ANGELES = "America/Los_Angeles"


def test_parts__of_recorded_prices_add_up_and_are_those_of_a_plain_query() -> None:
    rows = prices.caiso_node()
    found = attribution.parts(
        panel(rows), hub=Leg.at("REFERENCE"), location=Leg.at("NODE"), zone=LOS_ANGELES, blocks=Blocks.HOURS
    )
    query = """
        with node as (
            select timezone('America/Los_Angeles', interval_start) as wall, * from rows where location = 'NODE'
        )
        select year(wall), month(wall), strftime(wall, '%H'), count(*), avg(congestion_per_mwh), avg(loss_per_mwh)
        from node group by all order by 1, 2, 3
    """
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        oracle = connection.execute(query).fetchall()
    assert found.num_rows == len(oracle) >= 12 * 24
    for row, (_, month, hour, count, congestion, loss) in zip(found.to_pylist(), oracle, strict=True):
        assert (row["interval_start"].month, row["hour_block"], row["observations"]) == (month, hour, count)
        assert row["congestion_per_mwh"] == pytest.approx(congestion, abs=1e-9)
        assert row["loss_per_mwh"] == pytest.approx(loss, abs=1e-9)
        parts = row["congestion_per_mwh"] + row["loss_per_mwh"] + row["energy_per_mwh"]
        assert row["basis_per_mwh"] == pytest.approx(parts, abs=1e-9)
        assert abs(row["energy_per_mwh"]) < 1e-4  # five decimals are printed


def test_parts__intervals_without_them_are_counted_and_left_out() -> None:
    start = prices.hours_from("2025-01-01", 48)
    ones = np.ones(48)
    gone = np.where(np.arange(48) < 10, np.nan, 3.0)
    rows = prices.table(
        start,
        {"A": ones, "B": 5.0 * ones},
        congestion_per_mwh={"A": 0.0 * ones, "B": gone},
        loss_per_mwh={"A": 0.0 * ones, "B": ones},
    )
    found = attribution.parts(
        panel(rows), hub=Leg.at("A"), location=Leg.at("B"), zone=prices.NEW_YORK, blocks=Blocks.ALL
    ).to_pylist()
    assert [(row["observations"], row["without_parts"], row["congestion_per_mwh"]) for row in found] == [(38, 10, 3.0)]
    without = attribution.parts(
        panel(rows.drop_columns(["congestion_per_mwh"])),
        hub=Leg.at("A"), location=Leg.at("B"), zone=prices.NEW_YORK, blocks=Blocks.ALL,
    ).to_pylist()  # fmt: skip
    assert [(row["observations"], row["without_parts"], row["basis_per_mwh"]) for row in without] == [(0, 48, None)]


def _cleared(intervals: int) -> tuple[pa.Table, pa.Table]:
    """Return prices of two buses and a third, and congestion by constraint, of cleared hours."""
    network = synthetic.network(n_bus=60, seed=5, congestion=1.0)
    session = Session(Sensitivities(network, model=BranchModel.DCP))
    draw = np.random.default_rng(2)
    start = prices.hours_from("2025-01-01", intervals)
    buses = {"A": 3, "B": 40, "C": 17}
    lmp = {name: np.empty(intervals) for name in buses}
    congestion = {name: np.empty(intervals) for name in buses}
    parts: list[dict[str, object]] = []
    for at in range(intervals):
        cleared = session.clear(demand_mw=network.demand_mw * draw.uniform(0.8, 1.0))
        found = grid_prices.parts(cleared)
        for name, bus in buses.items():
            lmp[name][at], congestion[name][at] = cleared.lmp[bus], found.congestion[bus]
            parts += [
                {
                    "location": name,
                    "constraint": one.name,
                    "interval_start": int(start[at]),
                    "interval_end": int(start[at]) + prices.HOUR_US,
                    "congestion_per_mwh": float(found.by_constraint[which, bus]),
                }
                for which, one in enumerate(found.constraints)
            ]
    nothing = {name: np.zeros(intervals) for name in buses}
    schema = pa.schema(
        {
            "location": pa.string(),
            "constraint": pa.string(),
            "interval_start": prices.INSTANT,
            "interval_end": prices.INSTANT,
            "congestion_per_mwh": pa.float64(),
        }
    )
    rows = prices.table(start, lmp, congestion_per_mwh=congestion, loss_per_mwh=nothing)
    return rows, pa.Table.from_pylist(parts, schema=schema)


def test_by_constraint__adds_up_to_congestion_and_names_what_is_unexplained() -> None:
    rows, parts = _cleared(30)
    hub = Leg("HUB", (("A", 0.5), ("C", 0.5)))
    chosen = {"hub": hub, "location": Leg.at("B"), "zone": prices.NEW_YORK, "blocks": Blocks.ALL}
    whole = attribution.parts(panel(rows), **chosen).to_pylist()[0]
    found = attribution.by_constraint(panel(rows), parts, **chosen).to_pylist()
    assert whole["observations"] == 30
    assert abs(whole["congestion_per_mwh"]) > 0.1
    assert sum(row["congestion_per_mwh"] for row in found) == pytest.approx(whole["congestion_per_mwh"], abs=1e-9)
    assert found[-1]["constraint"] == attribution.UNEXPLAINED
    assert found[-1]["congestion_per_mwh"] == pytest.approx(0.0, abs=1e-6)
    named = [abs(row["congestion_per_mwh"]) for row in found[:-1]]
    assert len(named) >= 2
    assert named == sorted(named, reverse=True)
    worst = found[0]["constraint"]
    kept = parts.filter(pa.array([one != worst for one in parts["constraint"].to_pylist()]))
    blind = attribution.by_constraint(panel(rows), kept, **chosen).to_pylist()
    assert blind[-1]["congestion_per_mwh"] == pytest.approx(found[0]["congestion_per_mwh"], abs=1e-6)


def test_by_constraint__without_any_rows_everything_is_unexplained() -> None:
    rows, parts = _cleared(3)
    chosen = {"hub": Leg.at("A"), "location": Leg.at("B"), "zone": prices.NEW_YORK, "blocks": Blocks.ALL}
    found = attribution.by_constraint(panel(rows), parts.slice(0, 0), **chosen).to_pylist()
    whole = attribution.parts(panel(rows), **chosen).to_pylist()[0]
    assert [row["constraint"] for row in found] == [attribution.UNEXPLAINED]
    assert found[0]["congestion_per_mwh"] == pytest.approx(whole["congestion_per_mwh"])


def test_by_constraint__leaves_out_retracted_parts_and_refuses_parts_told_twice() -> None:
    rows, parts = _cleared(3)
    chosen = {"hub": Leg.at("A"), "location": Leg.at("B"), "zone": prices.NEW_YORK, "blocks": Blocks.ALL}
    clean = attribution.by_constraint(panel(rows), parts, **chosen)
    retracted = pa.nulls(parts.num_rows, pa.float64())
    at = parts.schema.get_field_index("congestion_per_mwh")
    gone = parts.set_column(at, "congestion_per_mwh", retracted)
    fewer = attribution.by_constraint(panel(rows), gone, **chosen)
    assert fewer["constraint"].to_pylist() == [attribution.UNEXPLAINED]
    assert clean.num_rows > fewer.num_rows
    with pytest.raises(BasisError, match="told twice"):
        attribution.by_constraint(panel(rows), pa.concat_tables([parts, parts.slice(0, 1)]), **chosen)
