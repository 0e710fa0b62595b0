"""Credentials from memory: use, expiry, revocation at once, and the word to open sockets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from powerdesk.access import authenticator as authentication
from powerdesk.access import keys
from powerdesk.access.operations import accounts, entitling, minting, services, signing_in
from powerdesk.access.policies import SignInRequiredError
from powerdesk.access.queries import credentials, directory
from powerdesk.access.types import OPERATOR, SYSTEM, Channel, Entitlement, PrincipalKind

READ = (("MISO", "prices", "hub"), ("MISO", "prices", "api"))


def key_for(house: Any, user: Any, *scopes: Channel, expires_in: timedelta | None = None) -> minting.Minted:
    act = house.services.act(OPERATOR)
    with house.services.change() as unit:
        return minting.create(
            unit,
            act,
            name="robot",
            scopes=scopes or (Channel.API,),
            expires_at=None if expires_in is None else act.at + expires_in,
            owner=user.id,
        )


@pytest.fixture
def ada(house: Any) -> Any:
    house.tenant("t", *READ)
    return house.user("ada", "analyst")


def test_session__stands_for_its_person(house: Any, ada: Any) -> None:
    credential = house.credential("ada")
    principal = credential.principal
    assert (principal.id, principal.kind, principal.tenant, principal.name) == (ada.id, PrincipalKind.USER, "t", "ada")
    assert principal.roles == {"analyst"}
    assert principal.channels == {Channel.HUB, Channel.DOWNLOAD}
    assert [(e.market, e.product, e.channel) for e in principal.grants.entitlements] == list(READ)
    assert principal.session == credential.id


def test_key__stands_for_its_owner_by_its_scopes(house: Any, ada: Any) -> None:
    minted = key_for(house, ada, Channel.API, Channel.STREAM)
    principal = house.services.authenticator.key(minted.secret).principal
    assert (principal.id, principal.kind, principal.tenant) == (f"key:{minted.key.id}", PrincipalKind.KEY, "t")
    assert principal.channels == {Channel.API, Channel.STREAM}
    assert principal.roles == {"analyst"}


def test_known_credential__costs_no_read(house: Any, ada: Any) -> None:
    minted = key_for(house, ada)
    house.services.authenticator.key(minted.secret)
    opened = 0
    genuine = house.services.records.reader

    class Counting:
        def reader(self) -> Any:
            nonlocal opened
            opened += 1
            return genuine()

    lookup = services.RecordsLookup(Counting(), house.clock, house.services.pepper)  # type: ignore[arg-type]  # reads only
    fresh = authentication.Authenticator(lookup, clock=house.clock)
    fresh.key(minted.secret)
    before = opened
    for _ in range(100):
        fresh.key(minted.secret)
    assert opened == before


def test_unknown_session_and_unknown_key__are_refused(house: Any) -> None:
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session("made up")
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.key(keys.compose(id_bytes=bytes(5), secret_bytes=bytes(32)).text)


def test_mistyped_key__costs_no_read(house: Any, ada: Any) -> None:
    text = key_for(house, ada).secret
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    with pytest.raises(keys.BadKeyError):
        credentials.principal_of_key(object(), text=wrong, pepper=house.services.pepper, now=house.clock.now())  # type: ignore[arg-type]  # nothing to read from


def test_key_with_another_secret__is_refused(house: Any, ada: Any) -> None:
    minted = key_for(house, ada)
    forged = keys.KeyText(id=minted.key.id, secret="0" * 43).text
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.key(forged)


def test_revoked_key__is_refused_at_once_and_its_streams_hear(house: Any, ada: Any) -> None:
    minted = key_for(house, ada)
    principal = house.services.authenticator.key(minted.secret).principal
    heard: list[int] = []
    house.services.authenticator.on_change(heard.append)
    assert house.services.authenticator.still_valid(principal)
    with house.services.change() as unit:
        minting.revoke(unit, house.services.act(OPERATOR), key=minted.key.id)
    assert len(heard) == 1
    assert not house.services.authenticator.still_valid(principal)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.key(minted.secret)


def test_expired_key__is_refused_though_known(house: Any, ada: Any) -> None:
    minted = key_for(house, ada, expires_in=timedelta(hours=1))
    principal = house.services.authenticator.key(minted.secret).principal
    house.clock.move(minutes=59, seconds=59)
    assert house.services.authenticator.still_valid(principal)
    house.services.authenticator.key(minted.secret)
    house.clock.move(seconds=1)
    assert not house.services.authenticator.still_valid(principal)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.key(minted.secret)


@pytest.mark.usefixtures("ada")
def test_session__ends_when_idle_for_12_hours(house: Any) -> None:
    token = house.sign_in("ada").token
    for _ in range(3):
        house.clock.move(hours=11, minutes=59)
        house.services.authenticator.session(token)
    house.clock.move(hours=12)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session(token)


@pytest.mark.usefixtures("ada")
def test_session__ends_after_7_days_however_busy(house: Any) -> None:
    token = house.sign_in("ada").token
    for _ in range(27):
        house.clock.move(hours=6)
        house.services.authenticator.session(token)
    house.clock.move(hours=6)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session(token)


def test_last_use__is_flushed_and_outlives_a_restart(house: Any, ada: Any) -> None:
    token = house.sign_in("ada").token
    minted = key_for(house, ada)
    house.clock.move(hours=11)
    house.services.authenticator.session(token)
    house.services.authenticator.key(minted.secret)
    assert services.flush_usage(house.services) >= 2
    assert services.flush_usage(house.services) == 0
    house.clock.move(hours=11)
    lookup = services.RecordsLookup(house.services.records, house.clock, house.services.pepper)
    after_restart = authentication.Authenticator(lookup, clock=house.clock)
    assert after_restart.session(token).principal.id == ada.id
    with house.services.records.reader() as reader:
        (key,) = directory.api_keys(reader, principal=OPERATOR, now=house.clock.now())
    assert key.last_used_at == house.clock.now() - timedelta(hours=11)


def test_change_of_another_process__is_seen_within_the_poll(house: Any, ada: Any) -> None:
    minted = key_for(house, ada)
    lookup = services.RecordsLookup(house.services.records, house.clock, house.services.pepper)
    other = authentication.Authenticator(lookup, clock=house.clock)
    principal = other.key(minted.secret).principal
    heard: list[int] = []
    other.on_change(heard.append)
    with house.services.change() as unit:
        minting.revoke(unit, house.services.act(OPERATOR), key=minted.key.id)
    house.clock.move(seconds=authentication.POLL_S)
    other.poll()
    assert len(heard) == 1
    assert not other.still_valid(principal)
    assert authentication.POLL_S < 1


@pytest.mark.usefixtures("ada")
def test_changed_entitlements__reach_sessions_at_once(house: Any) -> None:
    token = house.sign_in("ada").token
    before = house.services.authenticator.session(token).principal
    with house.services.change() as unit:
        entitling.replace(
            unit, house.services.act(OPERATOR), tenant="t", grants=[Entitlement("CAISO", "prices", "hub")]
        )
    assert not house.services.authenticator.still_valid(before)
    renewed = house.services.authenticator.renew(before)
    assert [e.market for e in renewed.grants.entitlements] == ["CAISO"]
    assert house.services.authenticator.session(token).principal.grants == renewed.grants


@pytest.mark.usefixtures("ada")
def test_change_elsewhere__leaves_others_valid(house: Any) -> None:
    principal = house.credential("ada").principal
    house.tenant("unrelated", ("*", "*", "*"))
    assert house.services.authenticator.still_valid(principal)


def test_disabled_owner__ends_sessions_and_keys(house: Any, ada: Any) -> None:
    token, minted = house.sign_in("ada").token, key_for(house, ada)
    with house.services.change() as unit:
        accounts.disable_user(unit, house.services.act(OPERATOR), user=ada.id)
    for prove, text in (
        (house.services.authenticator.session, token),
        (house.services.authenticator.key, minted.secret),
    ):
        with pytest.raises(SignInRequiredError):
            prove(text)


def test_on_change__can_be_undone(house: Any, ada: Any) -> None:
    heard: list[int] = []
    undo = house.services.authenticator.on_change(heard.append)
    undo()
    key_for(house, ada)
    assert heard == []


@pytest.mark.parametrize("principal", [OPERATOR, SYSTEM])
def test_owners__are_always_valid(house: Any, principal: Any) -> None:
    assert house.services.authenticator.still_valid(principal)
    assert house.services.authenticator.renew(principal) is principal


@pytest.mark.usefixtures("ada")
def test_memory__is_bounded(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "MAX_CREDENTIALS", 2)
    tokens = [house.sign_in("ada").token for _ in range(4)]
    for token in tokens:
        house.services.authenticator.renew(house.services.authenticator.session(token).principal)
    assert len(house.services.authenticator._known) == 2


@pytest.mark.usefixtures("ada")
def test_ended_session__is_refused_at_once(house: Any) -> None:
    opened = house.sign_in("ada")
    principal = house.services.authenticator.session(opened.token).principal
    with house.services.change() as unit:
        signing_in.end_session(unit, house.services.act(principal), session=opened.session)
    assert not house.services.authenticator.still_valid(principal)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session(opened.token)
