"""What the schedule records about the grid: forecasts issued as of their hour, and basis surfaces."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import running_desk
from running_desk import NOON

from powerdesk.grid import datasets, issued_forecasts, operations
from powerdesk.markets import datasets as market_datasets
from powerdesk.store import queries, schema
from powerdesk.store.operations import HOUSE
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from powerdesk.store.dataset import Dataset

HOUR = timedelta(hours=1)
DAYS = 70
FIRST = NOON.replace(hour=0) - DAYS * timedelta(days=1)
FORECASTS = (market_datasets.LOAD_FORECAST, market_datasets.RENEWABLES_FORECAST)
HUB, NODE, OTHER = "SIM:HUB", "SIM:A", "SIM:B"
ISSUED = datetime(2026, 11, 3, 16, tzinfo=NOON.tzinfo)
"""10:00 on SIM's clock, on the day of NOON."""


def table(declared: Dataset, rows: list[dict[str, Any]]) -> pa.Table:
    fields = [*schema.own_fields(declared), *schema.ENTRY_COLUMNS]
    made = [{"market": "SIM", "market_run": "DA", "currency": "USD", "stage": "", **row} for row in rows]
    for row in made:
        row["interval_end"] = row["interval_start"] + HOUR
    return pa.Table.from_pylist(made, pa.schema(fields))


def history() -> tuple[pa.Table, pa.Table]:
    """Return day-ahead prices of a hub and two nodes, and a constraint that binds every afternoon but not always."""
    draw = np.random.default_rng(3)
    starts = [FIRST + hour * HOUR for hour in range(DAYS * 24)]
    prices, bound = [], []
    for start in starts:
        level = 30.0 + 10.0 * np.sin(start.hour / 4.0) + float(draw.normal())
        for place, off in ((HUB, 0.0), (NODE, 3.0), (OTHER, float(draw.normal(-2.0)))):
            prices.append({"location": place, "interval_start": start, "price_per_mwh": level + off})
        if 14 <= start.hour < 20 and draw.random() < 0.9:
            price = float(draw.lognormal(3.0, 0.3))
            bound.append(
                {
                    "constraint": "1-2",
                    "direction": "to_from",
                    "interval_start": start,
                    "shadow_price_per_mwh": price,
                    "flow_mw": -50.0,
                    "limit_mw": -50.0,
                }
            )
    return table(market_datasets.PRICES, prices), table(datasets.SHADOW_PRICES, bound)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_desk.RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("schedule")) as desk:
        prices, bound = history()
        desk.accept(prices)
        desk.accept(bound, dataset=datasets.SHADOW_PRICES)
        yield desk


def done(served: running_desk.RunningDesk, said: str) -> str:
    """Wait until what was accepted is readable."""
    store = served.desk.store
    store.progress.wait(store.bus.end("store.batches"), timeout_s=PATIENCE_S)
    return said


def outlooks(seed: int, *, published: Callable[[datetime], datetime], value: float = 0.0) -> tuple[pa.Table, pa.Table]:
    """Return day-ahead forecasts of two zones' load, and of wind, with when each was published; drawn unless given."""
    draw = np.random.default_rng(seed)
    loads, winds = [], []
    for hour in range((DAYS + 1) * 24):
        start = FIRST + hour * HOUR
        same = {"forecast_run": "DAM", "interval_start": start, "published_at": published(start)}
        loads += [
            {**same, "location": zone, "load_mw": value or float(draw.normal(900.0, 90.0))} for zone in (NODE, OTHER)
        ]
        winds.append({**same, "location": NODE, "fuel": "wind", "power_mw": value or float(draw.gamma(2.0, 40.0))})
    return table(market_datasets.LOAD_FORECAST, loads), table(market_datasets.RENEWABLES_FORECAST, winds)


def gate(start: datetime) -> datetime:
    """Return 10:00 on SIM's clock of the day before, near enough: 16:00 UTC."""
    return start.replace(hour=16, minute=0) - timedelta(days=1 if start.hour >= 6 else 2)


