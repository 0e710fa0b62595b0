"""Sessions: opened by password or one-time link, ended, and the waiting after wrong passwords."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa

from powerdesk.access import audit, keys, passwords, tables
from powerdesk.access.operations import accounts, auditing
from powerdesk.access.policies import SignInRequiredError
from powerdesk.access.queries import credentials, directory
from powerdesk.access.types import Principal, PrincipalKind
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from powerdesk.access.operations.auditing import Act
    from powerdesk.access.operations.services import AccessServices
    from powerdesk.access.queries.directory import UserView
    from powerdesk.access.types import Credential
    from powerdesk.engines.ports.records import Reader, Unit

LINK_VALID = timedelta(minutes=15)
MOST_SESSIONS = 50
KEEP_ENDED = timedelta(days=30)
TOKEN_BYTES = 32
NO_NAME = "(no account's name)"
"""What the log says of a name that is none: it may be a password typed into the wrong field."""
NOBODY = Principal(id="nobody", kind=PrincipalKind.USER, tenant="-", name="nobody")


class SignInFailedError(Problem):
    """Wrong name or wrong password: which of the two is never told. With `retry_after_s`: wait first."""

    status: ClassVar[int] = 401
    slug: ClassVar[str] = "sign-in-failed"
    title: ClassVar[str] = "Signing in failed"


class LinkUsedError(Problem):
    """A one-time link that is unknown, used or too old."""

    status: ClassVar[int] = 410
    slug: ClassVar[str] = "link-used"
    title: ClassVar[str] = "This link no longer works"


class UnknownSessionError(Problem):
    """No such session within the caller's reach."""

    status: ClassVar[int] = 404
    slug: ClassVar[str] = "unknown-session"
    title: ClassVar[str] = "No such session"


class WrongPasswordError(Problem):
    """The present password does not match."""

    status: ClassVar[int] = 403
    slug: ClassVar[str] = "wrong-password"
    title: ClassVar[str] = "The present password is not right"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a sign-in comes from: network address, program, the cookie it already carried, the request."""

    address: str
    agent: str = ""
    old_token: str | None = field(default=None, repr=False)
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session; the token goes into the cookie and nowhere else."""

    session: str
    token: str = field(repr=False)
    expires_at: datetime


def sign_in(services: AccessServices, *, name: str, password: str, visitor: Visitor) -> Opened:
    """Prove name and password and open a session under a fresh token; the session of an old cookie ends.

    Unknown names, accounts without a password and wrong passwords take the same path and the same work.
    SignInFailedError otherwise, with `retry_after_s` while the name, the address or both together must wait.
    """
    act = services.act(NOBODY, request_id=visitor.request_id)
    with services.records.reader() as reader:
        view = directory.user_by_name(reader, name=name)
        subjects = _subjects(services.pepper, name, visitor.address)
        if _was_here(reader, user="" if view is None else view.id, address=visitor.address):
            # Guesses from elsewhere, however many, must not keep the owner out of where they sign in from.
            subjects = {subject: rule for subject, rule in subjects.items() if rule is not passwords.BY_NAME}
        _check_wait(reader, subjects, at=act.at)
    usable = view is not None and view.disabled_at is None and len(password) <= passwords.LONGEST
    verifier = view.verifier if view is not None and usable else None
    proven = services.identity.prove(verifier, password[: passwords.LONGEST])
    if view is None or not proven:
        raise _failed(services, act, name=name, address=visitor.address)
    renewed = services.identity.enroll(password) if services.identity.outdated(view.verifier or "") else None
    with services.change() as unit:
        # Asked again: guesses sent side by side must not pass because none had been counted yet.
        _check_wait(unit, subjects, at=act.at)
        present = directory.user_by_id(unit, user=view.id)
        if present is None or present.verifier != view.verifier or present.disabled_at is not None:
            raise _refusal()
        if renewed is not None:
            unit.connection.execute(
                sa.update(tables.users).where(tables.users.c.id == view.id).values(verifier=renewed)
            )
        _forget_failures(unit, act, name=name, address=visitor.address)
        return _open(unit, services, act, view=present, visitor=visitor, by_link=False)


def prove_again(services: AccessServices, act: Act, *, view: UserView, password: str) -> None:
    """Prove the password of somebody signed in; WrongPasswordError otherwise. Wrong ones count as failed sign-ins."""
    address = f"session {act.by.session}"
    with services.records.reader() as reader:
        _check_wait(reader, _subjects(act.pepper, view.name, address), at=act.at)
    if not services.identity.prove(view.verifier, password[: passwords.LONGEST]):
        with services.records.unit() as unit:
            _count_failure(unit, act, name=view.name, address=address)
        raise WrongPasswordError(
            found="a password that does not match",
            allowed="the present password",
            remedy="try again, or ask for a link",
        )


