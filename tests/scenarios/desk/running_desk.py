"""A desk served on a loopback port by a thread of the test, with a clock the test moves, and askers of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import socket  # noqa: TID251 - a loopback server started by the test
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx  # noqa: TID251 - the tests speak HTTP to that server
import picows
import pyarrow as pa

from powerdesk.access.operations import accounts, entitling, minting
from powerdesk.access.queries import directory
from powerdesk.access.types import OPERATOR, Channel, Entitlement
from powerdesk.app import desk as desks
from powerdesk.app import gateway, ownership, settings
from powerdesk.app.acceptor import Acceptor
from powerdesk.delivery.stream import server
from powerdesk.markets import datasets
from powerdesk.store import operations as store_operations
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from powerdesk.access.queries.directory import KeyView
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.types import Outcome

NOON = datetime(2026, 11, 3, 20, tzinfo=UTC)
DAY = datetime(2026, 11, 3, 8, tzinfo=UTC)
"""The first interval of what `prices` makes; everything of it is published by NOON."""
SOURCES = {
    "CAISO": datasets.CAISO_OASIS,
    "MISO": datasets.MISO_REPORTS,
    "NYISO": datasets.NYISO_MIS,
    "SIM": datasets.SIMULATED,
}
Message = dict[str, Any]


class HandClock:
    """Stands until moved."""

    def __init__(self, instant: datetime = NOON) -> None:
        self.instant = instant

    def now(self) -> datetime:
        """Return where the hands stand."""
        return self.instant

    def monotonic_s(self) -> float:
        """Return seconds since noon."""
        return (self.instant - NOON) / timedelta(seconds=1)

    def move(self, span: timedelta) -> None:
        """Move the hands."""
        self.instant += span


def prices(market: str, *names: str, run: str = "RT5", hours: int = 2, bump: float = 0.0) -> pa.Table:
    """Return prices of a market: a row per name and hour from DAY on."""
    starts = [DAY + timedelta(hours=hour) for hour in range(hours)]
    rows = [(name, start) for name in names for start in starts]
    count = len(rows)
    energy = [20.0 + number % 7 + bump for number in range(count)]
    instants = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "market": [market] * count,
            "market_run": [run] * count,
            "location": [f"{market}:{name}" for name, _ in rows],
            "interval_start": pa.array([start for _, start in rows], instants),
            "interval_end": pa.array([start + timedelta(minutes=5) for _, start in rows], instants),
            "price_per_mwh": [value + 1.5 for value in energy],
            "energy_per_mwh": energy,
            "congestion_per_mwh": [1.0] * count,
            "loss_per_mwh": [0.5] * count,
            "ghg_per_mwh": pa.nulls(count, pa.float64()),
            "currency": ["USD"] * count,
        }
    )


@dataclass
class RunningDesk:
    """An open desk, its address, and shorthand for what tests do to it."""

    desk: desks.Desk
    clock: HandClock
    base: str
    batches: int = 0
    clients: list[httpx.Client] = field(default_factory=list)

    def accept(self, rows: pa.Table, *, dataset: Dataset = datasets.PRICES) -> Outcome:
        """Put rows in by the path of every batch and wait until they are readable."""
        self.batches += 1
        market = rows.column("market")[0].as_py()
        accepted = store_operations.accept(
            self.desk.store,
            dataset=dataset,
            rows=rows,
            source=SOURCES[market],
            received_at=self.clock.now(),
            batch_id=f"batch-{self.batches}",
        )
        assert accepted.findings == ()
        return store_operations.settled(self.desk.store, accepted, timeout_s=PATIENCE_S)

    def client(self, **headers: str) -> httpx.Client:
        """Return a client that sends these headers."""
        made = httpx.Client(base_url=self.base, headers=headers, timeout=PATIENCE_S)
        self.clients.append(made)
        return made

    def operator(self) -> httpx.Client:
        """Return a client with the token of the folder's owner."""
        return self.bearer(self.desk.ownership.token)

    def bearer(self, secret: str) -> httpx.Client:
        """Return a client with a key."""
        return self.client(Authorization=f"Bearer {secret}")

    def browser(self, user: str) -> httpx.Client:
        """Return a client that signed in by a one-time link and repeats its CSRF token."""
        made = self.client()
        link = self.desk.sign_in_link(self.base, user)
        answer = made.post(link)
        assert answer.status_code == 303, answer.text
        made.headers["X-CSRF-Token"] = made.get("/v1/me").json()["csrf"]
        return made

    def tenant(self, name: str, grants: Sequence[Entitlement], *, plan: str = "standard") -> str:
        """Make a tenant with these lines and one user of its name; return the user's id."""
        access = self.desk.access
        with access.change() as unit:
            act = access.act(OPERATOR)
            accounts.create_tenant(unit, act, tenant=name, name=name, plan=plan)
            entitling.replace(unit, act, tenant=name, grants=grants)
            view = accounts.create_user(
                unit, act, tenant=name, user=self.desk.ids.new("usr"), name=name, roles=("viewer",)
            )
        return view.id

    def key(self, owner: str, *scopes: Channel, expires_at: datetime | None = None) -> minting.Minted:
        """Make a key for an account of that name."""
        access = self.desk.access
        with access.change() as unit:
            view = directory.user_by_name(unit, name=owner)
            assert view is not None
            return minting.create(
                unit, access.act(OPERATOR), name="a key", scopes=scopes, expires_at=expires_at, owner=view.id
            )

    def revoke(self, key: KeyView) -> None:
        """End a key."""
        with self.desk.access.change() as unit:
            minting.revoke(unit, self.desk.access.act(OPERATOR), key=key.id)


