"""Everything that the reference must speak of, read from the running code: routes, datasets, settings and so on."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
METHODS = ("get", "head", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing the reference names: its kind, the words a reader would search for, and what it means."""

    kind: str
    name: str
    meaning: str
    facts: tuple[tuple[str, str], ...] = ()


def sentence(text: str | None) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def routes(openapi: dict[str, Any]) -> Iterator[Subject]:
    """Yield each method of each path of an OpenAPI document."""
    for path, methods in sorted(openapi["paths"].items()):
        for method in METHODS:
            if method in methods:
                told = methods[method]
                names = ", ".join(f"`{item['name']}`" for item in told.get("parameters", ()) if "name" in item)
                meaning = told.get("description") or told.get("summary") or ""
                facts = (("parameters", names or "none"), ("answers", ", ".join(sorted(told.get("responses", {})))))
                yield Subject("route", f"{method.upper()} {path}", sentence(meaning), facts)


def stream_messages(asyncapi: dict[str, Any]) -> Iterator[Subject]:
    """Yield each message of an AsyncAPI document."""
    for name, told in sorted(asyncapi["components"]["messages"].items()):
        yield Subject("stream message", name, sentence(told.get("description") or told.get("summary")))


def settings(model: Any, *, prefix: str, given: Any = None) -> Iterator[Subject]:
    """Yield each leaf of a pydantic settings tree by the environment variable that sets it.

    `given` is the value that the branch above gives this one by default; it decides the defaults shown.
    """
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        default = field.default if given is None else getattr(given, name)
        if inspect.isclass(field.annotation) and hasattr(field.annotation, "model_fields"):
            branch = default if hasattr(default, "model_dump") else None
            yield from settings(field.annotation, prefix=f"{variable}__", given=branch)
        else:
            needed = given is None and field.is_required()
            facts = (("type", typed(field.annotation)), ("default", "required" if needed else shown(default)))
            yield Subject("setting", variable, sentence(field.description), facts)


def typed(annotation: Any) -> str:
    """Return a type as a reader writes it."""
    text = annotation.__name__ if inspect.isclass(annotation) and not hasattr(annotation, "__args__") else annotation
    return str(text).replace("typing.", "").replace("pathlib._local.", "").replace("pathlib.", "")


def shown(default: Any) -> str:
    """Return a default value as text that is the same on every machine."""
    if isinstance(default, Path):
        return default.as_posix()
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "empty"
    return "none" if default is None else str(default)


def commands(command: Any, *, path: str) -> Iterator[Subject]:
    """Yield a command line's commands, leaves only, with their options."""
    branches = getattr(command, "commands", None)
    if branches:
        for name, child in sorted(branches.items()):
            yield from commands(child, path=f"{path} {name}")
        return
    options = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)]
    facts = (("takes", ", ".join(f"`{name}`" for name in options if name != "--help") or "nothing"),)
    yield Subject("command", path, sentence(command.help), facts)


LEFT_OUT = re.compile(r"\.migrations|^powerdesk\.engines\.scaled\.")


def modules_of(package: str) -> tuple[Any, ...]:
    """Import a package whole and return its modules.

    Left out: migrations and entry points, which run when imported, and adapters, whose libraries may be absent.
    """
    root = importlib.import_module(package)
    found = [root]
    for item in pkgutil.walk_packages(root.__path__, prefix=f"{package}."):
        last = item.name.rsplit(".", 1)[-1]
        if not LEFT_OUT.search(item.name) and last != "__main__":
            found.append(importlib.import_module(item.name))
    return tuple(found)


def problems() -> Iterator[Subject]:
    """Yield each class of problem once by its slug, with what every class of that slug says.

    A class whose title is not its own but another desk's, repeated, is left out.
    """
    base = importlib.import_module("powerdesk.kernel.problem").Problem
    modules_of("powerdesk")
    by_slug: dict[str, list[Any]] = {base.slug: [base]}
    waiting = list(base.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        ours = kind.__module__.startswith("powerdesk.") and isinstance(kind.title, str)
        if ours and kind not in by_slug.get(kind.slug, []):
            by_slug.setdefault(kind.slug, []).append(kind)
    for slug, kinds in sorted(by_slug.items()):
        told = sorted(kinds, key=lambda kind: (kind.__module__, kind.__qualname__))
        meaning = "\n\n".join(dict.fromkeys(inspect.cleandoc(kind.__doc__ or "") for kind in told))
        facts = (
            ("title", told[0].title),
            ("status", ", ".join(dict.fromkeys(str(kind.status) for kind in told))),
            ("raised as", ", ".join(f"`{kind.__module__}.{kind.__qualname__}`" for kind in told)),
        )
        yield Subject("problem", slug, meaning, facts)


def events(kinds: tuple[Any, ...]) -> Iterator[Subject]:
    """Yield each message of the bus by its versioned name, with its fields; one without a tag by its class's name."""
    for kind in sorted(kinds, key=lambda item: str(item.__struct_config__.tag)):
        fields = ", ".join(f"`{name}`" for name in kind.__struct_fields__)
        name = str(kind.__struct_config__.tag or kind.__qualname__)
        yield Subject("event", name, sentence(kind.__doc__), (("fields", fields),))


def datasets(declared: tuple[Any, ...]) -> Iterator[Subject]:
    """Yield each dataset by its id; the page shows its columns from the declaration itself."""
    for dataset in sorted(declared, key=lambda item: str(item.id)):
        yield Subject("dataset", dataset.id, sentence(dataset.meaning), (("title", dataset.title),))


def declared_datasets() -> tuple[Any, ...]:
    """Return the datasets of the house."""
    registry = importlib.import_module("powerdesk.app.registry")
    return tuple(sorted(registry.DATASETS, key=lambda item: str(item.id)))


def command_line() -> Any:
    """Return the module that the installed `powerdesk` program starts; it holds the typer application as `app`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return importlib.import_module(project["project"]["scripts"]["powerdesk"].partition(":")[0])


def gather() -> tuple[Subject, ...]:
    """Return every subject of this checkout."""
    sys.path.insert(0, str(ROOT / "src"))
    gateway = importlib.import_module("powerdesk.app.gateway")
    registry = importlib.import_module("powerdesk.app.registry")
    tree = importlib.import_module("powerdesk.app.settings")
    line = importlib.import_module("typer.main").get_command(command_line().app)
    return (
        *routes(gateway.openapi()),
        *stream_messages(gateway.asyncapi()),
        *datasets(registry.DATASETS),
        *events(registry.EVENTS),
        *settings(tree.Settings, prefix=tree.PREFIX),
        *commands(line, path="powerdesk"),
        *problems(),
    )
