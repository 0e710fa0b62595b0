"""Every verb, beside a running desk and without one: what it prints and with which code it leaves."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import running_desk
import typer.main

from powerdesk.app.cli import leaving
from powerdesk.app.cli.program import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import click

HEADER = (
    '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"\n'
)
DAY_AHEAD = HEADER + "".join(
    f'"11/02/2026 {hour:02d}:00","{name}",{number},{30 + hour}.00,2.00,-3.00\n'
    for hour in range(3)
    for name, number in (("N.Y.C.", 61761), ("WEST", 61752))
)
START, END = "2026-11-02T00:00:00-05:00", "2026-11-03T00:00:00-05:00"


@dataclass
class Left:
    """What a run printed and the code it left with."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines printed."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Left]:
    """Return a function that runs the command line in this process."""

    def call(*arguments: object) -> Left:
        monkeypatch.setattr(sys, "argv", ["powerdesk", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            leaving.run(app)
        printed = capsys.readouterr()
        return Left(int(caught.value.code or 0), printed.out, printed.err)

    return call


@pytest.fixture(scope="module", params=["beside a running desk", "alone"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a data folder: one whose desk runs in a thread, and one that each verb opens for the moment."""
    path: Path = tmp_path_factory.mktemp("folder")
    if request.param == "alone":
        yield path
        return
    with running_desk.running(path, feeds="caiso") as served:
        served.desk.ownership.announce(url=served.base.replace("localhost", "127.0.0.1"))
        yield path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("recorded") / "20261102damlbmp.csv"
    path.write_text(DAY_AHEAD)
    return path


@pytest.fixture
def filled(run: Callable[..., Left], folder: Path, recorded: Path) -> Path:
    assert run("import", "nyiso", recorded, "--data", folder).code == 0
    return folder


def test_import__counts_and_a_second_time_stores_nothing_new(
    run: Callable[..., Left], tmp_path: Path, recorded: Path
) -> None:
    dry = run("import", "nyiso", recorded, "--dry-run", "--data", tmp_path, "-o", "json")
    assert (dry.lines[0]["rows"], dry.lines[0]["dry_run"]) == (6, True)
    (first,) = run("import", "nyiso", recorded, "--data", tmp_path, "-o", "json").lines
    (second,) = run("import", "nyiso", recorded, "--data", tmp_path, "-o", "json").lines
    assert (first["dataset"], first["rows"], first["new"], first["duplicates"]) == ("markets.prices", 6, 6, 0)
    assert (second["rows"], second["new"], second["revised"], second["duplicates"]) == (6, 0, 0, 6)
    assert {"file", "findings", "gaps", "rejected"} <= set(first)


def test_import__goes_on_after_a_bad_file_and_fails(
    run: Callable[..., Left], folder: Path, recorded: Path, tmp_path: Path
) -> None:
    (tmp_path / "junk.csv").write_text("junk")
    left = run(
        "import", "nyiso", tmp_path / "none.csv", tmp_path / "junk.csv", recorded, "--data", folder, "-o", "json"
    )
    assert [(line["file"], line["dataset"], line["rows"]) for line in left.lines] == [
        ("none.csv", None, 0),
        ("junk.csv", None, 0),
        ("20261102damlbmp.csv", "markets.prices", 6),
    ]
    assert {"findings", "gaps", "duplicates", "rejected"} <= set(left.lines[1])
    assert [line.get("refused") for line in left.lines] == ["The file cannot be used", "The file cannot be read", None]
    assert left.code == 1
    assert "none.csv: No such file" in left.err
    assert "The file cannot be used" in left.err
    assert "junk.csv" in left.err
    unknown = run("import", "miso", recorded, "--data", folder)
    assert "caiso, nyiso, sim" in unknown.err
    assert unknown.code == 1


def test_import__of_a_file_known_already_does_not_undo_its_restatement(
    run: Callable[..., Left], tmp_path: Path, recorded: Path
) -> None:
    restated = tmp_path / "restated.csv"
    restated.write_text(DAY_AHEAD.replace("30.00,", "35.00,"))
    told = run(
        "import", "nyiso", recorded, restated, recorded, restated, "--data", tmp_path / "desk", "-o", "json"
    ).lines
    assert [(line["new"], line["revised"], line["duplicates"]) for line in told] == [
        (6, 0, 0),
        (0, 2, 4),
        (0, 0, 6),
        (0, 0, 6),
    ]
    asked = ("get", "markets.prices", "--location", "NYISO:N.Y.C.", "--run", "DA", "--start", START, "--end", END)
    lines = run(*asked, "--data", tmp_path / "desk", "-o", "json").lines
    assert [(row["price_per_mwh"], row["revision"]) for row in lines] == [(35.0, 1), (31.0, 0), (32.0, 0)]


HOURS = [f'"11/03/2026 {hour:02d}:00","N.Y.C.",61761,{30 + hour}.00,2.00,-3.00\n' for hour in range(24)]


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        (HOURS[:2] + HOURS[5:8] + HOURS[9:], (20, 0, 0, 2)),
        (HOURS[:20], (20, 0, 0, 1)),
        (HOURS[4:], (20, 0, 0, 1)),
        (HOURS + HOURS[:2], (24, 2, 0, 0)),
        ([*HOURS[:3], HOURS[3].replace("33.00", "none"), *HOURS[4:]], (23, 0, 1, 1)),
        ([], (0, 0, 0, 0)),
        ([row.replace(".00,2", "x,2") for row in HOURS], (0, 0, 24, 0)),
    ],
    ids=["two holes", "its end cut off", "begun late", "two rows twice", "a row without price", "no rows", "no price"],
)
def test_import__counts_every_row_and_every_interval_that_a_file_owed(
    run: Callable[..., Left], tmp_path: Path, rows: list[str], counts: tuple[int, ...]
) -> None:
    path = tmp_path / "20261103damlbmp.csv"
    path.write_text(HEADER + "".join(rows))
    for dry in (("--dry-run",), ()):
        left = run("import", "nyiso", path, *dry, "--data", tmp_path / "desk", "-o", "json")
        (line,) = left.lines
        assert left.code == (1 if counts[2] == len(HOURS) else 0)
        assert line["dataset"] == "markets.prices"
        assert tuple(line[name] for name in ("rows", "duplicates", "rejected", "gaps")) == counts


def test_import__of_a_file_cut_within_its_last_value_says_that_it_may_be(
    run: Callable[..., Left], tmp_path: Path
) -> None:
    path = tmp_path / "20261103damlbmp.csv"
    for text, said in (
        (HEADER + "".join(HOURS[:20]).removesuffix("0\n"), True),
        (HEADER + "".join(HOURS[:20]), False),
        (HEADER + "".join(HOURS[:5] + HOURS[6:]).removesuffix("\n"), False),
    ):
        path.write_text(text)
        for dry in (("--dry-run",), ()):
            (line,) = run("import", "nyiso", path, *dry, "--data", tmp_path / "desk", "-o", "json").lines
            assert any("may be cut" in finding for finding in line["findings"]) is said


def test_import__of_a_refusal_of_the_source_is_refused_dry_and_wet(run: Callable[..., Left], tmp_path: Path) -> None:
    path = tmp_path / "refused.xml"
    path.write_text(
        '<?xml version="1.0"?><OASISReport><ERROR><ERR_CODE>1000</ERR_CODE>'
        "<ERR_DESC>No data</ERR_DESC></ERROR></OASISReport>"
    )
    for dry in (("--dry-run",), ()):
        left = run("import", "caiso", path, *dry, "--data", tmp_path / "desk", "-o", "json")
        assert [(line["dataset"], "OASIS 1000" in line["findings"][0]) for line in left.lines] == [(None, True)]
        assert left.code == 1


def test_get__writes_every_output(run: Callable[..., Left], filled: Path, tmp_path: Path) -> None:
    asked = ("get", "markets.prices", "--location", "NYISO:N.Y.C.", "--run", "DA", "--start", START, "--end", END)
    lines = run(*asked, "--data", filled, "-o", "json").lines
    assert [row["price_per_mwh"] for row in lines] == [30.0, 31.0, 32.0]
    assert lines[0]["congestion_per_mwh"] == 3.0  # NYISO publishes the opposite sign
    target = tmp_path / "prices.parquet"
    assert run(*asked, "--data", filled, "-o", "parquet", "--out", target).code == 0
    assert pq.read_table(target).column("price_per_mwh").to_pylist() == [30.0, 31.0, 32.0]
    for output in ("json", "table"):
        assert run(*asked, "--data", filled, "-o", output, "--out", target).out == ""
        assert target.read_text(encoding="utf-8") == run(*asked, "--data", filled, "-o", output).out
    assert run(*asked, "--data", filled, "-o", "arrow", "--out", target).code == 0
    assert pa.ipc.open_stream(target.read_bytes()).read_all().num_rows == 3
    assert run(*asked, "--data", filled, "-o", "csv", "--out", target).code == 0
    assert len(target.read_text().splitlines()) == 4
    assert run(*asked, "--data", filled, "-o", "json", "--out", target).code == 0
    assert [json.loads(line) for line in target.read_text().splitlines()] == lines
    table = run(*asked, "--data", filled, "-o", "table")
    assert "30.00" in table.out
    assert "lineage" not in table.out


def test_get__narrows_by_any_key_limit_columns_and_moment(run: Callable[..., Left], filled: Path) -> None:
    asked = ("get", "markets.prices", "--data", filled, "-o", "json")
    assert len(run(*asked, "--where", "location=NYISO:WEST").lines) == 3
    assert len(run(*asked, "--where", "market=NYISO", "--limit", "4").lines) == 4
    (row, *_) = run(*asked, "--columns", "price_per_mwh", "--market", "NYISO").lines
    assert set(row) == {"market", "market_run", "location", "interval_start", "price_per_mwh"}
    assert run(*asked, "--as-of", "2026-10-01T00:00:00Z").code == 3


def test_get__leaves_with_a_code_that_says_why(run: Callable[..., Left], filled: Path, tmp_path: Path) -> None:
    asked = ("get", "markets.prices", "--data", filled)
    nothing = run(*asked, "--location", "NYISO:NOWHERE")
    assert (nothing.code, "no row of markets.prices with location NYISO:NOWHERE" in nothing.err) == (3, True)
    mistyped = run(*asked, "--location", "nyiso:n.y.c.")
    assert (mistyped.code, "did you mean NYISO:N.Y.C.?" in mistyped.err) == (3, True)
    assert run(*asked, "--location", "NYISO:NOWHERE", "-o", "csv", "--out", tmp_path / "x").code == 3
    naive = run(*asked, "--start", "2026-11-02")
    assert naive.code == 2
    assert "start: found '2026-11-02'" in naive.err
    assert run("get", "markets.weather", "--data", filled).code == 3
    unwritable = run(*asked, "-o", "parquet", "--out", tmp_path / "none" / "x.parquet")
    assert (unwritable.code, "The file cannot be used" in unwritable.err) == (2, True)


def test_a_reading_verb__makes_no_desk_where_none_has_been(run: Callable[..., Left], tmp_path: Path) -> None:
    for verb in (("get", "markets.prices"), ("datasets",), ("locations", "search", "hub"), ("feeds", "list"),
                 ("key", "list"), ("tenant", "list"), ("audit", "verify")):  # fmt: skip
        left = run(*verb, "--data", tmp_path / "mistyped")
        assert (left.code, "No desk has been there" in left.err) == (3, True)
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("dataset", ["../../health", "..", "markets.prices/latest", "a b", "?x=1", "%2e%2e"])
def test_a_name__stays_one_segment_of_the_path(run: Callable[..., Left], filled: Path, dataset: str) -> None:
    left = run("get", dataset, "--data", filled)
    assert left.code == 3
    assert "GET /health" not in left.err


def test_get__takes_conditions_only_as_column_and_value(run: Callable[..., Left], filled: Path) -> None:
    for condition in ("location", "=NYISO:WEST"):
        left = run("get", "markets.prices", "--where", condition, "--data", filled)
        assert (left.code, "is no column=value" in left.err) == (2, True)


def test_an_address__that_is_none_is_a_fault_of_usage(run: Callable[..., Left]) -> None:
    for url in ("localhost:8600", "ftp://localhost", "http://", "nonsense"):
        left = run("datasets", "--url", url)
        assert (left.code, "The address cannot be used" in left.err) == (2, True)


def test_version__is_told(run: Callable[..., Left]) -> None:
    assert run("--version").out == f"powerdesk {metadata.version('powerdesk')}\n"


@pytest.mark.parametrize("output", ["json", "csv", "table"])
def test_a_closed_or_full_standard_output__ends_without_a_trace(filled: Path, output: str) -> None:
    """In processes of their own, since it is about what the shell gives them."""
    command = f"{shlex.quote(sys.executable)} -c 'from powerdesk.app.cli.program import main; main()'"
    verb = f"{command} datasets --data {shlex.quote(str(filled))} -o {output}"
    closed = subprocess.run(f"{verb} >&-", shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - a shell is its subject
    assert (closed.returncode, closed.stderr) == (0, "")
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    full = subprocess.run(f"{verb} > /dev/full", shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - as above
    assert full.returncode == 1
    assert "standard output: No space left" in full.stderr
    assert "Traceback" not in full.stderr


def test_bulk_answers__follow_their_pages(
    run: Callable[..., Left], filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("powerdesk.app.cli.data_verbs.BULK_PAGE_ROWS", 2)
    target = tmp_path / "x.parquet"
    assert (
        run("get", "markets.prices", "--market", "NYISO", "--data", filled, "-o", "parquet", "--out", target).code == 0
    )
    assert pq.read_table(target).num_rows == 6
    run(
        "get", "markets.prices", "--market", "NYISO", "--limit", "3", "--data", filled, "-o", "parquet", "--out", target
    )
    assert pq.read_table(target).num_rows == 3


def test_catalogues__list_datasets_locations_feeds(run: Callable[..., Left], filled: Path) -> None:
    assert "markets.prices" in {row["id"] for row in run("datasets", "--data", filled, "-o", "json").lines}
    found = run("locations", "search", "N.Y.C", "--data", filled, "-o", "json").lines
    assert "NYISO:N.Y.C." in {row["id"] for row in found}
    assert run("locations", "search", "atlantis", "--data", filled).code == 3
    assert {"id", "state", "rows_24h"} <= set(run("feeds", "list", "--data", filled, "-o", "json").lines[0])
    assert "nobody" not in run("datasets", "--data", filled, "-o", "table").out


def test_feeds__pause_and_resume(run: Callable[..., Left], folder: Path) -> None:
    assert run("feeds", "pause", "caiso", "--data", folder).out == "caiso: paused\n"
    states = {row["id"]: row["state"] for row in run("feeds", "list", "--data", folder, "-o", "json").lines}
    assert states["caiso"] == "paused"
    assert run("feeds", "resume", "caiso", "--data", folder).code == 0
    assert run("feeds", "pause", "nothing", "--data", folder).code == 3


def test_accounts_and_keys__live_through_their_verbs(run: Callable[..., Left], folder: Path) -> None:
    (bob,) = run("user", "create", "bob", "--roles", "analyst,viewer", "--data", folder, "-o", "json").lines
    assert "/sign-in/" in bob["link"]
    assert run("user", "create", "bob", "--data", folder).code == 1
    assert "/sign-in/" in run("user", "reset", "bob", "--data", folder, "-o", "json").lines[0]["link"]
    assert run("user", "unlock", "bob", "--data", folder).out == "bob may try again\n"
    (link,) = run("sign-in-link", "--user", "bob", "--data", folder, "-o", "json").lines
    assert link["link"].startswith("http://localhost:")
    (key,) = run("key", "create", "robot", "--owner", "bob", "--data", folder, "-o", "json").lines
    assert key["secret"].startswith("pd_live_")
    (successor,) = run("key", "rotate", key["id"], "--overlap-hours", "1", "--data", folder, "-o", "json").lines
    listed = run("key", "list", "--data", folder, "-o", "json")
    assert {row["id"] for row in listed.lines} >= {key["id"], successor["id"]}
    assert key["secret"].split("_")[3] not in listed.out
    assert run("key", "revoke", successor["id"], "--data", folder).code == 0
    assert run("key", "revoke", "nothing", "--data", folder).code == 3
    assert run("key", "create", "x", "--scopes", "hub", "--owner", "bob", "--data", folder).code == 2
    assert run("key", "create", "x", "--owner", "nobody", "--data", folder).code == 3
    (verdict,) = run("audit", "verify", "--data", folder, "-o", "json").lines
    assert (verdict["intact"], verdict["rows"] > 5) == (True, True)


def test_a_pilot__is_set_up_by_verbs(run: Callable[..., Left], folder: Path, tmp_path: Path) -> None:
    (made,) = run("tenant", "create", "acme", "--plan", "trial", "--data", folder, "-o", "json").lines
    assert (made["id"], made["plan"]) == ("acme", "trial")
    assert run("tenant", "create", "acme", "--data", folder).code == 1
    assert run("tenant", "create", "other", "--plan", "golden", "--data", folder).code == 2
    file = tmp_path / "acme.json"
    grants = [{"market": "NYISO", "product": "prices", "channel": "api"}]
    file.write_text(json.dumps({"grants": grants}))
    assert run("entitlement", "set", "acme", file, "--data", folder).out == "acme: 1 lines\n"
    (line,) = run("entitlement", "list", "acme", "--data", folder, "-o", "json").lines
    assert (line["tenant"], line["market"], line["channel"]) == ("acme", "NYISO", "api")
    (ben,) = run("user", "create", "ben", "--tenant", "acme", "--data", folder, "-o", "json").lines
    assert ben["tenant"] == "acme"
    made_robot = ("service-account", "create", "pricer", "--tenant", "acme", "--roles", "viewer", "--data", folder)
    assert run(*made_robot, "-o", "json").lines[0]["tenant"] == "acme"
    assert run(*made_robot).code == 1, "a name is taken once"
    assert run("user", "create", "Pricer", "--data", folder).code == 1, "people and service accounts share names"
    (key,) = run("key", "create", "robot", "--owner", "pricer", "--data", folder, "-o", "json").lines
    assert key["secret"].startswith("pd_live_")
    listed = {row["id"]: row for row in run("tenant", "list", "--data", folder, "-o", "json").lines}
    assert {"acme", "desk"} <= set(listed)
    facts = ("plan", "users", "service_accounts", "entitlements")
    assert [listed["acme"][name] for name in facts] == ["trial", 1, 1, 1]
    for bad in ("nothing", '{"grants": 1}', '{"grants": [{"market": "X"}]}'):
        file.write_text(bad)
        assert run("entitlement", "set", "acme", file, "--data", folder).code == 2, bad
    assert run("entitlement", "set", "acme", tmp_path / "absent.json", "--data", folder).code == 2
    file.write_text(json.dumps(grants))
    assert run("entitlement", "set", "nobody", file, "--data", folder).code == 3


def test_a_service_accounts_key__reads_what_its_tenant_may(run: Callable[..., Left], tmp_path: Path) -> None:
    with running_desk.running(tmp_path / "desk") as served:
        served.desk.ownership.announce(url=served.base.replace("localhost", "127.0.0.1"))
        served.accept(running_desk.prices("SIM", "HUB"))
        served.accept(running_desk.prices("CAISO", "HUB"))
        beside = ("--data", tmp_path / "desk")
        file = tmp_path / "lines.json"
        file.write_text('[{"market": "SIM", "product": "*", "channel": "api"}]')
        for verb in (("tenant", "create", "pilot"), ("entitlement", "set", "pilot", file)):
            assert run(*verb, *beside).code == 0
        assert run("service-account", "create", "bot", "--tenant", "pilot", *beside).code == 0
        (key,) = run("key", "create", "k", "--owner", "bot", *beside, "-o", "json").lines
        client = served.bearer(key["secret"])
        rows = "/v1/datasets/markets.prices/rows"
        assert client.get(rows, params={"market": "SIM"}).json()["count"] == 2
        assert client.get(rows, params={"market": "CAISO"}).status_code == 403


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_verbs_that_list__refuse_files_before_they_act(run: Callable[..., Left], folder: Path, kind: str) -> None:
    for verb in (("datasets",), ("feeds", "list"), ("key", "create", f"no-{kind}", "--owner", "admin")):
        left = run(*verb, "--data", folder, "-o", kind)
        assert (left.code, "table, json, csv" in left.err) == (2, True), verb
    listed = run("key", "list", "--data", folder, "-o", "json").lines
    assert not [row for row in listed if row["name"] == f"no-{kind}"]


def test_key_list__has_no_options_that_its_route_refuses(run: Callable[..., Left], folder: Path) -> None:
    assert run("key", "list", "--data", folder, "--url", "http://localhost:1").code == 2


def test_doctor__says_where_no_desk_can_be_made(run: Callable[..., Left], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    left = run("doctor", "--data", tmp_path / "file", "-o", "json")
    (folder,) = (line for line in left.lines if line["what"] == "folder")
    assert (left.code, folder["level"], bool(folder["do"])) == (1, "bad", True)


def test_doctor__says_what_it_found(run: Callable[..., Left], folder: Path) -> None:
    left = run("doctor", "--data", folder, "-o", "json")
    found = {row["what"]: row for row in left.lines}
    assert {"python", "clock", "disk", "folder", "port", "hub", "engine tables", "version duckdb"} <= set(found)
    assert (left.code == 1) == any(row["level"] == "bad" for row in left.lines)
    assert all(row["do"] for row in left.lines if row["level"] != "ok")
    assert ("feed caiso" in found) == ("process" in found["folder"]["found"])


def test_backfill__estimates(run: Callable[..., Left], folder: Path) -> None:
    asked = ("backfill", "nyiso", "--start", "2026-11-02T00:00:00Z", "--end", "2026-11-03T00:00:00Z", "--estimate")
    (said,) = run(*asked, "--data", folder, "-o", "json").lines
    assert said["requests"] > 0
    for estimate in (("--estimate",), ()):
        left = run("backfill", "sim", "--start", START, "--end", END, *estimate, "--data", folder)
        assert (left.code, "sim.backfill_days" in left.err) == (2, True)
    assert run("backfill", "nyiso", "--start", "x", "--end", "y", "--estimate", "--data", folder).code == 2


@pytest.mark.parametrize(
    "verb",
    [
        ("status",), ("down",), ("live", "SIM:HUB_NORTH"), ("feeds", "retry", "caiso"),
        ("replay", "SIM:HUB_NORTH", "--start", START, "--end", END),
        ("backfill", "nyiso", "--start", START, "--end", END),
    ],
)  # fmt: skip
def test_verbs_that_need_a_desk__say_so(run: Callable[..., Left], tmp_path: Path, verb: tuple[str, ...]) -> None:
    left = run(*verb, "--data", tmp_path)
    assert left.code == 1
    assert "No desk is running" in left.err
    assert "powerdesk up" in left.err


def test_status__shows_the_desk_and_its_feeds(run: Callable[..., Left], tmp_path: Path) -> None:
    with running_desk.running(tmp_path, feeds="caiso") as served:
        served.desk.ownership.announce(url=served.base)
        ready, feed = run("status", "--data", tmp_path, "-o", "json").lines
    assert (ready["url"], ready["ready"], feed["id"]) == (served.base, True, "caiso")


def test_live__prints_what_comes(run: Callable[..., Left], tmp_path: Path) -> None:
    with running_desk.running(tmp_path) as served:
        served.desk.ownership.announce(url=served.base)
        served.accept(running_desk.prices("SIM", "HUB_NORTH"))
        left = run("live", "SIM:HUB_NORTH", "--updates", "1", "--data", tmp_path, "-o", "json")
        key = served.key("admin", running_desk.Channel.API) if served.desk.sign_in_link(served.base) else None
        refused = run("live", "SIM:HUB_NORTH", "--url", served.base, "--key", key.secret if key else "")
    assert (left.code, left.lines[0]["location"]) == (0, "SIM:HUB_NORTH")
    assert (refused.code, "not entitled" in refused.err) == (4, True)


def test_another_desk__is_reached_by_its_address_and_a_key(run: Callable[..., Left], tmp_path: Path) -> None:
    with running_desk.running(tmp_path) as served:
        served.desk.sign_in_link(served.base)
        secret = served.key("admin", running_desk.Channel.API).secret
        assert run("datasets", "--url", served.base, "--key", secret, "-o", "json").code == 0
        for key in ("", secret[:-1] + ("y" if secret.endswith("x") else "x"), "nonsense"):
            refused = run("datasets", "--url", served.base, "--key", key)
            assert refused.code == 4
            assert secret not in refused.err
    gone = run("datasets", "--url", served.base, "--key", secret)
    assert (gone.code, "cannot be reached" in gone.err) == (1, True)


def all_verbs(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*before, name)
        if hasattr(command, "commands"):
            yield from all_verbs(command, (*before, name))


VERBS = tuple(all_verbs(typer.main.get_command(app)))


@pytest.mark.parametrize("verb", [(), *VERBS], ids=" ".join)
def test_every_verb__explains_itself_and_refuses_unknown_options(
    run: Callable[..., Left], verb: tuple[str, ...]
) -> None:
    assert len(VERBS) > 25
    shown = run(*verb, "--help")
    assert (shown.code, "Usage" in shown.out) == (0, True)
    refused = run(*verb, "--nonsense")
    assert (refused.code, "--nonsense" in refused.err) == (2, True)


def test_serve__refuses_to_split_embedded_engines(run: Callable[..., Left], tmp_path: Path) -> None:
    split = run("serve", "--role", "gateway", "--data", tmp_path)
    assert (split.code, "powerdesk up" in split.err) == (1, True)
    unknown = run("serve", "--role", "nothing", "--data", tmp_path)
    assert (unknown.code, "gateway" in unknown.err) == (2, True)


def test_bad_settings__are_a_usage_fault(
    run: Callable[..., Left], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERDESK_PROT", "8700")
    left = run("datasets", "--data", tmp_path)
    assert (left.code, "POWERDESK_PROT" in left.err) == (2, True)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (401, 4), (403, 4), (404, 3), (409, 1), (413, 1), (422, 2), (429, 1), (500, 1), (503, 1), (507, 1)],
)
def test_codes__follow_the_status(status: int, code: int) -> None:
    assert leaving.code_of(status) == code
