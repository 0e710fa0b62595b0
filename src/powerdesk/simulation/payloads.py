"""The files of SIM as bytes: one line of facts, then tables of comma-separated values, instants in UTC.

    #SIM,1,real-time-prices,2026-01-05T12:00:15Z,prelim
    #table,prices
    location,interval_start,interval_end,price,energy,congestion,loss
    SIM:HUB_NORTH,2026-01-05T12:00:00Z,2026-01-05T12:05:00Z,31.42,30.9,0.31,0.21

Text was chosen over Arrow so that anyone can read a kept payload; benchmarks/subjects/sim_day.py times reading it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pyarrow import csv

from powerdesk.kernel.intervals import format_instant
from powerdesk.simulation import places, planning, publishing, world
from powerdesk.simulation.types import FORMAT, STAGES

if TYPE_CHECKING:
    import pyarrow as pa

    from powerdesk.simulation.types import Plan, Publication


def payload(publication: Publication, *, seed: int, size: int | None = None, plan: Plan | None = None) -> bytes:
    """Return the file that SIM publishes; `size` is the number of priced locations, its natural number when None.

    `plan` is what `making.plan` gave for the day, which spares this process the search for it. The same publication,
    seed and size give the same bytes. Raises LocationCountError, MarketTimeError.
    """
    grid = world.default()
    if plan is not None:
        planning.adopt(grid, seed=seed, plan=plan)
    count = places.base_count() if size is None else size
    found = publishing.tables_of(grid, publication, seed=seed, size=count)
    facts = (publication.kind, format_instant(publication.published_at), STAGES[publication.kind])
    head = f"#SIM,{FORMAT},{','.join(facts)}\n"
    return b"".join((head.encode(), *(_table(name, rows) for name, rows in found.items())))


def _table(name: str, rows: pa.Table) -> bytes:
    """Return one table of the file as text."""
    sink = io.BytesIO()
    sink.write(f"#table,{name}\n{','.join(rows.column_names)}\n".encode())
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue()
