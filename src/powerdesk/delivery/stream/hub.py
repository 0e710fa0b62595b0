"""The stream's core: one read per commit and dataset, one encoding per spec, then fan-out to every session."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.delivery.stream import frames, groups, reading, subscription
from powerdesk.delivery.stream.channel import Delivery
from powerdesk.delivery.stream.groups import Channel, Group
from powerdesk.kernel import problem
from powerdesk.store import queries, schema
from powerdesk.store.types import Snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from powerdesk.delivery.stream.channel import Subscriber
    from powerdesk.delivery.stream.gate import Gatekeeper
    from powerdesk.delivery.stream.reading import Cells
    from powerdesk.delivery.stream.subscription import Spec
    from powerdesk.kernel.ids import IdSource
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Asker, Store
    from powerdesk.store.types import Outcome

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Bounds of the stream; every queue and answer has one."""

    sockets: int = 2_000
    sockets_per_principal: int = 64
    subscriptions: int = 64
    queue_bytes: int = 8 * 1024 * 1024
    """Bytes that may wait for one slow reader before policy `block` parts with it."""
    inbox: int = 256
    """Messages of one client that may wait to be handled."""
    snapshot_rows: int = 200_000
    display_rows: int = 20_000
    """Rows of a snapshot for a browser session."""
    resume_rows: int = 200_000
    hello_s: float = 5.0
    heartbeat_s: float = 5.0
    stop_s: float = 5.0
    lookback_commits: int = 32
    """How far back rows stamped later than now are looked for when a channel is first subscribed to."""


class Client(Protocol):
    """What the hub asks of a session."""

    asker: Asker | None
    sink: Any

    def bye(self, reason: str, *, code: int) -> None:
        """Part with the client."""
        ...

    def beat(self) -> None:
        """Send a heartbeat."""
        ...

    def renewed(self, found: Asker | problem.Problem) -> None:
        """Go on with the grants in force now, or end."""
        ...

    def check_entitlements(self) -> None:
        """End what has run out."""
        ...


