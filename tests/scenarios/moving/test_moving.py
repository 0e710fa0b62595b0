"""A whole desk copied, backed up and restored: what arrives is what was there, or nothing is said to have arrived."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import running_desk
from running_desk import DAY, NOON, HandClock, prices

from powerdesk.access.queries import audit_log
from powerdesk.access.types import Channel, Entitlement
from powerdesk.app.moving import blobs, copying, moves, records, series, sides
from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.ports.bus import Outgoing
from powerdesk.engines.ports.jobs import JobContext
from powerdesk.engines.ports.tables import Cut, Selection
from powerdesk.markets import datasets
from powerdesk.store import events
from servers.waiting import until

if TYPE_CHECKING:
    import pyarrow as pa

EVERYTHING = Cut(as_of=DAY + timedelta(days=400), commit=2**62)
PRICES = datasets.PRICES.id


def silent(stage: str, done: int, total: int | None) -> None:
    del stage, done, total


def lived(folder: Path) -> str:
    """Let a desk live in the folder: accounts, a key, prices, a correction; return the key."""
    with running_desk.running(folder) as served:
        served.tenant("pilot", [Entitlement("NYISO", "*", channel) for channel in ("hub", "api", "download")])
        key = served.key("pilot", Channel.API)
        served.accept(prices("NYISO", "ALPHA", "BETA", hours=6))
        served.accept(prices("NYISO", "ALPHA", "BETA", hours=6))  # said again: nothing new
        served.clock.move(timedelta(hours=1))
        served.accept(prices("NYISO", "ALPHA", hours=3, bump=2.0))
        served.accept(prices("CAISO", "GAMMA", hours=2))
        served.desk.engines.objects.put("markets/payloads/one", b"raw bytes")
        return key.secret


def history(folder: Path) -> pa.Table:
    with running_desk.running(folder, clock=HandClock(running_desk.NOON + timedelta(hours=2))) as served:
        return served.desk.engines.tables.history(PRICES, selection=Selection(), cut=EVERYTHING)


def test_a_folder_that_never_held_a_desk__is_no_source_and_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    for source in (tmp_path / "letters", tmp_path / "none"):
        with pytest.raises(sides.NoSuchDeskError):
            moves.move(source=str(source), target=str(tmp_path / "b"), until=None, report=silent)
    assert [path.name for path in tmp_path.rglob("*")] == ["letters", "one.txt"]


def test_copy__brings_every_revision_account_and_object_and_goes_on_counting(tmp_path: Path) -> None:
    secret = lived(tmp_path / "a")
    note = moves.move(source=str(tmp_path / "a"), target=f"file://{tmp_path / 'b'}", until=None, report=silent)
    assert note.complete
    assert note.datasets[PRICES]["rows"] == 12 + 3 + 2
    assert note.objects["count"] >= 1
    before, after = history(tmp_path / "a"), history(tmp_path / "b")
    assert after.equals(before)
    assert after.column("revision").to_pylist().count(1) == 3
    with running_desk.running(tmp_path / "b", clock=HandClock(running_desk.NOON + timedelta(hours=2))) as served:
        assert served.desk.store.progress.position == 4
        answer = served.bearer(secret).get(f"/v1/datasets/{PRICES}/latest?location=NYISO:ALPHA&market_run=RT5")
        assert answer.status_code == 200, answer.text
        assert answer.json()["columns"]["price_per_mwh"] == [before_price(before)]
        with served.desk.engines.records.reader() as reader:
            assert audit_log.verify(reader, pepper=served.desk.secrets.pepper).intact
        assert served.desk.engines.objects.get("markets/payloads/one") == b"raw bytes"
        again = served.accept(prices("NYISO", "ALPHA", "BETA", hours=6))
        assert (again.commit, again.duplicates + again.revised) == (5, 12)


def before_price(rows: pa.Table) -> float:
    """Return the newest belief of ALPHA's last interval."""
    found = [row for row in rows.to_pylist() if row["location"] == "NYISO:ALPHA"]
    last = max(found, key=lambda row: (row["interval_start"], row["commit"]))
    return float(last["price_per_mwh"])


