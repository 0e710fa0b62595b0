"""See that the reference speaks of every route, dataset, setting, event, command and problem, each with its meaning."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import docs_subjects

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("route", "stream message", "dataset", "event", "setting", "command", "problem")
VERSIONED = re.compile(r"\.v[0-9]+$")


def faults(*, subjects: tuple[docs_subjects.Subject, ...], reference: str) -> tuple[str, ...]:
    """Return what the reference does not say: subjects unnamed or without a meaning, kinds of which there are none."""
    present = {subject.kind for subject in subjects}
    found = [f"no {kind} was found at all: mend tools/docs_subjects.py" for kind in KINDS if kind not in present]
    for subject in subjects:
        if f"`{subject.name}`" not in reference and f"## {subject.name}\n" not in reference:
            found.append(f"the {subject.kind} {subject.name} is on no page of docs/reference: run `make docs`")
        if not subject.meaning:
            found.append(f"the {subject.kind} {subject.name} has no meaning: write its docstring, help or description")
        if subject.kind == "event" and VERSIONED.search(subject.name) is None:
            found.append(f"the event {subject.name} has no versioned name: give its struct a tag such as x.done.v1")
    return tuple(found)


def main() -> int:
    """Print what is missing; 1 when something is."""
    pages = sorted((ROOT / "docs" / "reference").rglob("*.md"))
    subjects = docs_subjects.gather()
    missing = faults(subjects=subjects, reference="\n".join(page.read_text(encoding="utf-8") for page in pages))
    for line in missing:
        print(line)
    if not missing:
        print(f"docs: {len(subjects)} subjects of {len(KINDS)} kinds are on {len(pages)} reference pages")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
