"""A day as rows: what its files hold, on any world, and by the verb `sim` into files that are whole or not there."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from powerdesk.app import ownership, registry
from powerdesk.app.cli import leaving, program, sim_verbs
from powerdesk.app.cli.root import app
from powerdesk.grid import synthetic
from powerdesk.simulation import cases, history, parsing, payloads, world
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

SHORT_DAY = date(2026, 3, 8)
"""A day of 23 hours."""


@pytest.fixture(scope="module")
def made() -> dict[str, pa.Table]:
    return history.day(world.default(), seed=2, operating_day=SHORT_DAY)


def test_day__holds_the_rows_of_its_files(made: dict[str, pa.Table]) -> None:
    kinds = {Kind.REAL_TIME_PRICES, Kind.CORRECTED_PRICES, Kind.SYSTEM_CONDITIONS, Kind.DAY_AHEAD_CONSTRAINTS}
    compared = 0
    for one in history.publications(world.default(), seed=2, operating_day=SHORT_DAY):
        if one.kind not in kinds or (one.kind is not Kind.CORRECTED_PRICES and one.interval.start.minute % 30):
            continue
        for dataset, rows in parsing.parse(payloads.payload(one, seed=2)).tables.items():
            whole = made[dataset]
            mine = whole.filter(
                pc.and_(
                    pc.equal(whole["published_at"], rows["published_at"][0]), pc.equal(whole["stage"], rows["stage"][0])
                )
            )
            starts = rows["interval_start"].combine_chunks().unique()
            mine = mine.filter(pc.is_in(mine["interval_start"], starts))
            same_run = (
                mine.filter(pc.equal(mine["market_run"], rows["market_run"][0]))
                if "market_run" in rows.schema.names
                else mine
            )
            assert same_run.equals(rows.cast(same_run.schema))
            compared += 1
    assert compared > 60


def test_day__has_every_interval_of_23_hours_in_the_declared_columns(made: dict[str, pa.Table]) -> None:
    declared = {dataset.id: dataset for dataset in registry.DATASETS}
    for dataset, rows in made.items():
        assert rows.column_names == [*(one.name for one in declared[dataset].columns), "published_at", "stage"]
    prices = made["markets.prices"]
    real_time = prices.filter(pc.and_(pc.equal(prices["market_run"], "RT5"), pc.equal(prices["stage"], "prelim")))
    assert pc.count_distinct(real_time["interval_start"]).as_py() == 23 * 12
    assert real_time.num_rows == 23 * 12 * 83


def test_day__is_made_on_any_world_and_tells_what_share_is_made() -> None:
    grid = cases.world_of(synthetic.network(n_bus=12, seed=1, congestion=0.8))
    shares: list[float] = []
    rows = history.day(grid, seed=1, operating_day=date(2026, 6, 1), advanced=shares.append)
    assert shares == sorted(set(shares))
    assert (len(shares) > 900, shares[-1]) == (True, 1.0)
    prices = rows["markets.prices"]
    assert prices.num_rows >= 289 * 12
    total = pc.add(pc.add(prices["energy_per_mwh"], prices["congestion_per_mwh"]), prices["loss_per_mwh"])
    assert pc.max(pc.abs(pc.subtract(prices["price_per_mwh"], total))).as_py() < 1e-9
    assert set(rows["grid.networks"]["kind"].to_pylist()) == {"bus", "branch", "generator"}


def told(*words: str) -> Result:
    assert program.VERBS
    return CliRunner().invoke(app, ["sim", *words])


def test_sim__writes_whole_days_keeps_those_that_are_there_and_refuses_another_seed(tmp_path: Path) -> None:
    words = ("--start", "2026-03-08", "--seed", "2", "--out", str(tmp_path / "made"), "-o", "json")
    first = told(*words)
    assert first.exit_code == 0, first.output
    (day,) = map(json.loads, first.stdout.splitlines())
    assert day["day"] == "2026-03-08"
    assert day["rows"] > 10_000
    folder = tmp_path / "made" / "2026-03-08"
    rows = {path.stem: pq.read_table(path).num_rows for path in folder.iterdir()}
    assert sum(rows.values()) == day["rows"]
    made_at = (folder / "markets.prices.parquet").stat().st_mtime_ns
    (tmp_path / "made" / ".2026-03-08.part").mkdir()  # what a crash leaves behind
    again = told(*words)
    assert (again.exit_code, json.loads(again.stdout)) == (0, day | {"seconds": None})
    assert (folder / "markets.prices.parquet").stat().st_mtime_ns == made_at
    other = told(*words[:3], "3", *words[4:])
    assert isinstance(other.exception, sim_verbs.OtherHistoryError)
    with sim_verbs._claimed(tmp_path / "made", json.loads((tmp_path / "made" / "about.json").read_text())):
        assert isinstance(told(*words).exception, ownership.FolderOwnedError)
    (folder / "markets.prices.parquet").write_bytes(b"PAR1")
    damaged = told(*words)
    assert isinstance(damaged.exception, leaving.FileUnusableError)
    assert "delete the folder" in damaged.exception.remedy


@pytest.mark.parametrize("start", ["yesterday", "2027-02-29", "0001-01-01", "9999-12-31"])
def test_sim__refuses_what_is_no_day_or_too_far_off(start: str) -> None:
    refused = told("--start", start)
    assert refused.exit_code == 2
    assert start in refused.output
