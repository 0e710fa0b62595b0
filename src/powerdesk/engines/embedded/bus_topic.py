"""One topic on disk: segments, group commit, reading back, forgetting old segments."""

from __future__ import annotations

import bisect
import itertools
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from powerdesk.engines.embedded import bus_frames, files
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.bus import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from powerdesk.engines.embedded.bus_frames import Frame
    from powerdesk.engines.ports.bus import Outgoing

SEGMENT_BYTES_MAX = 64 << 20
GROUP_BYTES_MAX = 16 << 20  # one flush writes about this much at most, so that no waiter waits long
READ_BYTES_MAX = 64 << 20  # one read returns about this much at most
MARK_EVERY_BYTES = 64 << 10  # the index remembers one frame in so many bytes


@dataclass(slots=True)
class Segment:
    """One file; `marks` are (first position, offset) of some frames, in order."""

    path: Path
    first: int
    marks: list[tuple[int, int]] = field(default_factory=list)
    size_bytes: int = 0

    def note(self, frame: Frame) -> None:
        """Remember the frame's place when the last remembered one is far enough behind."""
        if not self.marks or frame.offset - self.marks[-1][1] >= MARK_EVERY_BYTES:
            self.marks.append((frame.first, frame.offset))
        self.size_bytes = frame.end

    def offset_near(self, position: int) -> int:
        """Return the offset of a frame at or before the one that holds `position`."""
        index = bisect.bisect_right(self.marks, position, key=lambda mark: mark[0]) - 1
        return self.marks[index][1] if index >= 0 else 0


@dataclass(slots=True)
class Waiter:
    """A published batch waiting for the flush that makes it durable."""

    body: bytes
    body_crc: int
    count: int
    first: int = 0
    done: bool = False
    failure: faults.EngineUnavailableError | None = None


