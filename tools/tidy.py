"""Look through every file of the repository for what this house does not allow; print each fault with its remedy.

Each rule is a function from one file to its faults. A rule that examined no file at all is itself a fault.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tidy_python
import tidy_text

ROOT = Path(__file__).resolve().parent.parent
LARGEST_BYTES = 512 * 1024
MODULE_LINES = 600
WEB_LINES = 250
BINARY = frozenset({".png", ".ico", ".woff2", ".zip", ".gz", ".parquet", ".xlsx"})


@dataclass(frozen=True)
class File:
    """One file of the repository: its path from the root with slashes, and its bytes."""

    path: str
    data: bytes

    @property
    def suffix(self) -> str:
        """The last extension with its dot, in lower case."""
        return PurePosixPath(self.path).suffix.lower()

    @cached_property
    def text(self) -> str:
        """The content as UTF-8; undecodable bytes become the replacement character."""
        return self.data.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: where it is (line 0: the file as a whole), and what is wrong with the remedy."""

    path: str
    line: int
    words: str

    def __str__(self) -> str:
        """Return `path:line: words`, which editors can follow."""
        return f"{self.path}:{self.line}: {self.words}"


Found = Iterator[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule: which files it looks at, and what it finds in one of them."""

    name: str
    applies: Callable[[File], bool]
    find: Callable[[File], Found]


def is_python(file: File) -> bool:
    """Say whether the file is Python source."""
    return file.suffix == ".py"


def is_script(file: File) -> bool:
    """Say whether the file is our own TypeScript or JavaScript."""
    return file.path.startswith("web/") and file.suffix in {".ts", ".tsx", ".mjs", ".js"}


def is_text(file: File) -> bool:
    """Say whether the file is meant to be read as text."""
    return file.suffix not in BINARY and b"\0" not in file.data[:1024]


def is_own_text(file: File) -> bool:
    """Say whether the file is text that we write by hand: neither a lock, a licence nor a recorded payload."""
    made = file.path.startswith("requirements/") or file.path.endswith(("package-lock.json", "LICENSE"))
    return is_text(file) and not made and "/data/" not in file.path


def is_markdown(file: File) -> bool:
    """Say whether the file is a page."""
    return file.suffix == ".md"


def is_code(file: File) -> bool:
    """Say whether the file is source of either language."""
    return is_python(file) or is_script(file)


def is_test(file: File) -> bool:
    """Say whether the file holds Python tests."""
    return is_python(file) and file.path.startswith("tests/") and PurePosixPath(file.path).name.startswith("test_")


def is_web_test(file: File) -> bool:
    """Say whether the file holds web tests."""
    return is_script(file) and bool(re.search(r"\.(test|spec)\.tsx?$", file.path))


def is_package_init(file: File) -> bool:
    """Say whether the file is a package's `__init__.py`."""
    return file.path.startswith("src/") and file.path.endswith("__init__.py")


def too_large(file: File) -> Found:
    """Yield when the file weighs more than the repository should carry."""
    if len(file.data) > LARGEST_BYTES:
        kib = len(file.data) // 1024
        yield 0, f"the file weighs {kib} KiB, at most {LARGEST_BYTES // 1024} KiB may be tracked: make it when needed"


def too_many_lines(file: File) -> Found:
    """Yield when a module is longer than one reading."""
    limit = WEB_LINES if file.path.startswith("web/src/") and "/generated/" not in file.path else MODULE_LINES
    lines = file.text.count("\n")
    if lines > limit:
        yield 0, f"the module has {lines} lines, at most {limit}: split it by subject"


def by_text(find: Callable[[str], Found]) -> Callable[[File], Found]:
    """Make a rule's finder out of a function of the text alone."""
    return lambda file: find(file.text)


def dead_links(file: File) -> Found:
    """Yield each relative link of a page that leads nowhere."""
    return tidy_text.dead_links(text=file.text, page=ROOT / file.path)


RULES = (
    Rule("files are small", lambda _: True, too_large),
    Rule("modules are short", is_code, too_many_lines),
    Rule("functions fit a screen", is_python, by_text(tidy_python.long_functions)),
    Rule("packages only introduce themselves", is_package_init, by_text(tidy_python.busy_package)),
    Rule("tests assert", is_test, by_text(tidy_python.tests_without_assertion)),
    Rule("tests are named by subject and behaviour", is_test, by_text(tidy_python.badly_named_tests)),
    Rule("web tests assert", is_web_test, by_text(tidy_text.web_tests_without_expectation)),
    Rule("modules have telling names", is_code, lambda file: tidy_text.vague_name(file.path)),
    Rule("nothing is left undone", is_own_text, by_text(tidy_text.unfinished)),
    Rule("waivers give a reason", is_code, by_text(tidy_text.bare_waivers)),
    Rule("no machine's own paths", is_own_text, by_text(tidy_text.machine_paths)),
    Rule("no registry's address", is_text, by_text(tidy_text.registry_addresses)),
    Rule("no secret", is_text, by_text(tidy_text.secrets)),
    Rule("no emoji", is_own_text, by_text(tidy_text.emoji)),
    Rule("a page has one title", is_markdown, by_text(tidy_text.titles)),
    Rule("links lead somewhere", is_markdown, dead_links),
)


def inspect(files: tuple[File, ...]) -> tuple[tuple[Fault, ...], dict[str, int]]:
    """Return the faults of `files`, idle rules included, and how many files each rule examined."""
    faults: list[Fault] = []
    examined: dict[str, int] = {}
    for rule in RULES:
        subject = [file for file in files if rule.applies(file)]
        examined[rule.name] = len(subject)
        if not subject:
            faults.append(
                Fault("tools/tidy.py", 0, f"the rule '{rule.name}' examined no file: mend what it applies to")
            )
        faults += [Fault(file.path, line, words) for file in subject for line, words in rule.find(file)]
    return tuple(faults), examined


def read_repository() -> tuple[File, ...]:
    """Return every file that git tracks or would add, as it is on disk."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    paths = [path for path in sorted(set(listed.split("\0"))) if path and (ROOT / path).is_file()]
    return tuple(File(path, (ROOT / path).read_bytes()) for path in paths)


def main() -> int:
    """Print the faults of the repository; 1 when there is one."""
    files = read_repository()
    faults, examined = inspect(files)
    for fault in faults:
        print(fault)
    if not faults:
        print(f"tidy: {len(RULES)} rules over {len(files)} files, the narrowest over {min(examined.values())}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
