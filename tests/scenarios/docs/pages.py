"""Pages as programs: their fenced blocks, written to files, applied as changes, or run against a desk."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from servers.waiting import PATIENCE_S, until

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(sys.executable).parent
SHOWN_ADDRESS = "http://localhost:8600"
"""What pages call the desk's address."""
DAY_AHEAD = "powerdesk get markets.prices --market SIM --run DA --limit 1 -o json || true"
RUN_S = 2 * PATIENCE_S  # a page's dozen commands are one script
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: language, the words behind it (`run`, `offline`), the file it is for, its text."""

    language: str
    words: frozenset[str]
    file: str | None
    text: str


def blocks(page: Path) -> tuple[Block, ...]:
    """Return the fenced blocks of a page in order."""
    found = []
    for language, rest, text in FENCE.findall(page.read_text(encoding="utf-8")):
        told = rest.split()
        files = [word.removeprefix("file=") for word in told if word.startswith("file=")]
        found.append(Block(language, frozenset(told), files[0] if files else None, text))
    return tuple(found)


def put(block: Block, *, into: Path) -> None:
    """Write a block's file, or change it as a diff says; ValueError when the lines to be changed are not there once."""
    path = into / str(block.file)
    if block.language != "diff":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return
    lines = block.text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{block.file} has {text.count(old)} places that read {old!r}: bring the page in step")
    path.write_text(text.replace(old, new), encoding="utf-8")


def program(chosen: tuple[Block, ...], *, address: str) -> str:
    """Return one shell script of all blocks, so that what one exports the next one sees."""
    parts = ["set -eu"]
    for block in chosen:
        text = block.text.replace(SHOWN_ADDRESS, address)
        parts.append(text if block.language == "sh" else f"python - <<'END_OF_PYTHON'\n{text}END_OF_PYTHON")
    return "\n".join(parts) + "\n"


@dataclass
class Place:
    """A folder in which commands run, with the data folder and environment they use."""

    folder: Path
    source: Path = ROOT / "src"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "desk"

    def environment(self) -> dict[str, str]:
        """Return the environment of commands: this Python's programs first, this place's source and data."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("POWERDESK_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # a dozen commands in a row would compile everything each time
        path = os.pathsep.join((str(PROGRAMS), kept.get("PATH", "")))
        told = {"PATH": path, "PYTHONPATH": str(self.source), "POWERDESK_DATA": str(self.data)}
        return {**kept, **told, "POWERDESK_SIM__BACKFILL_DAYS": "0", **self.settings}

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a command and return what it printed; AssertionError with all it said when it fails."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_S,
        )
        assert done.returncode == 0, f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def shell(self, script: str) -> str:
        """Run a script and return what it printed."""
        shell = shutil.which("sh")
        assert shell is not None
        return self.run(shell, "-c", script)


class Running:
    """A desk started with `powerdesk up` on a free port; `with` stops it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._log = (place.folder / "up.log").open("w+", encoding="utf-8")
        command = [str(PROGRAMS / "powerdesk"), "up", "--port", "0", "--feeds", "sim", "--no-browser"]
        self._process = subprocess.Popen(
            command, cwd=place.folder, env=place.environment(), stdout=self._log, stderr=self._log
        )
        try:
            self.address = self._address()
        except BaseException:
            self.__exit__()
            raise

    def _address(self) -> str:
        """Return the desk's address once it has current prices and the day's, which come after them."""

        def priced() -> str | None:
            assert self._process.poll() is None, "the desk ended"
            if not (self.place.data / "owner.json").exists():
                return None
            told = json.loads(self.place.run("powerdesk", "status", "-o", "json").splitlines()[0])
            if not told["first_prices"] or not self.place.shell(DAY_AHEAD):
                return None
            return str(told["url"]).replace("127.0.0.1", "localhost")

        try:
            return until(priced, what="a first price of the day")
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self._said()}") from fault

    def _said(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text(encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE_S)
        self._log.close()
