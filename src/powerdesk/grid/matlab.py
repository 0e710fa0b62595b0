"""The part of MATLAB that case files are written in: `name = [rows];`, `name = {strings};`, `name = value;`.

Linear in the size of the text, bounded in memory. Arithmetic of scalars and of tables' columns is followed
(`grid.matlab_arithmetic`); any other statement that computes is a finding.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import matlab_arithmetic
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

MOST_JOINED, MOST_COMPUTED = 100, 200
"""Lines that `...` makes one statement, and statements of arithmetic; a published case has ten of either."""

ASSIGNMENT = re.compile(r"(?:mpc\.)?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*=\s*(.*)", re.DOTALL)
COMPUTED = re.compile(r"((?:mpc\.)?[A-Za-z_]\w*\s*\([^()=]*\))\s*=\s*([^=].*)", re.DOTALL)
DEFINED = re.compile(r"\[([\w\s,]*)\]\s*=\s*idx_(?:bus|brch|gen|cost)\s*(?:\(\s*\))?\s*")
NAME = re.compile(r"[A-Za-z_]\w*")
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
    computed: int = 0
    """Statements worked out so far, and lines that hold more than one."""


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
    lines = _without_block_comments(text)
    longest = max(map(len, lines), default=0)
    if longest > LONGEST_LINE:
        allowed = f"{LONGEST_LINE} at most"
        out.findings.append(Finding(file, f"a line of {longest} characters", allowed, "write a row per line"))
        return out
    at = 0
    while at < len(lines) and len(out.findings) <= MOST_STRAY:
        began = at + 1
        statement, at = _statement(lines, at)
        if not statement or _is_ignored(statement, out):
            continue
        match = ASSIGNMENT.fullmatch(statement)
        if match is None or match[2][:1] not in ("[", "{"):
            _plain(out, match, statement, f"{file}:{began}")
            continue
        at = _table(out, match, lines, at, f"{file}:{began}")
    return out


def _table(out: Document, match: re.Match[str], lines: list[str], at: int, place: str) -> int:
    """Keep the table that a statement begins; return where reading goes on."""
    body, at, rest = _block(lines, at, match[2])
    if rest is None:
        found = f"{match[1]} = {match[2][0]} without its end"
        out.findings.append(Finding(place, found, "a closed table", "the file is cut short"))
    elif rest[:1] not in ("", ";", ",") or (rest[1:] and out.computed >= MOST_COMPUTED):
        out.findings.append(_not_data(place, f"{match[1]} = {match[2][0]} ... {rest}"))
    elif rest := rest[1:].strip():
        at -= 1
        lines[at] = rest
        out.computed += 1
    if match[2][0] == "[":
        _matrix(out, match[1], body, place)
    else:
        out.cells[match[1]] = _cells(body)
    return at


def _without_block_comments(text: str) -> list[str]:
    """Return the lines, those from `%{` to `%}` empty."""
    lines = text.removeprefix("\ufeff").splitlines()
    if "%{" not in text and "#{" not in text:
        return lines
    depth = 0
    for at, line in enumerate(lines):
        sign = line.strip()
        opens, closes = sign in {"%{", "#{"}, sign in {"%}", "#}"}
        depth = max(0, depth + opens - closes)
        if depth or closes:
            lines[at] = ""
    return lines


def _statement(lines: list[str], at: int) -> tuple[str, int]:
    """Return the statement that begins at a line, without its semicolon, and where reading goes on.

    What else the line holds stays there for the next call; a table's first line comes as it is.
    """
    text = _without_comment(lines[at]).strip()
    at += 1
    match = ASSIGNMENT.fullmatch(text)
    if match is not None and match[2][:1] in ("[", "{"):
        return text, at
    last = min(len(lines), at + MOST_JOINED)
    while text.endswith("...") and at < last:
        text = text[:-3] + " " + _without_comment(lines[at]).strip()
        at += 1
    if len(text) <= matlab_arithmetic.LONGEST:
        end = STRING.sub(lambda quoted: " " * len(quoted[0]), text).find(";")
        if end >= 0 and (rest := text[end + 1 :].strip()):
            at -= 1
            lines[at] = rest
        text = text[:end] if end >= 0 else text
    return text.strip(), at


def _is_ignored(statement: str, out: Document) -> bool:
    if not IGNORED.match(statement):
        return False
    if statement.startswith("function") and not out.function:
        out.function = statement.rpartition("=")[2].strip().partition("(")[0]
    return True


def _plain(out: Document, match: re.Match[str] | None, statement: str, place: str) -> None:
    """Keep a scalar, or follow arithmetic; what is neither is a finding."""
    if match is not None and match[1] not in out.matrices:
        plain = match[2].rstrip().rstrip(";").strip()
        bare = STRING.sub("", plain)
        if plain and not {";", "="} & set(bare):
            out.scalars[match[1]] = (_number_or_text(out, plain), int(place.rpartition(":")[2]))
            return
    if (defined := DEFINED.fullmatch(statement)) and set(NAME.findall(defined[1])) <= set(matlab_arithmetic.CONSTANTS):
        return
    computed = COMPUTED.fullmatch(statement)
    out.computed += 1
    if computed is None or out.computed > MOST_COMPUTED or not _compute(out, computed[1], computed[2]):
        out.findings.append(_not_data(place, statement))


def _number_or_text(out: Document, text: str) -> str:
    """Return the text of a scalar, worked out where it is arithmetic."""
    if _is_number(text) or text[:1] in ("'", '"') or out.computed >= MOST_COMPUTED:
        return text
    out.computed += 1
    try:
        found = matlab_arithmetic.value(text, tables=_named_tables(out, text), scalars=_named_scalars(out, text))
    except matlab_arithmetic.NoArithmeticError:
        return text
    return repr(float(found.ravel()[0])) if found.size == 1 else text


def _compute(out: Document, target: str, text: str) -> bool:
    """Put the value of a text into a table's columns; return whether both could be followed."""
    both = f"{target} {text}"
    try:
        held = matlab_arithmetic.assigned(
            target, text, tables=_named_tables(out, both), scalars=_named_scalars(out, both)
        )
    except matlab_arithmetic.NoArithmeticError:
        return False
    name = target.partition("(")[0].strip().removeprefix("mpc.")
    old = out.matrices[name]
    rows = tuple(tuple(new[: len(row)]) for new, row in zip(held.tolist(), old.rows, strict=True))
    out.matrices[name] = Matrix(rows, old.line, old.at_line)
    return True