def computed(served: running_desk.RunningDesk) -> pa.Table:
    """Return the issue of ISSUED made from what is in the store now."""
    store = served.desk.store
    asked = issued_forecasts.reads(market="SIM", market_run="DA", location=HUB, origin=ISSUED)
    view = queries.view(store, HOUSE, cut=queries.snapshot(store, as_of=ISSUED))
    read = {name: view.rows(request) for name, request in asked.items()}
    told = {"market": "SIM", "market_run": "DA", "origin": ISSUED.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return issued_forecasts.binding_forecast(read, told, None)


def records(served: running_desk.RunningDesk, dataset: str, **asked: str) -> list[dict[str, Any]]:
    params = {"market": "SIM", "format": "records", "limit": "100000", **asked}
    answer = served.operator().get(f"/v1/datasets/{dataset}/rows", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["records"]
    return found


def forecast(served: running_desk.RunningDesk) -> list[dict[str, Any]]:
    start, end = (ISSUED + ahead for ahead in issued_forecasts.AHEAD)
    return records(served, "grid.binding_forecast", start=start.isoformat(), end=end.isoformat())


def test_forecasts__are_issued_once_a_day_for_the_next_and_made_good_for_a_week(
    served: running_desk.RunningDesk,
) -> None:
    first = done(served, operations.record_forecasts(served.desk.store, cancelled=lambda: False))
    again = done(served, operations.record_forecasts(served.desk.store, cancelled=lambda: False))
    rows = forecast(served)

    assert (first, again) == ("7 forecasts issued", "0 forecasts issued")
    assert [row["interval_start"] for row in rows] == [
        (ISSUED + (14 + hour) * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ") for hour in range(24)
    ]
    assert {row["forecast_run"] for row in rows} == {"regression-DA"}
    likely = {row["interval_start"][11:13]: row["binding_probability"] for row in rows}
    assert min(likely[f"{hour}"] for hour in range(15, 19)) > 0.6
    assert max(likely[f"{hour:02}"] for hour in range(2, 11)) < 0.2
    assert all(row["shadow_price_q10_per_mwh"] <= row["shadow_price_q90_per_mwh"] for row in rows)


def test_a_forecast__was_known_at_its_issue_and_not_before(served: running_desk.RunningDesk) -> None:
    done(served, operations.record_forecasts(served.desk.store, cancelled=lambda: False))
    start = (ISSUED + 14 * HOUR).isoformat()

    def known(at: datetime) -> int:
        return len(records(served, "grid.binding_forecast", interval_start=start, as_of=at.isoformat()))

    assert (known(ISSUED - timedelta(seconds=1)), known(ISSUED)) == (0, 1)


def test_a_forecast__is_made_again_alike_although_later_prices_came(served: running_desk.RunningDesk) -> None:
    done(served, operations.record_forecasts(served.desk.store, cancelled=lambda: False))
    lineage = records(served, "grid.binding_forecast", columns="lineage")[-1]["lineage"]
    row = {
        "constraint": "1-2",
        "direction": "to_from",
        "interval_start": ISSUED + 5 * HOUR,
        "shadow_price_per_mwh": 999.0,
    }
    served.accept(table(datasets.SHADOW_PRICES, [{**row, "published_at": NOON}]), dataset=datasets.SHADOW_PRICES)

    again = served.operator().post(f"/v1/lineage/{lineage}/remake").json()

    assert (again["same"], again["rows"]) == (True, 24)


def test_a_forecast__sees_outlooks_as_they_were_known_and_none_of_later(tmp_path: Path) -> None:
    with running_desk.running(tmp_path) as desk:
        prices, bound = history()
        desk.accept(prices)
        desk.accept(bound, dataset=datasets.SHADOW_PRICES)
        done(desk, "")
        blind = computed(desk)
        for rows, dataset in zip(outlooks(1, published=gate), FORECASTS, strict=True):
            desk.accept(rows, dataset=dataset)
        done(desk, "")
        seeing = computed(desk)

        def late(start: datetime) -> datetime:
            return max(ISSUED + timedelta(microseconds=1), gate(start))

        for rows, dataset in zip(outlooks(2, published=late, value=7e5), FORECASTS, strict=True):
            desk.accept(rows, dataset=dataset)
        garbage = {
            "constraint": "1-2",
            "direction": "from_to",
            "shadow_price_per_mwh": 9e5,
            "published_at": late(FIRST),
        }
        starts = (ISSUED - 40 * HOUR, ISSUED - 30 * HOUR, ISSUED + 20 * HOUR)
        poison = table(datasets.SHADOW_PRICES, [{**garbage, "interval_start": start} for start in starts])
        desk.accept(poison, dataset=datasets.SHADOW_PRICES)
        done(desk, "")
        poisoned = computed(desk)

        def soon(start: datetime) -> datetime:
            return min(ISSUED, gate(start) + HOUR)

        for rows, dataset in zip(outlooks(3, published=soon), FORECASTS, strict=True):
            desk.accept(rows, dataset=dataset)
        done(desk, "")
        revised = computed(desk)

    assert not seeing.equals(blind)
    assert poisoned.equals(seeing)
    assert not revised.equals(seeing)


def test_surfaces__tell_the_basis_of_every_location_to_the_hub(served: running_desk.RunningDesk) -> None:
    hubs = {"SIM": (HUB,), "CAISO": ("CAISO:TH_NP15_GEN-APND",)}
    said = done(served, operations.record_surfaces(served.desk.store, hubs=hubs, cancelled=lambda: False))
    rows = records(served, "grid.basis_surface", location=NODE)
    other = records(served, "grid.basis_surface", location=OTHER, hour_block="all", quantile="mean")

    assert said.endswith("; CAISO:TH_NP15_GEN-APND: market of no row")
    assert {row["interval_start"] for row in rows} == {"2026-10-01T05:00:00Z"}  # November has no five days yet
    assert {row["hour_block"] for row in rows} == {*(f"{hour:02}" for hour in range(24)), "all"}
    assert [row["basis_per_mwh"] for row in rows] == pytest.approx([3.0] * len(rows))
    assert [row["basis_per_mwh"] for row in other] == pytest.approx([-2.0], abs=0.2)


def test_surfaces__stop_when_told(served: running_desk.RunningDesk) -> None:
    said = operations.record_surfaces(served.desk.store, hubs={"SIM": (HUB,)}, cancelled=lambda: True)

    assert said == "0 rows; stopped"


def test_a_market_where_little_is_known__has_no_forecast(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_desk.running(tmp_path_factory.mktemp("bare")) as desk:
        prices, bound = history()
        desk.accept(prices.slice(prices.num_rows - 24))
        desk.accept(bound.slice(bound.num_rows - 1), dataset=datasets.SHADOW_PRICES)

        said = operations.record_forecasts(desk.desk.store, cancelled=lambda: False)

        assert said.startswith("0 forecasts issued; SIM DA at ")
        assert queries.accepted(desk.desk.store) == 2


def test_jobs__are_defined_and_know_the_hubs(served: running_desk.RunningDesk) -> None:
    jobs = served.desk.engines.jobs
    named = {operations.FORECAST, operations.SURFACES}
    for name in named:
        jobs.trigger(name)

    def ended() -> dict[str, str]:
        found = {run.name: run.state.value for run in jobs.history() if run.ended_at is not None and run.name in named}
        return found if len(found) == len(named) else {}

    assert until(ended, what="the jobs' end") == {"grid.forecast": "done", "grid.surfaces": "done"}
    assert served.desk.places.hubs()["CAISO"] == (
        "CAISO:NP15",
        "CAISO:SP15",
        "CAISO:TH_NP15_GEN-APND",
        "CAISO:TH_SP15_GEN-APND",
        "CAISO:TH_ZP26_GEN-APND",
        "CAISO:ZP26",
    )
