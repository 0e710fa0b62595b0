"""The log on disk: torn tails, damage, failing disks, old segments."""

from __future__ import annotations

import errno
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdesk.app.clock import SystemClock
from powerdesk.engines.embedded import bus_frames, files
from powerdesk.engines.embedded.bus import LogBus
from powerdesk.engines.embedded.bus_topic import Topic
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.bus import Outgoing

BATCHES = [[Outgoing(f"k{n}", bytes([n]) * (n % 5 + 1), {}) for _ in range(n % 3 + 1)] for n in range(6)]


def written(folder: Path) -> tuple[bytes, list[tuple[int, int]]]:
    """Write BATCHES one by one; return the segment's bytes and (size, last position) after each."""
    topic = Topic(folder, "t")
    ends = []
    for batch in BATCHES:
        last = topic.publish(batch)[-1]
        ends.append((segment(folder).stat().st_size, last))
    topic.close()
    return segment(folder).read_bytes(), ends


def segment(folder: Path) -> Path:
    (path,) = folder.glob("*.log")
    return path


def test_topic__cut_at_every_byte_keeps_exactly_the_whole_batches(tmp_path: Path) -> None:
    data, ends = written(tmp_path)
    for size in range(len(data) + 1):
        segment(tmp_path).write_bytes(data[:size])
        topic = Topic(tmp_path, "t")
        whole = max((last for end, last in ends if end <= size), default=0)
        assert topic.flushed == whole
        assert [m.position for m in topic.read(after=0, limit=99)] == list(range(1, whole + 1))
        assert topic.publish(BATCHES[0]) == (whole + 1,)
        topic.close()


def test_topic__a_changed_byte_before_the_last_batch_is_refused_with_file_and_offset(tmp_path: Path) -> None:
    data, ends = written(tmp_path)
    starts = [0, *(end for end, _ in ends)]
    for at in range(ends[-2][0]):
        segment(tmp_path).write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        with pytest.raises(faults.CorruptDataError) as refused:
            Topic(tmp_path, "t")
        assert str(segment(tmp_path)) in refused.value.found
        assert f"byte {max(start for start in starts if start <= at)}" in refused.value.found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=200))
def test_topic__rubbish_after_the_last_batch_is_a_torn_tail(tmp_path: Path, tail: bytes) -> None:
    folder = tmp_path / "t"
    if not folder.exists():
        folder.mkdir()
        written(folder)
        (tmp_path / "good").write_bytes(segment(folder).read_bytes())
    segment(folder).write_bytes((tmp_path / "good").read_bytes() + tail)

    topic = Topic(folder, "t")

    assert topic.flushed == sum(len(batch) for batch in BATCHES)
    topic.close()


def test_topic__a_hole_inside_one_unacknowledged_flush_is_a_torn_tail(tmp_path: Path) -> None:
    data, ends = written(tmp_path)
    # Of two frames of one flush the disk kept only the second, which says that neither was durable before.
    keep = ends[-1][0]
    path = segment(tmp_path)
    frames = [_frame(ends[-1][1] + n, flushed=ends[-1][1]) for n in (1, 2)]
    path.write_bytes(data + b"\0" * len(frames[0]) + frames[1])

    again = Topic(tmp_path, "t")

    assert again.flushed == ends[-1][1]
    assert path.stat().st_size == keep
    again.close()


def _frame(position: int, *, flushed: int) -> bytes:
    body = bus_frames.encode_body([Outgoing("k", b"v")])
    return bus_frames.encode_head(body, body_crc=zlib.crc32(body), first=position, count=1, flushed=flushed) + body


def test_topic__damage_found_while_reading_an_old_segment_is_refused(tmp_path: Path) -> None:
    topic = Topic(tmp_path, "t", segment_bytes_max=60)
    for batch in BATCHES:
        topic.publish(batch)
    oldest = min(tmp_path.glob("*.log"))
    data = bytearray(oldest.read_bytes())
    data[-1] ^= 0xFF
    oldest.write_bytes(data)

    with pytest.raises(faults.CorruptDataError, match=oldest.name):
        topic.read(after=0, limit=9)
    topic.close()


