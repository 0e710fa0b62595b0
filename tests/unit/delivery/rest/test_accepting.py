"""A client gets the form that it weighs most, or is told that there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.delivery.rest import accepting, encoding

OFFERED = tuple(encoding.ACCEPTED)
JSON, CSV, ARROW, PARQUET = OFFERED
WEIGHTS = ("0", "0.0", "0.001", "0.5", "0.75", "1", "1.000")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("TEXT/CSV", CSV),
        ("text/csv;q=0.1, application/json;q=0.9", JSON),
        (f"{ARROW};q=0.5,text/csv;q=0.6", CSV),
        (f"{PARQUET};q=0.9, text/html", PARQUET),
        ("text/csv, */*", CSV),
        ("*/*, text/csv", JSON),
        ("*/*;q=0.1, text/csv;q=0.2", CSV),
        ("text/csv;q=0, */*", JSON),
        ("application/json;q=0, */*", CSV),
        (f"application/json;q=0, application/*;q=0.5, {CSV};q=0.4", ARROW),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("text/csv; charset=utf-8; q=0.3, application/json; q=0.2", CSV),
        ("application/json;q=2, text/csv;q=0.5", CSV),
        ("nonsense", JSON),
        ("text/csv;q=abc", JSON),
    ],
)
def test_accept__takes_what_weighs_most_by_the_narrowest_range(accept: str, kind: str) -> None:
    assert accepting.chosen(accept, offered=OFFERED) == kind


@pytest.mark.parametrize("accept", ["image/png", "text/html", "text/csv;q=0", "*/*;q=0", "application/json;q=0.000"])
def test_accept__of_nothing_offered_is_refused_with_what_there_is(accept: str) -> None:
    with pytest.raises(accepting.NotAcceptableError) as caught:
        accepting.chosen(accept, offered=OFFERED)
    assert (caught.value.status, caught.value.allowed) == (406, ", ".join(OFFERED))


@given(st.dictionaries(st.sampled_from((*OFFERED, "*/*", "image/png")), st.sampled_from(WEIGHTS), min_size=1))
def test_accept__gives_no_form_that_weighs_less_than_another(weights: dict[str, str]) -> None:
    """Weighed a second time, plainly."""
    weighed = {kind: float(weights.get(kind, weights.get("*/*", "0"))) for kind in OFFERED}
    header = ", ".join(f"{kind};q={weight}" for kind, weight in weights.items())
    if not any(weighed.values()):
        with pytest.raises(accepting.NotAcceptableError):
            accepting.chosen(header, offered=OFFERED)
        return
    assert weighed[accepting.chosen(header, offered=OFFERED)] == max(weighed.values())
