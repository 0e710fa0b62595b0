"""Print the day-ahead prices of one hub as they were known a day ago and as they are known now."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

ROWS = "/v1/datasets/markets.prices/rows"


def known_at(desk: httpx.Client, *, location: str, as_of: datetime) -> list[dict[str, Any]]:
    """Return the day-ahead rows around now, as known at `as_of`, following pages to the end."""
    params = {
        "location": location,
        "market_run": "DA",
        "start": (as_of - timedelta(hours=12)).isoformat(),
        "end": (as_of + timedelta(hours=48)).isoformat(),
        "as_of": as_of.isoformat(),
        "format": "records",
        "limit": "20",
    }
    found: list[dict[str, Any]] = []
    while True:
        page = desk.get(ROWS, params=params).raise_for_status().json()
        found += page["records"]
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


def main() -> None:
    """Ask twice and compare."""
    headers = {"Authorization": f"Bearer {os.environ['POWERDESK_API_KEY']}"}
    location = os.environ.get("LOCATION", "SIM:HUB_NORTH")
    now = datetime.now(UTC)
    with httpx.Client(base_url=os.environ.get("POWERDESK_URL", "http://localhost:8600"), headers=headers) as desk:
        for as_of in (now - timedelta(days=1), now):
            rows = known_at(desk, location=location, as_of=as_of)
            print(f"{location} as known at {as_of.isoformat(timespec='seconds')}: {len(rows)} hours")
            for row in rows[-3:]:
                print(f"  {row['interval_start']}  {row['price_per_mwh']:8.2f} {row['currency']}/MWh")


if __name__ == "__main__":
    main()
