"""From a sub message to a running subscription: entitlement, snapshot or resumption, or the replay of a window."""

from __future__ import annotations

import itertools
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.access import entitlements
from powerdesk.access.types import Channel
from powerdesk.delivery.rest import parameters
from powerdesk.delivery.stream import frames, messages, reading, subscription, tokens
from powerdesk.delivery.stream.channel import Delivery, Subscriber
from powerdesk.kernel import intervals, problem
from powerdesk.store import queries, schema
from powerdesk.store.types import Request, Snapshot

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.access.types import Missing
    from powerdesk.delivery.stream.frames import Frame
    from powerdesk.delivery.stream.groups import Group
    from powerdesk.delivery.stream.hub import Hub
    from powerdesk.delivery.stream.subscription import Spec
    from powerdesk.delivery.stream.tokens import Resume
    from powerdesk.store.queries import Asker, Store

Work = Coroutine[Any, Any, None]
REPLAY = "replay-"
MICROSECONDS = 1e6


class TooManySubscriptionsError(problem.Problem):
    """A socket holds as many subscriptions as it may."""

    status = 429
    slug = "too-many-subscriptions"
    title = "Too many subscriptions on one socket"


class Host(Protocol):
    """What an opening needs of the session it is for."""

    hub: Hub
    asker: Asker | None
    resume: Resume
    subscribers: dict[str, Subscriber]
    markets: dict[str, tuple[str, ...]]
    closed: bool

    def send(self, frame: Frame) -> None:
        """Send a frame."""
        ...

    async def flow(self, frame: Frame) -> None:
        """Send a frame when the client takes frames."""
        ...

    def tell(self, subscriber: Subscriber, delivery: Delivery) -> None:
        """Pass a delivery on."""
        ...

    def joined(self, subscriber: Subscriber, *, seq: int) -> None:
        """Begin to send updates."""
        ...

    def begin(self, sid: str, message_id: int, work: Work) -> None:
        """Run what takes time beside the next message."""
        ...

    def drop(self, sid: str) -> None:
        """End a subscription."""
        ...

    def note_read(self, subscriber: Subscriber) -> None:
        """Put what was sent into the audit log."""
        ...