def set_password(
    services: AccessServices, credential: Credential, *, current: str | None, new: str, request_id: str = ""
) -> None:
    """Set the password of the person behind a session and end their other sessions.

    `current` may be None only in a session opened by a one-time link, once.
    """
    act = services.act(credential.principal, request_id=request_id)
    with services.records.reader() as reader:
        view = directory.user_by_id(reader, user=credential.principal.id)
    if view is None:
        raise accounts.UnknownAccountError(
            found=credential.principal.id, allowed="a person's session", remedy="sign in"
        )
    passwords.check(new, name=view.name)
    if not (current is None and credential.by_link):
        prove_again(services, act, view=view, password=current or "")
    verifier = services.identity.enroll(new)  # slow on purpose, so outside the transaction
    with services.change() as unit:
        present = directory.user_by_id(unit, user=view.id)
        mine = tables.sessions.c.id == credential.id
        ended = unit.connection.execute(sa.select(tables.sessions.c.ended_at).where(mine)).scalar()
        if ended is not None or present is None or present.verifier != view.verifier:
            raise SignInRequiredError(
                found="a session that ended, or a password that changed, meanwhile",
                allowed="one change at a time, in a live session",
                remedy="sign in again",
            )
        unit.connection.execute(
            sa.update(tables.users)
            .where(tables.users.c.id == view.id)
            .values(verifier=verifier, password_changed_at=act.at)
        )
        accounts.end_sessions(unit, act, user=view.id, but=credential.id)
        unit.connection.execute(
            sa.update(tables.sessions).where(tables.sessions.c.id == credential.id).values(by_link=False)
        )
        accounts.settle(unit, act, action="user.password", target=view.id)


def create_link(unit: Unit, act: Act, *, user: str) -> str:
    """Return the code of a new one-time link for a person: 15 minutes, one use; only its hash is kept."""
    view = accounts.administered(unit, act.by, user=user)
    code = secrets.token_urlsafe(TOKEN_BYTES)
    unit.connection.execute(sa.delete(tables.one_time_links).where(tables.one_time_links.c.expires_at <= act.at))
    unit.connection.execute(
        sa.insert(tables.one_time_links).values(
            code_hash=keys.token_hash(code), user=view.id, created_at=act.at, expires_at=act.at + LINK_VALID
        )
    )
    auditing.note(unit, act, entry=act.entry(action="link.create", target=view.id))
    return code


def open_link(services: AccessServices, *, code: str, visitor: Visitor) -> Opened:
    """Burn a one-time link and open a session; LinkUsedError when it is unknown, used or too old."""
    act = services.act(NOBODY, request_id=visitor.request_id)
    links = tables.one_time_links.c
    mine = links.code_hash == keys.token_hash(code)
    with services.change() as unit:
        burnt = unit.connection.execute(
            sa.update(tables.one_time_links)
            .where(mine, links.used_at.is_(None), links.expires_at > act.at)
            .values(used_at=act.at)
        )
        user = unit.connection.execute(sa.select(links.user).where(mine)).scalar() if burnt.rowcount == 1 else None
        view = None if user is None else directory.user_by_id(unit, user=user)
        if view is not None and view.disabled_at is None:
            return _open(unit, services, act, view=view, visitor=visitor, by_link=True)
        entry = act.entry(
            action="session.open", target="link", outcome=audit.Outcome.FAILED, detail={"address": visitor.address}
        )
        auditing.note(unit, act, entry=entry)
    raise LinkUsedError(
        found="a link that is unknown, already used or too old",
        allowed=f"a link within {LINK_VALID} of its making, once",
        remedy="make a new one with `powerdesk sign-in-link`",
    )


def end_session(unit: Unit, act: Act, *, session: str) -> None:
    """End a session of one's own (or, for a tenant-admin, of the tenant) at once."""
    reachable = directory.live_sessions(unit, principal=act.by, now=act.at)
    if session not in {view.id for view in reachable}:
        raise UnknownSessionError(
            found=f"session {session[:60]!r}", allowed="a live session of yours", remedy="list the sessions"
        )
    unit.connection.execute(sa.update(tables.sessions).where(tables.sessions.c.id == session).values(ended_at=act.at))
    auditing.note(unit, act, entry=act.entry(action="session.end", target=session))
    auditing.changed(unit)


def _open(unit: Unit, services: AccessServices, act: Act, *, view: UserView, visitor: Visitor, by_link: bool) -> Opened:
    sessions = tables.sessions.c
    token = secrets.token_urlsafe(TOKEN_BYTES)
    opened = Opened(session=services.ids.new("ses"), token=token, expires_at=act.at + credentials.SESSION_LONGEST)
    ended = 0
    if visitor.old_token:
        ended = unit.connection.execute(
            sa.update(tables.sessions)
            .where(sessions.token_hash == keys.token_hash(visitor.old_token), sessions.ended_at.is_(None))
            .values(ended_at=act.at)
        ).rowcount
    unit.connection.execute(
        sa.insert(tables.sessions).values(
            id=opened.session,
            token_hash=keys.token_hash(token),
            user=view.id,
            created_at=act.at,
            last_seen_at=act.at,
            expires_at=opened.expires_at,
            address=visitor.address[:100],
            agent=visitor.agent[:200],
            by_link=by_link,
        )
    )
    ended += _bound_sessions(unit, act, user=view.id)
    entry = audit.Entry(
        at=act.at,
        principal=view.id,
        tenant=view.tenant,
        action="session.open",
        target=opened.session,
        detail={"address": visitor.address[:100], "by": "link" if by_link else "password"},
        request_id=act.request_id,
    )
    auditing.note(unit, act, entry=entry)
    if ended:  # a new session alone puts nothing known out of date
        auditing.changed(unit)
    return opened


