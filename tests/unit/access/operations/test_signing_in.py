"""Signing in and the attacks on it: guessing, enumeration, fixation, replay, races."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from powerdesk.access import keys, passwords, tables
from powerdesk.access.operations import accounts, signing_in
from powerdesk.access.policies import ForbiddenError, SignInRequiredError
from powerdesk.access.queries import audit_log, credentials, directory
from powerdesk.access.types import OPERATOR
from servers.waiting import PATIENCE_S

PASSWORD = "seven brown otters"


def wrong(house: Any, name: str = "ada", address: str = "10.0.0.1", password: str = "wrong") -> float | None:  # noqa: S107 - a made-up one
    with pytest.raises(signing_in.SignInFailedError) as caught:
        house.sign_in(name, password, address)
    waits: float | None = caught.value.retry_after_s
    return waits


def test_sign_in__opens_a_session_under_a_token_that_is_kept_only_as_hash(house: Any) -> None:
    house.user("ada")
    opened = house.sign_in("ADA")
    with house.services.records.reader() as reader:
        row = reader.connection.execute(sa.select(tables.sessions).where(tables.sessions.c.id == opened.session)).one()
    assert len(opened.token) >= 43
    assert row.token_hash == keys.token_hash(opened.token)
    assert opened.token.encode() not in b"".join(str(value).encode() for value in row)
    assert opened.token not in repr(opened)


def test_unknown_name_and_wrong_password__do_equal_work_and_tell_the_same(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.user("ada")
    house.user("bea", password=None)
    proofs: list[bool] = []
    units = 0
    genuine_prove, genuine_unit = house.services.identity.prove, house.services.records.unit

    def prove(verifier: str | None, password: str) -> bool:
        proofs.append(verifier is None)
        return bool(genuine_prove(verifier, password))

    def unit() -> Any:
        nonlocal units
        units += 1
        return genuine_unit()

    monkeypatch.setattr(house.services.identity, "prove", prove)
    monkeypatch.setattr(house.services.records, "unit", unit)
    told = set()
    work = []
    for number, name in enumerate(("ada", "bea", "nobody", "x" * 5_000)):
        units = 0
        with pytest.raises(signing_in.SignInFailedError) as caught:
            house.sign_in(name, "wrong", f"10.0.0.{number}")
        told.add((caught.value.detail, caught.value.status, caught.value.retry_after_s))
        work.append(units)
    assert len(told) == 1
    assert proofs == [False, True, True, True]
    assert work == [1, 1, 1, 1]


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_guessing__waits_longer_and_longer_whether_or_not_the_name_exists(house: Any, name: str) -> None:
    house.user("ada")
    assert [wrong(house, name) for _ in range(4)] == [None] * 4
    assert wrong(house, name) == 2
    assert wrong(house, name) == 2  # not looked at, so not counted
    house.clock.move(seconds=2)
    assert wrong(house, name) == 4
    house.clock.move(seconds=4)
    assert wrong(house, name) == 8


def test_guessing__locked_refuses_even_the_right_password_without_looking(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.user("ada")
    for _ in range(5):
        wrong(house)

    def prove(_verifier: str | None, _password: str) -> bool:
        raise AssertionError("a password was looked at while locked")

    with monkeypatch.context() as patched:
        patched.setattr(house.services.identity, "prove", prove)
        assert wrong(house, password=PASSWORD) == 2
    house.clock.move(seconds=2)
    assert house.sign_in("ada").token


def test_guessing__from_one_address_does_not_lock_the_owner_elsewhere(house: Any) -> None:
    house.user("ada")
    for _ in range(8):
        wrong(house, address="10.6.6.6")
        house.clock.move(hours=1)
    assert house.sign_in("ada", address="10.0.0.7").token


def test_guessing__many_names_from_one_address_locks_the_address(house: Any) -> None:
    for number in range(passwords.BY_ADDRESS.free):
        assert wrong(house, name=f"user{number}") is None
    assert wrong(house, name="one more") == 2
    assert wrong(house, name="another") == 2


def test_guessing__one_name_from_many_addresses_waits_at_most_a_minute(house: Any) -> None:
    house.user("ada")
    waits = []
    for number in range(passwords.BY_NAME.free + 12):
        waits.append(wrong(house, address=f"10.1.{number // 250}.{number % 250}") or 0)
        house.clock.move(seconds=waits[-1])
    assert max(waits) == passwords.BY_NAME.longest_s
    house.sign_in("ada")


def test_guessing__from_everywhere_keeps_nobody_out_of_where_they_signed_in_before(house: Any) -> None:
    house.user("ada")
    house.sign_in("ada", address="10.0.0.7")
    for number in range(passwords.BY_NAME.free + 12):
        house.clock.move(seconds=wrong(house, address=f"10.1.{number // 250}.{number % 250}") or 0)
    assert wrong(house, address="10.2.0.1") == passwords.BY_NAME.longest_s
    assert wrong(house, address="10.2.0.2", password=PASSWORD) == passwords.BY_NAME.longest_s
    assert house.sign_in("ada", address="10.0.0.7").token


def test_a_password_typed_as_a_name__is_kept_nowhere(house: Any) -> None:
    house.user("ada")
    wrong(house, name=PASSWORD)
    wrong(house, name="ADA")
    with house.services.records.reader() as reader:
        failed = [row.target for row in audit_log.rows(reader) if row.outcome == "failed"]
        subjects = reader.connection.execute(sa.select(tables.sign_in_failures.c.subject)).scalars().all()
    assert failed == [signing_in.NO_NAME, "ada"]
    assert not any(word in subject for subject in subjects for word in ("otters", "ada"))


def test_guessing__side_by_side_gains_nothing(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.user("ada")
    attempts = 12
    meet = threading.Barrier(attempts)
    outcomes: list[str] = []
    genuine = house.services.identity.prove

    def prove(verifier: str | None, password: str) -> bool:
        found = bool(genuine(verifier, password))
        meet.wait(timeout=PATIENCE_S)  # everybody has passed the first check of the lock
        if password == PASSWORD:
            late.wait(timeout=PATIENCE_S)
        return found

    late = threading.Event()
    monkeypatch.setattr(house.services.identity, "prove", prove)

    def attempt(password: str) -> None:
        try:
            house.sign_in("ada", password)
            outcomes.append("in")
        except signing_in.SignInFailedError:
            outcomes.append("refused")

    guesses = [threading.Thread(target=attempt, args=(f"guess {n}",)) for n in range(attempts - 1)]
    lucky = threading.Thread(target=attempt, args=(PASSWORD,))
    for thread in (*guesses, lucky):
        thread.start()
    for thread in guesses:
        thread.join()
    late.set()
    lucky.join()
    assert outcomes == ["refused"] * attempts


def test_success__forgets_the_failures_of_the_name(house: Any) -> None:
    house.user("ada")
    for _ in range(4):
        wrong(house)
    house.sign_in("ada")
    assert [wrong(house) for _ in range(4)] == [None] * 4


def test_failures__are_forgotten_after_a_day(house: Any) -> None:
    house.user("ada")
    for _ in range(5):
        wrong(house)
    house.clock.move(days=1, seconds=1)
    assert wrong(house) is None


def test_unlock__lets_the_owner_in_again(house: Any) -> None:
    view = house.user("ada")
    for _ in range(5):
        wrong(house)
    with house.services.change() as unit:
        accounts.unlock_user(unit, house.services.act(OPERATOR), user=view.id)
    assert house.sign_in("ada").token


def test_disabled_user__cannot_sign_in(house: Any) -> None:
    view = house.user("ada")
    with house.services.change() as unit:
        accounts.disable_user(unit, house.services.act(OPERATOR), user=view.id)
    assert wrong(house, password=PASSWORD) is None
    with house.services.change() as unit:
        accounts.enable_user(unit, house.services.act(OPERATOR), user=view.id)
    assert house.sign_in("ada").token


def test_fixation__a_planted_cookie_never_becomes_a_session(house: Any) -> None:
    house.user("ada")
    visitor = signing_in.Visitor(address="10.0.0.1", old_token="planted by somebody")
    opened = signing_in.sign_in(house.services, name="ada", password=PASSWORD, visitor=visitor)
    assert opened.token != "planted by somebody"
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session("planted by somebody")


def test_fixation__signing_in_ends_the_session_of_the_old_cookie(house: Any) -> None:
    house.user("ada")
    old = house.sign_in("ada").token
    house.services.authenticator.session(old)
    visitor = signing_in.Visitor(address="10.0.0.1", old_token=old)
    fresh = signing_in.sign_in(house.services, name="ada", password=PASSWORD, visitor=visitor)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session(old)
    assert house.services.authenticator.session(fresh.token).principal.name == "ada"


def open_link(house: Any, code: str) -> signing_in.Opened:
    return signing_in.open_link(house.services, code=code, visitor=signing_in.Visitor(address="10.0.0.1"))


def test_link__works_once(house: Any) -> None:
    code = house.link(house.user("ada").id)
    open_link(house, code)
    with pytest.raises(signing_in.LinkUsedError):
        open_link(house, code)


def test_link__used_by_many_at_once_lets_one_in(house: Any) -> None:
    code = house.link(house.user("ada").id)
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def attempt() -> None:
        start.wait(timeout=PATIENCE_S)
        try:
            open_link(house, code)
            outcomes.append("in")
        except signing_in.LinkUsedError:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", *["refused"] * 5]


def test_link__is_over_after_15_minutes(house: Any) -> None:
    user = house.user("ada").id
    code, late = house.link(user), house.link(user)
    house.clock.move(minutes=14, seconds=59)
    open_link(house, code)
    house.clock.move(seconds=1)
    with pytest.raises(signing_in.LinkUsedError):
        open_link(house, late)


@pytest.mark.parametrize("code", ["", "made up", "x" * 10_000])
def test_link__made_up_is_refused(house: Any, code: str) -> None:
    with pytest.raises(signing_in.LinkUsedError):
        open_link(house, code)


def test_link__of_a_disabled_user_is_refused(house: Any) -> None:
    view = house.user("ada")
    with house.services.change() as unit:
        accounts.disable_user(unit, house.services.act(OPERATOR), user=view.id)
    with house.services.change() as unit:
        code = signing_in.create_link(unit, house.services.act(OPERATOR), user=view.id)
    with pytest.raises(signing_in.LinkUsedError):
        open_link(house, code)


def test_link__is_kept_only_as_hash(house: Any) -> None:
    code = house.link(house.user("ada").id)
    with house.services.records.reader() as reader:
        rows = reader.connection.execute(sa.select(tables.one_time_links)).all()
    assert keys.token_hash(code) in {row.code_hash for row in rows}
    assert code not in repr(rows)


def test_link__for_another_needs_an_administrator(house: Any) -> None:
    ada = house.user("ada")
    house.user("bea")
    bea = house.credential("bea").principal
    with pytest.raises(ForbiddenError), house.services.change() as unit:
        signing_in.create_link(unit, house.services.act(bea), user=ada.id)


def test_set_password__needs_the_old_one_except_once_after_a_link(house: Any) -> None:
    view = house.user("ada", password=None)
    by_link = house.by_link(view.id)
    signing_in.set_password(house.services, by_link, current=None, new=PASSWORD)
    again = house.services.authenticator.renew(by_link.principal)
    assert again.id == view.id
    with house.services.records.reader() as reader:
        credential = credentials.session_by_id(reader, session=by_link.id, now=house.clock.now())
    assert not credential.by_link
    with pytest.raises(signing_in.WrongPasswordError):
        signing_in.set_password(house.services, credential, current=None, new="nine green herons")
    signing_in.set_password(house.services, credential, current=PASSWORD, new="nine green herons")
    assert house.sign_in("ada", "nine green herons").token


def test_set_password__ends_the_other_sessions(house: Any) -> None:
    house.user("ada")
    other, mine = house.sign_in("ada").token, house.credential("ada")
    signing_in.set_password(house.services, mine, current=PASSWORD, new="nine green herons")
    assert house.services.authenticator.still_valid(mine.principal)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session(other)


def test_set_password__by_a_thief_whose_session_is_taken_away_meanwhile_changes_nothing(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = house.user("ada")
    stolen = house.credential("ada")
    genuine = house.services.identity.enroll

    def enroll(password: str) -> str:
        with house.services.change() as unit:
            accounts.forget_password(unit, house.services.act(OPERATOR), user=view.id)
        return str(genuine(password))

    with monkeypatch.context() as patched:
        patched.setattr(house.services.identity, "enroll", enroll)
        with pytest.raises(SignInRequiredError, match="meanwhile"):
            signing_in.set_password(house.services, stolen, current=PASSWORD, new="eight green herons")
    wrong(house, password="eight green herons")


def test_set_password__guessing_the_old_one_is_locked_too(house: Any) -> None:
    house.user("ada")
    mine = house.credential("ada")
    for _ in range(5):
        with pytest.raises(signing_in.WrongPasswordError):
            signing_in.set_password(house.services, mine, current="guess", new="nine green herons")
    with pytest.raises(signing_in.SignInFailedError) as caught:
        signing_in.set_password(house.services, mine, current=PASSWORD, new="nine green herons")
    assert caught.value.retry_after_s == 2


def test_set_password__refuses_a_weak_one(house: Any) -> None:
    house.user("ada")
    with pytest.raises(passwords.WeakPasswordError):
        signing_in.set_password(house.services, house.credential("ada"), current=PASSWORD, new="short")


def test_verifier__is_renewed_at_sign_in_when_parameters_rose(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.user("ada")
    with house.services.records.reader() as reader:
        before = directory.user_by_name(reader, name="ada")
    monkeypatch.setattr(house.services.identity, "outdated", lambda _: True)
    house.sign_in("ada")
    with house.services.records.reader() as reader:
        after = directory.user_by_name(reader, name="ada")
    assert before is not None
    assert after is not None
    assert after.verifier != before.verifier
    monkeypatch.undo()
    assert house.sign_in("ada").token


def test_sessions__of_a_person_are_bounded(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_in, "MOST_SESSIONS", 3)
    house.user("ada")
    tokens = []
    for _ in range(5):
        house.clock.move(seconds=1)
        tokens.append(house.sign_in("ada").token)
    live = 0
    for token in tokens:
        try:
            house.services.authenticator.session(token)
            live += 1
        except SignInRequiredError:
            assert live == 0
    assert live == 3


def test_end_session__of_another_person_is_unknown(house: Any) -> None:
    house.user("ada")
    house.user("bea")
    ada, bea = house.sign_in("ada"), house.credential("bea").principal
    with pytest.raises(signing_in.UnknownSessionError), house.services.change() as unit:
        signing_in.end_session(unit, house.services.act(bea), session=ada.session)


@pytest.mark.parametrize(("tenant", "reached"), [("t", True), ("other", False)])
def test_end_session__by_a_tenant_admin_stays_in_the_tenant(house: Any, tenant: str, reached: bool) -> None:  # noqa: FBT001 - a case
    house.user("ada")
    house.user("boss", "tenant-admin", tenant=tenant)
    ada, boss = house.sign_in("ada"), house.credential("boss").principal
    if reached:
        with house.services.change() as unit:
            signing_in.end_session(unit, house.services.act(boss), session=ada.session)
    else:
        with pytest.raises(signing_in.UnknownSessionError), house.services.change() as unit:
            signing_in.end_session(unit, house.services.act(boss), session=ada.session)


def test_every_try__is_audited_without_the_password(house: Any) -> None:
    house.user("ada")
    wrong(house, password="a wrong secret")
    house.sign_in("ada")
    with house.services.records.reader() as reader:
        rows = [row for row in audit_log.rows(reader) if row.action == "session.open"]
    assert [row.outcome for row in rows] == ["done", "failed", "done"]
    assert "a wrong secret" not in repr(rows)
    assert PASSWORD not in repr(rows)
