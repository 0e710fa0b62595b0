"""The check of rows on entry: declared columns and types, nulls only where allowed, commits that rise."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines.declared import SYSTEM, Declared
from powerdesk.engines.ports import faults


def checked_rows(declared: Declared, rows: pa.Table, *, position: int) -> pa.Table:
    """Return the rows cast to the declared types; raise UnfitRequestError naming every fault."""
    wrong = [f"column {name!r} is missing" for name in declared.columns if name not in rows.column_names]
    wrong += [f"column {name!r} is not declared" for name in rows.column_names if name not in declared.columns]
    if not wrong:
        try:
            rows = rows.select(list(declared.columns)).cast(declared.arrow_schema(list(declared.columns)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            wrong.append(str(error))
        else:
            wrong += _null_faults(declared, rows)
            commits = rows.column("commit")
            if rows.num_rows and pc.min(commits).as_py() <= position:
                wrong.append(f"commit {pc.min(commits).as_py()} is not past {position}, the last one applied")
    if wrong:
        raise faults.UnfitRequestError(
            found=f"rows for table {declared.spec.name}: {'; '.join(wrong)}",
            allowed="every declared and system column with its type; keys and system columns without null; values null "
            "only where nullable or retracted; commits that rise from batch to batch",
            remedy="correct the batch and append it again",
        )
    return rows


def _null_faults(declared: Declared, rows: pa.Table) -> list[str]:
    retracted = pc.is_valid(rows.column("reason"))
    wrong = []
    for name, column in declared.columns.items():
        values = rows.column(name)
        if column.nullable or not values.null_count:
            continue
        if name in declared.spec.key or name in SYSTEM or pc.any(pc.and_not(pc.is_null(values), retracted)).as_py():
            wrong.append(f"column {name!r} has nulls")
    return wrong