def _bound_sessions(unit: Unit, act: Act, *, user: str) -> int:
    """End a person's oldest sessions beyond MOST_SESSIONS, return how many; forget sessions that ended long ago."""
    sessions = tables.sessions.c
    newest = (
        sa.select(sessions.id)
        .where(sessions.user == user, sessions.ended_at.is_(None))
        .order_by(sessions.created_at.desc(), sessions.id)
        .limit(MOST_SESSIONS)
    )
    kept = tuple(unit.connection.execute(newest).scalars())
    ended = unit.connection.execute(
        sa.update(tables.sessions)
        .where(sessions.user == user, sessions.ended_at.is_(None), sessions.id.not_in(kept))
        .values(ended_at=act.at)
    )
    unit.connection.execute(
        sa.delete(tables.sessions).where(
            (sessions.ended_at < act.at - KEEP_ENDED) | (sessions.expires_at < act.at - KEEP_ENDED)
        )
    )
    return ended.rowcount


def _was_here(reader: Reader, *, user: str, address: str) -> bool:
    """Tell whether a person has had a session from an address, within the time that sessions are remembered."""
    mine = (tables.sessions.c.user == user) & (tables.sessions.c.address == address[:100])
    return reader.connection.execute(sa.select(tables.sessions.c.id).where(mine).limit(1)).first() is not None


def _subjects(pepper: keys.Pepper, name: str, address: str) -> Mapping[str, passwords.LockRule]:
    """Return what counts failures of a sign-in, each with its rule."""
    tag = keys.name_tag(name, pepper)
    return {
        f"name/{tag}/at/{address[:100]}": passwords.BY_NAME_AND_ADDRESS,
        f"name/{tag}/": passwords.BY_NAME,
        f"address/{address[:100]}": passwords.BY_ADDRESS,
    }


def _check_wait(reader: Reader, subjects: Mapping[str, passwords.LockRule], *, at: datetime) -> None:
    failures = tables.sign_in_failures.c
    locked = reader.connection.execute(
        sa.select(sa.func.max(failures.locked_until)).where(failures.subject.in_(subjects))
    ).scalar()
    if locked is not None and locked > at:
        raise _refusal(retry_after_s=(locked - at).total_seconds())


def _refusal(*, retry_after_s: float | None = None) -> SignInFailedError:
    wait = "" if retry_after_s is None else f" in {retry_after_s:.0f} s"
    return SignInFailedError(
        found="a name and password that do not fit, or too many tries",
        allowed="the name and password of an account",
        remedy=f"try again{wait}; the operator can make a sign-in link",
        retry_after_s=retry_after_s,
    )


def _failed(services: AccessServices, act: Act, *, name: str, address: str) -> SignInFailedError:
    with services.records.unit() as unit:
        wait_s = _count_failure(unit, act, name=name, address=address)
    return _refusal(retry_after_s=wait_s or None)


def _count_failure(unit: Unit, act: Act, *, name: str, address: str) -> float:
    """Count against every subject, lock what has to wait, audit; return the longest wait in seconds."""
    failures = tables.sign_in_failures.c
    forgotten = act.at - passwords.FORGET_FAILURES_AFTER
    unit.connection.execute(sa.delete(tables.sign_in_failures).where(failures.last_failed_at < forgotten))
    longest = 0.0
    for subject, rule in _subjects(act.pepper, name, address).items():
        mine = failures.subject == subject
        counted = unit.connection.execute(sa.select(failures.failures).where(mine)).scalar()
        wait_s = passwords.wait_s((counted or 0) + 1, rule)
        values = {
            "failures": (counted or 0) + 1,
            "last_failed_at": act.at,
            "locked_until": act.at + timedelta(seconds=wait_s),
        }
        if counted is None:
            unit.connection.execute(sa.insert(tables.sign_in_failures).values(subject=subject, **values))
        else:
            unit.connection.execute(sa.update(tables.sign_in_failures).where(mine).values(**values))
        longest = max(longest, wait_s)
    known = directory.user_by_name(unit, name=name)
    entry = act.entry(
        action="session.open",
        target=NO_NAME if known is None else known.name,
        outcome=audit.Outcome.FAILED,
        detail={"address": address[:100], "by": "password"},
    )
    auditing.note(unit, act, entry=entry)
    return longest


def _forget_failures(unit: Unit, act: Act, *, name: str, address: str) -> None:
    """Begin anew for this name from this address; the address as a whole stays counted."""
    subjects = [subject for subject in _subjects(act.pepper, name, address) if subject.startswith("name/")]
    unit.connection.execute(sa.delete(tables.sign_in_failures).where(tables.sign_in_failures.c.subject.in_(subjects)))
