"""What the server does for a read: in the order of the table, without a sort, past granules that cannot matter."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from test_clickhouse_faults import EVER, NAME, ROWS, SPEC, append_until_told, batch, opened

from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import Selection
from powerdesk.kernel.belief import Knowledge
from servers import needed
from servers.clickhouse import ClickHouse

pytest.importorskip("clickhouse_connect", reason="the extra `scaled` is not installed")

from powerdesk.engines.scaled import tables, tables_ledger, tables_questions

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.services


@pytest.fixture
def store() -> Iterator[tables.ClickTables]:
    with needed.own(ClickHouse) as server:
        store = opened(server)
        store.define(SPEC)
        append_until_told(store, 1)
        append_until_told(store, 2)
        store.seal(NAME, before=datetime(2025, 4, 1, tzinfo=UTC))
        yield store
        store.close()


def explained(store: tables.ClickTables, question: tables_questions.Question, sql: str, *, what: str) -> str:
    found = store._client.ask(f"EXPLAIN {what} {sql}", question.parameters, doing="explaining")
    return "\n".join(found.column("explain").to_pylist())


def test_rows__are_taken_in_the_order_of_the_table_without_a_sort(store: tables.ClickTables) -> None:
    question = store._question(NAME, Selection(), cut=EVER)
    received = store._question(NAME, Selection(), cut=replace(EVER, knowledge=Knowledge.RECEIVED))

    plan = explained(store, question, tables_questions.rows(question, question.names), what="PIPELINE")
    other = explained(store, received, tables_questions.rows(received, received.names), what="PIPELINE")

    assert "LimitBySortedStreamTransform" in plan
    assert "PartialSorting" not in plan
    assert "InOrder" in plan
    assert "Sort" in other  # by another clock the order of beliefs is made at the read


def test_changes__of_one_commit_leave_the_granules_of_others_alone(store: tables.ClickTables) -> None:
    for commit, where in ((3, "M"), (4, "N")):
        rows = pa.concat_tables([batch(commit)] * 30)
        rows = rows.set_column(0, "location", pa.array([where] * rows.num_rows))
        store.append(NAME, batch_id=where, rows=rows)
    store.seal(NAME, before=datetime(2025, 4, 1, tzinfo=UTC))
    question = store._question(NAME, Selection(), commits=(3, 4), every_revision=True)

    plan = explained(store, question, tables_questions.changes(question, question.names), what="indexes = 1")

    found = re.search(r"_by_commit.*?Granules: (\d+)/(\d+)", plan, re.DOTALL)
    assert found is not None, plan
    assert 0 < int(found[1]) < int(found[2]), plan
    changed = store.changes(NAME, after=3, upto=4, selection=Selection())
    assert (changed.num_rows, set(changed.column("location").to_pylist())) == (30 * ROWS, {"N"})


def test_ledger__with_a_line_of_an_unknown_epoch_is_refused_and_not_guessed(store: tables.ClickTables) -> None:
    tables_ledger.note_batch(store._client, NAME, epoch=99, commit=9, batch=("stray", 1), doing="writing a stray line")

    with pytest.raises(faults.EngineUnavailableError, match="epoch that is not in the ledger"):
        store.position(NAME)
