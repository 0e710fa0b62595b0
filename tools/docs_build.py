"""Write the pages that are made from the code: docs/reference, docs/problems and the import graph of ARCHITECTURE.md.

`python tools/docs_build.py` writes; `--check` only says which pages are out of step.
"""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import grimp

import docs_subjects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = "docs/reference"
PROBLEMS = "docs/problems"
MADE = "<!-- Made by `make docs` from the code; do not edit. -->"
BEGIN, END = "<!-- imports:begin -->", "<!-- imports:end -->"
# Kind of subject -> page, title, opening sentence.
PAGES = {
    "route": ("routes.md", "Routes", "Every route of the HTTP interface; `GET /openapi.json` describes them in full."),
    "stream message": ("stream.md", "Stream messages", "Every message of `WS /v1/stream`; see `GET /asyncapi.json`."),
    "event": ("events.md", "Events", "Every message that a context publishes on the bus."),
    "command": ("commands.md", "Commands", "Every command; `powerdesk COMMAND --help` tells each option."),
    "setting": ("settings.md", "Settings", "Every setting, by the environment variable that sets it."),
}


def cell(text: str) -> str:
    """Return text that does not break a table's row."""
    return text.replace("\n", " ").replace("|", "\\|")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines) + "\n"


def listing(*, kind: str, subjects: tuple[docs_subjects.Subject, ...]) -> str:
    """Return the page that lists every subject of one kind."""
    _, title, opening = PAGES[kind]
    mine = [subject for subject in subjects if subject.kind == kind]
    labels = tuple(label for label, _ in mine[0].facts) if mine else ()
    rows = [(f"`{subject.name}`", subject.meaning, *(value for _, value in subject.facts)) for subject in mine]
    return f"{MADE}\n\n# {title}\n\n{opening}\n\n" + table(("name", "meaning", *labels), rows)


def span(value: timedelta | None) -> str:
    """Return a duration as a reader says it."""
    if value is None:
        return "for ever"
    hours, rest = divmod(int(value.total_seconds()), 3600)
    return f"{value.days} days" if not rest and hours and not hours % 24 else f"{hours} h {rest // 60} min"


def kept(retention: timedelta | None) -> str:
    """Return how long rows stay."""
    return "kept for ever" if retention is None else f"kept {span(retention)}, then deleted by whole months"


def yes(value: object) -> str:
    """Return a flag as a word."""
    return "yes" if value else "no"


def system_columns() -> str:
    """Return the table of the columns that every dataset's rows carry besides the declared ones."""
    schema = importlib.import_module("powerdesk.store.schema")
    rows = [(f"`{field.name}`", str(field.type), schema.SYSTEM_MEANINGS[field.name]) for field in schema.SYSTEM_FIELDS]
    return table(("column", "type", "meaning"), rows)


def dataset_section(dataset: Any) -> str:
    """Return what the declaration of one dataset says, with a table of its columns."""
    columns = [
        (
            f"`{column.name}`",
            str(column.dtype),
            column.unit or "",
            "key" if column.key else "may be null" if column.nullable else "always there",
            column.meaning + (f"; one of {', '.join(column.allowed)}" if column.allowed else ""),
        )
        for column in dataset.columns
    ]
    licences = [
        (item.market, item.source, item.name, yes(item.redistribute), yes(item.derive), item.attribution)
        for item in dataset.licences
    ]
    late, stale = span(dataset.freshness.late_after), span(dataset.freshness.stale_after)
    lasting = [f"- a set of one {', '.join(dataset.lasting_by)} holds until the next"] if dataset.lasting_by else []
    facts = [
        f"- grain: {dataset.grain}",
        *lasting,
        f"- entitlement product: `{dataset.product}`; version {dataset.version}; {kept(dataset.retention)}",
        f"- known at: {dataset.publication.meaning} (`{dataset.publication.name}`)",
        f"- late after {late}, stale after {stale}",
        f"- stream channel: `{dataset.id}`; rows: `GET /v1/datasets/{dataset.id}/rows`",
    ]
    return "\n".join(
        [
            f"## {dataset.id}\n",
            f"{dataset.title}. {docs_subjects.sentence(dataset.meaning)}\n",
            "\n".join(facts) + "\n",
            table(("column", "type", "unit", "presence", "meaning"), columns),
            table(("market", "source", "licence", "redistribute", "derive", "attribution"), licences),
        ]
    )


def datasets_page(declared: tuple[Any, ...]) -> str:
    """Return the catalogue of datasets."""
    opening = (
        "Every dataset, from its declaration. Rows go by age only where a retention is declared, or set by "
        "`retention.rows_days`; `retention_s` of `GET /v1/datasets/{id}` tells which holds."
    )
    shared = f"## System columns\n\nEvery row of every dataset carries these too.\n\n{system_columns()}"
    return f"{MADE}\n\n# Datasets\n\n{opening}\n\n" + "\n".join([shared, *map(dataset_section, declared)])


