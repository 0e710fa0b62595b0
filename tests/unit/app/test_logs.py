"""Logs: one JSON line an event, and no secret in any of them."""

from __future__ import annotations

import json
import logging
import string
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.access import keys
from powerdesk.app import logs

TOKENS = st.text(string.ascii_letters + string.digits + "-_", min_size=20, max_size=60)
FRAMES = (
    "GET /sign-in/{}",
    "POST /sign-in/{} HTTP/1.1",
    'see "http://localhost:8600/sign-in/{}"',
    "GET /v1/downloads/{}",
    "Cookie: pd_session={}; theme=dark",
    "pd_session={}",
    "Authorization: Bearer {}",
    "authorization=BEARER {}",
    '{{"password": "{}"}}',
    "{{'password': '{}', 'name': 'admin'}}",
    "password={}&name=admin",
    "token: {}",
    '{{"secret":"{}"}}',
    "secret = {}",
    "x-csrf-token: {}",
    "POWERDESK_ACCESS__PEPPER={}",
    "aws_secret_access_key={}",
    "postgresql://desk:{}@db.example:5432/powerdesk refused",
    "redis://:{}@cache",
)


@given(
    secret=TOKENS, frame=st.sampled_from(FRAMES), before=st.text(max_size=9), after=st.sampled_from(["", " ok", "\n"])
)
@settings(max_examples=300)
def test_secrets__are_masked_wherever_they_stand(secret: str, frame: str, before: str, after: str) -> None:
    assert secret not in logs.masked(before + " " + frame.format(secret) + after)


@given(id_bytes=st.binary(min_size=keys.ID_BYTES, max_size=keys.ID_BYTES),
       secret_bytes=st.binary(min_size=keys.SECRET_BYTES, max_size=keys.SECRET_BYTES))  # fmt: skip
@settings(max_examples=100)
def test_keys__keep_four_characters_of_their_id(id_bytes: bytes, secret_bytes: bytes) -> None:
    made = keys.compose(id_bytes=id_bytes, secret_bytes=secret_bytes)
    for text in (made.text, f"key {made.text}.", f"'{made.text}'", f"Authorization: Bearer {made.text}"):
        masked = logs.masked(text)
        assert made.secret not in masked
        assert made.text not in masked
    assert logs.masked(made.text) == f"pd_live_{made.id[:4]}***"


@given(st.text(string.ascii_letters + string.digits + " .,:/-", max_size=60))
@settings(max_examples=100)
def test_other_text__is_left_as_it_is(text: str) -> None:
    plain = not any(
        word in text.lower() for word in ("sign-in/", "downloads/", "bearer", "token", "secret", "password")
    )
    assert not plain or logs.masked(text) == text


@pytest.mark.parametrize("text", ["store ready: 3 batches", "POST /v1/sign-in-links", "a token", "secrets are kept"])
def test_harmless_words__stay(text: str) -> None:
    assert logs.masked(text) == text


def line(record: logging.LogRecord) -> dict[str, str]:
    text = logs.JsonLines().format(record)
    assert "\n" not in text
    found: dict[str, str] = json.loads(text)
    return found


def test_lines__are_json_and_masked() -> None:
    record = logging.LogRecord("powerdesk.app", logging.INFO, __file__, 1, "token=%s\nnext", ("hidden-hidden",), None)
    found = line(record)
    assert (found["level"], found["logger"]) == ("info", "powerdesk.app")
    assert found["message"] == "token=***\nnext"
    assert found["at"].endswith("Z")


def test_exceptions__are_masked_too() -> None:
    try:
        int("password='correct horse'")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    found = line(record)
    assert "ValueError" in found["exception"]
    assert "horse" not in found["exception"]