def test_copy__broken_off_goes_on_and_refuses_to_be_opened_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(tmp_path / "a")
    places = {"source": str(tmp_path / "a"), "target": str(tmp_path / "b")}

    class PulledPlugError(Exception):
        pass

    with monkeypatch.context() as patched:
        patched.setattr(series, "PAGE_ROWS", 4)
        pages = iter(range(2))

        def report(stage: str, done: int, total: int | None) -> None:
            del done, total
            if stage.startswith("rows of markets.prices") and next(pages, None) is None:
                raise PulledPlugError

        with pytest.raises(PulledPlugError):
            moves.move(**places, until=None, report=report)
    with pytest.raises(copying.UnfinishedCopyError), running_desk.running(tmp_path / "b"):
        pass
    assert moves.move(**places, until=None, report=silent).complete
    assert history(tmp_path / "b").equals(history(tmp_path / "a"))


@pytest.mark.parametrize("until", ["1", "2026-11-03T20:30:00Z"])
def test_copy__until_a_moment_leaves_out_what_was_accepted_later(tmp_path: Path, until: str) -> None:
    lived(tmp_path / "a")
    moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "b"), until=until, report=silent)
    found = history(tmp_path / "b")
    assert found.num_rows == 12
    assert set(found.column("commit").to_pylist()) == {1}


def test_copy__keeps_positions_that_the_source_has_forgotten(tmp_path: Path) -> None:
    lived(tmp_path / "a")
    with running_desk.running(tmp_path / "a") as served:
        bus = served.desk.engines.bus
        topic = bus._topic(events.BATCHES_TOPIC)  # type: ignore[attr-defined]  # segments are small enough to roll
        topic._segment_bytes_max = 1
        bus.publish("other", [Outgoing(key="k", value=b"v")])
        served.accept(prices("NYISO", "DELTA", hours=1))
        served.accept(prices("NYISO", "DELTA", hours=1, bump=1.0))
        assert bus.truncate(events.BATCHES_TOPIC, before=5) > 1
    moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "b"), until=None, report=silent)
    assert history(tmp_path / "b").equals(history(tmp_path / "a"))
    with running_desk.running(tmp_path / "b") as served:
        assert served.desk.engines.bus.end(events.BATCHES_TOPIC) == 6
        assert served.accept(prices("NYISO", "EPSILON", hours=1)).commit == 7
    moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "c"), until="2", report=silent)
    with running_desk.running(tmp_path / "c", clock=HandClock(running_desk.NOON + timedelta(hours=2))) as served:
        found = served.desk.engines.tables.history(PRICES, selection=Selection(), cut=EVERYTHING)
        assert set(found.column("commit").to_pylist()) == {1}  # the second batch said nothing new
        assert served.accept(prices("NYISO", "EPSILON", hours=1)).commit == 3


def test_copy__refuses_a_place_where_a_desk_is_and_changes_nothing(tmp_path: Path) -> None:
    lived(tmp_path / "a")
    with running_desk.running(tmp_path / "b") as served:
        served.accept(prices("CAISO", "OMEGA", hours=1))
        served.desk.sign_in_link(served.base)
    (tmp_path / "b" / "pepper.secret").write_bytes((tmp_path / "a" / "pepper.secret").read_bytes())
    with pytest.raises(records.TargetInhabitedError):
        moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "b"), until=None, report=silent)
    assert history(tmp_path / "b").num_rows == 1


def test_copy__refuses_a_target_with_another_secret(tmp_path: Path) -> None:
    lived(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "pepper.secret").write_bytes(b"another secret of thirty-two bytes")
    with pytest.raises(copying.OtherSecretError):
        moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "b"), until=None, report=silent)


def test_backup__of_a_running_desk_is_cut_at_one_position_and_restores(tmp_path: Path) -> None:
    with running_desk.running(tmp_path / "a") as served:
        served.accept(prices("NYISO", "ALPHA", hours=4))
        made = moves.back_up(
            served.desk.settings, served.desk.engines, now=NOON, folder=tmp_path / "backup", report=silent
        )
        served.accept(prices("NYISO", "ALPHA", hours=4, bump=5.0))
    assert made.cut == copying.Cut(accepted=1, readable=1)
    restored = moves.move(source=str(tmp_path / "backup"), target=str(tmp_path / "c"), until=None, report=silent)
    assert restored.datasets == made.datasets
    assert history(tmp_path / "c").num_rows == 4


