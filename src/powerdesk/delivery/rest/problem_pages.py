"""What each class of problem means, as text: where the type URL of every problem leads."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from powerdesk.kernel.problem import DOCS_ROOT, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class UnknownProblemError(Problem):
    """No class of problem has this name."""

    status = 404
    slug = "unknown-problem"
    title = "No such problem"


def text(slug: str) -> str:
    """Return the page of a problem as Markdown; raise UnknownProblemError when none has the slug."""
    for kind in _kinds(Problem):
        if kind.slug == slug:
            return (
                f"# {kind.title}\n\n{inspect.getdoc(kind)}\n\n"
                f"- type: `{DOCS_ROOT}{slug}`\n- status: {kind.status}\n\n"
                "The answer's `found` says what was met, `allowed` what would have been accepted, and `remedy` what to "
                "do; `errors` lists every fault when there are several.\n"
            )
    raise UnknownProblemError(found=repr(slug[:60]), allowed="a slug that a problem named", remedy="copy the type URL")


def _kinds(base: type[Problem]) -> Iterator[type[Problem]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
