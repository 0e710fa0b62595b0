"""A folder put back from a copy: who resumes by a token of the original is told the truth."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import running_desk
from running_desk import prices

from powerdesk.store import events, handlers
from servers.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from running_desk import RunningDesk


def heard(served: RunningDesk, *, upto: int, token: str | None = None) -> tuple[list[dict[str, Any]], str]:
    """Return messages of the stream up to one with that sequence number, and the last token given."""
    messages: list[dict[str, Any]] = []
    last, headers = "", {} if token is None else {"Last-Event-ID": token}
    params = {"channel": "markets.prices", "from": "snapshot"}
    with served.operator().stream("GET", "/v1/stream/sse", params=params, headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("id:"):
                last = line[3:].strip()
            if line.startswith("data:"):
                messages.append(msgspec.json.decode(line[5:]))
                if messages[-1].get("seq", -1) >= upto and messages[-1]["t"] in ("snap_end", "upd"):
                    return messages, last
    raise AssertionError(messages)


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["t"] for message in messages if message["t"] not in ("welcome", "hb")]


def test_a_restored_folder__honours_tokens_from_before_the_copy_and_no_later_ones(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    with running_desk.running(original) as served:
        served.accept(prices("SIM", "A"))
        _, before = heard(served, upto=1)
    shutil.copytree(original, copy)
    with running_desk.running(original) as served:
        for name in ("B", "C"):
            served.accept(prices("SIM", name))
        _, after = heard(served, upto=3, token=before)
    with running_desk.running(copy) as served:
        for name in ("X", "Y", "Z"):
            served.accept(prices("SIM", name))
        resumed, _ = heard(served, upto=4, token=before)
        told, _ = heard(served, upto=4, token=after)
    assert set(kinds(resumed)) == {"ack", "upd"}
    missed = [name for message in resumed if message["t"] == "upd" for name in message["columns"]["location"]]
    assert sorted(missed) == ["SIM:X"] * 2 + ["SIM:Y"] * 2 + ["SIM:Z"] * 2
    assert kinds(told)[:2] == ["ack", "gap"]
    assert told[kinds(told).index("gap") + 1]["reason"] == "epoch"
    assert kinds(told)[-1] == "snap_end"


def test_a_copy_taken_while_the_original_runs_on__honours_no_number_given_out_afterwards(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    with running_desk.running(original) as served:
        served.accept(prices("SIM", "A"))
        until(
            lambda: served.desk.engines.bus.committed(events.BATCHES_TOPIC, group=handlers.GROUP) == 1, what="a commit"
        )
        (copy / "bus").mkdir(parents=True)  # its group's first commit makes a file beside, which must not vanish
        shutil.copytree(original / "bus", copy / "bus", dirs_exist_ok=True)  # its log and its identity at one moment
        shutil.copy(original / "desk.json", copy / "desk.json")
        served.accept(prices("SIM", "B"))
        _, token = heard(served, upto=2)  # of an epoch that the copy knows, beyond where the copy ended it
    with running_desk.running(copy) as served:
        for name in ("X", "Y"):
            served.accept(prices("SIM", name))
        told, _ = heard(served, upto=3, token=token)
    assert kinds(told)[:2] == ["ack", "gap"]
