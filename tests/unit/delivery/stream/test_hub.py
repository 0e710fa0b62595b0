"""The stream end to end on the embedded engines: snapshots, deltas, resumption, policies, revocation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from store_cases import HOUR, T0, batch, row
from stream_cases import asker, connect, desk, run, subscribe

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("fast", [True, False])
def test_stream__gives_a_snapshot_then_updates(tmp_path: Path, *, fast: bool) -> None:
    async def body() -> None:
        async with desk(tmp_path) as served:
            await served.put(batch(row(0, 1.0), row(1, 2.0), row(0, 3.0, location="BBB:Y")))
            client = await connect(served)
            ack = await subscribe(client, **{"from": "snapshot"})
            assert (ack["series"], ack["denied"]) == (2, [])
            end = await client.until("snap_end")
            assert client.tables[ack["sid"]] == {
                ("AAA:X", "2026-03-01T01:00:00Z"): 2.0,
                ("BBB:Y", "2026-03-01T00:00:00Z"): 3.0,
            }
            commit = await served.put(batch(row(2, 5.0)))
            upd = await client.until("upd")
            assert (upd["prev"], upd["seq"]) == (end["seq"], commit)
            assert upd["columns"]["price_per_mwh"] == [5.0]
            assert upd["columns"]["interval_start"] == ["2026-03-01T02:00:00Z"]
            await client.close()

    run(body(), fast=fast)
