"""Messages: strict reading that names the fault, and never anything but a BadMessageError."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.delivery.stream import frames, messages, tokens

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("t", "id", "channel", "filter", "fields", "from", "hours", "conflate_ms", "policy", "replay", "sid", "proto",
          "token", "resume", "features")  # fmt: skip
ALMOST = st.dictionaries(
    st.sampled_from(FIELDS), JSON | st.sampled_from(["sub", "hello", "unsub", "ping", "snapshot", "block"]), max_size=8
)


def refusal(data: bytes) -> messages.BadMessageError:
    with pytest.raises(messages.BadMessageError) as caught:
        messages.decode(data)
    return caught.value


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | ALMOST.map(msgspec.json.encode) | JSON.map(msgspec.json.encode))
def test_decode__gives_a_message_or_a_named_fault(data: bytes) -> None:
    messages.message_id(data)
    try:
        found = messages.decode(data)
    except messages.BadMessageError as error:
        refused = error
    else:
        assert messages.decode(messages.encode(found)) == found
        return
    (finding,) = refused.findings
    assert finding.pointer
    assert finding.found
    assert finding.allowed
    assert frames.of_message(messages.Err(id=None, problem=messages.fault(refused))).kind == "err"


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (b'{"t":"sub","id":1,"channel":3}', "channel"),
        (b'{"t":"sub","id":1,"channel":"c","from":{"seq":-1}}', "from.seq"),
        (b'{"t":"sub","id":1,"channel":"c","from":{"seq":1,"as_of":"2026-01-01T00:00:00Z"}}', "from"),
        (b'{"t":"sub","id":1,"channel":"c","from":{"seq":99999999999999999999}}', "from.seq"),
        (b'{"t":"sub","id":1,"channel":"c","conflate_ms":60001}', "conflate_ms"),
        (b'{"t":"sub","id":1,"channel":"c","conflate_ms":5,"policy":"block"}', "conflate_ms"),
        (b'{"t":"sub","id":1,"channel":"c","policy":"drop"}', "policy"),
        (b'{"t":"sub","id":1,"channel":"c","hours":0}', "hours"),
        (b'{"t":"sub","id":1,"channel":"c","replay":{"start":"a","end":"b","speed":0}}', "replay.speed"),
        (b'{"t":"hello","proto":2}', "proto"),
        (b'{"t":"nothing"}', "t"),
        (b'{"t":"ping","more":1}', "message"),
    ],
)
def test_decode__names_the_field(data: bytes, pointer: str) -> None:
    assert refusal(data).findings[0].pointer == pointer


def test_message_id__is_found_in_messages_that_cannot_be_read() -> None:
    assert messages.message_id(b'{"t":"sub","id":12}') == 12
    assert messages.message_id(b'{"t":"sub","id":true}') is None
    assert messages.message_id(b"[1]") is None


@given(st.text(max_size=60))
def test_tokens__that_cannot_be_read_say_nothing_or_something_whole(text: str) -> None:
    found = tokens.read(text)
    assert isinstance(found.epoch, str)
    assert all(isinstance(seq, int) for seq in found.seq.values())


@given(st.text(max_size=10), st.dictionaries(st.text(max_size=12), st.integers(0, 2**62), max_size=5))
def test_tokens__round_trip(epoch: str, seq: dict[str, int]) -> None:
    assert tokens.read(tokens.write(tokens.Resume(epoch=epoch, seq=seq))) == tokens.Resume(epoch=epoch, seq=seq)


@given(st.dictionaries(st.text(max_size=12), st.integers(0, 20), max_size=5), st.integers(0, 20))
def test_tokens__of_a_former_epoch_count_as_far_as_its_numbers_mean_the_same(
    seq: dict[str, int], same_upto: int
) -> None:
    token = tokens.Resume(epoch="before", seq=seq)
    same = all(number <= same_upto for number in seq.values())
    found = token.within(epoch="now", former={"before": same_upto, "older": 99})
    assert found == (tokens.Resume(epoch="now", seq=seq) if same else token)
    unknown = tokens.Resume(epoch="elsewhere", seq={**seq, "x": 0})
    assert unknown.within(epoch="now", former={"before": same_upto}) == unknown


def test_tokens__longer_than_allowed_are_not_read() -> None:
    token = tokens.write(tokens.Resume(epoch="e", seq={f"s{n}": n for n in range(2000)}))
    assert tokens.read(token) is tokens.UNREADABLE
