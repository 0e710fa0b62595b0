"""Frames on the wire: the header of RFC 6455 for each size, and the text it announces."""

from __future__ import annotations

import pytest

from powerdesk.delivery.stream import frames


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (125, "817d"),
        (126, "817e007e"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
    ],
)
def test_wire__begins_with_the_header_of_its_size(size: int, header: str) -> None:
    bare = len(frames.of_update(sid="s", seq=2, prev=1, part=b"").text)
    frame = frames.of_update(sid="s", seq=2, prev=1, part=b"x" * (size - bare))
    assert frame.wire[: frame.begins].hex() == header
    assert len(frame.text) == size
    assert frame.text.endswith(b"x}")
