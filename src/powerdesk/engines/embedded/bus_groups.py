"""Consumer groups of a topic: how far each has come, kept in one small append-only file per group."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from typing import TYPE_CHECKING

from powerdesk.engines.embedded import files
from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from pathlib import Path

    from powerdesk.engines.embedded.bus_topic import Topic
    from powerdesk.engines.ports.bus import Message

MARK = struct.Struct("<QI")  # position, crc32 of the position's bytes
REWRITE_AT_BYTES = 64 << 10


class Group:
    """The durable position of a group and its members in this process; the first member reads, others stand by."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._size_bytes = 0
        self.members: list[TopicConsumer] = []
        self.done = self._recover()

    def commit(self, position: int) -> None:
        """Write the position down, durably; an earlier one than the last changes nothing."""
        with self._lock:
            if position <= self.done:
                return
            try:
                self._write(position)
            except OSError as error:
                raise faults.of_os_error(error, doing=f"committing {self._path.stem}") from error
            self.done = position

    def _write(self, position: int) -> None:
        packed = struct.pack("<Q", position)
        mark = packed + struct.pack("<I", zlib.crc32(packed))
        if self._size_bytes and self._size_bytes < REWRITE_AT_BYTES:
            with self._path.open("r+b", buffering=0) as file:
                file.seek(self._size_bytes)
                file.write(mark)
                files.flush_data(file.fileno())
            self._size_bytes += MARK.size
            return
        beside = self._path.with_suffix(".new")
        files.write_whole(beside, mark)
        beside.replace(self._path)
        files.flush_folder(self._path.parent)
        self._size_bytes = MARK.size

    def _recover(self) -> int:
        """Return the last proved position; what follows it is a torn tail and will be written over."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        done = 0
        for offset in range(0, len(data) - MARK.size + 1, MARK.size):
            position, crc = MARK.unpack_from(data, offset)
            if crc != zlib.crc32(data[offset : offset + 8]):
                break
            done, self._size_bytes = position, offset + MARK.size
        if self._size_bytes < len(data):
            os.truncate(self._path, self._size_bytes)
        return done


class TopicConsumer:
    """A member of a group; not for use by several threads at once."""

    def __init__(self, topic: Topic, group: Group) -> None:
        self._topic = topic
        self._group = group
        self._after = -1
        self._closed = False
        with topic.changed:
            group.members.append(self)

    def poll(self, *, timeout_s: float, limit: int = 256) -> tuple[Message, ...]:
        """Return the next messages, waiting at most `timeout_s`; empty when none came or another member reads."""
        with self._topic.changed:
            self._topic.changed.wait_for(self._ready, timeout=timeout_s)
            if not self._ready() or self._closed or self._topic.closed:
                return ()
            if self._after < 0:
                self._after = self._group.done
        found = self._topic.read(after=self._after, limit=limit)
        if found:
            self._after = found[-1].position
        return found

    def commit(self, message: Message) -> None:
        """Say durably that everything up to `message` is done."""
        self._group.commit(message.position)

    def close(self) -> None:
        """Leave the group and let the next member read."""
        with self._topic.changed:
            self._closed = True
            if self in self._group.members:
                self._group.members.remove(self)
            self._topic.changed.notify_all()

    def _ready(self) -> bool:
        if self._closed or self._topic.closed:
            return True
        after = self._group.done if self._after < 0 else self._after
        return self._group.members[0] is self and self._topic.flushed > after