class Hub:
    """Everything that the sockets of one process share. Its methods run on one event loop, `notify` on any thread."""

    def __init__(
        self,
        *,
        store: Store,
        gate: Gatekeeper,
        epoch: str,
        former: Mapping[str, int] | None = None,
        ids: IdSource,
        limits: HubLimits | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.store = store
        self.gate = gate
        self.epoch = epoch
        self.former = former or {}
        self.ids = ids
        self.limits = limits or HubLimits()
        self.pause = pause
        """Waits that many seconds; a replay is paced by it."""
        self.sessions: set[Client] = set()
        self._channels: dict[str, Channel] = {}
        self._activating = asyncio.Lock()
        self._workers = ThreadPoolExecutor(max_workers=3, thread_name_prefix="stream")
        self._checker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stream-access")
        """Asks who may still listen: never behind reads, however long they take."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: list[Callable[[], None]] = []
        self._rechecking = False
        self._recheck_again = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False

    async def start(self) -> None:
        """Listen for commits and for changes of access, and begin to tick."""
        loop = self._loop = asyncio.get_running_loop()

        def committed(outcome: Outcome) -> None:
            if outcome.new or outcome.revised:
                self.notify(dataset=outcome.dataset, commit=outcome.commit)

        def changed() -> None:
            _soon(loop, self.recheck)

        self._unsubscribe = [self.store.progress.subscribe(committed), self.gate.on_change(changed)]
        self.spawn(self._tick())

    async def stop(self, *, reason: str = "stopping") -> None:
        """Say bye with a resume token to every socket, close them and stop reading."""
        self._stopping = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        for session in tuple(self.sessions):
            session.bye(reason, code=1001)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels.values():
            for group in channel.groups.values():
                group.close()
        self._channels.clear()
        for pool in (self._workers, self._checker):
            await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)

    def notify(self, *, dataset: str, commit: int) -> None:
        """Say that a dataset is readable up to a commit: by the projector's thread, or by a consumer of the bus."""
        if self._loop is not None:
            _soon(self._loop, lambda: self._committed(dataset, commit))

    def spawn(self, work: Any) -> asyncio.Task[None]:
        """Run a coroutine until it ends or the hub stops."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def subscribe(self, spec: Spec, *, make: Callable[[Group], Subscriber], teller: groups.Teller) -> Group:
        """Add a subscriber to the group of its spec; from now on everything after `group.position` reaches it."""
        declared = queries.dataset(self.store, spec.dataset)
        while True:
            channel = await self._channel(declared)
            async with channel.lock:
                if self._channels.get(declared.id) is not channel:
                    continue  # its last subscriber left while this one waited
                group = channel.groups.get(spec)
                if group is None:
                    group = Group(spec, position=channel.position, told=channel.told, encode=self.encode)
                    channel.groups[spec] = group
                group.members[make(group)] = teller
            self._wake(channel)
            return group

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Take a subscriber out; the last one closes group and channel."""
        channel = self._channels.get(subscriber.spec.dataset)
        group = None if channel is None else channel.groups.get(subscriber.spec)
        if channel is None or group is None:
            return
        group.members.pop(subscriber, None)
        if not group.members:
            group.close()
            del channel.groups[subscriber.spec]
        if not channel.groups and not channel.lock.locked():
            del self._channels[subscriber.spec.dataset]

    def told(self, subscriber: Subscriber) -> int | None:
        """Return the commit up to which the subscriber has received everything: what its resume token says.

        None while its snapshot is on the way: whoever breaks off then needs a new one.
        """
        if not subscriber.joined:
            return subscriber.claim
        if not subscriber.in_step:
            return subscriber.seq
        channel = self._channels.get(subscriber.spec.dataset)
        group = None if channel is None else channel.groups.get(subscriber.spec)
        return subscriber.seq if group is None else max(subscriber.seq, group.told)

    async def snapshot(
        self, group: Group, *, position: int, asker: Asker, hours: float | None
    ) -> tuple[datetime, Cells]:
        """Return (as_of, cells) at a position the group had; the same snapshot asked for at once is read once."""
        loop = asyncio.get_running_loop()
        at = (position, hours)
        task = group.snapshots.get(at)
        if task is None:
            task = loop.create_task(self._read_snapshot(group.spec, asker, position, hours))
            group.snapshots[at] = task
            loop.call_later(1.0, group.snapshots.pop, at, None)
        return await asyncio.shield(task)

    async def cells(self, spec: Spec, *, asker: Asker, cut: Snapshot, hours: float | None) -> pa.Table:
        """Return the rows of a snapshot at any cut."""
        return await self.in_thread(
            lambda: reading.snapshot(self.store, asker, spec=spec, cut=cut, hours=hours, most=self.limits.snapshot_rows)
        )

    async def missed(self, spec: Spec, *, after: int, upto: int) -> tuple[Delivery, ...]:
        """Return what a resuming subscriber missed; raise TooManyRowsError when a snapshot is the better way."""
        declared = queries.dataset(self.store, spec.dataset)
        return await self.in_thread(lambda: self._missed(declared, spec, after, upto))

    async def encode(self, rows: pa.Table) -> Delivery:
        """Encode rows beside the loop."""
        return await self.in_thread(lambda: groups.encoded(rows))

    def note_read(self, asker: Asker, *, what: str, rows: int) -> None:
        """Put a read into the audit log, beside the loop."""
        if not self._stopping:
            self._workers.submit(self.gate.note_read, asker, what=what, rows=rows)

    def recheck(self) -> None:
        """Ask again who may see what, for every socket."""
        self._recheck_again = True
        if not self._rechecking and not self._stopping:
            self._rechecking = True
            self.spawn(self._recheck())

    def _committed(self, dataset: str, commit: int) -> None:
        channel = self._channels.get(dataset)
        if channel is not None:
            channel.target = max(channel.target, commit)
            self._wake(channel)

    def _wake(self, channel: Channel) -> None:
        if channel.pump is None and not self._stopping and self._has_work(channel):
            channel.pump = self.spawn(self._pump(channel))

    def _has_work(self, channel: Channel) -> bool:
        if not channel.groups:
            return False
        if channel.target > channel.position or channel.held.num_rows == 0:
            return channel.target > channel.position
        next_due: datetime = pc.min(channel.held.column("published_at")).as_py()
        return next_due <= self.store.clock.now()

    async def _pump(self, channel: Channel) -> None:
        try:
            while self._has_work(channel):
                async with channel.lock:
                    await self._advance(channel)
        except problem.Problem:
            _log.exception("the stream could not read %s; it tries again", channel.declared.id)
        finally:
            channel.pump = None

    async def _advance(self, channel: Channel) -> None:
        specs = tuple(channel.groups)
        upto = channel.target

        def work() -> tuple[reading.Batch, dict[Spec, tuple[reading.Selected, ...]]]:
            batch = reading.changed(
                self.store,
                declared=channel.declared,
                after=channel.position,
                upto=upto,
                held=channel.held,
                now=self.store.clock.now(),
            )
            return batch, reading.selected(batch, specs)

        batch, found = await self.in_thread(work)
        channel.position, channel.held = upto, batch.held
        for spec in specs:
            group = channel.groups.get(spec)
            if group is None:
                continue
            for piece in found[spec]:
                reached = upto if piece.commit is None else piece.commit
                group.take(piece, position=upto, told=min(reached, channel.told))

    async def _channel(self, declared: Dataset) -> Channel:
        async with self._activating:
            found = self._channels.get(declared.id)
            if found is not None:
                return found
            position = max(self.store.progress.position, self.store.progress.commit(declared.id))
            held = await self.in_thread(
                lambda: reading.held_before(
                    self.store,
                    declared=declared,
                    position=position,
                    commits=self.limits.lookback_commits,
                    now=self.store.clock.now(),
                )
            )
            channel = self._channels[declared.id] = Channel(declared, position=position, held=held)
            channel.target = max(position, self.store.progress.commit(declared.id))
            return channel

    async def _read_snapshot(
        self, spec: Spec, asker: Asker, position: int, hours: float | None
    ) -> tuple[datetime, Cells]:
        cut = Snapshot(as_of=self.store.clock.now(), commit=position)
        rows = await self.cells(spec, asker=asker, cut=cut, hours=hours)
        parts = await self.in_thread(lambda: frames.parts(rows))
        return cut.as_of, reading.Cells(rows=rows.num_rows, parts=parts)

    def _missed(self, declared: Dataset, spec: Spec, after: int, upto: int) -> tuple[Delivery, ...]:
        rows = reading.missed(self.store, spec=spec, after=after, upto=upto, most=self.limits.resume_rows)
        now = self.store.clock.now()
        rows = rows.filter(pc.less_equal(rows.column("published_at"), pa.scalar(now, type=schema.INSTANT)))
        if not spec.every_belief:
            won = reading.winners(self.store, declared=declared, rows=rows, now=now, commit=upto)
            told = subscription.select(rows.filter(pa.array(won)), spec)
            return (groups.encoded(told),)
        found = []
        for commit in pc.unique(rows.column("commit")).to_pylist():
            here = subscription.select(rows.filter(pc.equal(rows.column("commit"), commit)), spec)
            found.append(Delivery(seq=commit, rows=here, parts=frames.parts(here)))
        return tuple(found)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        next_beat = loop.time() + self.limits.heartbeat_s
        while True:
            await asyncio.sleep(min(0.5, self.limits.heartbeat_s / 2))
            for channel in tuple(self._channels.values()):
                channel.target = max(channel.target, self.store.progress.commit(channel.declared.id))
                self._wake(channel)
            for session in tuple(self.sessions):
                session.check_entitlements()
            self.recheck()  # what ends by itself, as a key does on its day, calls nobody back
            if loop.time() >= next_beat:
                next_beat = loop.time() + self.limits.heartbeat_s
                for session in tuple(self.sessions):
                    session.beat()

    async def _recheck(self) -> None:
        try:
            while self._recheck_again:
                self._recheck_again = False
                sessions = tuple(session for session in self.sessions if session.asker is not None)
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self._checker, self._renewed, sessions)
                for session, asker in zip(sessions, found, strict=True):
                    session.renewed(asker)
        finally:
            self._rechecking = False

    def _renewed(self, sessions: tuple[Client, ...]) -> list[Asker | problem.Problem]:
        seen: dict[tuple[str, str | None, str], Asker | problem.Problem] = {}
        found: list[Asker | problem.Problem] = []
        for session in sessions:
            asker = session.asker
            if asker is None:  # it closed meanwhile
                found.append(_ended())
                continue
            who = (asker.principal.id, asker.principal.session, asker.channel.value)
            if who not in seen:
                try:
                    seen[who] = self.gate.renew(asker)
                except problem.Problem as error:
                    seen[who] = error
            found.append(seen[who])
        return found


def _ended() -> problem.Problem:
    return problem.Problem(found="a closed socket", allowed="an open one", remedy="connect again")


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Call on the loop; a loop that has closed has nobody left to tell."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
