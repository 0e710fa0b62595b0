"""Whatever a query string says, it is understood or every fault is named; nothing else happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.delivery.rest import accepting, encoding, parameters
from powerdesk.markets.datasets import PRICES

DAY = timedelta(days=1)
NAMES = st.sampled_from([*parameters.COMMON, "market", "location", "interval_start", "colour", ""])
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["2026-11-03T08:00:00Z", "2026-11-03T08:00:00 01:00", "0001-01-01T00:00:00+14:00", "1", "٣", "-1",
                     "9" * 30, "true", "asc", "csv", "NaN", "published", "CAISO,NYISO", ",", "\x00"]),
)  # fmt: skip


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.text(max_size=20), st.booleans())
@settings(max_examples=300)
def test_any_query__is_understood_or_refused_by_name(
    pairs: list[tuple[str, str]],
    accept: str,
    display_only: bool,  # noqa: FBT001 - hypothesis gives it by place
) -> None:
    given_names = {name for name, _ in pairs}
    try:
        asked = parameters.read(PRICES, pairs, accept=accept, display_only=display_only)
    except accepting.NotAcceptableError:
        assert "/" in accept
        return
    except parameters.BadParametersError as error:
        named = {finding.pointer for finding in error.findings}
    else:
        named = set()
        assert asked.request.limit is not None
        assert 1 <= asked.request.limit <= (parameters.DISPLAY_LIMIT if display_only else parameters.BULK_LIMIT)
        assert not display_only or asked.format in encoding.JSON_FORMATS
        assert given_names <= {*parameters.COMMON, "market", "location", "interval_start"}
    assert named <= given_names | {"end"}


def read(**values: str) -> parameters.Asked:
    return parameters.read(PRICES, list(values.items()), accept="", display_only=False)


@given(st.timedeltas(min_value=-DAY, max_value=DAY))
def test_as_of__is_refused_where_nobody_can_know_it_yet(ahead: timedelta) -> None:
    now = datetime(2026, 11, 3, 20, tzinfo=UTC)
    pairs = [("as_of", (now + ahead).isoformat()), ("limit", "x")]
    with pytest.raises(parameters.BadParametersError) as refused:  # every fault is told at once
        parameters.read(PRICES, pairs, accept="", display_only=False, now=now)
    told = {finding.pointer: finding for finding in refused.value.findings}
    assert ("as_of" in told) is (ahead > parameters.CLOCKS_APART)
    if "as_of" in told:
        assert "2026-11-03T20:00:00Z" in told["as_of"].allowed
    else:
        asked = parameters.read(PRICES, pairs[:1], accept="", display_only=False, now=now)
        assert asked.as_of == now + ahead


def test_a_plus_that_came_as_a_space__is_an_offset() -> None:
    assert read(start="2026-11-03T08:00:00 01:00").request.start == datetime(2026, 11, 3, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"market": "A,B"}, {"market": "B,A"}, True),
        ({"limit": "1"}, {"limit": "2"}, True),
        ({"format": "csv"}, {}, True),
        ({"market": "A"}, {"market": "B"}, False),
        ({"order": "desc"}, {}, False),
        ({"as_of": "2026-11-03T08:00:00Z"}, {}, False),
        ({"commit": "3"}, {"commit": "4"}, False),
        ({"knowledge": "received"}, {}, False),
        ({"allow_partial": "true"}, {}, False),
        ({"columns": "price_per_mwh"}, {}, False),
        ({"source": "sim"}, {}, False),
    ],
)
def test_the_identity_of_a_query__is_what_chooses_its_rows(
    one: dict[str, str], other: dict[str, str], *, same: bool
) -> None:
    assert (read(**one).canonical == read(**other).canonical) is same


def test_a_quoted_value__keeps_its_comma() -> None:
    within = parameters.read(PRICES, [("location", '"A, B",C'), ("location", "D")], accept="", display_only=False)
    assert dict(within.request.within)["location"] == ("A, B", "C", "D")
