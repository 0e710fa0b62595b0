"""Order a Parquet file of prices, fetch it by its signed link, check its hash, and ask DuckDB about it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import duckdb
import httpx

QUESTION = """
    select location, count(*) as intervals, round(avg(price_per_mwh), 2) as mean, max(price_per_mwh) as highest
    from read_parquet(?) group by location order by mean desc limit 5
"""


def main() -> None:
    """Order, fetch, check, ask."""
    headers = {"Authorization": f"Bearer {os.environ['POWERDESK_API_KEY']}"}
    order = {"dataset": "markets.prices", "query": {"market": "SIM", "market_run": "RT5"}, "format": "parquet"}
    with httpx.Client(base_url=os.environ.get("POWERDESK_URL", "http://localhost:8600")) as desk:
        made = desk.post("/v1/downloads", json=order, headers=headers).raise_for_status().json()
        data = desk.get(made["url"]).raise_for_status().content  # the link is its own credential, for 15 minutes
    if hashlib.sha256(data).hexdigest() != made["sha256"]:
        raise ValueError("the file is not what the desk wrote: fetch it again")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prices.parquet"
        path.write_bytes(data)
        print(f"{made['rows']} rows, {made['bytes']} bytes")
        for row in duckdb.execute(QUESTION, [str(path)]).fetchall():
            print(*row)


if __name__ == "__main__":
    main()
