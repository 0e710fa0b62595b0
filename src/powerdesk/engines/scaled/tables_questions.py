"""A selection and a cut on one table as SQL of ClickHouse, every value bound as a parameter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from powerdesk.engines.declared import micros
from powerdesk.engines.scaled.tables_names import EPOCH_COLUMN, GRANULE_ROWS, listed, quoted
from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.engines.declared import Declared
    from powerdesk.engines.ports.tables import Cut, Selection
    from powerdesk.engines.scaled.tables_ledger import Counted

FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""The instants that DateTime64 holds."""
PAGE_ROWS_MAX = 10_000
"""A page of so many is read in order by one thread, a granule of each part at a time: more is read ahead in vain."""
BOUND = {Dtype.TEXT: "String", Dtype.FLOAT64: "Float64", Dtype.INT64: "Int64", Dtype.BOOL: "Bool"}


@dataclass
class Question:
    """What is asked of one table; composes SQL and collects the parameters it binds."""

    declared: Declared
    counted: Counted
    selection: Selection
    cut: Cut | None = None
    commits: tuple[int, int] | None = None
    """(after, upto], for reading changes."""
    by_series: bool = False
    """Whether order and `after` leave the time column out."""
    every_revision: bool = False
    parameters: dict[str, object] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the answer."""
        chosen = self.selection.columns
        return tuple(self.declared.columns) if chosen is None else chosen

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that group and order the answer."""
        time = self.declared.spec.time_column
        return tuple(name for name in self.declared.spec.key if not (self.by_series and name == time))

    @property
    def late(self) -> tuple[str, ...]:
        """Columns whose filters look at the belief in force."""
        early = {*self.declared.spec.key, "source"}
        return () if self.every_revision else tuple(n for n in self.selection.within if n not in early)

    @property
    def table(self) -> str:
        """The quoted table."""
        return quoted(self.declared.spec.name)

    def bind(self, value: object, kind: str) -> str:
        """Return the place of a parameter."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def instant(self, moment: datetime) -> str:
        """Return an instant's place; one that no row can have becomes the nearest that one can."""
        held_us = min(max(micros(moment), micros(FIRST)), micros(LAST))
        return f"fromUnixTimestamp64Micro({self.bind(held_us, 'Int64')}, 'UTC')"

    def scope(self) -> str:
        """Return the conditions on a row to be a candidate."""
        time = quoted(self.declared.spec.time_column)
        terms = [self._counts()]
        if self.cut is not None:
            terms.append(f"{self.clock} <= {self.instant(self.cut.as_of)}")
        if self.selection.start is not None:
            terms.append(f"{time} >= {self.instant(self.selection.start)}")
        if self.selection.end is not None and self.selection.end <= LAST:
            terms.append(f"{time} < {self.instant(self.selection.end)}")
        if self.every_revision and self.selection.revision_from:
            terms.append(f"revision >= {int(self.selection.revision_from)}")
        terms += [self.allowed(name) for name in self.selection.within if name not in self.late]
        return " AND ".join(terms)

    @property
    def clock(self) -> str:
        """The clock the cut speaks of."""
        received = self.cut is not None and self.cut.knowledge is Knowledge.RECEIVED
        return "received_at" if received else "published_at"

    def allowed(self, name: str) -> str:
        """Return the filter on one column; a null is in no list."""
        values, dtype = self.selection.within[name], self.declared.columns[name].dtype
        if not values:
            return "0"
        if dtype is Dtype.INSTANT:
            return f"{quoted(name)} IN [{', '.join(self.instant(value) for value in values)}]"  # type: ignore[arg-type] # the port names no instants, and reads them
        kept = [str(value) for value in values] if dtype is Dtype.TEXT else list(values)
        return f"{quoted(name)} IN {self.bind(kept, f'Array({BOUND[dtype]})')}"

    def late_filter(self) -> str:
        """Return the filters on the belief in force."""
        return " AND ".join(self.allowed(name) for name in self.late)

    def after(self) -> str:
        """Return the condition that a key lies beyond the one given, for use with WHERE's other terms."""
        given = self.selection.after
        if given is None or not self.key:
            return "1"
        values = dict(zip(self.declared.spec.key, given, strict=True))
        places = []
        for name in self.key:
            dtype, value = self.declared.columns[name].dtype, values[name]
            is_instant = dtype is Dtype.INSTANT and isinstance(value, datetime)
            places.append(self.instant(value) if is_instant else self.bind(value, BOUND[dtype]))  # type: ignore[arg-type] # as told just before
        beyond = "<" if self.selection.descending else ">"
        first = f"{quoted(self.key[0])} {beyond}= {places[0]}"  # this one the server finds by its index
        return f"{first} AND ({listed(self.key)}) {beyond} ({', '.join(places)})"

    def key_order(self) -> str:
        """Return the order of keys."""
        falling = " DESC" if self.selection.descending else ""
        return ", ".join(quoted(name) + falling for name in self.key)

    def best_first(self) -> str:
        """Return the order of beliefs about one key: best source, newest knowledge."""
        newest = f"{self.clock} DESC, commit DESC, revision DESC"
        ranked = dict.fromkeys(self.selection.sources)
        if not ranked:
            return f"source, {newest}"
        sources = self.bind(list(ranked), "Array(String)")
        rank = f"transform(source, {sources}, range(toUInt64({len(ranked)})), toUInt64({len(ranked)}))"
        return f"{rank}, source, {newest}"

    def limited(self, extra: int = 0) -> str:
        """Return the limit, if there is one."""
        limit = self.selection.limit
        return "" if limit is None else f" LIMIT {self.bind(limit + extra, 'UInt64')}"

    def threads(self) -> str:
        """Return the setting for a page that the server reads in the order of the table; nothing for other answers."""
        limit = self.selection.limit
        is_sorted = bool(self.late or self.selection.descending or self.selection.sources)
        if limit is None or limit > PAGE_ROWS_MAX or is_sorted or self.clock != "published_at":
            return ""
        return f" SETTINGS max_threads = 1, max_block_size = {GRANULE_ROWS}, read_in_order_use_buffering = 0"

    def _counts(self) -> str:
        """Return the conditions of the ledger and of the commits asked for."""
        time = quoted(self.declared.spec.time_column)
        upto = self.counted.position
        upto = min(upto, self.cut.commit) if self.cut is not None else upto
        upto = min(upto, self.commits[1]) if self.commits is not None else upto
        terms = [f"commit <= {self.bind(upto, 'Int64')}"]
        if self.commits is not None:
            terms.append(f"commit > {self.bind(self.commits[0], 'Int64')}")
        for floor_us, last in self.counted.forgotten:
            floor = f"fromUnixTimestamp64Micro({self.bind(floor_us, 'Int64')}, 'UTC')"
            terms.append(f"({time} >= {floor} OR commit > {self.bind(last, 'Int64')})")
        epochs, bounds = self.counted.epochs, self.counted.bounds
        if len(epochs) > 1:
            places = (self.bind(list(epochs), "Array(UInt32)"), self.bind(list(bounds), "Array(Int64)"))
            terms.append(f"commit <= transform({EPOCH_COLUMN}, {places[0]}, {places[1]}, toInt64(-1))")
        else:
            terms.append(f"{EPOCH_COLUMN} = {self.bind(self.counted.epoch, 'UInt32')}")
        return " AND ".join(terms)


