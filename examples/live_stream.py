"""Follow one hub over WebSocket: hello, subscribe with a snapshot, then updates; a lost message is noticed.

Leaves after UPDATES messages with rows (the snapshot counts), or goes on until Ctrl-C when it is 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

URL = os.environ.get("POWERDESK_URL", "http://localhost:8600").replace("http", "ws", 1) + "/v1/stream"
LOCATION = os.environ.get("LOCATION", "SIM:HUB_NORTH")
UPDATES = int(os.environ.get("UPDATES", "0"))


class Follower(WSListener):
    """Speaks protocol 1 for one subscription."""

    def __init__(self) -> None:
        super().__init__()
        self.last_seq: int | None = None
        self.seen = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say hello with the key, and subscribe."""
        say(transport, {"t": "hello", "proto": 1, "token": os.environ["POWERDESK_API_KEY"]})
        wanted = {"location": [LOCATION], "market_run": ["RT5"]}
        say(transport, {"t": "sub", "id": 1, "channel": "markets.prices", "filter": wanted, "from": "snapshot"})

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Read one message."""
        if frame.msg_type == WSMsgType.TEXT:
            self.told(transport, json.loads(frame.get_payload_as_bytes()))

    def told(self, transport: WSTransport, message: dict[str, Any]) -> None:
        """Print rows; see that each update names the message before it."""
        kind = message["t"]
        if kind in ("err", "revoked", "bye", "gap", "warn"):
            print(kind, message)
        if kind in ("ack", "snap_end"):
            self.last_seq = message["seq"]
        if kind == "upd":
            if message["prev"] != self.last_seq:
                print(f"lost: the update follows {message['prev']}, the last one seen was {self.last_seq}")
            self.last_seq = message["seq"]
        if kind in ("snap", "upd"):
            columns = message["columns"]
            for start, price in zip(columns["interval_start"], columns["price_per_mwh"], strict=True):
                print(f"{LOCATION}  {start}  {price:.2f}")
            self.seen += 1
        if kind in ("err", "bye") or (UPDATES and self.seen >= UPDATES):
            transport.disconnect()


def say(transport: WSTransport, message: dict[str, Any]) -> None:
    """Send a message."""
    transport.send(WSMsgType.TEXT, json.dumps(message).encode())


async def main() -> None:
    """Follow until told to stop."""
    transport, _ = await ws_connect(Follower, URL)
    await transport.wait_disconnected()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
