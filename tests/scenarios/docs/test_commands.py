"""Every command that a page shows is one that the command line understands."""

from __future__ import annotations

import re
import shlex

import click
import pages
import pytest
import typer.main

from powerdesk.app.cli.program import app

COMMAND = re.compile(r"^(?:\w+=\S+ )?(powerdesk .*)$", re.MULTILINE)
PAGES = (pages.ROOT / "README.md", *sorted((pages.ROOT / "docs").rglob("*.md")))


def shown(text: str) -> list[str]:
    """Return the commands of the fenced blocks of a page, continued lines joined, what a shell fills in replaced."""
    whole = text.replace("\\\n", " ")
    fenced = "\n".join(body for language, _, body in pages.FENCE.findall(whole) if language in ("sh", "text"))
    inner = re.findall(r"\$\((powerdesk [^|)]*)", fenced)
    return [re.sub(r"\$\([^)]*\)", "2026-11-21T00:00:00Z", line) for line in COMMAND.findall(fenced)] + inner


def understood(command: str) -> str:
    """Return the name of the verb; raise click.UsageError when the verb or an option of it does not exist."""
    words = shlex.split(command, comments=True)[1:]
    verb = typer.main.get_command(app)
    name = "powerdesk"
    while commands := getattr(verb, "commands", None):
        if not words or words[0] not in commands:
            raise click.UsageError(f"{command}: no verb {words[:1]}")
        name = words.pop(0)
        verb = commands[name]
    verb.make_context(name, words)
    return name


COMMANDS = [
    (page.relative_to(pages.ROOT).as_posix(), line) for page in PAGES for line in shown(page.read_text("utf-8"))
]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_command__is_understood(page: str, command: str) -> None:
    assert understood(command), page


def test_commands__are_found_on_many_pages() -> None:
    assert len({page for page, _ in COMMANDS}) >= 8
    assert len(COMMANDS) >= 30


@pytest.mark.parametrize("wrong", ["powerdesk fly", "powerdesk get markets.prices --no-such-option 1", "powerdesk key"])
def test_command__that_does_not_exist_is_told(wrong: str) -> None:
    with pytest.raises(Exception, match=r"[Nn]o (such|verb)"):
        understood(wrong)