def rows(question: Question, names: Sequence[str]) -> str:
    """Return SQL for the belief in force of each key, in key order."""
    return _in_force(question, names, after=question.after()) + question.limited() + question.threads()


def _in_force(question: Question, names: Sequence[str], *, after: str) -> str:
    key = question.declared.spec.key
    order = ", ".join(name + (" DESC" if question.selection.descending else "") for name in map(quoted, key))
    wanted = tuple(dict.fromkeys((*names, *question.late, *key))) if question.late else names
    chosen = f"""SELECT {listed(wanted)} FROM {question.table} WHERE {question.scope()} AND {after}
        ORDER BY {order}, {question.best_first()} LIMIT 1 BY {listed(key)}"""  # noqa: S608 - quoted names, bound values
    if not question.late:
        return chosen
    return f"SELECT {listed(names)} FROM ({chosen}) WHERE {question.late_filter()} ORDER BY {order}"  # noqa: S608 - as above


def latest(question: Question, names: Sequence[str]) -> str:
    """Return SQL for the row of each series with the greatest time, in series order."""
    time, series = quoted(question.declared.spec.time_column), listed(question.key)
    order = f"{question.key_order()}, " if question.key else ""
    group = f" LIMIT 1 BY {series}" if question.key else " LIMIT 1"
    if question.late:
        found = _in_force(question, tuple(dict.fromkeys((*names, *question.declared.spec.key))), after="1")
        text = f"SELECT {listed(names)} FROM ({found}) WHERE {question.after()} ORDER BY {order}{time} DESC{group}"  # noqa: S608 - as above
    else:
        scope = f"{question.scope()} AND {question.after()}"
        newest = f"SELECT {series + ', ' if series else ''}max({time}) FROM {question.table} WHERE {scope}"  # noqa: S608 - as above
        newest += f" GROUP BY {series} SETTINGS optimize_aggregation_in_order = 1" if series else ""
        cell = f"({series}, {time})" if series else time
        text = f"""SELECT {listed(names)} FROM {question.table} WHERE {scope} AND {cell} IN ({newest})
            ORDER BY {order}{question.best_first()}{group}"""  # noqa: S608 - as above
    return text if not question.key else text + question.limited()


def history(question: Question, names: Sequence[str]) -> str:
    """Return SQL for every revision, by key and source; one row more than the limit."""
    order = f"{question.key_order()}, source, published_at, commit, revision"
    where = f"{question.scope()} AND {question.after()}"
    found = f"SELECT {listed(names)} FROM {question.table} WHERE {where} ORDER BY {order}"  # noqa: S608 - as above
    return found + question.limited(1) + question.threads()


def changes(question: Question, names: Sequence[str]) -> str:
    """Return SQL for the rows of a span of commits, by commit and key; one row more than the limit."""
    order = f"commit, {question.key_order()}, source, published_at, revision"
    return (
        f"SELECT {listed(names)} FROM {question.table} WHERE {question.scope()} ORDER BY {order}{question.limited(1)}"  # noqa: S608 - as above
    )


def count(question: Question) -> str:
    """Return SQL for the number of keys with a belief."""
    if question.late:
        found = _in_force(question, question.declared.spec.key, after=question.after())
        return f"SELECT count() AS n FROM ({found})"  # noqa: S608 - as above
    where = f"{question.scope()} AND {question.after()}"
    key = listed(question.key)  # in the table's order, so that nothing is kept of the keys counted
    return (
        f"SELECT count() AS n FROM (SELECT {key} FROM {question.table} WHERE {where} ORDER BY {key} LIMIT 1 BY {key})"  # noqa: S608 - as above
    )
