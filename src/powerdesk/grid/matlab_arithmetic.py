"""Arithmetic of case files: scalars, and tables' columns moved by them, such as ohms to per unit.

    pf = 0.85;
    mpc.bus(:, [PD QD]) = mpc.bus(:, [PD QD]) / 1e3;

Numbers, + - * / ^ and their dotted forms, a few functions, MATPOWER's names of columns; nothing else, and nothing of it
is run: a table times a table, a logical index or a deleted row is no arithmetic. Names: MATPOWER User's Manual,
appendix B.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from powerdesk.grid.types import FloatArray, IntArray

LONGEST = 1_000
"""Characters of a statement that is read as arithmetic; published ones have a hundred."""

DEEPEST = 30
"""Parentheses within parentheses."""

COLUMNS = (
    (1, "BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN LAM_P LAM_Q MU_VMAX MU_VMIN"),
    (1, "F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS ANGMIN ANGMAX PF QF PT QT MU_SF MU_ST"),
    (20, "MU_ANGMIN MU_ANGMAX"),
    (1, "GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN PC1 PC2 QC1MIN QC1MAX QC2MIN QC2MAX"),
    (17, "RAMP_AGC RAMP_10 RAMP_30 RAMP_Q APF MU_PMAX MU_PMIN MU_QMAX MU_QMIN"),
    (1, "MODEL STARTUP SHUTDOWN NCOST COST"),
)
CONSTANTS: dict[str, float] = {
    name: at for first, names in COLUMNS for at, name in enumerate(names.split(), start=first)
} | {
    "PQ": 1,
    "PV": 2,
    "REF": 3,
    "NONE": 4,
    "PW_LINEAR": 1,
    "POLYNOMIAL": 2,
    "pi": np.pi,
    "Inf": np.inf,
    "NaN": np.nan,
}
"""What `define_constants` and `idx_bus`, `idx_brch`, `idx_gen` and `idx_cost` define, and MATLAB's own."""

FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    one.__name__: one for one in (np.sqrt, np.sin, np.cos, np.tan, np.exp, np.log, np.abs)
} | {"abs": np.abs, "acos": np.arccos, "asin": np.arcsin, "atan": np.arctan}

TOKEN = re.compile(
    r"\s*((?:\d+(?:\.(?![*/^]))?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|[A-Za-z]\w*(?:\.[A-Za-z]\w*)*|\.[*/^]|[-+*/^()\[\],:])"
)
ADDING, TIMES, POWERS = ("+", "-"), ("*", "/", ".*", "./"), ("^", ".^")


class NoArithmeticError(ValueError):
    """A text is not what this module reads."""


def number(text: str) -> float:
    """Return the number of a text without names of a file, such as `1/10` or `2*pi`; raises NoArithmeticError."""
    value = _Reader(text, {}, {}).whole()
    if value.size != 1:
        raise NoArithmeticError(text)
    return float(value.ravel()[0])


def value(text: str, *, tables: Mapping[str, FloatArray], scalars: Mapping[str, float]) -> FloatArray:
    """Return a text's value (n, m), (1, 1) for a number, from tables and scalars by name; raises NoArithmeticError."""
    return _Reader(text, tables, scalars).whole()


def assigned(target: str, text: str, *, tables: Mapping[str, FloatArray], scalars: Mapping[str, float]) -> FloatArray:
    """Return the table of `target`, such as `mpc.bus(:, PD)`, with the value of `text` put there; the table is kept.

    Raises NoArithmeticError.
    """
    place = _Reader(target, tables, scalars)
    name = place.name()
    if name not in tables:
        raise NoArithmeticError(target)
    held = tables[name].copy()
    at = place.selection(held)
    place.end()
    right = value(text, tables=tables, scalars=scalars)
    if right.shape not in {(1, 1), held[at].shape}:
        raise NoArithmeticError(text)
    held[at] = right
    return held


