"""The tidy rules that read text; each yields (line, words). Patterns are written so as not to match themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

Found = Iterator[tuple[int, str]]

UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|raise NotImplemented" + r"Error\b")
VAGUE = frozenset({"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "shared"})
REASONED_WAIVERS = (
    # The waiver, and the same waiver followed by codes and a reason.
    (re.compile(r"#\s*noqa\b"), re.compile(r"#\s*noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)* - \S.{5,}")),
    (re.compile(r"#\s*type:\s*ignore\b"), re.compile(r"#\s*type:\s*ignore\[[a-z-]+(, ?[a-z-]+)*\]\s+# \S.{5,}")),
    (re.compile(r"#\s*pragma:"), re.compile(r"#\s*pragma: [a-z ]+ - \S.{5,}")),
    (re.compile(r"eslint-" + r"disable"), re.compile(r"eslint-" + r"disable[a-z-]* [@a-z/, -]+ -- \S.{5,}")),
    (re.compile(r"@ts-(?:ignore|nocheck)"), re.compile(r"(?!)")),
    (re.compile(r"@ts-expect-error"), re.compile(r"@ts-expect-error\W+\w.{5,}")),
)
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work|farm|mnt)/[\w.-]+|[A-Z]:\\+Users\\+\w+")
ADDRESSES = re.compile(
    r"(?:pypi|pythonhosted|npmjs|crates|maven|debian)\.(?:org|com|io)\b|registry\.npm|--(?:extra-)?index-url\s*[= ]|"
    r'"resolved"\s*:\s*"http|GOPROXY\s*=\s*http',
)
SECRETS = (
    re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*\n[A-Za-z0-9+/=]{32}"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    re.compile(r"\bxox[abp]-[0-9A-Za-z-]{20,}"),
    re.compile(r"\bsk_live_[0-9A-Za-z]{16,}"),
)
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u26ff\u2705\u274c\u2728\u2753-\u2757\u2b50\ufe0f]")
FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"(?<!\\)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
EXPECTATION = re.compile(r"\bexpect(?:TypeOf)?\s*[.(]|\bassert[A-Z]?\w*\s*\(")
WEB_TEST = re.compile(r"^\s*(?:it|test)(?:\.each\([^)]*\))?\s*\(", re.MULTILINE)


def lines_matching(*, text: str, pattern: re.Pattern[str], words: str) -> Found:
    """Yield each line that `pattern` matches, with the matched text before `words`."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = pattern.search(line)
        if match is not None:
            yield number, f"{match[0].strip()!r} {words}"


def unfinished(text: str) -> Found:
    """Yield each note to do something later."""
    return lines_matching(text=text, pattern=UNFINISHED, words="leaves work undone: do it or file it as an issue")


def vague_name(path: str) -> Found:
    """Yield when a module or one of its folders is named after nothing in particular."""
    for part in PurePosixPath(path).with_suffix("").parts:
        if part.lower() in VAGUE:
            yield 0, f"the name {part!r} says nothing about its content: name the module after its subject"


def bare_waivers(text: str) -> Found:
    """Yield each suppressed check that gives no code or no reason."""
    for number, line in enumerate(text.splitlines(), start=1):
        for waiver, reasoned in REASONED_WAIVERS:
            match = waiver.search(line)
            if match is not None and reasoned.search(line) is None:
                yield number, f"{match[0]!r} gives no code and reason: write the reason behind it, or mend the cause"


def machine_paths(text: str) -> Found:
    """Yield each path that exists on one machine only."""
    return lines_matching(text=text, pattern=MACHINE_PATH, words="is one machine's own path: find it from the checkout")


def registry_addresses(text: str) -> Found:
    """Yield each address of a package registry."""
    return lines_matching(text=text, pattern=ADDRESSES, words="names a package registry: clients know where to look")


def secrets(text: str) -> Found:
    """Yield each thing that looks like a key in clear."""
    for pattern in SECRETS:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, "this looks like a secret: revoke it and make one when needed"


def emoji(text: str) -> Found:
    """Yield each pictograph."""
    return lines_matching(text=text, pattern=EMOJI, words="is an emoji: say it in words")


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, line) of a page outside its fenced blocks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def titles(text: str) -> Found:
    """Yield unless a page has exactly one heading of the first level."""
    found = [number for number, line in prose(text) if line.startswith("# ")]
    if len(found) != 1:
        yield (found[1] if found else 0), f"the page has {len(found)} titles (`# `), it must have exactly one"


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as a renderer makes them."""
    made: set[str] = set()
    for _, line in prose(text):
        heading = HEADING.match(line)
        if heading is not None:
            plain = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading[2]).lower()
            made.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return made


def dead_links(*, text: str, page: Path) -> Found:
    """Yield each relative link of `page` whose file, or whose heading, does not exist."""
    for number, line in prose(text):
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z][a-z+.-]*:|//|/", target):
                continue
            name, _, anchor = unquote(target).partition("#")
            path = page.parent / name if name else page
            if not path.exists():
                yield number, f"the link to {target} leads nowhere: correct the path"
            elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
                yield number, f"the page {name or page.name} has no heading #{anchor}: correct the anchor"


def web_tests_without_expectation(text: str) -> Found:
    """Yield when a file of web tests has fewer expectations than tests."""
    tests, expectations = len(WEB_TEST.findall(text)), len(EXPECTATION.findall(text))
    if expectations < max(tests, 1):
        yield 0, f"{tests} tests but {expectations} expectations: expect what must hold, or delete the test"
