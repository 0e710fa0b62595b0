"""The part of MATLAB that case files are written in: `name = [rows];`, `name = {strings};`, `name = value;`.

Linear in the size of the text, bounded in memory, never evaluating anything: a statement that computes is a finding.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LARGEST_BYTES = 256 * 2**20
"""Decompressed size beyond which a file is refused; the largest PGLib case (78 484 buses) has 20 MiB."""

MOST_LINES, LONGEST_LINE = 2_000_000, 2_000_000
"""The largest PGLib case has 0.4 million lines; a cost of 10 000 points takes 0.3 million characters."""

MOST_STRAY = 200
"""Statements that are no data, or rows that are no numbers, after which a text or a table is not read further."""

ASSIGNMENT = re.compile(r"(?:mpc\.)?([A-Za-z_]\w*)\s*=\s*(.*)", re.DOTALL)
STRING = re.compile(r"'((?:[^']|'')*)'|\"([^\"]*)\"")
CELL = re.compile(STRING.pattern + "|;")
IGNORED = re.compile(r"(?:function\b.*|define_constants\s*;?|return\s*;?|end(?:function)?\s*;?|clear\b.*)\Z", re.DOTALL)

Cells = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Matrix:
    """Numbers by rows; rows may differ in length. `line` is where each row begins, from 1."""

    rows: tuple[tuple[float, ...], ...]
    line: tuple[int, ...]
    at_line: int

    def array(self, *, width: int) -> NDArray[np.float64]:
        """Return the first `width` columns (n_row, width); columns that a row has not are NaN."""
        if all(len(row) >= width for row in self.rows):
            return np.array([row[:width] for row in self.rows], dtype=np.float64).reshape(len(self.rows), width)
        out = np.full((len(self.rows), width), np.nan)
        for at, row in enumerate(self.rows):
            out[at, : len(row)] = row[:width]
        return out


@dataclass(slots=True)
class Document:
    """What a file assigns, by name, and every fault met on the way."""

    function: str = ""
    matrices: dict[str, Matrix] = field(default_factory=dict)
    words: dict[str, tuple[tuple[int, tuple[str, ...]], ...]] = field(default_factory=dict)
    """Rows of matrices that hold names, such as a change table's columns, with their lines."""
    cells: dict[str, Cells] = field(default_factory=dict)
    scalars: dict[str, tuple[str, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def text_of(data: bytes, *, file: str) -> tuple[str, tuple[Finding, ...]]:
    """Return the text of a plain or gzip file, and what is wrong with its bytes."""
    if data[:2] == b"\x1f\x8b":
        engine = zlib.decompressobj(wbits=31)
        try:
            data = engine.decompress(data, LARGEST_BYTES)
        except zlib.error as error:
            return "", (Finding(file, f"a broken gzip file ({error})", "a whole file", "fetch the file again"),)
        if not engine.eof:
            allowed = f"a whole gzip file of at most {LARGEST_BYTES // 2**20} MiB"
            return "", (Finding(file, "a gzip file that ends early or is too large", allowed, "fetch the file again"),)
    if len(data) > LARGEST_BYTES:
        allowed = f"at most {LARGEST_BYTES // 2**20} MiB"
        return "", (Finding(file, f"{len(data)} bytes", allowed, "split the case"),)
    return data.decode("utf-8", errors="replace"), ()


def parse(text: str, *, file: str) -> Document:
    """Return what the text assigns; faults are collected, never raised."""
    out = Document()
    count = text.count("\n") + text.count("\r")
    if count > MOST_LINES:
        out.findings.append(Finding(file, f"{count} lines", f"{MOST_LINES} at most", "split the case"))
        return out
    lines = text.splitlines()
    longest = max(map(len, lines), default=0)
    if longest > LONGEST_LINE:
        allowed = f"{LONGEST_LINE} at most"
        out.findings.append(Finding(file, f"a line of {longest} characters", allowed, "write a row per line"))
        return out
    at = 0
    while at < len(lines) and len(out.findings) <= MOST_STRAY:
        statement = _without_comment(lines[at]).strip()
        began = at + 1
        at += 1
        if not statement or _is_ignored(statement, out):
            continue
        match = ASSIGNMENT.fullmatch(statement)
        value = match[2] if match else ""
        if match is None or (not value and not statement.endswith("=")):
            out.findings.append(_not_data(file, began, statement))
        elif value[:1] in ("[", "{"):
            body, at, closed = _block(lines, at, value)
            if not closed:
                place = f"{file}:{began}"
                out.findings.append(
                    Finding(
                        place, f"{match[1]} = {value[0]} without its end", "a closed table", "the file is cut short"
                    )
                )
            if value[0] == "[":
                _matrix(out, match[1], body, began, file)
            else:
                out.cells[match[1]] = _cells(body)
        else:
            _scalar(out, match[1], value, began, file)
    return out


def _is_ignored(statement: str, out: Document) -> bool:
    if not IGNORED.match(statement):
        return False
    if statement.startswith("function") and not out.function:
        out.function = statement.rpartition("=")[2].strip().partition("(")[0]
    return True


def _scalar(out: Document, name: str, value: str, line: int, file: str) -> None:
    plain = value.rstrip().rstrip(";").strip()
    if not plain or ";" in STRING.sub("", plain) or "=" in STRING.sub("", plain):
        out.findings.append(_not_data(file, line, f"{name} = {value}"))
    else:
        out.scalars[name] = (plain, line)


def _not_data(file: str, line: int, statement: str) -> Finding:
    shown = statement if len(statement) <= 60 else statement[:57] + "..."  # noqa: PLR2004 - fits a line
    return Finding(
        f"{file}:{line}",
        f"the statement {shown!r}",
        "assignments of numbers, tables and strings",
        "run the file in MATPOWER and save the result by savecase",
    )


def _without_comment(line: str) -> str:
    """Return the line up to its comment; a percent sign inside quotes is none."""
    cut = line.find("%")
    if cut < 0:
        return line
    if "'" not in line[:cut]:
        return line[:cut]
    quoted = False
    for at, sign in enumerate(line):
        if sign == "'":
            quoted = not quoted
        elif sign == "%" and not quoted:
            return line[:at]
    return line


def _block(lines: list[str], at: int, first: str) -> tuple[list[tuple[int, str]], int, bool]:
    """Return the lines of a table with their numbers, where reading goes on, and whether the table was closed.

    A line that begins another assignment ends an unclosed table, so that one missing bracket is one finding.
    """
    close = "]" if first[0] == "[" else "}"
    body: list[tuple[int, str]] = []
    text, number = first[1:], at
    while True:
        bare = STRING.sub(lambda match: " " * len(match[0]), text) if close == "}" else text
        end = bare.find(close)
        if end >= 0:
            body.append((number, text[:end]))
            return body, at, True
        body.append((number, text))
        if at >= len(lines) or lines[at].lstrip().startswith("mpc."):
            return body, at, False
        text = _without_comment(lines[at])
        at += 1
        number = at


def _matrix(out: Document, name: str, body: list[tuple[int, str]], began: int, file: str) -> None:
    rows: list[tuple[float, ...]] = []
    places: list[int] = []
    named: list[tuple[int, tuple[str, ...]]] = []
    for number, tokens in _token_rows(body):
        if rows and len(named) > MOST_STRAY:
            break
        try:
            row = tuple(map(float, tokens))
        except ValueError:
            row = ()
        if not row or any("_" in one for one in tokens):
            named.append((number, tuple(tokens)))
        else:
            rows.append(row)
            places.append(number)
    if named and not rows:
        out.words[name] = tuple(named)
        return
    for number, held in named:
        bad = next((one for one in held if not _is_number(one)), held[0])
        allowed = "numbers, Inf and NaN"
        out.findings.append(Finding(f"{file}:{number}", f"{bad[:40]!r} in {name}", allowed, "write the number out"))
    out.matrices[name] = Matrix(tuple(rows), tuple(places), began)


def _token_rows(body: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of each row with its line: rows end at a semicolon or at a line that `...` does not continue."""
    carried: list[str] = []
    for number, text in body:
        pieces = text.split(";")
        for at, piece in enumerate(pieces):
            tokens = piece.replace(",", " ").split()
            if at == len(pieces) - 1 and tokens and tokens[-1].endswith("..."):
                carried += [*tokens[:-1], *filter(None, [tokens[-1].removesuffix("...")])]
                continue
            tokens, carried = carried + tokens, []
            if tokens:
                yield number, tokens


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return "_" not in token


def _cells(body: list[tuple[int, str]]) -> Cells:
    rows: list[tuple[str, ...]] = []
    for _, text in body:
        row: list[str] = []
        for one in CELL.finditer(text):
            if one[0] == ";":
                rows.append(tuple(row))
                row = []
            else:
                row.append(one[1].replace("''", "'") if one[1] is not None else one[2])
        rows.append(tuple(row))
    return tuple(row for row in rows if row)