class _Reader:
    """One expression, read from left to right."""

    def __init__(self, text: str, tables: Mapping[str, FloatArray], scalars: Mapping[str, float]) -> None:
        if len(text) > LONGEST:
            raise NoArithmeticError(text[:LONGEST])
        self.tables, self.scalars, self.depth, self.at = tables, scalars, 0, 0
        self.tokens = TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            raise NoArithmeticError(text)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *allowed: str) -> str:
        token = self.peek()
        if not token or (allowed and token not in allowed):
            raise NoArithmeticError(token)
        self.at += 1
        return token

    def end(self) -> None:
        if self.peek():
            raise NoArithmeticError(self.peek())

    def whole(self) -> FloatArray:
        with np.errstate(all="ignore"):  # what is no finite number is a finding of the table's reader
            found = self.sum()
        self.end()
        return found

    def sum(self) -> FloatArray:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NoArithmeticError("parentheses")
        found = self.product()
        while self.peek() in ADDING:
            found = _combined(self.take(), found, self.product())
        self.depth -= 1
        return found

    def product(self) -> FloatArray:
        found = self.signed()
        while self.peek() in TIMES:
            found = _combined(self.take(), found, self.signed())
        return found

    def signed(self) -> FloatArray:
        sign = 1.0
        while self.peek() in ADDING:
            sign = -sign if self.take() == "-" else sign
        found = self.atom()
        while self.peek() in POWERS:
            sign_of, exponent = self.take(), self.exponent()
            found = _combined(sign_of, found, exponent)
        return sign * found

    def exponent(self) -> FloatArray:
        sign = -1.0 if self.peek() == "-" and self.take() else 1.0
        return sign * self.atom()

    def atom(self) -> FloatArray:
        if self.peek() == "(":
            self.take()
            found = self.sum()
            self.take(")")
            return found
        if self.peek()[:1].isalpha():
            return self.named()
        try:
            return np.array([[float(self.take().replace("d", "e").replace("D", "e"))]])
        except ValueError as error:
            raise NoArithmeticError(str(error)) from error

    def name(self) -> str:
        return self.take().removeprefix("mpc.")

    def named(self) -> FloatArray:
        name = self.name()
        if name in self.tables:
            held = self.tables[name]
            return held[self.selection(held)]
        if name in self.scalars or name in CONSTANTS:
            return np.array([[self.scalars.get(name, CONSTANTS.get(name, np.nan))]])
        if name not in FUNCTIONS:
            raise NoArithmeticError(name)
        self.take("(")
        found = FUNCTIONS[name](self.sum())
        self.take(")")
        return found

    def selection(self, held: FloatArray) -> tuple[IntArray, IntArray]:
        """Return rows and columns as an open mesh."""
        self.take("(")
        rows = self.index(held.shape[0])
        self.take(",")
        columns = self.index(held.shape[1])
        self.take(")")
        return np.ix_(rows, columns)  # type: ignore[return-value]  # two index arrays make two

    def index(self, count: int) -> IntArray:
        """Return positions of `:`, `3`, `PD`, `2:4` or `[PD QD]`, each of which is among `count`."""
        if self.peek() == ":":
            self.take()
            return np.arange(count)
        if self.peek() == "[":
            self.take()
            found = []
            while self.peek() != "]":
                found.append(self.sum())
                if self.peek() == ",":
                    self.take()
            self.take("]")
        else:
            found = [self.sum()]
            if self.peek() == ":":
                self.take()
                first, last = float(found[0].ravel()[0]), float(self.sum().ravel()[0])
                if not (1.0 <= first <= last <= count):
                    raise NoArithmeticError("a range")
                found = [np.array([[one]]) for one in np.arange(first, last + 1.0)]
        flat = np.concatenate([one.ravel() for one in found]) if found else np.empty(0)
        sound = (flat == np.round(flat)) & (flat >= 1.0) & (flat <= count)
        if len(found) != flat.size or not flat.size or not sound.all():
            raise NoArithmeticError("an index")
        return flat.astype(np.int64) - 1


def _combined(sign: str, one: FloatArray, other: FloatArray) -> FloatArray:
    alone = one.size == 1 or other.size == 1
    by_element = sign in {*ADDING, ".*", "./", ".^"} and one.shape == other.shape
    scaled = alone and not (sign in {"/", "^"} and other.size > 1) and not (sign == "^" and one.size > 1)
    if not (by_element or scaled):
        raise NoArithmeticError(f"{one.shape} {sign} {other.shape}")
    match sign[-1]:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/":
            return one / other
        case _:
            found: FloatArray = one**other
            return found