def _named_tables(out: Document, text: str) -> dict[str, NDArray[np.float64]]:
    named = {name: out.matrices[name] for name in set(NAME.findall(text)) & out.matrices.keys()}
    return {name: one.array(width=max(map(len, one.rows))) for name, one in named.items() if one.rows}


def _named_scalars(out: Document, text: str) -> dict[str, float]:
    named = {name: out.scalars[name][0] for name in set(NAME.findall(text)) & out.scalars.keys()}
    return {name: float(one) for name, one in named.items() if _is_number(one)}


def _not_data(place: str, statement: str) -> Finding:
    shown = statement if len(statement) <= 60 else statement[:57] + "..."  # noqa: PLR2004 - fits a line
    return Finding(
        place,
        f"the statement {shown!r}",
        "assignments of numbers, tables and strings, and arithmetic of columns",
        "run the file in MATPOWER and save the result by savecase",
    )


def _without_comment(line: str) -> str:
    """Return the line up to its comment, by `%`, `#` or after `...`; such a sign inside quotes is none."""
    if "%" not in line and "#" not in line and "..." not in line:
        return line
    bare = line
    if "'" in line or '"' in line:
        bare = STRING.sub(lambda quoted: "_" * len(quoted[0]), line)
    ends = [at for at in (bare.find("%"), bare.find("#")) if at >= 0]
    if (dots := bare.find("...")) >= 0:
        ends.append(dots + 3)
    return line[: min(ends)] if ends else line


def _block(lines: list[str], at: int, first: str) -> tuple[list[tuple[int, str]], int, str | None]:
    """Return the lines of a table with their numbers, where reading goes on, and what follows; None for no end.

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
            return body, at, text[end + 1 :].strip()
        body.append((number, text))
        if at >= len(lines) or lines[at].lstrip().startswith("mpc."):
            return body, at, None
        text = _without_comment(lines[at])
        at += 1
        number = at


def _matrix(out: Document, name: str, body: list[tuple[int, str]], place: str) -> None:
    file, _, began = place.rpartition(":")
    rows: list[tuple[float, ...]] = []
    places: list[int] = []
    named: list[tuple[int, tuple[str, ...]]] = []
    for number, tokens in _token_rows(body):
        if rows and len(named) > MOST_STRAY:
            break
        try:
            row = tuple(map(float, tokens))
        except ValueError:
            row = _worked_out(tokens)
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
    out.matrices[name] = Matrix(tuple(rows), tuple(places), int(began))


def _worked_out(tokens: list[str]) -> tuple[float, ...]:
    """Return the numbers of a row that holds arithmetic such as `1/10`; none when it holds anything else."""
    try:
        return tuple(float(one) if _is_number(one) else matlab_arithmetic.number(one) for one in tokens)
    except matlab_arithmetic.NoArithmeticError:
        return ()


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
