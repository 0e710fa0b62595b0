"""A desk with a congested grid: parts by themselves, explanations over HTTP, for those who may, as of any moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import running_desk
from running_desk import DAY
from typer.testing import CliRunner

from powerdesk.access.types import Channel, Entitlement
from powerdesk.app.cli import program
from powerdesk.app.cli.root import app
from powerdesk.grid import datasets, prices, publishing, synthetic
from powerdesk.grid.clearing import session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.markets import datasets as market_datasets
from powerdesk.store import schema
from servers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx  # noqa: TID251 - only its type

    from powerdesk.grid.clearing.result import Clearing

FIVE = timedelta(minutes=5)
NETWORK = synthetic.network(n_bus=30, seed=2, congestion=0.97)
NAMES = publishing.naming(NETWORK, market="SIM")
BUS = 7
PLACE = NAMES.locations[BUS]
NEEDED = (("SIM", "prices"), ("SIM", datasets.CONGESTION), ("SIM", datasets.NETWORK))


def interval(number: int) -> DeliveryInterval:
    return DeliveryInterval(DAY + number * FIVE, DAY + (number + 1) * FIVE)


def cleared() -> tuple[Clearing, ...]:
    """Clear three intervals one after the other, the load a little higher in each."""
    held = session.Session(Sensitivities(NETWORK, model=BranchModel.DCP))
    return tuple(held.clear(demand_mw=NETWORK.demand_mw * share) for share in (0.98, 0.99, 1.0))


CLEARED = cleared()
PARTS = tuple(prices.parts(one, reference=one.demand_mw) for one in CLEARED)


def priced(number: int) -> pa.Table:
    parts, when = PARTS[number], interval(number)
    count = len(NAMES.locations)
    columns: dict[str, Any] = {
        "energy_per_mwh": parts.energy,
        "congestion_per_mwh": parts.congestion.round(2),
        "loss_per_mwh": parts.loss,
        "price_per_mwh": parts.energy + parts.congestion.round(2) + parts.loss,
        "location": NAMES.locations,
    }
    same: dict[str, Any] = {"market": "SIM", "market_run": "RT5", "currency": "USD"}
    same |= {"interval_start": when.start, "interval_end": when.end}
    fields = schema.own_fields(market_datasets.PRICES)
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(same.get(field.name), field.type), count)
        for field in fields
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def shadow_prices(number: int) -> pa.Table:
    found = PARTS[number].constraints
    return publishing.shadow_prices(found, names=NAMES, market_run="RT5", interval=interval(number))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_desk.RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("grid")) as desk:
        midnight = DAY - timedelta(hours=1)
        known = {one.name: one for parts in PARTS for one in parts.constraints}
        factors = {
            one.name: row for parts in PARTS for one, row in zip(parts.constraints, parts.shift_factors, strict=True)
        }
        layout = np.random.default_rng(1).random((30, 2))
        sets = publishing.shift_factors(
            list(factors), np.array(list(factors.values())), names=NAMES, since=midnight, reference="load"
        )
        limits = publishing.constraints(NETWORK, list(known.values()), names=NAMES, since=midnight)
        desk.accept(publishing.networks(NETWORK, names=NAMES, since=midnight, layout=layout), dataset=datasets.NETWORKS)
        desk.accept(limits, dataset=datasets.CONSTRAINTS)
        desk.accept(sets, dataset=datasets.SHIFT_FACTORS)
        for number in range(len(CLEARED)):
            desk.accept(priced(number))
            desk.accept(shadow_prices(number), dataset=datasets.SHADOW_PRICES)
        yield desk


def explained(client: httpx.Client, number: int, **other: str) -> dict[str, Any]:
    asked = {"location": PLACE, "interval_start": interval(number).start.isoformat(), **other}
    answer = client.get("/v1/grid/explain", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def parts_of(client: httpx.Client, number: int, *, wanted: int | None = None) -> dict[str, float | None]:
    """Return the recorded parts of PLACE, once there are as many as wanted."""
    start = interval(number).start.isoformat()
    asked = {"location": PLACE, "interval_start": start, "format": "records"}

    def found() -> tuple[list[dict[str, Any]]] | None:
        rows: list[dict[str, Any]] = client.get("/v1/datasets/grid.price_parts/rows", params=asked).json()["records"]
        return (rows,) if wanted is None or len(rows) == wanted else None

    (rows,) = until(found, what=f"{wanted} parts")
    return {row["constraint"]: row["congestion_per_mwh"] for row in rows}


@pytest.mark.parametrize("number", range(3))
def test_parts__are_calculated_by_themselves_and_make_the_congestion(
    served: running_desk.RunningDesk, number: int
) -> None:
    parts = PARTS[number]
    expected = {
        one.name: value
        for one, value in zip(parts.constraints, parts.by_constraint[:, BUS].tolist(), strict=True)
        if abs(value) >= datasets.LEAST_PART_PER_MWH
    }

    assert parts_of(served.operator(), number, wanted=len(expected)) == pytest.approx(expected)


def test_parts__carry_a_lineage_that_makes_them_again(served: running_desk.RunningDesk) -> None:
    operator = served.operator()
    parts_of(operator, 2, wanted=len(PARTS[2].constraints))
    asked = {"location": PLACE, "format": "records", "columns": "lineage"}
    rows = operator.get("/v1/datasets/grid.price_parts/rows", params=asked).json()["records"]

    made = operator.get(f"/v1/lineage/{rows[-1]['lineage']}").json()
    again = operator.post(f"/v1/lineage/{rows[-1]['lineage']}/remake").json()

    assert {read["dataset"] for read in made["inputs"]} == {
        "grid.shadow_prices",
        "grid.shift_factors",
        "grid.price_parts",
    }
    assert (again["same"], again["rows"]) == (True, again["stored_rows"])


@pytest.mark.parametrize("number", range(3))
def test_explanation__adds_up_to_the_published_congestion(served: running_desk.RunningDesk, number: int) -> None:
    found = explained(served.operator(), number)

    assert found["verdict"] == "explained"
    assert abs(found["unexplained_per_mwh"]) <= found["tolerance_per_mwh"]
    assert {one["constraint"]: one["congestion_per_mwh"] for one in found["contributions"]} == pytest.approx(
        {
            one.name: value
            for one, value in zip(PARTS[number].constraints, PARTS[number].by_constraint[:, BUS].tolist(), strict=True)
        }
    )
    assert found["interval_start"] == interval(number).start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert all(one["monitored"] and one["limit_mw"] is not None for one in found["contributions"])
    assert found["convention"]["market"] == "SIM"


def test_explanation__is_for_any_instant_of_the_interval(served: running_desk.RunningDesk) -> None:
    operator = served.operator()
    asked = {"location": PLACE, "interval_start": (interval(1).start + timedelta(minutes=3)).isoformat()}

    assert operator.get("/v1/grid/explain", params=asked).json()["price_per_mwh"] == pytest.approx(
        explained(operator, 1)["price_per_mwh"]
    )


def test_explanation__needs_prices_congestion_and_network_on_the_callers_channel(
    served: running_desk.RunningDesk,
) -> None:
    asked = {"location": PLACE, "interval_start": interval(0).start.isoformat()}
    for lacking in range(len(NEEDED)):
        name = f"without-{lacking}"
        granted = [Entitlement(*one, "api") for at, one in enumerate(NEEDED) if at != lacking]
        served.tenant(name, [*granted, Entitlement(*NEEDED[lacking], "hub")])
        answer = served.bearer(served.key(name, Channel.API).secret).get("/v1/grid/explain", params=asked)
        market, product = NEEDED[lacking]
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["entitlement"] == [{"market": market, "product": product, "channel": "api"}]
    assert served.client().get("/v1/grid/explain", params=asked).status_code == 401


def test_explanation__is_for_a_key_and_for_a_session(served: running_desk.RunningDesk) -> None:
    grants = [Entitlement(*one, channel) for one in NEEDED for channel in ("api", "hub")]
    served.tenant("whole", grants)

    by_key = explained(served.bearer(served.key("whole", Channel.API).secret), 0)
    by_session = explained(served.browser("whole"), 0)

    assert by_key["contributions"] == by_session["contributions"] != []


def test_a_derived_part__needs_what_its_inputs_need(served: running_desk.RunningDesk) -> None:
    served.tenant("only-congestion", [Entitlement("SIM", datasets.CONGESTION, "api")])
    client = served.bearer(served.key("only-congestion", Channel.API).secret)

    refused = client.get("/v1/datasets/grid.price_parts/rows", params={"market": "SIM"})
    allowed = client.get("/v1/datasets/grid.shadow_prices/rows", params={"market": "SIM"})

    assert (refused.status_code, allowed.status_code) == (403, 200)
    assert refused.json()["entitlement"] == [{"market": "SIM", "product": datasets.NETWORK, "channel": "api"}]


def test_unreadable_parameters__are_all_named(served: running_desk.RunningDesk) -> None:
    answer = served.operator().get(
        "/v1/grid/explain", params={"location": "nowhere", "interval_start": "noon", "as_of": "later"}
    )

    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["errors"]] == ["location", "interval_start", "as_of"]


def test_no_price__is_told_as_such(served: running_desk.RunningDesk) -> None:
    asked = {"location": PLACE, "interval_start": interval(50).start.isoformat()}
    answer = served.operator().get("/v1/grid/explain", params=asked)

    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (404, "no-price")


def test_the_verb__prints_parts_and_contributions(served: running_desk.RunningDesk) -> None:
    assert program.VERBS
    where = ["--url", served.base, "--key", _key(served)]
    asked = ["grid", "explain", "--location", PLACE, "--interval", interval(0).start.isoformat(), *where]

    table = CliRunner().invoke(app, [*asked, "-o", "table"])

    assert table.exit_code == 0, table.output
    assert "unexplained_per_mwh" in table.output
    assert PARTS[0].constraints[0].name in table.output


def _key(served: running_desk.RunningDesk) -> str:
    served.tenant("verb", [Entitlement(*one, "api") for one in NEEDED])
    return served.key("verb", Channel.API).secret


def test_a_restated_shadow_price__leaves_the_former_explanation_as_it_was_known(
    served: running_desk.RunningDesk,
) -> None:
    operator = served.operator()
    before = explained(operator, 1)
    known_at = served.clock.now()
    worst = before["contributions"][0]["constraint"]
    rows = shadow_prices(1)
    at = rows.schema.get_field_index("shadow_price_per_mwh")
    halved = pc.if_else(pc.equal(rows["constraint"], worst), pc.divide(rows.column(at), 2.0), rows.column(at))
    served.clock.move(timedelta(hours=1))
    served.accept(rows.set_column(at, rows.schema.field(at), halved), dataset=datasets.SHADOW_PRICES)

    after = explained(operator, 1)
    former = explained(operator, 1, as_of=_text(known_at))

    assert former["contributions"] == before["contributions"]
    assert (before["verdict"], former["verdict"], after["verdict"]) == ("explained", "explained", "unexplained")
    lost = before["contributions"][0]["congestion_per_mwh"] / 2.0
    assert after["unexplained_per_mwh"] == pytest.approx(before["unexplained_per_mwh"] + lost)
    until(lambda: parts_of(operator, 1)[worst] == pytest.approx(lost), what="the recorded part following")
    asked = {"location": PLACE, "constraint": worst, "interval_start": interval(1).start.isoformat()}
    old = operator.get(
        "/v1/datasets/grid.price_parts/rows", params={**asked, "format": "records", "as_of": _text(known_at)}
    ).json()["records"]
    assert [one["congestion_per_mwh"] for one in old] == pytest.approx([2.0 * lost])


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