@contextlib.contextmanager
def running(folder: Path, *, clock: HandClock | None = None, **options: Any) -> Iterator[RunningDesk]:
    """Open a desk without feeds in the folder and serve it until the block ends."""
    hands = clock or HandClock()
    chosen = settings.load({"data": str(folder), "feeds": "", **options}, environment={})
    owned = ownership.take(chosen.data)
    try:
        desk = desks.Desk(chosen, owned, clock=hands)
    except BaseException:
        owned.release()
        raise
    desk.start()
    served = RunningDesk(desk, hands, "")
    try:
        with _serving(desk) as port:
            served.base = f"http://localhost:{port}"
            yield served
    finally:
        for client in served.clients:
            client.close()
        desk.close()


@contextlib.contextmanager
def _serving(desk: desks.Desk) -> Iterator[int]:
    bound = socket.create_server(("127.0.0.1", 0))
    bound.setblocking(False)
    up, loops, stops = threading.Event(), [], []

    async def serve() -> None:
        stop = asyncio.Event()
        hub = desk.stream_hub()
        await hub.start()
        acceptor = Acceptor(
            sockets=[bound],
            asgi_app=gateway.create(desk, hub=hub),
            stream_factory=server.protocol_factory(hub),
            stop_stream=hub.stop,
            trusted_proxies=desk.settings.trusted_proxies,
        )
        await acceptor.start()
        loops.append(asyncio.get_running_loop())
        stops.append(stop)
        up.set()
        await stop.wait()
        await acceptor.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(PATIENCE_S)
    try:
        yield bound.getsockname()[1]
    finally:
        loops[0].call_soon_threadsafe(stops[0].set)
        thread.join()
        bound.close()


class _Ear(picows.WSListener):
    def __init__(self, heard: asyncio.Queue[Message]) -> None:
        super().__init__()
        self._heard = heard

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Queue a message."""
        if frame.msg_type == picows.WSMsgType.TEXT:
            self._heard.put_nowait(httpx.Response(200, content=frame.get_payload_as_bytes()).json())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """Queue the end."""
        del transport
        self._heard.put_nowait({"t": "closed"})


def talk(base: str, messages: Sequence[bytes], *, headers: dict[str, str], until: Sequence[str]) -> list[Message]:
    """Open the stream, send the messages, and return what was heard up to a message of one of the kinds."""

    async def conversation() -> list[Message]:
        heard: asyncio.Queue[Message] = asyncio.Queue()
        url = base.replace("http://", "ws://") + "/v1/stream"
        transport, _ = await picows.ws_connect(lambda: _Ear(heard), url, extra_headers=headers)
        for message in messages:
            transport.send(picows.WSMsgType.TEXT, message)
        found = []
        while not found or found[-1]["t"] not in (*until, "closed"):
            found.append(await asyncio.wait_for(heard.get(), PATIENCE_S))
        transport.disconnect(graceful=False)
        return found

    return asyncio.run(conversation())
