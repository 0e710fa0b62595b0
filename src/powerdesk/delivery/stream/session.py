"""One client of the stream, over whatever carries its frames: hello, subscriptions, slow reading, revocation."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from powerdesk.access import entitlements
from powerdesk.delivery.stream import frames, messages, opening, tokens
from powerdesk.delivery.stream import gate as gates
from powerdesk.delivery.stream.channel import Delivery
from powerdesk.kernel import intervals, problem

if TYPE_CHECKING:
    from powerdesk.access.types import Missing
    from powerdesk.delivery.stream.channel import Subscriber
    from powerdesk.delivery.stream.frames import Frame
    from powerdesk.delivery.stream.gate import Credential
    from powerdesk.delivery.stream.hub import Hub
    from powerdesk.store.queries import Asker

_log = logging.getLogger(__name__)

GOING_AWAY = 1001
BAD_MESSAGE = 4400
NO_CREDENTIAL = 4401
REVOKED = 4403
HELLO_TIMEOUT = 4408
SLOW = 4409
TOO_MANY = 4429
CLOSE_CODES: dict[int, str] = {
    1000: "the client closed",
    GOING_AWAY: "the server stops; resume later by the token of `bye`",
    1003: "only text frames are understood",
    1009: f"a message is larger than {messages.MAX_MESSAGE_BYTES} bytes",
    1011: "a fault of the server; resume by the last token",
    BAD_MESSAGE: "the first message was not a hello of protocol 1",
    NO_CREDENTIAL: "no valid credential",
    REVOKED: "the credential or the last entitlement has ended",
    HELLO_TIMEOUT: "no hello within 5 s",
    SLOW: "the reader was too slow; resume by the token of `bye`",
    TOO_MANY: "too many sockets of this principal, or messages faster than they can be handled",
}


class Sink(Protocol):
    """What carries frames to one client."""

    @property
    def writable(self) -> bool:
        """False while the client does not take what was sent."""
        ...

    @property
    def queued_bytes(self) -> int:
        """How much waits to be taken."""
        ...

    def send(self, frame: Frame) -> None:
        """Send or queue a frame."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close; cut off after a few seconds."""
        ...


class TooManySocketsError(problem.Problem):
    """The principal, or everybody together, has as many sockets as may be open."""

    status = 429
    slug = "too-many-sockets"
    title = "Too many open streams"


def check_room(hub: Hub, asker: Asker, *, besides: Session | None = None) -> None:
    """Raise TooManySocketsError when the asker's account, or everybody together, has as many streams as may be open."""
    others = [other for other in hub.sessions if other is not besides]
    account, limits = asker.principal.account, hub.limits
    own = sum(1 for other in others if other.asker and other.asker.principal.account == account)
    if own >= limits.sockets_per_principal or len(others) >= limits.sockets:
        raise TooManySocketsError(
            found=f"{own} open streams of {account}, {len(others)} in all",
            allowed=f"{limits.sockets_per_principal} of an account with all its keys, {limits.sockets} in all",
            remedy="close one, or put more subscriptions into each",
        )