def test_topic__a_missing_segment_is_refused(tmp_path: Path) -> None:
    topic = Topic(tmp_path, "t", segment_bytes_max=60)
    for batch in BATCHES:
        topic.publish(batch)
    topic.close()
    sorted(tmp_path.glob("*.log"))[2].unlink()

    with pytest.raises(faults.CorruptDataError):
        Topic(tmp_path, "t")


def test_truncate__removes_old_segments_and_a_new_start_agrees(tmp_path: Path) -> None:
    bus = LogBus(tmp_path, clock=SystemClock(), segment_bytes_max=60)
    for batch in BATCHES:
        bus.publish("t", batch)
    kept = bus.truncate("t", before=8)
    assert 1 < kept <= 8
    bus.close()

    again = LogBus(tmp_path, clock=SystemClock(), segment_bytes_max=60)
    assert again.begin("t") == kept
    assert again.read("t", after=0, limit=1)[0].position == kept
    assert again.end("t") == sum(len(batch) for batch in BATCHES)
    again.close()


def test_publish__a_failed_flush_is_told_and_breaks_the_topic_until_a_new_start(tmp_path: Path) -> None:
    fail = False

    def flush(handle: int) -> None:
        if fail:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        files.flush_data(handle)

    topic = Topic(tmp_path, "t", flush=flush)
    topic.publish(BATCHES[0])
    fail = True
    with pytest.raises(faults.EngineUnavailableError, match="flushing topic t"):
        topic.publish(BATCHES[1])
    fail = False
    with pytest.raises(faults.EngineUnavailableError):
        topic.publish(BATCHES[1])
    assert topic.flushed == 1
    topic.close()

    again = Topic(tmp_path, "t")
    assert again.flushed >= 1
    again.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_publish__a_full_disk_is_told_and_the_topic_goes_on_when_there_is_room(tmp_path: Path) -> None:
    topic = Topic(tmp_path, "t")
    topic.publish(BATCHES[0])
    good = topic._file
    with Path("/dev/full").open("r+b", buffering=0) as full:
        topic._file = full
        with pytest.raises(faults.EngineUnavailableError) as refused:
            topic.publish(BATCHES[1])
    assert refused.value.status == 507
    assert topic.flushed == 1
    assert good is not None
    good.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 60))
def test_group__a_torn_commit_file_gives_an_earlier_commit(tmp_path: Path, cut: int) -> None:
    bus = LogBus(tmp_path / f"{cut}", clock=SystemClock())
    bus.publish("t", [Outgoing("k", b"v")] * 5)
    consumer = bus.consume("t", group="g")
    for message in consumer.poll(timeout_s=0):
        consumer.commit(message)
    bus.close()
    path = tmp_path / f"{cut}" / "t" / "g.group"
    path.write_bytes(path.read_bytes()[:cut])

    again = LogBus(tmp_path / f"{cut}", clock=SystemClock())
    found = again.consume("t", group="g").poll(timeout_s=0)
    assert [message.position for message in found] == list(range(min(5, cut // 12) + 1, 6))
    again.close()
    for name in sorted((tmp_path / f"{cut}").rglob("*"), reverse=True):
        name.unlink() if name.is_file() else name.rmdir()


def test_since__reads_few_frames_of_a_long_log_and_bears_batches_without_stamps(tmp_path: Path) -> None:
    topic = Topic(tmp_path, "t", segment_bytes_max=1 << 20)
    for _ in range(3):
        topic.publish([Outgoing("old", b"of the first release")])
    for n in range(1, 400):
        topic.publish([Outgoing("k", b"x" * 20_000)], published_us=n * 1000)

    assert [topic.since(published_us=wanted) for wanted in (0, 1, 1000, 1001, 200_500, 399_000, 399_001)] == [
        0,
        3,
        3,
        4,
        203,
        401,
        402,
    ]
    topic.close()