def connectors_page(rules: tuple[Any, ...]) -> str:
    """Return the report cards of the connectors, what is unverified first."""
    opening = (
        "What is known about each connector to a real market. *Unverified* rules are written from documents of the "
        "market and were never seen to hold: check them before money depends on them. *Done* rules are proven on "
        "recorded files, *exempt* ones are left out on purpose. `GET /v1/feeds` shows the same as `card`."
    )
    sections = []
    for name in dict.fromkeys(rule.connector for rule in rules):
        mine = [rule for rule in rules if rule.connector == name]
        first = sorted(mine, key=lambda rule: rule.verdict != "unverified")
        rows = [(rule.verdict.value, rule.rule, rule.because) for rule in first]
        sections.append(f"## {name}\n\n{table(('verdict', 'rule', 'proof or reason'), rows)}")
    return f"{MADE}\n\n# Connectors\n\n{opening}\n\n" + "\n".join(sections)


def problem_page(subject: docs_subjects.Subject) -> str:
    """Return the page that one problem's type URL leads to."""
    facts = dict(subject.facts)
    return (
        f"{MADE}\n\n# {facts['title']}\n\n{subject.meaning}\n\n"
        f"- type: `/docs/problems/{subject.name}`\n- status: {facts['status']}\n- raised as: {facts['raised as']}\n\n"
        "The answer's `found` says what was met, `allowed` what would have been accepted, and `remedy` what to do; "
        "`errors` lists every fault when there are several.\n"
    )


def problem_index(subjects: tuple[docs_subjects.Subject, ...]) -> str:
    """Return the table of all problems."""
    rows = [
        (f"[`{item.name}`](../problems/{item.name}.md)", dict(item.facts)["status"], dict(item.facts)["title"])
        for item in subjects
        if item.kind == "problem"
    ]
    return f"{MADE}\n\n# Problems\n\nEvery class of refusal, by slug.\n\n" + table(("slug", "status", "title"), rows)


def layers() -> tuple[str, ...]:
    """Return the packages from the highest to the lowest, as the first import contract has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(item for item in project["tool"]["importlinter"]["contracts"] if item["id"] == "layers")
    return tuple(name.strip() for line in contract["layers"] for name in line.split("|"))


def import_graph(graph: grimp.ImportGraph) -> str:
    """Return the layers as a diagram with an arrow for each import between two of them, and the same as a table."""
    order = layers()
    pairs: set[tuple[str, str]] = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            parts, others = module.split("."), imported.split(".")
            if parts[0] == others[0] == "powerdesk" and min(len(parts), len(others)) > 1 and parts[1] != others[1]:
                pairs.add((parts[1], others[1]))
    ranked = sorted(pairs, key=lambda pair: (order.index(pair[0]), order.index(pair[1])))
    diagram = "\n".join(f"  {upper} --> {lower}" for upper, lower in ranked)
    rows = [
        (f"`{layer}`", ", ".join(f"`{lower}`" for upper, lower in ranked if upper == layer) or "nothing of ours")
        for layer in order
    ]
    return f"```mermaid\nflowchart TD\n{diagram}\n```\n\n" + table(("layer", "imports"), rows)


def with_import_graph(text: str, *, drawn: str) -> str:
    """Return ARCHITECTURE.md with the part between the markers replaced; ValueError when it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"ARCHITECTURE.md has no part between {BEGIN} and {END}: put the two lines where it belongs")
    return f"{before}{BEGIN}\n\n{drawn}\n{END}{after}"


def pages() -> dict[str, str]:
    """Return every generated page: path from the root -> content."""
    subjects = docs_subjects.gather()
    made = {f"{REFERENCE}/{PAGES[kind][0]}": listing(kind=kind, subjects=subjects) for kind in PAGES}
    made[f"{REFERENCE}/datasets.md"] = datasets_page(docs_subjects.declared_datasets())
    made[f"{REFERENCE}/connectors.md"] = connectors_page(importlib.import_module("powerdesk.markets.report_card").CARDS)
    made[f"{REFERENCE}/problems.md"] = problem_index(subjects)
    for subject in subjects:
        if subject.kind == "problem":
            made[f"{PROBLEMS}/{subject.name}.md"] = problem_page(subject)
    graph = grimp.build_graph("powerdesk", cache_dir=None)
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    made["ARCHITECTURE.md"] = with_import_graph(text, drawn=import_graph(graph))
    return made


def out_of_step(made: dict[str, str], *, root: Path) -> tuple[str, ...]:
    """Return the paths below `root` that differ from what was made, and generated pages nothing makes any more."""
    stale = [path for path, text in made.items() if not same(root / path, text)]
    folders = {Path(path).parent for path in made} - {Path()}
    present = {path.relative_to(root).as_posix() for folder in folders for path in (root / folder).glob("*.md")}
    orphans = [path for path in present - set(made) if (root / path).read_text(encoding="utf-8").startswith(MADE)]
    return tuple(sorted([*stale, *orphans]))


def same(path: Path, text: str) -> bool:
    """Say whether a page on disk is exactly `text`."""
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main() -> int:
    """Write the pages, or with `--check` list those that are out of step; 1 when there is one."""
    made = pages()
    stale = out_of_step(made, root=ROOT)
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is out of step with the code: run `make docs`")
        return 1 if stale else 0
    for path in stale:
        if path in made:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(made[path], encoding="utf-8", newline="\n")
        else:
            (ROOT / path).unlink()
    print(f"{len(made)} pages made, {len(stale)} of them changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