class Opening:
    """One subscription being opened: everything its snapshot or resumption needs."""

    def __init__(self, session: Host, sub: messages.Sub, asker: Asker) -> None:
        self.session = session
        self.hub = session.hub
        self.sub = sub
        self.asker = asker
        self.declared = queries.dataset(self.hub.store, sub.channel)
        asked = subscription.read(self.declared, sub)
        self.denied = missing(self.hub.store, asker, spec=asked, markets=asked.markets)
        refused = {each.market for each in self.denied}
        granted = tuple(market for market in asked.markets if market not in refused)
        if not granted:
            raise entitlements.refused(self.denied, dataset=asked.dataset)
        self.spec = replace(asked, markets=granted)
        self.position = 0
        self.subscriber = Subscriber(sid=self._free_sid(), spec=self.spec, policy=sub.policy, seq=0)

    @property
    def sid(self) -> str:
        """The subscription's name on this socket."""
        return self.subscriber.sid

    def _free_sid(self) -> str:
        base = self.spec.sid if self.sub.replay is None else REPLAY + self.spec.sid
        sid, number = base, 1
        while sid in self.session.subscribers:
            number += 1
            sid = f"{base}-{number}"
        return sid

    async def run(self) -> None:
        """Register the subscription; what takes time goes on beside the next message."""
        session = self.session
        start = self.sub.start
        known = session.resume.seq.get(self.sid)
        if start is None:
            start = "now" if known is None and session.resume is not tokens.UNREADABLE else "resume"
        product = self.declared.product
        await self.hub.in_thread(lambda: self.hub.gate.afford(self.asker, product=product))
        if start == "now" and self.sub.replay is None:  # any other counts its call with its rows, once they are read
            await self._spend(0)
        session.subscribers[self.sid] = self.subscriber
        session.markets[self.sid] = self.spec.markets
        if self.sub.replay is not None:
            session.begin(self.sid, self.sub.id, self._replay(self.sub.replay))
            return
        try:
            group = await self.hub.subscribe(self.spec, make=self._member, teller=session)
        except problem.Problem:
            session.drop(self.sid)
            raise
        if session.closed:
            self.hub.unsubscribe(self.subscriber)
            return
        if start == "now":
            session.send(self._ack(seq=self.subscriber.seq))
            session.joined(self.subscriber, seq=self.subscriber.seq)
            return
        session.begin(self.sid, self.sub.id, self._from(start, known, group))

    def _member(self, group: Group) -> Subscriber:
        self.position = group.position
        self.subscriber.seq = group.told
        return self.subscriber

    async def _from(self, start: str | messages.Origin, known: int | None, group: Group) -> None:
        if start == "snapshot":
            await self._snapshot(group, gap=None)
        elif start == "resume":
            same = self.session.resume.epoch == self.hub.epoch
            if known is None or not same:
                reason = "epoch" if self.session.resume.seq and not same else "unknown-subscription"
                await self._snapshot(group, gap=self._gap(known or 0, reason))
            else:
                await self._resume(group, known)
        elif isinstance(start, messages.Origin) and start.seq is not None:
            await self._resume(group, start.seq)
        elif isinstance(start, messages.Origin) and start.as_of is not None:
            await self._as_of(intervals.parse_instant(start.as_of))

    async def _snapshot(self, group: Group, *, gap: Frame | None) -> None:
        self.subscriber.claim = None
        as_of, cells = await self.hub.snapshot(group, position=self.position, asker=self.asker, hours=self.sub.hours)
        most = self._most()
        if cells.rows > most:
            raise reading.TooManyRowsError(
                found=f"{cells.rows} rows", allowed=f"{most} for this credential", remedy="narrow the filter"
            )
        await self._spend(cells.rows)
        self.session.send(self._ack(seq=self.subscriber.seq, series=cells.rows))
        if gap is not None:
            self.session.send(gap)
        await self._send_snapshot(as_of, cells.parts)
        self.session.joined(self.subscriber, seq=self.subscriber.seq)

    async def _send_snapshot(self, as_of: datetime, parts: tuple[bytes, ...]) -> None:
        seq, text = self.subscriber.seq, intervals.format_instant(as_of)
        for part in parts:
            await self.session.flow(frames.of_snapshot(sid=self.sid, seq=seq, as_of=text, part=part))
        await self.session.flow(frames.of_message(messages.SnapEnd(sid=self.sid, seq=seq)))

    async def _resume(self, group: Group, seq: int) -> None:
        """Send what was accepted after `seq`; say a gap and send a snapshot where that cannot be."""
        self.subscriber.claim = min(seq, self.position)
        if seq > self.position:
            await self._snapshot(group, gap=self._gap(seq, "ahead"))
            return
        try:
            deliveries = await self.hub.missed(self.spec, after=seq, upto=self.position)
        except reading.TooManyRowsError:
            await self._snapshot(group, gap=self._gap(seq, "too-far"))
            return
        await self._spend(sum(each.rows.num_rows for each in deliveries))
        reached = self.subscriber.seq
        self.session.send(self._ack(seq=seq))
        last = deliveries[-1] if deliveries else None
        sent = seq
        for each in deliveries:
            told = reached if each is last else min(each.seq, reached)
            delivery = Delivery(seq=told, rows=each.rows, parts=each.parts)
            for frame in delivery.frames(sid=self.sid, prev=sent):
                await self.session.flow(frame)
                sent = max(told, sent)
        self.session.joined(self.subscriber, seq=sent)

    async def _as_of(self, instant: datetime) -> None:
        """Send what was known at an instant, then the newest interval of each series published since."""
        now = self.hub.store.clock.now()
        if (fault := parameters.future("as_of", instant, now)) is not None:
            raise messages.BadMessageError(
                found=f"as_of {fault.found}", allowed=fault.allowed, remedy=fault.remedy, findings=(fault,)
            )
        seq, stamped = self.subscriber.seq, replace(self.spec, columns=(*self.spec.columns, subscription.STAMP))
        stamped = replace(stamped, columns=tuple(dict.fromkeys(stamped.columns)))
        cuts = [Snapshot(as_of=at, commit=self.position) for at in (instant, now)]
        before, after = [await self.hub.cells(stamped, asker=self.asker, cut=cut, hours=self.sub.hours) for cut in cuts]
        await self._spend(before.num_rows + after.num_rows)
        since = pc.greater(after.column(subscription.STAMP), pa.scalar(instant, type=schema.INSTANT))
        self.session.send(self._ack(seq=seq, series=before.num_rows))
        known = await self.hub.encode(before.select(self.spec.columns))
        await self._send_snapshot(instant, known.parts)
        news = await self.hub.encode(after.filter(since).select(self.spec.columns))
        for part in news.parts:
            await self.session.flow(frames.of_update(sid=self.sid, seq=seq, prev=seq, part=part))
        self.session.joined(self.subscriber, seq=seq)

    async def _replay(self, window: messages.ReplayWindow) -> None:
        """Send every revision published in the window, numbered from 1, at `speed` times the pace it had."""
        start, end = intervals.parse_instant(window.start), intervals.parse_instant(window.end)
        end = min(end, self.hub.store.clock.now())
        if end <= start:
            raise messages.BadMessageError(
                found=f"{window.start} to {window.end}", allowed="a past window, start before end", remedy="correct it"
            )
        hub = self.hub
        rows = await hub.in_thread(
            lambda: reading.window(
                hub.store, self.asker, declared=self.declared, spec=self.spec, start=start, end=end,
                most=hub.limits.snapshot_rows,
            )
        )  # fmt: skip
        await self._spend(rows.num_rows)
        self.session.send(self._ack(seq=0))
        stamps = rows.column(subscription.STAMP).cast(pa.int64()).to_numpy()
        edges = np.flatnonzero(np.diff(stamps, prepend=stamps[:1] - 1))
        at = (start - intervals.parse_instant("1970-01-01T00:00:00Z")).total_seconds() * MICROSECONDS
        for number, (low, high) in enumerate(itertools.pairwise([*edges.tolist(), len(stamps)]), start=1):
            await hub.pause(float(stamps[low] - at) / MICROSECONDS / window.speed)
            at = stamps[low]
            found = await hub.encode(rows.slice(low, high - low).select(self.spec.columns))
            played = Delivery(seq=number, rows=found.rows, parts=found.parts)
            for frame in played.frames(sid=self.sid, prev=number - 1):
                await self.session.flow(frame)
        self.session.send(frames.of_message(messages.ReplayEnd(sid=self.sid)))
        self.session.drop(self.sid)

    async def _spend(self, rows: int) -> None:
        asker = self.asker
        await self.hub.in_thread(lambda: self.hub.gate.spend(asker, product=self.declared.product, rows=rows))
        self.subscriber.rows_sent += rows
        self.session.note_read(self.subscriber)

    def _most(self) -> int:
        limits = self.hub.limits
        return limits.display_rows if self.asker.channel is Channel.HUB else limits.snapshot_rows

    def _ack(self, *, seq: int, series: int | None = None) -> Frame:
        told = messages.denied(self.denied)
        return frames.of_message(messages.Ack(id=self.sub.id, sid=self.sid, seq=seq, series=series, denied=told))

    def _gap(self, after: int, reason: str) -> Frame:
        to = max(after, self.position)
        return frames.of_message(messages.Gap(sid=self.sid, after=after, to=to, reason=reason, rest=self.spec.rest))


async def open_subscription(session: Host, sub: messages.Sub) -> None:
    """Open a subscription; raise a Problem that says why not."""
    limits = session.hub.limits
    if len(session.subscribers) >= limits.subscriptions:
        raise TooManySubscriptionsError(
            found=f"{len(session.subscribers)} subscriptions",
            allowed=f"{limits.subscriptions}",
            remedy="end one, or widen a filter instead of adding a subscription",
        )
    if session.asker is None:
        raise messages.BadMessageError(found="sub", allowed="hello", remedy="say hello first")
    await Opening(session, sub, session.asker).run()


def missing(store: Store, asker: Asker, *, spec: Spec, markets: tuple[str, ...]) -> tuple[Missing, ...]:
    """Return what the asker lacks now of the markets, by the same path as REST."""
    request = Request(dataset=spec.dataset, within={spec.market_column: markets})
    return queries.left_out(store, asker, request=request)