def test_a_backup_that_was_opened__keeps_its_note_and_is_restored_as_it_is(tmp_path: Path) -> None:
    lived(tmp_path / "a")
    moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "backup"), until=None, report=silent)
    later = running_desk.NOON + timedelta(hours=2)
    with running_desk.running(tmp_path / "backup", clock=HandClock(later)) as served:
        kept = copying.note(served.desk.engines)
        served.accept(prices("NYISO", "NEW", hours=1))
    assert kept is not None
    assert (kept.cut.readable, kept.opened_at) == (4, "2026-11-03T22:00:00Z")
    restored = moves.move(source=str(tmp_path / "backup"), target=str(tmp_path / "b"), until=None, report=silent)
    assert restored.datasets[PRICES]["rows"] == kept.datasets[PRICES]["rows"] + 1
    assert restored.opened_at == ""


def test_restore__of_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    lived(tmp_path / "a")
    moves.move(source=str(tmp_path / "a"), target=str(tmp_path / "backup"), until=None, report=silent)
    payload = tmp_path / "backup" / "objects" / "markets" / "payloads" / "one"
    payload.write_bytes(b"raw bytez")
    with pytest.raises(moves.BackupDamagedError, match="objects"):
        moves.move(source=str(tmp_path / "backup"), target=str(tmp_path / "c"), until=None, report=silent)


@pytest.mark.parametrize(
    "folder", ["", "somewhere", "/no/such/parent/here", str(Path(__file__).parent), "\0", "/" + "x" * 5000]
)
def test_backup__into_a_folder_that_is_none_or_not_new_is_refused(tmp_path: Path, folder: str) -> None:
    with running_desk.running(tmp_path / "a") as served:
        answer = served.operator().post("/v1/operator/backups", json={"folder": folder})
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "bad-backup-folder")


def test_backup__is_asked_for_by_the_operator_and_shows_in_the_jobs(tmp_path: Path) -> None:
    with running_desk.running(tmp_path / "a") as served:
        served.accept(prices("NYISO", "ALPHA", hours=4))
        answer = served.operator().post("/v1/operator/backups", json={"folder": str(tmp_path / "backup")})
        assert answer.status_code == 202
        operator, run_id = served.operator(), answer.json()["run_id"]

        def ended() -> list[dict[str, Any]]:
            runs: list[dict[str, Any]] = operator.get("/v1/jobs", params={"run_id": run_id}).json()["jobs"]
            return [run for run in runs if run["ended_at"] is not None]

        (run,) = until(ended, what="the backup's end")
        assert (run["state"], run["message"]) == ("done", f"4 rows up to commit 1 in {tmp_path / 'backup'}")


def test_backup__broken_off_is_finished_by_the_next_attempt(tmp_path: Path) -> None:
    class PulledPlugError(Exception):
        pass

    def pulled(done: float, stage: str) -> None:
        del done
        if stage == "log":
            raise PulledPlugError

    folder = tmp_path / "backup"
    lived(tmp_path / "a")
    with running_desk.running(tmp_path / "a", clock=HandClock(NOON + timedelta(hours=2))) as served:
        desk = served.desk
        work = moves.backing_up(desk.settings, desk.engines, clock=desk.clock)
        context = JobContext("run", {"folder": str(folder)}, report=pulled, cancelled=lambda: False)
        with pytest.raises(PulledPlugError):
            work(context)
        assert work(replace(context, report=lambda *_: None)) == f"17 rows up to commit 4 in {folder}"
        with pytest.raises(records.TargetInhabitedError):
            work(context)
    assert history(folder).equals(history(tmp_path / "a"))


def test_copy__leaves_out_an_object_that_its_source_deletes_meanwhile(tmp_path: Path) -> None:
    here, there = LocalObjects(tmp_path / "here"), LocalObjects(tmp_path / "there")
    for key in ("one", "two"):
        here.put(key, key.encode())
    wanted = blobs.keys(here)
    here.delete("one")
    count, digest = blobs.copy(wanted, source=here, target=there, report=lambda _: None)
    assert there.list("") == ("two",)
    assert (count, digest) == blobs.copy(blobs.keys(here), source=here, target=there, report=lambda _: None)
