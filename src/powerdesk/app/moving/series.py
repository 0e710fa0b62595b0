"""Every revision of every table, page by page in commit order, each page verified where it arrived."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from powerdesk.app.moving import hashing
from powerdesk.engines.ports.tables import Selection
from powerdesk.kernel import problem
from powerdesk.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from powerdesk.engines.ports.tables import Tables
    from powerdesk.store.dataset import Dataset

PAGE_ROWS = 100_000


class CopyDiffersError(problem.Problem):
    """What arrived is not what was sent."""

    status = 500
    slug = "copy-differs"
    title = "The copy differs from its source"


def copy(
    declared: Dataset, *, source: Tables, target: Tables, upto: int, report: Callable[[int], None]
) -> tuple[int, str]:
    """Copy rows with commit <= `upto` that the target lacks; return how many rows there are and their hash.

    A page never splits a commit and is appended whole, so a copy that was broken off goes on after the last page.
    """
    present = target.position(declared.id)
    after, rows, digest = 0, 0, hashlib.sha256()
    while (page := _page(source, declared, after=after, upto=upto)).num_rows:
        reached = page.column("commit")[page.num_rows - 1].as_py()
        if reached > present:
            target.append(declared.id, batch_id=f"copy:{after}:{reached}", rows=page)
        sent = hashing.rows_sha256(page)
        if hashing.rows_sha256(_page(target, declared, after=after, upto=reached)) != sent:
            raise CopyDiffersError(
                found=f"other rows of {declared.id} at commits {after + 1} to {reached}",
                allowed="the rows of the source",
                remedy="copy into an empty place; if it happens again, report it with both engines' names",
            )
        digest.update(sent)
        rows, after = rows + page.num_rows, reached
        report(page.num_rows)
    return rows, digest.hexdigest()


def _page(tables: Tables, declared: Dataset, *, after: int, upto: int) -> pa.Table:
    found = tables.changes(declared.id, after=after, upto=upto, selection=Selection(limit=PAGE_ROWS))
    wanted = schema.row_schema(declared)
    return found.select(wanted.names).cast(wanted)
