"""NYISO payloads: recorded files, made files with clock changes, and files nobody would send on purpose."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated_iso
import simulated_payloads as payloads
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_iso import Fault

from powerdesk.markets import datasets
from powerdesk.markets.connectors.nyiso import clock
from powerdesk.markets.connectors.nyiso.parse import parse
from powerdesk.markets.types import Outcome, Parsed, PayloadError
from powerdesk.store import checking

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

SPRING, AUTUMN, PLAIN = date(2026, 3, 8), date(2026, 11, 1), date(2026, 6, 1)
HOURS = {SPRING: 23, AUTUMN: 25, PLAIN: 24}
KINDS = {
    "damlbmp": ("markets.prices", 1, 15),
    "realtime": ("markets.prices", 12, 15),
    "pal": ("markets.load", 12, 11),
    "rtfuelmix": ("markets.generation", 12, 7),
}


def checked(parsed: Parsed) -> checking.Checked:
    ((name, table),) = parsed.tables.items()
    return checking.check(next(one for one in datasets.DATASETS if one.id == name), table)


def starts_of(table: pa.Table) -> list[datetime]:
    return sorted(set(table.column("interval_start").to_pylist()))


def test_recorded_fuel_mix__tiles_the_month_although_dispatch_runs_are_irregular(recorded: Path) -> None:
    parsed = parse((recorded / "nyiso" / "20250201rtfuelmix_csv.zip").read_bytes())
    assert (parsed.kind, parsed.rows, parsed.rejected, parsed.findings) == ("nyiso.rtfuelmix", 57722, 0, ())
    table = checked(parsed).rows.sort_by([("fuel", "ascending"), ("interval_start", "ascending")])
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["fuel"], first["interval_start"]) == ("dual_fuel", datetime(2025, 2, 1, 5, tzinfo=UTC))
    assert first["power_mw"] == 4613.0
    wind = [row for row in table.to_pylist() if row["fuel"] == "wind"]
    holes = [a["interval_end"] for a, b in itertools.pairwise(wind) if a["interval_end"] != b["interval_start"]]
    assert len(holes) == 2  # runs that the recorded files lack
    assert wind[-1]["interval_end"] == datetime(2025, 3, 1, 5, tzinfo=UTC)


def test_recorded_load_forecast__has_six_days_of_eleven_zones_and_the_system(recorded: Path) -> None:
    parsed = parse((recorded / "nyiso" / "20250219isolf.csv").read_bytes(), name="20250219isolf.csv")
    rows = {(row["location"], row["interval_start"]): row for row in checked(parsed).rows.to_pylist()}
    assert (len(rows), parsed.findings) == (144 * 12, ())
    one = rows[("NYISO:N.Y.C.", datetime(2025, 2, 19, 5, tzinfo=UTC))]
    assert (one["load_mw"], one["published_at"]) == (5527.0, datetime(2025, 2, 20, 5, tzinfo=UTC))
    assert rows[("NYISO:HUD VL", datetime(2025, 2, 19, 6, tzinfo=UTC))]["load_mw"] == 1189.0
    assert rows[("NYISO:NYISO", datetime(2025, 2, 25, 4, tzinfo=UTC))]["load_mw"] == 16465.0


def test_recorded_day_ahead_export__adds_up_with_the_congestion_sign_turned(recorded: Path) -> None:
    file = recorded / "nyiso" / "OASIS_DAM_zonal_lbmp_NYC_2024Q3.csv.gz"
    parsed = parse(file.read_bytes(), name=file.name)
    result = checked(parsed)
    assert (parsed.kind, result.rows.num_rows, parsed.findings, result.warnings) == ("nyiso.oasis.dam", 2208, (), ())
    rows = {row["interval_start"]: row for row in result.rows.to_pylist()}
    one = rows[datetime(2024, 6, 30, 6, tzinfo=UTC)]  # 6/30/24 2:00 EDT: 26.37, losses 1.8, congestion -1.79
    assert (one["price_per_mwh"], one["loss_per_mwh"], one["congestion_per_mwh"]) == (26.37, 1.8, 1.79)
    assert one["energy_per_mwh"] == pytest.approx(22.78)
    assert one["stage"] == "version-1"
    assert starts_of(result.rows) == [datetime(2024, 6, 1, 4, tzinfo=UTC) + timedelta(hours=n) for n in range(2208)]


def test_recorded_commitment_export__is_quarter_hours_that_end_at_their_label(recorded: Path) -> None:
    file = recorded / "nyiso" / "OASIS_RTC_zonal_lbmp_NYC_2024Q3.csv.gz"
    result = checked(parse(file.read_bytes()))
    rows = result.rows.to_pylist()
    assert (len(rows), result.findings, result.warnings) == (8819, (), ())
    assert {row["market_run"] for row in rows} == {"RTC"}
    assert rows[0]["interval_start"] == datetime(2024, 6, 1, 4, tzinfo=UTC)
    assert (rows[0]["price_per_mwh"], rows[0]["congestion_per_mwh"]) == (19.03, 0.0)
    assert rows[-1]["interval_end"] == datetime(2024, 9, 1, 4, tzinfo=UTC)
    assert rows[-1]["congestion_per_mwh"] == 8.93


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("day", HOURS)
def test_every_file__tiles_days_of_23_24_and_25_hours(kind: str, day: date) -> None:
    dataset, per_hour, series = KINDS[kind]
    parsed = parse(payloads.nyiso_csv(kind, day).encode(), name="x.csv")
    (name,) = parsed.tables
    assert name == dataset
    result = checked(parsed)
    assert (parsed.findings, result.findings, result.warnings) == ((), (), ())
    low, high = payloads.day_bounds(day, payloads.EASTERN)
    step = timedelta(minutes=60 // per_hour)
    assert starts_of(result.rows) == list(payloads.starts(low, high, step))
    assert result.rows.num_rows == HOURS[day] * per_hour * series


@pytest.mark.parametrize("day", HOURS)
def test_prices__are_those_the_market_meant(day: date) -> None:
    rows = parse(payloads.nyiso_csv("realtime", day).encode()).tables["markets.prices"].to_pylist()
    for row in rows[:: len(rows) // 50]:
        true = payloads.parts(row["location"].removeprefix("NYISO:"), row["interval_start"])
        assert row["energy_per_mwh"] == pytest.approx(true["energy"])
        assert (row["congestion_per_mwh"], row["loss_per_mwh"]) == (true["congestion"], true["loss"])
        assert row["market_run"] == "RT5"


@pytest.mark.parametrize("year", range(2015, 2036))
def test_day_ahead__has_23_and_25_hours_on_every_clock_change(year: int) -> None:
    for month in (3, 11):
        days = [date(year, month, number) for number in range(1, 15)]
        changes = [day for day in days if day.weekday() == 6]
        day = changes[1] if month == 3 else changes[0]
        table = parse(payloads.nyiso_csv("damlbmp", day).encode()).tables["markets.prices"]
        assert len(starts_of(table)) == (23 if month == 3 else 25)


def test_half_of_the_repeated_hour__is_refused_until_receipt_decides() -> None:
    lines = payloads.nyiso_csv("realtime", AUTUMN).splitlines()
    early = "\n".join(lines[: 1 + 15 * 18]).encode()  # up to 01:30, shown once so far
    blind = parse(early)
    assert blind.rejected == 15 * 7
    assert "does not decide" in blind.findings[0].found
    seen = parse(early, not_after=datetime(2026, 11, 1, 5, 31, tzinfo=UTC))
    assert (seen.rejected, seen.rows) == (0, 15 * 18)


@pytest.mark.parametrize("day", [SPRING, AUTUMN, PLAIN])
def test_a_lone_price_that_names_its_zone__is_placed_in_every_hour_of_the_year(day: date) -> None:
    for start in payloads.starts(*payloads.day_bounds(day, payloads.EASTERN), timedelta(minutes=15)):
        parsed = parse(payloads.nyiso_price_now_csv(start + timedelta(seconds=7), price=31.0).encode())
        (row,) = parsed.tables["markets.prices"].to_pylist()
        assert (row["interval_end"], row["market_run"], row["price_per_mwh"]) == (start, "RT5", 31.0)


@pytest.mark.parametrize("kind", ["damlbmp", "realtime", "isolf"])
def test_rows_of_the_repeated_hour__are_told_apart_newest_first_too_and_refused_in_no_order(kind: str) -> None:
    head, *rows = payloads.nyiso_csv(kind, AUTUMN).splitlines()
    as_sent, reverse, mixed = (
        parse("\n".join([head, *lines]).encode())
        for lines in (rows, rows[::-1], [rows[number * 7 % len(rows)] for number in range(len(rows))])
    )
    ((name, table),) = as_sent.tables.items()
    keys = [("location", "ascending"), ("interval_start", "ascending")]
    assert reverse.tables[name].sort_by(keys).equals(table.sort_by(keys))
    lost = np.unique(table.column("location").to_numpy()).size * (2 if kind != "realtime" else 24)
    assert as_sent.rows - mixed.rows == lost
    assert "does not decide" in mixed.findings[0].found
    kept = mixed.tables[name].drop_columns("published_at").to_pylist()
    assert all(row in table.drop_columns("published_at").to_pylist() for row in kept[:60])


def test_a_wrong_zone_abbreviation__is_refused() -> None:
    text = payloads.nyiso_csv("pal", PLAIN).replace('"EDT"', '"EST"', 11)
    parsed = parse(text.encode())
    assert parsed.rejected == 11
    assert parsed.rows == 24 * 12 * 11 - 11


def test_dispatch_out_of_turn__shortens_its_interval_and_its_follower() -> None:
    labels = np.array(["2026-06-01T05:05:00", "2026-06-01T05:07:06", "2026-06-01T05:10:00", "2026-06-01T05:20:00"])
    start, end = clock.ending_at(labels.astype("datetime64[us]"), np.zeros(4, np.int64), step=np.timedelta64(5, "m"))
    assert start.astype(str).tolist() == [
        "2026-06-01T05:00:00.000000",
        "2026-06-01T05:05:00.000000",
        "2026-06-01T05:07:06.000000",
        "2026-06-01T05:15:00.000000",
    ]
    assert (end == labels.astype("datetime64[us]")).all()


def test_a_month_in_a_zip__reads_each_day_by_itself() -> None:
    days = (AUTUMN, AUTUMN + timedelta(days=1))
    body = payloads.zipped({f"{day:%Y%m%d}damlbmp_zone.csv": payloads.nyiso_csv("damlbmp", day) for day in days})
    parsed = parse(body)
    assert (parsed.rows, parsed.findings) == (49 * 15, ())


def test_the_header_of_old_files__is_read_too() -> None:
    text = payloads.nyiso_csv("damlbmp", PLAIN).replace("Congestion ($/MWHr)", "Congestion ($/MWH", 1)
    assert parse(text.encode()).rows == 24 * 15


def test_hourly_averages__are_not_taken_for_day_ahead_prices() -> None:
    with pytest.raises(PayloadError, match="hourly averages"):
        parse(payloads.nyiso_csv("damlbmp", PLAIN).encode(), name="20260601rtlbmp_zone.csv")


@pytest.mark.parametrize(
    ("kind", "change", "found"),
    [
        ("damlbmp", (':00"', ':00:00"'), "with seconds that are all whole hours"),
        ("realtime", (':00"', '"'), "without seconds that are no whole hours"),
    ],
)
def test_stamps_that_a_spreadsheet_changed__do_not_turn_a_file_into_another_run(
    kind: str, change: tuple[str, str], found: str
) -> None:
    with pytest.raises(PayloadError, match=found):
        parse(payloads.nyiso_csv(kind, PLAIN).replace(*change).encode())


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (
            "Eastern Date Hour,Zone Name,Zone PTID,TWI Zonal LBMP,TWI Zonal Losses,TWI Zonal Congestion",
            "1,WEST,1,1,1,1",
        ),
        ("Time Stamp,Time Zone,Name,PTID,Integrated Load", "06/01/2026 00:00,EDT,WEST,61752,1500"),
        ("Time Stamp,Time Zone,Name,PTID,10 Min Spinning Reserve ($/MWHr)", "06/01/2026 00:00,EDT,WEST,61752,1.5"),
    ],
)
def test_reports_of_other_quantities__are_refused_by_their_header(header: str, row: str) -> None:
    with pytest.raises(PayloadError, match=r"TWI|Integrated|Spinning") as caught:
        parse(f"{header}\n{row}\n".encode())
    assert "another report" in caught.value.remedy


def test_an_empty_cell_of_a_forecast__is_found_by_its_row_and_the_others_are_stored() -> None:
    lines = payloads.nyiso_csv("isolf", PLAIN).splitlines()
    lines[2] = ",,".join(lines[2].split(",", 2)[::2])
    parsed = parse("\n".join(lines).encode())
    assert (parsed.rows, parsed.rejected) == (144 * 12 - 1, 1)
    assert "row 3: found 1 row(s): an empty cell" in str(parsed.findings[0])


@pytest.mark.parametrize("bad", ["NaN", "inf", "", "-", "1,5"])
@pytest.mark.parametrize("part", range(3))
def test_a_price_without_one_of_its_parts__is_refused_and_not_stored_as_if_it_had_none(bad: str, part: int) -> None:
    header = payloads.nyiso_csv("damlbmp", PLAIN).splitlines()[0]
    values = ["30.00", "2.00", "-3.00"]
    whole = ",".join(values)
    values[part] = f'"{bad}"'
    lines = [header, f'"11/03/2026 00:00","WEST",61752,{",".join(values)}', f'"11/03/2026 01:00","WEST",61752,{whole}']
    parsed = parse("\n".join(lines).encode())
    assert (parsed.rows, parsed.rejected) == (1, 1)
    assert any("row 2" in str(finding) for finding in parsed.findings)


def test_drift__names_the_missing_column() -> None:
    for fault in (Fault.RENAMED_COLUMN, Fault.MISSING_COLUMN):
        with pytest.raises(PayloadError, match=r"no column LBMP \(\$/MWHr\)") as caught:
            parse(simulated_iso.spoil(payloads.nyiso_csv("damlbmp", PLAIN), fault).encode())
        assert caught.value.outcome is Outcome.SCHEMA


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", Outcome.NOT_YET),
        (b"<html><body>Too Many Requests</body></html>", Outcome.THROTTLED),
        (b"<html><body>down</body></html>", Outcome.TRANSIENT),
        (payloads.zipped({"a.csv": "x"})[:60], Outcome.TRANSIENT),
        (b"a,b,c\n1,2,3\n", Outcome.SCHEMA),
        (b"\x00\x01\x02", Outcome.SCHEMA),
    ],
)
def test_what_is_no_data__says_whether_to_ask_again(body: bytes, outcome: Outcome) -> None:
    with pytest.raises(PayloadError) as caught:
        parse(body)
    assert caught.value.outcome is outcome


SHORT = {kind: "\n".join(payloads.nyiso_csv(kind, AUTUMN).splitlines()[:60]).encode() for kind in (*KINDS, "isolf")}


@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes__give_a_parsed_payload_or_a_problem(data: st.DataObject) -> None:
    valid = data.draw(st.sampled_from([*SHORT.values(), payloads.zipped({"x.csv": SHORT["pal"].decode()})]))
    at = data.draw(st.integers(0, len(valid)))
    cut = data.draw(st.integers(0, 60))
    patch = data.draw(st.one_of(st.binary(max_size=6), st.sampled_from([b'"', b"\n", b",,", b"1/1/0001 0:00", b"nan"])))
    try:
        parsed = parse(valid[:at] + patch + valid[at + cut :])
    except PayloadError:
        return
    assert isinstance(parsed, Parsed)
    for name, table in parsed.tables.items():
        checking.check(next(one for one in datasets.DATASETS if one.id == name), table)
