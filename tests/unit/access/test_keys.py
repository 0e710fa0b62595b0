"""The text of keys: shape, checksum, what is kept, what never shows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.access import keys

PEPPER = keys.Pepper(b"p" * 32)


def made(seed: int = 7) -> keys.KeyText:
    return keys.compose(id_bytes=bytes([seed] * 5), secret_bytes=bytes([seed] * 32))


@settings(max_examples=50)
@given(st.binary(min_size=5, max_size=5), st.binary(min_size=32, max_size=32))
def test_key__round_trips_in_the_promised_shape(id_bytes: bytes, secret_bytes: bytes) -> None:
    key = keys.compose(id_bytes=id_bytes, secret_bytes=secret_bytes)
    words = key.text.split("_")
    assert words[:2] == ["pd", "live"]
    assert [len(word) for word in words[2:]] == [8, 43, 6]
    assert keys.parse(key.text) == key


@settings(max_examples=100)
@given(st.integers(8, 66), st.sampled_from(keys.ALPHABET))
def test_key__with_one_character_changed_is_a_typing_mistake(position: int, character: str) -> None:
    text = made().text
    changed = text[:position] + character + text[position + 1 :]
    if changed != text:
        with pytest.raises(keys.BadKeyError):
            keys.parse(changed)


@pytest.mark.parametrize(
    "text", ["", "pd_live_", "x" * 100_000, made().text + "x", made().text[:-1], " " + made().text]
)
def test_key__of_another_shape_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(keys.BadKeyError) as caught:
        keys.parse(text)
    assert len(text) < 20 or text not in caught.value.detail


def test_mac__proves_the_key_and_only_under_its_pepper() -> None:
    key = made()
    assert key.proves(key.mac(PEPPER), PEPPER)
    assert not key.proves(key.mac(PEPPER), keys.Pepper(b"q" * 32))
    assert not made(8).proves(key.mac(PEPPER), PEPPER)


def test_secrets__do_not_show_in_repr() -> None:
    key = made()
    assert key.secret not in repr(key)
    assert "pppp" not in repr(PEPPER)


def test_pepper__derives_another_key_for_each_purpose_and_refuses_a_short_secret() -> None:
    assert len({PEPPER.derive(purpose) for purpose in ("api-key", "audit", "csrf")}) == 3
    with pytest.raises(ValueError, match="at least 32"):
        keys.Pepper(b"short")


def test_compose__refuses_another_number_of_bytes() -> None:
    with pytest.raises(ValueError, match="5 and 32"):
        keys.compose(id_bytes=b"1234", secret_bytes=bytes(32))


def test_base62__refuses_what_does_not_fit() -> None:
    assert keys.base62(61, length=2) == "0z"
    with pytest.raises(ValueError, match="62"):
        keys.base62(62**2, length=2)


def test_csrf_token__depends_on_session_and_pepper() -> None:
    tokens = {keys.csrf_token(t, p) for t in ("a", "b") for p in (PEPPER, keys.Pepper(b"q" * 32))}
    assert len(tokens) == 4