class Session:
    """A client. The carrier calls `received`, `drained` and `lost`; everything happens on the hub's loop."""

    def __init__(self, *, hub: Hub, sink: Sink, credential: Credential) -> None:
        self.hub = hub
        hub.sessions.add(self)
        self.sink = sink
        self.asker: Asker | None = None
        self.resume = tokens.NOTHING
        self.subscribers: dict[str, Subscriber] = {}
        self.markets: dict[str, tuple[str, ...]] = {}
        """Markets that each subscription was granted."""
        self.closed = False
        self._credential = credential
        self._time = asyncio.get_running_loop().time
        self._inbox: deque[bytes] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._hello_timer = asyncio.get_running_loop().call_later(hub.limits.hello_s, self._no_hello)

    def received(self, data: bytes) -> None:
        """Take a client's message; they are handled one after the other."""
        if self.closed:
            return
        if len(self._inbox) >= self.hub.limits.inbox:
            self.bye("too-many-messages", code=TOO_MANY)
            return
        self._inbox.append(data)
        if self._worker is None:
            self._worker = self.hub.spawn(self._work())

    def blocked(self) -> None:
        """Note that the client does not take frames."""
        self._writable.clear()

    def drained(self) -> None:
        """Send what waited: the client takes frames again."""
        self._writable.set()
        for subscriber in tuple(self.subscribers.values()):
            if subscriber.behind and f"behind-{subscriber.sid}" not in self._jobs:
                self._job(f"behind-{subscriber.sid}", self._catch_up(subscriber))

    def lost(self) -> None:
        """Let go of everything: the connection is gone."""
        if self.closed:
            return
        self.closed = True
        self._hello_timer.cancel()
        self._writable.set()
        self.hub.sessions.discard(self)
        for sid in tuple(self.subscribers):
            self.drop(sid)
        for task in (*self._jobs.values(), self._worker):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    def send(self, frame: Frame) -> None:
        """Send one frame unless the session is over; part with a client that takes nothing at all."""
        if self.closed:
            return
        self.sink.send(frame)
        if self.sink.queued_bytes > 2 * self.hub.limits.queue_bytes:
            self.bye("slow", code=SLOW)

    async def flow(self, frame: Frame) -> None:
        """Send one frame when the client takes frames."""
        await self._writable.wait()
        self.send(frame)

    def tell(self, subscriber: Subscriber, delivery: Delivery) -> None:
        """Pass a delivery on by the subscriber's policy."""
        if self.closed:
            return
        sink = self.sink
        writable = sink.writable
        for frame in subscriber.offer(delivery, writable=writable, now_s=0.0 if writable else self._time()):
            sink.send(frame)
        if subscriber.joined and sink.writable:
            return
        full = subscriber.policy == "block" and sink.queued_bytes > self.hub.limits.queue_bytes
        if full or subscriber.early_rows > self.hub.limits.resume_rows:
            self.bye("slow", code=SLOW)

    def joined(self, subscriber: Subscriber, *, seq: int) -> None:
        """Begin to send updates to a subscriber whose snapshot has left."""
        now_s = asyncio.get_running_loop().time()
        for frame in subscriber.join(seq=seq, writable=self.sink.writable, now_s=now_s):
            self.send(frame)

    def bye(self, reason: str, *, code: int) -> None:
        """Part with the client, giving it a token to resume by."""
        if self.closed:
            return
        resume = self.token()
        self.sink.send(frames.of_message(messages.Bye(reason=reason, resume=resume)))
        self.sink.close(code, reason)
        self.lost()

    def token(self) -> str:
        """Return where every subscription stands."""
        live = {sid: each for sid, each in self.subscribers.items() if not sid.startswith(opening.REPLAY)}
        told = {sid: seq for sid, each in live.items() if (seq := self.hub.told(each)) is not None}
        left = self.resume.seq if self.resume.epoch == self.hub.epoch else {}  # not subscribed to again yet
        rest = {sid: seq for sid, seq in left.items() if sid not in live}
        return tokens.write(tokens.Resume(epoch=self.hub.epoch, seq={**rest, **told}))

    def beat(self) -> None:
        """Send a heartbeat, unless the client does not take frames."""
        if self.asker is None or self.closed or not self.sink.writable:
            return
        seq = {sid: subscriber.seq for sid, subscriber in self.subscribers.items() if subscriber.joined}
        now = intervals.format_instant(self.hub.store.clock.now())
        self.send(frames.of_message(messages.Heartbeat(ts=now, seq=seq, resume=self.token())))

    def renewed(self, found: Asker | problem.Problem) -> None:
        """Go on with the grants in force now; end what they do not cover, or everything when the credential ended."""
        if self.closed or self.asker is None:
            return
        if isinstance(found, problem.Problem):
            for sid in tuple(self.subscribers):
                self._revoke(sid, ())
            self.bye("revoked", code=REVOKED)
            return
        self.asker = found
        self.check_entitlements()

    def check_entitlements(self) -> None:
        """End each subscription that touches something no longer granted, now that time has passed."""
        if self.asker is None or self.closed or not self.markets:
            return
        had = len(self.subscribers)
        for sid, subscriber in tuple(self.subscribers.items()):
            missing = opening.missing(self.hub.store, self.asker, spec=subscriber.spec, markets=self.markets[sid])
            if missing:
                self._revoke(sid, missing)
        if had and not self.subscribers:
            self.bye("revoked", code=REVOKED)

    def drop(self, sid: str) -> None:
        """End a subscription."""
        job = self._jobs.pop(sid, None)
        if job is not None and job is not asyncio.current_task():
            job.cancel()
        subscriber = self.subscribers.pop(sid, None)
        self.markets.pop(sid, None)
        if subscriber is not None:
            self.hub.unsubscribe(subscriber)
            self.note_read(subscriber)

    def begin(self, sid: str, message_id: int, work: opening.Work) -> None:
        """Run the part of a subscription that takes time: its snapshot, what it missed, or a replay."""
        self._job(sid, self._attempt(sid, message_id, work))

    async def _attempt(self, sid: str, message_id: int, work: opening.Work) -> None:
        try:
            await work
        except problem.Problem as error:
            self.drop(sid)
            await self._refuse(error, message_id)

    def note_read(self, subscriber: Subscriber) -> None:
        """Put what the subscriber has been sent into the audit log."""
        asker, rows, subscriber.rows_sent = self.asker, subscriber.rows_sent, 0
        if asker is not None and rows:
            what = f"stream {subscriber.spec.dataset} {subscriber.sid}"
            self.hub.note_read(asker, what=what, rows=rows)

    def _revoke(self, sid: str, missing: tuple[Missing, ...]) -> None:
        self.drop(sid)
        self.send(frames.of_message(messages.Revoked(sid=sid, denied=messages.denied(missing))))

    def _job(self, name: str, work: opening.Work) -> None:
        task = self._jobs[name] = self.hub.spawn(self._guarded(work))
        task.add_done_callback(lambda done: self._done(name, done))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        if self._jobs.get(name) is task:
            del self._jobs[name]
        if self.sink.writable and not self.closed:
            self.drained()  # what fell behind while the last catching up was ending

    async def _guarded(self, work: opening.Work) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - one socket's fault must not end the others; it is logged
            _log.exception("a subscription failed; its socket is closed")
            self.bye("fault", code=1011)

    async def _work(self) -> None:
        try:
            while self._inbox and not self.closed:
                await self._handle(self._inbox.popleft())
        except Exception:  # noqa: BLE001 - one socket's fault must not end the others; it is logged
            _log.exception("a message could not be handled; its socket is closed")
            self.bye("fault", code=1011)
        finally:
            self._worker = None

    async def _handle(self, data: bytes) -> None:
        try:
            message = messages.decode(data)
            if self.asker is None:
                await self._hello(message)
            else:
                await self._serve(message)
        except problem.Problem as error:
            await self._refuse(error, messages.message_id(data))

    async def _refuse(self, error: problem.Problem, message_id: int | None) -> None:
        if isinstance(error, entitlements.RefusedError) and self.asker is not None:
            asker, missing = self.asker, error.missing
            await self.hub.in_thread(lambda: self.hub.gate.note_denial(asker, what="stream", missing=missing))
        self.send(frames.of_message(messages.Err(id=message_id, problem=messages.fault(error))))
        if self.asker is None:
            codes = {401: NO_CREDENTIAL, 403: REVOKED, 429: TOO_MANY}
            self.bye(error.slug, code=codes.get(error.status, BAD_MESSAGE))

    async def _hello(self, message: messages.ClientMessage) -> None:
        if not isinstance(message, messages.Hello):
            raise messages.BadMessageError(
                found=type(message).__name__.lower(), allowed="hello", remedy="say hello first, then subscribe"
            )
        credential = self._credential
        if message.token is not None:
            credential = replace(credential, bearer=message.token)
        if credential.bearer is None and credential.cookie is None:
            raise gates.NoCredentialError(
                found="no credential",
                allowed="the session cookie, an Authorization header or hello.token",
                remedy="sign in, or make a key",
            )
        asker = await self.hub.in_thread(lambda: self.hub.gate.admit(credential))
        if not self.closed:
            self.welcome(asker, resume=message.resume)

    def welcome(self, asker: Asker, *, resume: str | None) -> None:
        """Open the session for an asker; raise TooManySocketsError when it has too many."""
        check_room(self.hub, asker, besides=self)
        self._hello_timer.cancel()
        self._credential = replace(self._credential, bearer=None, cookie=None)
        self.asker = asker
        token = tokens.NOTHING if resume is None else tokens.read(resume)
        is_lost = token is tokens.UNREADABLE
        self.resume = token if is_lost else token.within(epoch=self.hub.epoch, former=self.hub.former)
        limits = self.hub.limits
        welcome = messages.Welcome(
            session=self.hub.ids.new("stream"),
            heartbeat_ms=round(limits.heartbeat_s * 1000),
            server_time=intervals.format_instant(self.hub.store.clock.now()),
            epoch=self.hub.epoch,
            limits=messages.Limits(subscriptions=limits.subscriptions, queue=limits.queue_bytes),
        )
        self.send(frames.of_message(welcome))

    async def _serve(self, message: messages.ClientMessage) -> None:
        if isinstance(message, messages.Ping):
            if self.sink.writable:
                self.send(frames.of_message(messages.Pong()))
        elif isinstance(message, messages.Unsub):
            if message.sid not in self.subscribers and message.sid not in self._jobs:
                raise messages.BadMessageError(
                    found=f"sid {message.sid[:40]!r}", allowed=", ".join(self.subscribers) or "none is open",
                    remedy="use the sid of the ack",
                )  # fmt: skip
            self.drop(message.sid)
        elif isinstance(message, messages.Sub):
            await opening.open_subscription(self, message)
        else:
            raise messages.BadMessageError(found="a second hello", allowed="sub, unsub, ping", remedy="connect anew")

    async def _catch_up(self, subscriber: Subscriber) -> None:
        """Send one merged update, or the gap, of a reader that was slow and takes frames again."""
        loop = asyncio.get_running_loop()
        dropped, since_s = 0, subscriber.slow_since_s or loop.time()
        while subscriber.behind and subscriber.sid in self.subscribers:
            await self._writable.wait()
            if subscriber.policy == "skip":
                gap, dropped = subscriber.take_gap()
                self.send(gap)
                break
            waiting = subscriber.take_behind()
            if waiting is None:
                break
            dropped += waiting.superseded
            encoded = await self.hub.encode(waiting.rows)
            merged = Delivery(seq=waiting.seq, rows=encoded.rows, parts=encoded.parts)
            for frame in merged.frames(sid=subscriber.sid, prev=subscriber.seq):
                await self.flow(frame)
            subscriber.caught_up(merged)
        lag_ms = round((loop.time() - since_s) * 1000)
        self.send(frames.of_message(messages.Warn(code="slow", lag_ms=lag_ms, dropped=dropped)))

    def _no_hello(self) -> None:
        self.bye("no-hello", code=HELLO_TIMEOUT)
