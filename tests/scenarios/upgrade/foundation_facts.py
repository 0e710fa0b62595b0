"""What the kept folder of release 0.1 says: payloads, beliefs, batches, secrets. Frozen; see foundation.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import foundation_formats as formats
from foundation_formats import Codes, text_of

OCTOBER = datetime(2026, 10, 20, 12, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 3, 8, tzinfo=UTC)
KILLED_AT = datetime(2026, 11, 3, 13, tzinfo=UTC)
FIVE = timedelta(minutes=5)

DESK_ID = "5f0c3b9d2a417e68"
PEPPER = bytes(range(32))
USER, PASSWORD = "ada", "tidal marble orchard seven"
VERIFIER = "$argon2id$v=19$m=65536,t=3,p=4$96THGbh5Ptqpz+qpC3o5wQ$C0ZUDvW7WiV/2BDJVFqSZcObw2y/1DzoPnBKyHx385I"
KEY = formats.key_text("0Kept0ne", secret="0" * 35 + "KeptKept")
REVOKED_KEY = formats.key_text("0RevokeD", secret="0" * 35 + "GoneGone")
SESSION_TOKEN = "kept-session-token-of-release-0-1"
SSE_NAME = "itr4yfse6ba3"
"""What release 0.1 named the subscription of `GET /v1/stream/sse?channel=markets.prices&from=snapshot`."""
RESUME_AT_6 = formats.resume_token(epoch=DESK_ID, channel=SSE_NAME, seq=6)
"""Of a browser that had heard commit 6."""
RESUME_AT_99 = formats.resume_token(epoch=DESK_ID, channel=SSE_NAME, seq=99)
"""Of a browser that heard more than this log holds, before it was put back from a copy."""

LBMP_HEAD = (
    '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"\n'
)
RECORDED = (
    LBMP_HEAD
    + '"10/20/2026 08:05:00","ALPHA",1,21.50,0.50,-1.00\n"10/20/2026 08:05:00","BETA",2,30.00,0.50,-1.00\n'
    + '"10/20/2026 08:10:00","ALPHA",1,22.50,0.50,-1.00\n"10/20/2026 08:10:00","BETA",2,31.00,0.50,-1.00\n'
).encode()
ANNOUNCED = (LBMP_HEAD + '"11/03/2026 03:05:00","CAPITL",61757,40.00,0.50,-1.00\n').encode()
QUEUED = (LBMP_HEAD + '"11/03/2026 03:10:00","CAPITL",61757,41.00,0.50,-1.00\n').encode()
PAYLOADS = {hashlib.sha256(one).hexdigest(): one for one in (RECORDED, ANNOUNCED, QUEUED)}
RECORDED_SHA, ANNOUNCED_SHA, QUEUED_SHA = PAYLOADS
LINEAGE, LINEAGE_BODY = formats.lineage(feed="nyiso", dataset="markets.prices", payload_sha256=RECORDED_SHA)
SIM_CURSOR = json.dumps(
    {
        "upto": "2026-11-03T12:59:30Z",
        "history_start": "2026-11-01T12:00:00Z",
        "history_end": "2026-11-01T12:00:00Z",
        "history_total_s": 172800.0,
        "seed": 1,
    }
).encode()

Row = Mapping[str, Any]


def _price(name: str, start: datetime, price: float | None, **said: Any) -> dict[str, Any]:
    """Return one belief; parts are 0.5 for losses, 1 for congestion and energy for the rest."""
    energy, congestion, loss = (None, None, None) if price is None else (price - 1.5, 1.0, 0.5)
    return {
        "market": "NYISO",
        "market_run": "RT5",
        "location": f"NYISO:{name}",
        "interval_start": start,
        "interval_end": start + FIVE,
        "price_per_mwh": price,
        "energy_per_mwh": energy,
        "congestion_per_mwh": congestion,
        "loss_per_mwh": loss,
        "ghg_per_mwh": None,
        "currency": None if price is None else "USD",
        "published_at": start + FIVE,
        "published_by": "rule",
        "source": "nyiso-mis",
        "stage": "",
        "reason": None,
        "lineage": None,
        "revision": 0,
        **said,
    }


def at(hour: int, minute: int = 0) -> datetime:
    return NOVEMBER.replace(hour=hour, minute=minute)


def _batch(commit: int, received_at: datetime, *rows: dict[str, Any], **said: Any) -> tuple[Row, ...]:
    return tuple({**row, **said, "received_at": received_at, "commit": commit} for row in rows)


def _read_again(at: datetime, revision: int) -> dict[str, Any]:
    return {"published_at": at, "published_by": "receipt", "revision": revision}


def _stamped(at: datetime, revision: int, **said: Any) -> dict[str, Any]:
    return {"published_at": at, "published_by": "stamp", "revision": revision, **said}


O0, O1, N0, N1 = OCTOBER, OCTOBER + FIVE, NOVEMBER, NOVEMBER + FIVE
SEALED = (
    *_batch(
        1,
        OCTOBER.replace(minute=30),
        _price("ALPHA", O0, 21.5),
        _price("ALPHA", O1, 22.5),
        _price("BETA", O0, 30.0),
        _price("BETA", O1, 31.0),
        lineage=LINEAGE,
    ),
    *_batch(
        2,
        OCTOBER.replace(hour=15, minute=10),
        _price("ALPHA", O0, 25.0, **_stamped(OCTOBER.replace(hour=15), 1, stage="verified")),
    ),
)
BLOCK = _batch(
    3,
    at(8, 30),
    _price("ALPHA", N0, 40.0),
    _price("ALPHA", N1, 41.0),
    _price("BETA", N0, 50.0),
    _price("BETA", N1, 51.0),
)
LOAD = {
    **{name: BLOCK[0][name] for name in ("market", "interval_start", "interval_end", *formats.TAG_COLUMNS)},
    **{name: BLOCK[0][name] for name in ("published_at", "revision")},
    "location": "NYISO:N.Y.C.",
    "load_mw": 5000.0,
    "received_at": at(8, 35),
    "commit": 4,
}
HOT = (
    *_batch(
        5,
        at(10),
        _price("ALPHA", N0, 42.0, **_read_again(at(10), 1)),
        _price("BETA", N1, None, **_stamped(at(9, 30), 1, reason="withdrawn by the market")),
        _price("ALPHA", O1, 23.5, **_read_again(at(10), 1)),
    ),
    *_batch(7, at(11), _price("GAMMA", N0, 60.0)),
)
REPEATED = _batch(6, at(10, 30), _price("BETA", N0, 50.0))
"""Said again: accepted, and nothing of it stored."""
UNPROJECTED = (
    *_batch(8, at(12), _price("ALPHA", N0, 44.0, **_read_again(at(12), 2)), _price("DELTA", N0, 70.0)),
    *_batch(9, at(12, 45), _price("BETA", N1, 52.0, **_stamped(at(12, 30), 2, stage="final"))),
)
"""What two batches in the log come to once they are read; they repeat BETA's first price, too."""
STORED = (*SEALED, *BLOCK, *HOT)
HISTORY = (*STORED, *UNPROJECTED)
"""Every belief about prices, with the revision and commit it has for ever."""

