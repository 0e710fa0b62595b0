"""Location ids read back as written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.kernel.locations import LocationError, LocationId

markets = st.from_regex(r"[A-Z][A-Z0-9]{0,15}", fullmatch=True)
names = st.text(min_size=1, max_size=128).filter(lambda text: text.isprintable() and text == text.strip())


@given(market=markets, name=names)
def test_location_id__text_form_round_trips(market: str, name: str) -> None:
    location = LocationId(market, name)
    assert LocationId.parse(str(location)) == location


@pytest.mark.parametrize("text", ["NYISO:N.Y.C.", "CAISO:TH_NP15_GEN-APND", "ISONE:UN.EDDY    34.5AMOS", "SIM:A:B"])
def test_location_id__splits_at_the_first_colon(text: str) -> None:
    location = LocationId.parse(text)
    assert str(location) == text
    assert ":" not in location.market


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("N.Y.C.", "colon"),
        ("", "colon"),
        ("nyiso:N.Y.C.", "did you mean NYISO"),
        (" NYISO:N.Y.C.", "did you mean NYISO"),
        ("NY ISO:N.Y.C.", "for example"),
        ("1SO:X", "for example"),
        (":X", "for example"),
        ("NYISO:", "trimmed"),
        ("NYISO: N.Y.C.", "trimmed"),
        ("NYISO:N.Y.C.\n", "trimmed"),
        ("NYISO:N\x00", "trimmed"),
        ("NYISO:" + "x" * 129, "trimmed"),
    ],
)
def test_location_id__refuses_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(LocationError, match=hint):
        LocationId.parse(text)
