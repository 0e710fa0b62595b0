"""CAISO payloads: recorded files, made files, and files nobody would send on purpose."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import simulated_iso
import simulated_payloads as payloads
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_iso import Fault

from powerdesk.markets import datasets
from powerdesk.markets.connectors.caiso.parse import parse
from powerdesk.markets.types import Outcome, Parsed, PayloadError
from powerdesk.store import checking

if TYPE_CHECKING:
    from pathlib import Path

DAY = datetime(2026, 3, 1, 8, tzinfo=UTC)
NODES = ("TH_NP15_GEN-APND", "DLAP_SCE-APND")
CSV = payloads.oasis_csv("PRC_LMP", "DAM", nodes=NODES, low=DAY, high=DAY + timedelta(hours=4))
ZIP = payloads.zipped({"a/../b.csv": CSV})


def test_recorded_renewables__give_every_row_with_the_issue_stamp(recorded: Path) -> None:
    (file,) = (recorded / "caiso").glob("oasis_*SLD_REN*.zip")
    parsed = parse(file.read_bytes(), name=file.name)
    table = parsed.tables["markets.renewables_forecast"]
    assert (parsed.kind, parsed.rows, parsed.findings, parsed.duplicates) == ("caiso.renewables", 1008, (), 0)
    first = table.slice(0, 1).to_pylist()[0]
    assert first["location"] == "CAISO:NP15"
    assert (first["fuel"], first["forecast_run"], first["power_mw"]) == ("solar", "DAM", 772.69)
    assert first["interval_start"] == datetime(2025, 2, 4, 18, tzinfo=UTC)
    assert first["published_at"] == datetime(2025, 2, 14, 12, 52, 10, tzinfo=UTC)  # 04:52:10 Pacific
    assert checking.check(datasets.RENEWABLES_FORECAST, table).rows.num_rows == 1008


def test_recorded_demand_forecast__gives_33_then_34_areas_by_hour(recorded: Path) -> None:
    (file,) = (recorded / "caiso").glob("oasis_*SLD_FCST*.zip")
    parsed = parse(file.read_bytes())
    table = parsed.tables["markets.load_forecast"]
    assert (parsed.kind, table.num_rows, parsed.findings) == ("caiso.load", 4 * 792 + 4 * 816, ())
    ava = [row for row in table.slice(0, 24).to_pylist() if row["interval_start"].hour == 8]
    assert ava[0]["load_mw"] == 1275.14
    assert checking.check(datasets.LOAD_FORECAST, table).findings == ()


@pytest.mark.parametrize(
    ("file", "rows", "refused"), [("vcr_caiso_load_2019-03-10.yml", 276, 0), ("vcr_caiso_load_2019-11-03.yml", 277, 12)]
)
def test_recorded_outlook_demand__refuses_only_the_hour_shown_once_that_occurs_twice(
    recorded: Path, file: str, rows: int, refused: int
) -> None:
    cassette = yaml.safe_load((recorded / "caiso" / file).read_text())
    interaction = cassette["http_interactions"][0]
    body = interaction["response"]["body"]["string"].encode()
    parsed = parse(body, name=interaction["request"]["uri"])
    table = parsed.tables["markets.load"]
    assert (table.num_rows, parsed.rejected) == (rows, refused)
    starts = table.column("interval_start").to_pylist()
    assert len(set(starts)) == rows
    gaps = sum(b - a != timedelta(minutes=5) for a, b in itertools.pairwise(starts))
    assert gaps == (1 if refused else 0)


def test_recorded_outlook_fuels__become_one_row_per_fuel_and_interval(recorded: Path) -> None:
    cassette = yaml.safe_load((recorded / "caiso" / "vcr_caiso_generation.yml").read_text())
    interaction = cassette["http_interactions"][0]
    parsed = parse(interaction["response"]["body"]["string"].encode(), name=interaction["request"]["uri"])
    table = parsed.tables["markets.generation"]
    midnight = {
        row["fuel"]: row["power_mw"]
        for row in table.to_pylist()
        if row["interval_start"] == datetime(2023, 1, 1, 8, tzinfo=UTC)
    }
    assert (midnight["solar"], midnight["natural_gas"], midnight["imports"]) == (-37.0, 8225.0, 6129.0)
    assert len(midnight) == 13
    assert checking.check(datasets.GENERATION, table).findings == ()


def test_outlook_without_a_date__says_that_the_name_must_carry_it() -> None:
    with pytest.raises(PayloadError, match="YYYYMMDD"):
        parse(b"Time,Hour ahead forecast,Current demand,Net demand\n00:00,1,2,3\n", name="netdemand.csv")


@pytest.mark.parametrize(
    ("report", "run", "code"),
    [("PRC_LMP", "DAM", "DA"), ("PRC_RTPD_LMP", "RTPD", "FMM"), ("PRC_INTVL_LMP", "RTM", "RT5")],
)
def test_prices__are_pivoted_whatever_the_value_column_is_called(report: str, run: str, code: str) -> None:
    text = payloads.oasis_csv(report, run, nodes=NODES, low=DAY, high=DAY + timedelta(hours=1))
    parsed = parse(payloads.zipped({"x": text}))
    row = parsed.tables["markets.prices"].slice(0, 1).to_pylist()[0]
    true = payloads.parts(NODES[0], DAY)
    assert (row["market"], row["market_run"], row["location"]) == ("CAISO", code, f"CAISO:{NODES[0]}")
    assert (row["interval_start"], row["interval_end"]) == (DAY, DAY + payloads.OASIS_REPORTS[(report, run)][1])
    assert (row["energy_per_mwh"], row["congestion_per_mwh"]) == (true["energy"], true["congestion"])
    checked = checking.check(datasets.PRICES, parsed.tables["markets.prices"])
    assert (checked.rejected, checked.findings, checked.warnings) == (0, (), ())


def test_prices_in_any_row_order__are_the_same() -> None:
    head, *rows = CSV.splitlines()
    shuffled = [rows[(n * 17 + 7) % len(rows)] for n in range(len(rows))]
    one, other = (parse("\n".join([head, *lines]).encode()).tables["markets.prices"] for lines in (rows, shuffled))
    keys = [("location", "ascending"), ("interval_start", "ascending")]
    assert one.sort_by(keys).equals(other.sort_by(keys))
    assert one.num_rows == 8


def test_rows_said_twice__are_counted_and_contradictions_spoil_their_price_only() -> None:
    twice = parse(simulated_iso.spoil(CSV, Fault.DUPLICATE_ROWS).encode())
    assert (twice.rows, twice.duplicates, twice.findings) == (8, 40, ())
    torn = parse(simulated_iso.spoil(CSV, Fault.CONFLICTING_ROWS).encode())
    assert torn.rows == 7
    assert "contradict" in torn.findings[0].found
    assert "row 5, 42" in torn.findings[0].pointer


def test_a_price_with_an_unreadable_part__is_refused_with_its_row_number() -> None:
    parsed = parse(simulated_iso.spoil(CSV, Fault.BAD_NUMBER).encode())
    assert parsed.rows == 7
    assert any("row 5" in finding.pointer and "n/k" in finding.found for finding in parsed.findings)


def test_a_row_that_breaks_off__is_found_and_the_others_keep_their_numbers() -> None:
    text = simulated_iso.spoil(CSV, Fault.SHORT_ROW).splitlines()
    text[10] = text[10].replace(",DAM,", ",NOPE,")
    parsed = parse("\n".join(text).encode())
    pointers = " ".join(finding.pointer for finding in parsed.findings)
    assert "row 5" in pointers
    assert "row 11" in pointers


def test_a_new_column__is_a_note_and_a_missing_one_is_named() -> None:
    extra = parse(simulated_iso.spoil(CSV, Fault.EXTRA_COLUMN).encode())
    assert (extra.rows, extra.findings) == (8, ())
    assert "SURPRISE" in extra.notes[0].pointer
    with pytest.raises(PayloadError, match="no column MW") as caught:
        parse(simulated_iso.spoil(CSV, Fault.MISSING_COLUMN).encode())
    assert caught.value.outcome is Outcome.SCHEMA
    assert caught.value.findings


def test_a_report_without_ghg__has_null_ghg_and_no_finding() -> None:
    text = "\n".join(line for line in CSV.splitlines() if "MGHG" not in line)
    table = parse(text.encode()).tables["markets.prices"]
    assert table.num_rows == 8
    assert table.column("ghg_per_mwh").null_count == 8


def _by_part(text: str) -> dict[str, str]:
    """Return the files in which OASIS gives a report about all nodes: one for each part."""
    head, *rows = text.splitlines()
    return {
        f"20260301_20260301_PRC_LMP_DAM_{part}_v12.csv": "\n".join([head, *(row for row in rows if f",{part}," in row)])
        for part in payloads.OASIS_TYPES
    }


@pytest.mark.parametrize("day", [date(2025, 3, 9), date(2025, 11, 2), date(2026, 6, 1)])
def test_a_report_of_one_file_for_each_part__gives_whole_prices(day: date) -> None:
    low, high = payloads.day_bounds(day, payloads.PACIFIC)
    text = payloads.oasis_csv("PRC_LMP", "DAM", nodes=NODES, low=low, high=high)
    keys = [("location", "ascending"), ("interval_start", "ascending")]
    one, other = (parse(body) for body in (text.encode(), payloads.zipped(_by_part(text))))
    assert other.tables["markets.prices"].sort_by(keys).equals(one.tables["markets.prices"].sort_by(keys))
    assert (other.rows, other.rejected, other.findings) == (one.rows, 0, ())


def test_a_part_that_a_file_of_several_lacks__costs_its_price_and_names_its_row() -> None:
    files = _by_part(CSV)
    name = next(name for name in files if "MCC" in name)
    lines = files[name].splitlines()
    parsed = parse(
        payloads.zipped({**files, name: "\n".join([*lines[:4], lines[4].removesuffix(",1") + "x,1", *lines[6:]])})
    )
    pointers = [finding.pointer for finding in parsed.findings]
    assert (parsed.rows, parsed.rejected) == (6, 3)
    assert pointers == [f"{name}#MW row 5", f"{name} row 5", next(iter(files)) + " row 5, 6"]


def test_files_of_several_days__stay_whole_by_themselves() -> None:
    later = payloads.oasis_csv(
        "PRC_LMP", "DAM", nodes=NODES, low=DAY + timedelta(days=1), high=DAY + timedelta(days=1, hours=9)
    )
    without = "\n".join(line for line in later.splitlines() if "MGHG" not in line)
    parsed = parse(payloads.zipped({"a.csv": CSV, "b.csv": without}))
    assert (parsed.rows, parsed.findings) == (8 + 18, ())
    assert parsed.tables["markets.prices"].column("ghg_per_mwh").null_count == 18


def test_one_part_alone__is_refused_with_what_to_import() -> None:
    parsed = parse(next(text for name, text in _by_part(CSV).items() if "MCC" in name).encode())
    assert (parsed.rows, parsed.rejected) == (0, 8)
    assert "import the archive that has all of their parts" in str(parsed.findings[0])


def test_outlook_fuels__are_known_by_either_spelling_and_dated_by_their_own_name() -> None:
    text = "Time,Solar,Wind,Natural gas,Large hydro\r\n00:00,-48,936,14705,2616\r\n"
    named = {f"2020030{day}_fuelsource.csv": text for day in (1, 2)}
    table = parse(payloads.zipped(named), name="20200301_20200302.zip").tables["markets.generation"]
    starts = sorted(set(table.column("interval_start").to_pylist()))
    assert starts == [datetime(2020, 3, day, 8, tzinfo=UTC) for day in (1, 2)]
    assert set(table.column("fuel").to_pylist()) == {"solar", "wind", "natural_gas", "large_hydro"}


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(1000, Outcome.NO_DATA_FINAL), (1014, Outcome.EXPIRED), (1015, Outcome.NOT_YET), (9, Outcome.SCHEMA)],
)
def test_a_refusal__is_an_outcome_with_its_words(code: int, outcome: Outcome) -> None:
    parsed = parse(payloads.oasis_refusal(code))
    assert (parsed.outcome, parsed.rows) == (outcome, 0)
    assert parsed.detail == f"OASIS {code}: refused for the test"


@pytest.mark.parametrize("day", [date(2025, 3, 9), date(2025, 11, 2)])
def test_clock_change_days__have_23_and_25_hours(day: date) -> None:
    low, high = payloads.day_bounds(day, payloads.PACIFIC)
    text = payloads.oasis_csv("PRC_LMP", "DAM", nodes=NODES[:1], low=low, high=high)
    starts = parse(text.encode()).tables["markets.prices"].column("interval_start").to_pylist()
    assert len(set(starts)) == len(starts) == (23 if day.month == 3 else 25)


@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes__give_a_parsed_payload_or_a_problem(data: st.DataObject) -> None:
    body = data.draw(
        st.one_of(
            st.binary(max_size=400),
            _mutated(CSV.encode()),
            _mutated(ZIP),
            st.integers(0, len(ZIP)).map(lambda size: ZIP[:size]),
            _mutated(payloads.oasis_refusal(1000)),
            _mutated(payloads.oasis_renewables_csv("DAM", low=DAY, high=DAY + timedelta(hours=2)).encode()),
            _mutated(
                b"Time,Hour ahead forecast,Current demand,Net demand\r\n00:00,1,2,3\r\n23:55,,,\r\n00:00,1,2,\r\n"
            ),
        )
    )
    try:
        parsed = parse(body, name="20191103.csv")
    except PayloadError:
        return
    assert isinstance(parsed, Parsed)
    for name, table in parsed.tables.items():
        checking.check(next(one for one in datasets.DATASETS if one.id == name), table)


def _mutated(valid: bytes) -> st.SearchStrategy[bytes]:
    """Return edits of a valid payload: a slice overwritten, cut out or repeated."""

    def edit(position: int, size: int, patch: bytes, repeat: int) -> bytes:
        at = position % max(len(valid), 1)
        return valid[:at] + patch + valid[at : at + size] * repeat + valid[at + size :]

    return st.builds(edit, st.integers(0, 1 << 20), st.integers(0, 60), st.binary(max_size=8), st.integers(0, 2))