PRICE_CODES = Codes(
    labels=tuple(("NYISO", "RT5", f"NYISO:{name}") for name in ("ALPHA", "BETA", "GAMMA")),
    tags=tuple(dict.fromkeys(tuple(row[name] for name in formats.TAG_COLUMNS) for row in STORED)),
)
LOAD_CODES = Codes(labels=(("NYISO", "NYISO:N.Y.C."),), tags=(("nyiso-mis", "rule", "", None, None),))
BATCH_IDS = (formats.content_id(RECORDED_SHA, "nyiso", "markets.prices", "1"), *(f"kept-{n}" for n in range(2, 10)))


def payload_received(sha256: str, received_at: datetime) -> bytes:
    """Return the announcement of a payload that was asked to bring the first two intervals of CAPITL."""
    coverage = {
        "dataset": "markets.prices",
        "market": "NYISO",
        "market_run": "RT5",
        "series": ["NYISO:CAPITL"],
        "start": text_of(N0),
        "end": text_of(N0 + FIVE),
        "step_s": 300.0,
    }
    said = {
        "type": "markets.payload-received.v1",
        "feed": "nyiso",
        "sha256": sha256,
        "name": "realtime_zone.csv",
        "received_at": text_of(received_at),
        "report": "rt5-prices",
        "coverage": [coverage] if sha256 == ANNOUNCED_SHA else [],
    }
    return json.dumps(said, separators=(",", ":")).encode()
