"""Content ids depend on every part and its bounds."""

from __future__ import annotations

import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from powerdesk.kernel.ids import CONTENT_ID_LENGTH, content_id

parts = st.lists(st.binary(max_size=8), max_size=4)


@given(left=parts, right=parts)
def test_content_id__differs_exactly_when_the_parts_differ(left: list[bytes], right: list[bytes]) -> None:
    assert (content_id(*left) == content_id(*right)) == (left == right)


def test_content_id__sees_where_one_part_ends() -> None:
    assert len({content_id("ab", "c"), content_id("a", "bc"), content_id("abc"), content_id("abc", "")}) == 4


@given(text=st.text())
def test_content_id__takes_text_as_utf_8(text: str) -> None:
    found = content_id(text)
    assert found == content_id(text.encode())
    assert len(found) == CONTENT_ID_LENGTH
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_content_id__is_sha_256_of_length_and_bytes() -> None:
    digest = hashlib.sha256(b"\x00\x00\x00\x00\x00\x00\x00\x03abc").digest()
    assert content_id("abc") == base64.b32encode(digest[:20]).decode().lower()
