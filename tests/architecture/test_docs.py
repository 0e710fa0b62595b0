"""The reference is in step with the code and complete, and both guards trip on planted faults."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import docs_build  # noqa: E402 - a script of tools/, found by the line above
import docs_complete  # noqa: E402 - as above
import docs_subjects  # noqa: E402 - as above

MEANT = tuple(docs_subjects.Subject(kind, f"the-{kind}.v1", "It is meant.") for kind in docs_complete.KINDS)
REFERENCE = "\n".join(f"`{subject.name}`" for subject in MEANT)


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of tools/ as `make check` does."""
    command = [sys.executable, str(ROOT / "tools" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_scaled_adapters__speak_in_the_problems_of_their_ports() -> None:
    files = sorted((ROOT / "src/powerdesk/engines/scaled").glob("*.py"))
    assert len(files) > 10
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    assert len(classes) > 10
    own = [node.name for node in classes if any("Problem" in ast.unparse(base) for base in node.bases)]
    own += [node.name for node in classes if any(ast.unparse(base).startswith("faults.") for base in node.bases)]
    assert own == [], "a problem of its own would have no page: adapters' libraries may be absent where pages are made"


def test_reference__is_in_step_with_the_code() -> None:
    answer = run_tool("docs_build.py", "--check")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_reference__speaks_of_everything() -> None:
    answer = run_tool("docs_complete.py")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "7 kinds" in answer.stdout


def test_completeness__is_silent_when_all_is_said() -> None:
    assert docs_complete.faults(subjects=MEANT, reference=REFERENCE) == ()


@pytest.mark.parametrize("subject", MEANT, ids=lambda subject: subject.kind)
def test_completeness__trips_on_an_unnamed_subject(subject: docs_subjects.Subject) -> None:
    found = docs_complete.faults(subjects=MEANT, reference=REFERENCE.replace(subject.name, "something else"))
    assert len(found) == 1
    assert subject.name in found[0]


@pytest.mark.parametrize("subject", MEANT, ids=lambda subject: subject.kind)
def test_completeness__trips_on_a_kind_of_which_nothing_was_found(subject: docs_subjects.Subject) -> None:
    others = tuple(other for other in MEANT if other is not subject)
    found = docs_complete.faults(subjects=others, reference=REFERENCE)
    assert found == (f"no {subject.kind} was found at all: mend tools/docs_subjects.py",)


def test_completeness__trips_on_a_subject_without_a_meaning() -> None:
    mute = docs_subjects.Subject("route", "the-route.v1", "")
    found = docs_complete.faults(subjects=(*MEANT, mute), reference=REFERENCE)
    assert len(found) == 1
    assert "has no meaning" in found[0]


def test_completeness__trips_on_an_event_without_a_version() -> None:
    nameless = docs_subjects.Subject("event", "PricesMoved", "Prices moved.")
    found = docs_complete.faults(subjects=(*MEANT, nameless), reference=REFERENCE + "\n`PricesMoved`")
    assert found == ("the event PricesMoved has no versioned name: give its struct a tag such as x.done.v1",)


def test_out_of_step__names_changed_missing_and_orphaned_pages(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "problems"
    folder.mkdir(parents=True)
    (folder / "kept.md").write_text(f"{docs_build.MADE}\nsame", encoding="utf-8")
    (folder / "changed.md").write_text(f"{docs_build.MADE}\nold", encoding="utf-8")
    (folder / "orphan.md").write_text(f"{docs_build.MADE}\nits class is gone", encoding="utf-8")
    (folder / "by-hand.md").write_text("written by hand", encoding="utf-8")
    made = {f"docs/problems/{name}.md": f"{docs_build.MADE}\nsame" for name in ("kept", "changed", "missing")}
    assert docs_build.out_of_step(made, root=tmp_path) == (
        "docs/problems/changed.md",
        "docs/problems/missing.md",
        "docs/problems/orphan.md",
    )


def test_import_graph__goes_between_the_markers_and_twice_is_once() -> None:
    text = f"# A\n{docs_build.BEGIN}\nold\n{docs_build.END}\nrest\n"
    once = docs_build.with_import_graph(text, drawn="new\n")
    assert once == f"# A\n{docs_build.BEGIN}\n\nnew\n\n{docs_build.END}\nrest\n"
    assert docs_build.with_import_graph(once, drawn="new\n") == once


def test_import_graph__refuses_a_page_without_markers() -> None:
    with pytest.raises(ValueError, match="put the two lines"):
        docs_build.with_import_graph("# A\n", drawn="new")


def test_import_graph__draws_an_arrow_between_layers_and_none_within() -> None:
    graph = grimp.ImportGraph()
    for module in ("powerdesk", "powerdesk.store", "powerdesk.store.a", "powerdesk.store.b", "powerdesk.kernel.c"):
        graph.add_module(module)
    graph.add_import(importer="powerdesk.store.a", imported="powerdesk.kernel.c")
    graph.add_import(importer="powerdesk.store.a", imported="powerdesk.store.b")
    drawn = docs_build.import_graph(graph)
    assert drawn.count("-->") == 1
    assert "  store --> kernel" in drawn


def test_table__keeps_a_bar_in_a_cell() -> None:
    assert docs_build.table(("a",), [("x|y\nz",)]) == "| a |\n| --- |\n| x\\|y z |\n"
