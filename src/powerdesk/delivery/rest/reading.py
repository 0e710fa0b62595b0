"""From an understood request to an answer in bytes: the one path of rows, latest, history and downloads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from powerdesk.access import entitlements
from powerdesk.delivery.rest import cursors, descriptions, encoding, parameters
from powerdesk.kernel import intervals
from powerdesk.store import queries
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from powerdesk.access.types import Missing
    from powerdesk.delivery.rest import answers
    from powerdesk.delivery.rest.parameters import Asked
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Asker, Store
    from powerdesk.store.types import Answer, Snapshot

NEWEST_WITHIN = timedelta(days=2)
"""Where the newest rows are looked for first."""
JSON_ROW_BYTES = 220
"""Mean size of a columns-shaped row of markets.prices; only for estimates."""


@dataclass(frozen=True, slots=True)
class Written:
    """An answer as bytes with what its headers need."""

    body: bytes
    media_type: str
    rows: int
    snapshot: Snapshot
    cursor: str | None
    more: bool = False
    """True when the limit cut an answer that has no pages."""


def cut_of(store: Store, asked: Asked, *, secret: bytes, now: datetime) -> tuple[Snapshot, tuple[object, ...] | None]:
    """Return the snapshot to read at and the key to go on after, from the cursor when there is one."""
    if asked.cursor is None:
        return queries.snapshot(store, as_of=asked.as_of or now, knowledge=asked.knowledge, commit=asked.commit), None
    cursor = cursors.decode(asked.cursor, secret=secret, query=cursors.query_hash(asked.canonical), now=now)
    cut = queries.snapshot(store, as_of=cursor.as_of, knowledge=asked.knowledge, commit=cursor.commit)
    return cut, tuple(_key_value(store, asked.request.dataset, name, value) for name, value in enumerate(cursor.key))


def _key_value(store: Store, dataset_id: str, index: int, value: object) -> object:
    declared = queries.dataset(store, dataset_id)
    column = declared.column(declared.key[index])
    return intervals.parse_instant(str(value)) if column.dtype.value == "instant" else value


def page(
    store: Store, asker: Asker, *, asked: Asked, secret: bytes, now: datetime, read: Callable[..., Answer]
) -> Written:
    """Return one page of `read`: of rows, or of the newest rows of series."""
    cut, after = cut_of(store, asked, secret=secret, now=now)
    answer = read(store, asker, request=replace(asked.request, after=after), cut=cut)
    declared = queries.dataset(store, answer.dataset)
    cursor = _next(declared, asked, answer, secret=secret, now=now) if answer.more else None
    return written(declared, answer, asked=asked, cursor=cursor)


def whole(store: Store, asker: Asker, *, asked: Asked, now: datetime) -> Written:
    """Return all rows in one answer; `more` when the limit cut it."""
    cut = queries.snapshot(store, as_of=asked.as_of or now, knowledge=asked.knowledge, commit=asked.commit)
    answer = queries.rows(store, asker, request=asked.request, cut=cut)
    return written(queries.dataset(store, answer.dataset), answer, asked=asked, cursor=None)


def revisions(store: Store, asker: Asker, *, asked: Asked, now: datetime) -> Written:
    """Return every revision, cells whole; `more` when the limit left cells out: there are no pages."""
    cut = queries.snapshot(store, as_of=asked.as_of or now, knowledge=asked.knowledge, commit=asked.commit)
    answer = queries.history(store, asker, request=asked.request, cut=cut)
    declared = queries.dataset(store, answer.dataset)
    if answer.rows.num_rows:
        last = tuple(answer.rows.column(name)[-1].as_py() for name in declared.key)
        beyond = replace(asked.request, after=last, limit=1)
        following = queries.history(store, asker, request=beyond, cut=cut)
        answer = replace(answer, more=following.rows.num_rows > 0)
    return written(declared, answer, asked=asked, cursor=None)


def newest(store: Store, asker: Asker, *, declared: Dataset, rows: int, now: datetime) -> Written:
    """Return the newest row of the `rows` series heard of last; RefusedError when the caller may read no market."""
    recent = Request(declared.id, start=now - NEWEST_WITHIN, allow_partial=True)
    missing = queries.left_out(store, asker, request=recent)
    if {one.market for one in missing} >= set(queries.licensed_markets(declared)):
        raise entitlements.refused(missing, dataset=declared.id)
    cut = queries.snapshot(store, as_of=now)
    answer = queries.latest(store, asker, request=recent, cut=cut)
    if not answer.rows.num_rows:
        answer = queries.latest(store, asker, request=replace(recent, start=None), cut=cut)
    order = [(declared.time_column, "descending"), *((name, "ascending") for name in declared.series_key)]
    answer = replace(answer, rows=answer.rows.sort_by(order).slice(0, rows))
    asked = parameters.read(declared, (), accept="", display_only=True)
    return written(declared, answer, asked=asked, cursor=None)


def written(declared: Dataset, answer: Answer, *, asked: Asked, cursor: str | None) -> Written:
    """Return the answer in the format asked for, with local times where a zone was named."""
    if asked.zone is not None:
        names = (declared.time_column, *declared.end_columns)
        answer = replace(answer, rows=encoding.with_local_times(answer.rows, names=names, zone=asked.zone))
    if asked.format in encoding.JSON_FORMATS:
        body = encoding.json_bytes(answer.rows, shape=asked.format, envelope=envelope(declared, answer, cursor=cursor))
    else:
        facts = {name: str(value) for name, value in envelope(declared, answer, cursor=cursor).items()}
        body = encoding.BULK[asked.format](encoding.described(answer.rows, facts))
    return Written(
        body=body,
        media_type=encoding.MEDIA_TYPES[asked.format],
        rows=answer.rows.num_rows,
        snapshot=answer.snapshot,
        cursor=cursor,
        more=answer.more,
    )


def envelope(declared: Dataset, answer: Answer, *, cursor: str | None) -> answers.Envelope:
    """Return what every answer says of itself: dataset, snapshot, count, units, what follows, what was left out."""
    return {
        "dataset": declared.id,
        "as_of": intervals.format_instant(answer.snapshot.as_of),
        "knowledge": answer.snapshot.knowledge.value,
        "commit": answer.snapshot.commit,
        "count": answer.rows.num_rows,
        "units": descriptions.units(declared, answer.rows.column_names),
        "next": cursor,
        "more": answer.more,
        "left_out": lacking(answer.left_out),
    }


def lacking(missing: Sequence[Missing]) -> list[answers.Lacking]:
    """Return what a caller may not read, as every answer tells it."""
    return [{"market": each.market, "product": each.product, "channel": each.channel.value} for each in missing]


def estimate(store: Store, asker: Asker, *, asked: Asked, now: datetime) -> answers.Estimate:
    """Return how many rows and roughly how many bytes the request would give, and its cost in calls and rows."""
    cut = queries.snapshot(store, as_of=asked.as_of or now, knowledge=asked.knowledge, commit=asked.commit)
    rows = queries.count(store, asker, request=asked.request, cut=cut)
    pages = -(-rows // (asked.request.limit or rows or 1))
    return {"rows": rows, "bytes": rows * JSON_ROW_BYTES, "calls": max(1, pages), "cost_rows": rows}


def _next(declared: Dataset, asked: Asked, answer: Answer, *, secret: bytes, now: datetime) -> str:
    last = answer.rows.slice(answer.rows.num_rows - 1, 1)
    key: list[str | int | bool] = [_key_text(last.column(name)) for name in declared.key]
    cursor = cursors.Cursor(
        query=cursors.query_hash(asked.canonical),
        as_of=answer.snapshot.as_of,
        commit=answer.snapshot.commit,
        key=key,
        issued_at=now,
    )
    return cursors.encode(cursor, secret=secret)


def _key_text(column: pa.ChunkedArray) -> str | int | bool:
    value = column[0].as_py()
    return intervals.format_instant(value) if pa.types.is_timestamp(column.type) else value
