"""Verdicts: the pilot's matrix, every combination against an oracle, and random policies."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.access import entitlements
from powerdesk.access.types import (
    OPERATOR,
    SYSTEM,
    Allowed,
    Channel,
    Entitlement,
    Grants,
    Missing,
    Principal,
    PrincipalKind,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKETS = ("MISO", "CAISO")
PRODUCTS = ("prices", "load")


def principal(kind: PrincipalKind, channels: frozenset[Channel], *lines: Entitlement) -> Principal:
    return Principal(
        id="p", kind=kind, tenant="t", name="p", channels=channels, grants=Grants(version=1, entitlements=lines)
    )


def session(*lines: Entitlement) -> Principal:
    return principal(PrincipalKind.USER, entitlements.SESSION_CHANNELS, *lines)


def key(*lines: Entitlement, scopes: frozenset[Channel] = entitlements.KEY_SCOPES) -> Principal:
    return principal(PrincipalKind.KEY, scopes, *lines)


def allowed(asking: Principal, market: str, product: str, channel: Channel, at: datetime = NOON) -> bool:
    found = entitlements.verdict(asking, market=market, product=product, channel=channel, at=at)
    return isinstance(found, Allowed)


PILOT = tuple(
    Entitlement(market, "prices", channel)
    for market, channels in (("MISO", ("hub", "api", "download")), ("CAISO", ("hub", "download")))
    for channel in channels
)


@pytest.mark.parametrize("channel", list(Channel))
def test_pilot__session_sees_both_markets_in_the_hub_and_nothing_by_program_channels(channel: Channel) -> None:
    expected = channel in {Channel.HUB, Channel.DOWNLOAD}
    for market in MARKETS:
        assert allowed(session(*PILOT), market, "prices", channel) is expected


@pytest.mark.parametrize("channel", list(Channel))
def test_pilot__key_reads_miso_and_nothing_at_all_of_caiso(channel: Channel) -> None:
    asked_for = channel in entitlements.KEY_SCOPES
    assert allowed(key(*PILOT), "MISO", "prices", channel) is asked_for
    assert not allowed(key(*PILOT), "CAISO", "prices", channel)


@pytest.mark.parametrize("channel", sorted(entitlements.IMPLIED_BY_API))
def test_pilot__listing_a_program_channel_without_api_gives_nothing(channel: Channel) -> None:
    assert not allowed(key(*PILOT, Entitlement("CAISO", "prices", channel.value)), "CAISO", "prices", channel)


def test_copilot__needs_api_and_its_own_grant() -> None:
    everything = frozenset(Channel)
    lines = (Entitlement("MISO", "prices", "api"), Entitlement("MISO", "prices", "copilot"))
    for kept, expected in ((lines, True), (lines[:1], False), (lines[1:], False)):
        asking = principal(PrincipalKind.USER, everything, *kept)
        assert allowed(asking, "MISO", "prices", Channel.COPILOT) is expected


def test_key__acts_only_by_its_scopes() -> None:
    asking = key(Entitlement("*", "*", "*"), scopes=frozenset({Channel.STREAM}))
    assert allowed(asking, "MISO", "prices", Channel.STREAM)
    found = entitlements.verdict(asking, market="MISO", product="prices", channel=Channel.API, at=NOON)
    assert found == Missing("MISO", "prices", Channel.API)
    assert found.why == "this credential does not act by api"


def test_validity__is_half_open() -> None:
    asking = session(Entitlement("MISO", "prices", "hub", valid_from=NOON, valid_to=NOON + HOUR))
    instants = (NOON - timedelta(microseconds=1), NOON, NOON + HOUR - timedelta(microseconds=1), NOON + HOUR)
    assert [allowed(asking, "MISO", "prices", Channel.HUB, at) for at in instants] == [False, True, True, False]


def test_denial__wins_over_every_grant_and_only_while_valid() -> None:
    asking = session(
        Entitlement("*", "*", "*"), Entitlement("MISO", "*", "hub", valid_from=NOON, valid_to=NOON + HOUR, deny=True)
    )
    assert not allowed(asking, "MISO", "prices", Channel.HUB)
    assert allowed(asking, "MISO", "prices", Channel.DOWNLOAD)
    assert allowed(asking, "MISO", "prices", Channel.HUB, NOON + HOUR)


@pytest.mark.parametrize("channel", sorted(entitlements.IMPLIED_BY_API))
def test_denial__of_one_program_channel_leaves_api(channel: Channel) -> None:
    asking = key(Entitlement("*", "*", "api"), Entitlement("*", "*", channel.value, deny=True))
    assert not allowed(asking, "MISO", "prices", channel)
    assert allowed(asking, "MISO", "prices", Channel.API)


def test_default__is_deny() -> None:
    assert not any(allowed(session(), "MISO", "prices", channel) for channel in Channel)


@pytest.mark.parametrize("asking", [SYSTEM, OPERATOR])
def test_house_and_operator__may_read_everything(asking: Principal) -> None:
    assert all(allowed(asking, "MISO", "prices", channel) for channel in Channel)


def test_refused__names_each_missing_tuple_once() -> None:
    lacking = [
        entitlements.missing(key(*PILOT), market="CAISO", product=product, channel=Channel.API, at=NOON)
        for product in ("prices", "load", "prices")
    ]
    error = entitlements.refused([m for m in lacking if m is not None], dataset="markets.prices")
    assert error.status == 403
    assert error.missing == (Missing("CAISO", "prices", Channel.API), Missing("CAISO", "load", Channel.API))
    assert "CAISO prices by api" in error.detail
    assert [finding.pointer for finding in error.findings] == [
        "entitlement/CAISO/prices/api",
        "entitlement/CAISO/load/api",
    ]


def test_matrix__judges_each_channel_as_the_credential_that_carries_it() -> None:
    found = {
        (market, channel)
        for market, _, channel, verdict in entitlements.matrix(
            session(*PILOT), markets=MARKETS, products=("prices",), at=NOON
        )
        if isinstance(verdict, Allowed)
    }
    programs = {Channel.API, *entitlements.IMPLIED_BY_API}
    assert found == {
        *(("MISO", channel) for channel in {*programs, Channel.HUB, Channel.DOWNLOAD}),
        *(("CAISO", channel) for channel in (Channel.HUB, Channel.DOWNLOAD)),
    }


def oracle(asking: Principal, market: str, product: str, channel: Channel, at: datetime) -> bool:
    """Decide by building the set of all granted tuples, minus all denied, then the rules in their own words."""
    universe = set(itertools.product(MARKETS, PRODUCTS, [c.value for c in Channel]))

    def covered(deny: bool) -> set[tuple[str, str, str]]:  # noqa: FBT001 - a question with two answers
        found: set[tuple[str, str, str]] = set()
        for line in asking.grants.entitlements:
            starts = line.valid_from or datetime.min.replace(tzinfo=UTC)
            ends = line.valid_to or datetime.max.replace(tzinfo=UTC)
            if line.deny is deny and starts <= at < ends:
                pattern = (line.market, line.product, line.channel)
                found |= {t for t in universe if all(p in ("*", v) for p, v in zip(pattern, t, strict=True))}
        return found

    granted, denied = covered(deny=False), covered(deny=True)
    has = granted - denied
    api = (market, product, "api") in has
    by_own_grant = (market, product, channel.value) in has
    rides_on_api = channel.value in ("stream", "excel", "graphql", "flight", "sdk")
    if channel not in asking.channels:
        return False
    if rides_on_api:
        return api and (market, product, channel.value) not in denied
    if asking.kind is PrincipalKind.KEY or channel in (Channel.API, Channel.COPILOT):
        return api and by_own_grant
    return by_own_grant


entitlement_lines = st.builds(
    Entitlement,
    market=st.sampled_from(["*", *MARKETS]),
    product=st.sampled_from(["*", *PRODUCTS]),
    channel=st.sampled_from(["*", *(c.value for c in Channel)]),
    valid_from=st.sampled_from([None, NOON - HOUR, NOON, NOON + HOUR]),
    valid_to=st.sampled_from([None, NOON - HOUR, NOON, NOON + HOUR]),
    deny=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(entitlement_lines, max_size=8),
    kind=st.sampled_from([PrincipalKind.USER, PrincipalKind.KEY]),
    channels=st.one_of(
        st.frozensets(st.sampled_from(list(Channel))),
        st.sampled_from([frozenset(Channel), entitlements.KEY_SCOPES, entitlements.SESSION_CHANNELS]),
    ),
)
def test_verdict__agrees_with_the_oracle_on_random_policies(
    lines: list[Entitlement], kind: PrincipalKind, channels: frozenset[Channel]
) -> None:
    asking = principal(kind, channels, *lines)
    for market, product, channel in itertools.product(MARKETS, PRODUCTS, Channel):
        assert allowed(asking, market, product, channel) == oracle(asking, market, product, channel, NOON)


def test_verdict__agrees_with_the_oracle_on_every_set_of_grants_of_one_market() -> None:
    channels = ("hub", "api", "download", "stream", "copilot")
    examined = 0
    for states in itertools.product((None, False, True), repeat=len(channels)):
        lines = [
            Entitlement("MISO", "prices", channel, deny=deny)
            for channel, deny in zip(channels, states, strict=True)
            if deny is not None
        ]
        for kind, channel in itertools.product((PrincipalKind.USER, PrincipalKind.KEY), Channel):
            asking = principal(kind, frozenset(Channel), *lines)
            assert allowed(asking, "MISO", "prices", channel) == oracle(asking, "MISO", "prices", channel, NOON)
            assert not allowed(asking, "CAISO", "prices", channel)
            examined += 1
    assert examined == 3**5 * 2 * 9
