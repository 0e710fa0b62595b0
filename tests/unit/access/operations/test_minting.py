"""API keys: who may make them, rotation with overlap, revocation, reach."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from powerdesk.access import tables
from powerdesk.access.operations import accounts, minting
from powerdesk.access.policies import ForbiddenError, SignInRequiredError
from powerdesk.access.queries import audit_log, directory
from powerdesk.access.types import OPERATOR, Channel


def create(house: Any, by: Any, **changes: Any) -> minting.Minted:
    asked = {"name": "robot", "scopes": (Channel.API, Channel.STREAM), "expires_at": None} | changes
    with house.services.change() as unit:
        return minting.create(unit, house.services.act(by), **asked)


def rotate(house: Any, by: Any, key: str, **overlap: float) -> minting.Minted:
    with house.services.change() as unit:
        return minting.rotate(unit, house.services.act(by), key=key, overlap=timedelta(**overlap))


def works(house: Any, minted: minting.Minted) -> bool:
    try:
        house.services.authenticator.key(minted.secret)
    except SignInRequiredError:
        return False
    return True


@pytest.fixture
def ada(house: Any) -> Any:
    house.user("ada", "analyst")
    return house.credential("ada").principal


def test_create__shows_the_secret_once_and_keeps_its_mac(house: Any, ada: Any) -> None:
    minted = create(house, ada)
    assert works(house, minted)
    assert minted.secret not in repr(minted)
    with house.services.records.reader() as reader:
        row = reader.connection.execute(sa.select(tables.api_keys)).one()
        audited = repr(list(audit_log.rows(reader)))
    secret = minted.secret.split("_")[3]
    assert secret not in repr(row)
    assert secret not in audited
    assert len(row.mac) == 32
    assert (minted.key.scopes, minted.key.state, minted.key.owner) == ((Channel.API, Channel.STREAM), "live", ada.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ()},
        {"scopes": (Channel.HUB,)},
        {"scopes": (Channel.API, Channel.COPILOT)},
        {"name": "  "},
        {"name": "x" * 101},
    ],
)
def test_create__refuses_what_no_key_can_be(house: Any, ada: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(minting.BadKeyRequestError):
        create(house, ada, **changes)


def test_create__refuses_an_expiry_that_is_over(house: Any, ada: Any) -> None:
    with pytest.raises(minting.BadKeyRequestError, match="to come"):
        create(house, ada, expires_at=house.clock.now())


def test_create__for_another_needs_a_tenant_admin_who_holds_no_less(house: Any, ada: Any) -> None:
    risky = house.user("rita", "risk")
    weak = house.user("walt", "viewer")
    house.user("boss", "tenant-admin", "viewer")
    boss = house.credential("boss").principal
    assert works(house, create(house, boss, owner=weak.id))
    for by, owner in ((ada, weak.id), (boss, risky.id)):
        with pytest.raises(ForbiddenError):
            create(house, by, owner=owner)


def test_create__for_an_account_of_another_tenant_is_refused(house: Any, ada: Any) -> None:
    other = house.user("olga", tenant="other")
    house.user("boss", "tenant-admin")
    for by in (ada, house.credential("boss").principal):
        with pytest.raises(minting.BadKeyRequestError, match="your tenant"):
            create(house, by, owner=other.id)


def test_create__for_a_service_account_by_the_operator(house: Any) -> None:
    house.tenant("t")
    with house.services.change() as unit:
        accounts.create_service_account(
            unit, house.services.act(OPERATOR), tenant="t", account="svc_1", name="loader", roles=["data-admin"]
        )
    minted = create(house, OPERATOR, owner="svc_1")
    principal = house.services.authenticator.key(minted.secret).principal
    assert (principal.tenant, principal.roles) == ("t", {"data-admin"})
    with pytest.raises(minting.BadKeyRequestError, match="operator"):
        create(house, OPERATOR)


def test_create__is_bounded(house: Any, ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minting, "MOST_KEYS", 2)
    first = create(house, ada)
    create(house, ada)
    with pytest.raises(minting.BadKeyRequestError, match="at most 2"):
        create(house, ada)
    with house.services.change() as unit:
        minting.revoke(unit, house.services.act(ada), key=first.key.id)
    create(house, ada)


def test_rotate__lets_both_keys_work_for_the_overlap(house: Any, ada: Any) -> None:
    old = create(house, ada)
    new = rotate(house, ada, old.key.id, hours=2)
    assert (works(house, old), works(house, new)) == (True, True)
    house.clock.move(hours=2)
    assert (works(house, old), works(house, new)) == (False, True)
    assert (new.key.name, new.key.scopes, new.key.expires_at) == ("robot", old.key.scopes, None)


def test_rotate__without_overlap_ends_the_old_key_at_once(house: Any, ada: Any) -> None:
    old = create(house, ada)
    works(house, old)
    new = rotate(house, ada, old.key.id)
    assert (works(house, old), works(house, new)) == (False, True)


def test_rotate__never_prolongs_the_old_key(house: Any, ada: Any) -> None:
    old = create(house, ada, expires_at=house.clock.now() + timedelta(hours=1))
    rotate(house, ada, old.key.id, hours=10)
    house.clock.move(hours=1)
    assert not works(house, old)


@pytest.mark.parametrize("overlap", [{"days": -1}, {"days": 31}])
def test_rotate__refuses_an_odd_overlap(house: Any, ada: Any, overlap: dict[str, float]) -> None:
    with pytest.raises(minting.BadKeyRequestError, match="overlap"):
        rotate(house, ada, create(house, ada).key.id, **overlap)


def test_rotate__of_a_dead_key_is_refused(house: Any, ada: Any) -> None:
    old = create(house, ada)
    with house.services.change() as unit:
        minting.revoke(unit, house.services.act(ada), key=old.key.id)
        minting.revoke(unit, house.services.act(ada), key=old.key.id)
    with pytest.raises(minting.BadKeyRequestError, match="revoked"):
        rotate(house, ada, old.key.id)


def test_reach__of_a_person_is_their_own_keys(house: Any, ada: Any) -> None:
    mine = create(house, ada)
    house.user("bea")
    bea = house.credential("bea").principal
    with pytest.raises(minting.UnknownKeyError), house.services.change() as unit:
        minting.revoke(unit, house.services.act(bea), key=mine.key.id)
    assert works(house, mine)
    seen = {}
    house.user("boss", "tenant-admin")
    house.user("alien", "tenant-admin", tenant="other")
    with house.services.records.reader() as reader:
        for by in (ada, bea, house.credential("boss").principal, house.credential("alien").principal, OPERATOR):
            seen[by.name] = len(directory.api_keys(reader, principal=by, now=house.clock.now()))
    assert seen == {"ada": 1, "bea": 0, "boss": 1, "alien": 0, OPERATOR.name: 1}
