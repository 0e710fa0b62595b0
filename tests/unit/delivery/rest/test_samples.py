"""The newest rows in a dataset's description, and local times beside the stored instants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pcsv
import pytest
from running_desk import prices, running

from powerdesk.access.types import Channel, Entitlement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_desk import RunningDesk

PATH = "/v1/datasets/markets.prices"
ONE = {"location": "SIM:HUB", "limit": "1"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    with running(tmp_path_factory.mktemp("samples")) as served:
        served.accept(prices("SIM", "HUB", "A", "B", "C", "D", "E", hours=3))
        served.accept(prices("CAISO", "HUB", hours=1))
        yield served


def test_a_description__shows_the_five_newest_rows(desk: RunningDesk) -> None:
    body = desk.operator().get(PATH).json()
    assert "sample_refused" not in body
    sample = body["sample"]
    assert (sample["count"], set(sample["columns"]["interval_start"])) == (5, {"2026-11-03T10:00:00Z"})
    assert sample["columns"]["location"] == ["SIM:A", "SIM:B", "SIM:C", "SIM:D", "SIM:E"]


def test_a_sample__has_only_what_the_caller_may_read_or_says_why_not(desk: RunningDesk) -> None:
    desk.tenant("partly", [Entitlement("CAISO", "prices", "api")])
    sample = desk.bearer(desk.key("partly", Channel.API).secret).get(PATH).json()["sample"]
    assert sample["columns"]["location"] == ["CAISO:HUB"]
    assert {"MISO", "NYISO", "SIM"} == {line["market"] for line in sample["left_out"]}
    desk.tenant("nothing", [])
    body = desk.bearer(desk.key("nothing", Channel.API).secret).get(PATH).json()
    assert ("sample" in body, body["id"]) == (False, "markets.prices")
    assert (body["sample_refused"]["status"], body["sample_refused"]["type"]) == (403, "/docs/problems/not-entitled")


def test_an_empty_dataset__has_an_empty_sample(desk: RunningDesk) -> None:
    assert desk.operator().get("/v1/datasets/markets.load").json()["sample"]["count"] == 0


def test_tz__adds_local_times(desk: RunningDesk) -> None:
    client = desk.operator()
    said = client.get(f"{PATH}/rows", params={**ONE, "tz": "America/Los_Angeles"}).json()["columns"]
    assert (said["interval_start"], said["interval_start_local"]) == (
        ["2026-11-03T08:00:00Z"],
        ["2026-11-03T00:00:00-08:00"],
    )
    assert said["interval_end_local"] == ["2026-11-03T00:05:00-08:00"]
    summer = client.get(f"{PATH}/rows", params={**ONE, "tz": "Asia/Kolkata", "format": "csv"})
    table = pcsv.read_csv(
        pa.BufferReader(summer.content),
        convert_options=pcsv.ConvertOptions(column_types={"interval_start_local": pa.string()}),
    )
    assert table.column("interval_start_local").to_pylist() == ["2026-11-03T13:30:00+05:30"]
    assert "interval_start_local" not in client.get(f"{PATH}/rows", params=ONE).json()["columns"]


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "America", "PST8PDT\x00"])
def test_a_bad_zone__is_named(desk: RunningDesk, zone: str) -> None:
    answer = desk.operator().get(f"{PATH}/rows", params={**ONE, "tz": zone})
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["tz"]