class Topic:
    """The log of one topic. The first publisher to find no flush under way flushes for all who came meanwhile."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        flush: Callable[[int], None] = files.flush_data,
    ) -> None:
        self.name = name
        self.changed = threading.Condition()
        self.flushed = 0
        self.closed = False
        self._folder = folder
        self._segment_bytes_max = segment_bytes_max
        self._flush = flush
        self._pending: list[Waiter] = []
        self._flushing = False
        self._broken: faults.EngineUnavailableError | None = None
        self._segments: list[Segment] = []
        self._file: BinaryIO | None = None
        self._recover()

    @property
    def begin(self) -> int:
        """The first position kept."""
        return self._segments[0].first if self._segments else 1

    def publish(self, messages: Sequence[Outgoing], *, published_us: int = 0) -> tuple[int, ...]:
        """Append the batch and return its positions once it is durable; its stamp is in microseconds since 1970."""
        body = bus_frames.encode_body(messages, published_us=published_us)
        if len(body) > bus_frames.BODY_BYTES_MAX:
            raise faults.UnfitRequestError(
                found=f"a batch of {len(body)} bytes",
                allowed=f"at most {bus_frames.BODY_BYTES_MAX} bytes",
                remedy="publish it in smaller batches, or put the content into Objects and publish its key",
            )
        waiter = Waiter(body=body, body_crc=zlib.crc32(body), count=len(messages))
        with self.changed:
            self._check_open()
            self._pending.append(waiter)
            while self._flushing and not waiter.done:
                self.changed.wait()
            leads = not waiter.done
            self._flushing = self._flushing or leads
        if leads:
            self._lead(waiter)
        if waiter.failure is not None:
            raise waiter.failure
        return tuple(range(waiter.first, waiter.first + waiter.count))

    def read(self, *, after: int, limit: int) -> tuple[Message, ...]:
        """Return up to `limit` durable messages with position > `after`."""
        with self.changed:
            self._check_open()
            flushed = self.flushed
            segments = list(self._segments)
        found: list[Message] = []
        index = max(0, bisect.bisect_right(segments, after + 1, key=lambda s: s.first) - 1)
        size_bytes = 0
        for segment in segments[index:]:
            for frame, body in self._frames(segment, after + 1):
                if frame.first > flushed or len(found) >= limit or size_bytes >= READ_BYTES_MAX:
                    return tuple(found)
                size_bytes += frame.body_bytes
                found.extend(self._messages(frame, body, after=after, limit=limit - len(found)))
        return tuple(found)

    def since(self, *, published_us: int) -> int:
        """Return the position before the first batch stamped at or after an instant, `flushed` when there is none.

        Halves the segments and then their marks, as if stamps never fell back; reads O(log marks) frames.
        """
        with self.changed:
            self._check_open()
            flushed = self.flushed
            places = [(segment, first) for segment in self._segments for first, _ in segment.marks]
        reached = bisect.bisect_left(places, published_us, key=lambda place: self._stamp(*place))
        for segment, first in places[max(0, reached - 1) : reached + 1]:
            for frame, body in self._frames(segment, first):
                if frame.first <= flushed and bus_frames.stamp_of(body) >= published_us:
                    return frame.first - 1
        return flushed

    def _stamp(self, segment: Segment, first: int) -> int:
        """Return when the batch that begins at a position was published; 0 when it is forgotten meanwhile."""
        for _, body in self._frames(segment, first):
            return bus_frames.stamp_of(body)
        return 0

    def truncate(self, *, before: int) -> int:
        """Remove whole segments all of whose positions are < `before`; the newest segment always stays."""
        with self.changed:
            self._check_open()
            while len(self._segments) > 1 and self._segments[1].first <= before:
                self._segments[0].path.unlink(missing_ok=True)
                del self._segments[0]
            files.flush_folder(self._folder)
            return self.begin

    def close(self) -> None:
        """Wait for the flush under way, then refuse further use."""
        with self.changed:
            while self._flushing:
                self.changed.wait()
            self.closed = True
            if self._file is not None:
                self._file.close()
                self._file = None
            self.changed.notify_all()

    def _check_open(self) -> None:
        if self.closed:
            raise faults.EngineUnavailableError(
                found=f"the bus is closed (topic {self.name})", allowed="an open bus", remedy="open the bus again"
            )
        if self._broken is not None:
            raise self._broken

    def _lead(self, waiter: Waiter) -> None:
        """Flush groups until the leader's own batch is done, then let another waiting publisher lead."""
        try:
            while not waiter.done:
                self._flush_group()
        finally:
            with self.changed:
                self._flushing = False
                self.changed.notify_all()

    def _flush_group(self) -> None:
        """Write and flush one group of waiting batches; all of them fail or none."""
        with self.changed:
            group = self._take_group()
        failure: faults.EngineUnavailableError | None = _interrupted(self.name)
        first = self.flushed + 1
        try:
            starts = list(itertools.accumulate((waiter.count for waiter in group), initial=first))
            self._append(group, starts)
            failure = None
        except faults.EngineUnavailableError as error:
            failure = error
        finally:
            with self.changed:
                for waiter, start in zip(group, starts, strict=False):
                    waiter.first, waiter.failure, waiter.done = start, failure, True
                if failure is None:
                    self.flushed = starts[-1] - 1
                self.changed.notify_all()

    def _take_group(self) -> list[Waiter]:
        sizes = itertools.accumulate(len(waiter.body) for waiter in self._pending)
        count = max(1, sum(1 for size in sizes if size <= GROUP_BYTES_MAX))
        group, self._pending = self._pending[:count], self._pending[count:]
        return group

    def _append(self, group: list[Waiter], starts: list[int]) -> None:
        """Put the group's frames at the end of the newest segment, on the disk. Positions are given by `starts`."""
        if self._broken is not None:
            raise self._broken
        parts: list[bytes] = []
        for waiter, start in zip(group, starts, strict=False):
            head = bus_frames.encode_head(
                waiter.body, body_crc=waiter.body_crc, first=start, count=waiter.count, flushed=self.flushed
            )
            parts += (head, waiter.body)
        data = b"".join(parts)
        try:
            segment = self._segment_for(len(data), first=starts[0])
        except OSError as error:
            raise faults.of_os_error(error, doing=f"starting a segment of topic {self.name}") from error
        self._write(segment, data)
        with self.changed:
            offset = segment.size_bytes
            for waiter, start in zip(group, starts, strict=False):
                frame = bus_frames.Frame(offset, start, waiter.count, self.flushed, len(waiter.body))
                segment.note(frame)
                offset = frame.end

    def _segment_for(self, data_bytes: int, *, first: int) -> Segment:
        """Return the newest segment, or a new one when it is full."""
        newest = self._segments[-1] if self._segments else None
        if newest is not None and (not newest.size_bytes or newest.size_bytes + data_bytes <= self._segment_bytes_max):
            return newest
        segment = Segment(path=self._folder / f"{first:020d}.log", first=first)
        file = segment.path.open("w+b", buffering=0)
        files.flush_folder(self._folder)
        if self._file is not None:
            self._file.close()
        with self.changed:
            self._file = file
            self._segments.append(segment)
        return segment

    def _write(self, segment: Segment, data: bytes) -> None:
        """Write at the segment's end and flush; on failure take back what was written, or break the topic."""
        file = self._file
        if file is None:
            raise AssertionError("the newest segment is not open")
        try:
            file.seek(segment.size_bytes)
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            failure = faults.of_os_error(error, doing=f"appending to topic {self.name}")
            try:
                file.truncate(segment.size_bytes)
            except OSError:
                self._broken = failure
            raise failure from error
        try:
            self._flush(file.fileno())
        except OSError as error:
            # After a failed flush the kernel may have dropped the pages: only a new start, reading the disk, can tell.
            self._broken = faults.EngineUnavailableError(
                found=f"flushing topic {self.name}: {error.strerror or error}",
                allowed="a disk that keeps what is written",
                remedy="check the disk, then start again; unacknowledged messages may or may not be there",
            )
            raise self._broken from error

    def _frames(self, segment: Segment, position: int) -> Iterator[tuple[Frame, memoryview]]:
        """Yield frames and bodies of a segment from the one that holds `position`, proving each."""
        try:
            with segment.path.open("rb") as file:
                offset = segment.offset_near(position)
                while offset < segment.size_bytes:
                    file.seek(offset)
                    head = file.read(bus_frames.HEAD_BYTES)
                    frame = bus_frames.frame_of_head(head, offset=offset)
                    if frame is not None and frame.last >= position:
                        data = head + file.read(frame.body_bytes)
                        frame = bus_frames.frame_at(data, 0, base=offset)
                        if frame is not None:
                            yield frame, memoryview(data)[bus_frames.HEAD_BYTES :]
                    if frame is None:
                        raise damaged(segment.path, offset)
                    offset = frame.end
        except FileNotFoundError:
            return  # forgotten by truncate since the list of segments was taken
        except OSError as error:
            raise faults.of_os_error(error, doing=f"reading topic {self.name}") from error

    def _messages(self, frame: Frame, body: memoryview, *, after: int, limit: int) -> list[Message]:
        skipped = max(0, after + 1 - frame.first)
        entries = bus_frames.decode_body(body)[skipped : skipped + limit]
        return [
            Message(topic=self.name, position=position, key=entry.key, value=entry.value, headers=entry.headers)
            for position, entry in enumerate(entries, start=frame.first + skipped)
        ]

    def _recover(self) -> None:
        """Read the folder: prove the newest segment, cut its torn tail, refuse damage to acknowledged messages."""
        paths = sorted(self._folder.glob("*.log"))
        self._segments = [Segment(path=path, first=int(path.stem)) for path in paths]
        for older, newer in itertools.pairwise(self._segments):
            self._recover_older(older, newer)
        if not self._segments:
            return
        newest = self._segments[-1]
        data = newest.path.read_bytes()
        survey = bus_frames.survey(data, first=newest.first)
        if survey.damaged_at is not None:
            raise damaged(newest.path, survey.damaged_at)
        for frame in survey.frames:
            newest.note(frame)
        self.flushed = survey.frames[-1].last if survey.frames else newest.first - 1
        self._file = newest.path.open("r+b", buffering=0)
        if survey.good_bytes < len(data):
            self._file.truncate(survey.good_bytes)
        self._flush(self._file.fileno())  # what was found may still be only in the page cache

    def _recover_older(self, segment: Segment, newer: Segment) -> None:
        """Index a full segment by its heads alone; its bodies are proved when they are read."""
        size_bytes = segment.path.stat().st_size
        expected, offset = segment.first, 0
        with segment.path.open("rb") as file:
            while offset < size_bytes:
                file.seek(offset)
                frame = bus_frames.frame_of_head(file.read(bus_frames.HEAD_BYTES), offset=offset)
                if frame is None or frame.first != expected or frame.end > size_bytes:
                    raise damaged(segment.path, offset)
                segment.note(frame)
                expected, offset = frame.last + 1, frame.end
        if expected != newer.first:
            raise damaged(segment.path, offset)


def damaged(path: Path, offset: int) -> faults.CorruptDataError:
    """Return the Problem for acknowledged messages that cannot be read back."""
    return faults.CorruptDataError(
        found=f"damage in {path} at byte {offset}: acknowledged messages there cannot be read back",
        allowed="a log whose checksums hold",
        remedy="restore this file from a backup; do not delete it, later messages are intact",
    )


def _interrupted(topic: str) -> faults.OutcomeUnknownError:
    return faults.OutcomeUnknownError(
        found=f"writing to topic {topic} was interrupted",
        allowed="a flush that ends",
        remedy="publish again; the batch may or may not be there",
    )
