"""Each tidy rule trips on a planted fault, stays silent on the mended one, and says when it examined nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from loading import module_at

ROOT = Path(__file__).resolve().parents[2]
tidy = module_at(ROOT / "tools" / "tidy.py")
NO = "# " + "noqa"
IGNORE = "# type" + ": ignore"
LATER = "TO" + "DO"

# Rule, path, a faulty content, a mended content.
CASES = (
    ("files are small", "docs/a.md", "# A\n" + "x" * 600_000, "# A\n"),
    ("modules are short", "src/powerdesk/a.py", "a = 1\n" * 601, "a = 1\n" * 600),
    ("modules are short", "web/src/a.ts", "let a\n" * 251, "let a\n" * 250),
    ("functions fit a screen", "src/powerdesk/a.py", "def f():\n" + " a = 1\n" * 70, "def f():\n" + " a = 1\n" * 69),
    (
        "packages only introduce themselves",
        "src/powerdesk/x/__init__.py",
        '"""X."""\nfrom a import b\n',
        '"""X."""\n\nfrom __future__ import annotations\n',
    ),
    ("tests assert", "tests/test_a.py", "def test_a__b():\n    f()\n", "def test_a__b():\n    assert f()\n"),
    (
        "tests assert",
        "tests/test_a.py",
        "def check(x):\n    f(x)\n\ndef test_a__b():\n    check(1)\n",
        "def check(x):\n    assert x\n\ndef test_a__b():\n    check(1)\n",
    ),
    (
        "tests are named by subject and behaviour",
        "tests/test_a.py",
        "def test_2():\n    assert f()\n",
        "def test_two__is_even():\n    assert f()\n",
    ),
    ("web tests assert", "web/src/a.test.ts", "it('a', () => { f() })", "it('a', () => { expect(f()).toBe(1) })"),
    ("modules have telling names", "src/powerdesk/utils.py", "", None),
    ("modules have telling names", "web/src/helpers/a.ts", "", None),
    ("nothing is left undone", "src/powerdesk/a.py", f"# {LATER}: later\n", "# the source posts at 13:30\n"),
    (
        "nothing is left undone",
        "src/powerdesk/a.py",
        "raise NotImplemented" + "Error\n",
        "except NotImplementedError:\n",
    ),
    (
        "waivers give a reason",
        "src/powerdesk/a.py",
        f"a = 1  {NO}: F401\n",
        f"a = 1  {NO}: F401 - read by the plug-in\n",
    ),
    ("waivers give a reason", "src/powerdesk/a.py", f"a = 1  {NO}\n", f"a = 1  {NO}: F401, E501 - read by others\n"),
    (
        "waivers give a reason",
        "src/powerdesk/a.py",
        f"a = 1  {IGNORE}[x]\n",
        f"a = 1  {IGNORE}[call-arg]  # stub lacks it\n",
    ),
    (
        "waivers give a reason",
        "src/powerdesk/a.py",
        "a = 1  # prag" + "ma: no cover\n",
        "a = 1  # prag" + "ma: no cover - only on Windows\n",
    ),
    (
        "waivers give a reason",
        "web/src/a.ts",
        "// eslint-" + "disable-next-line no-x\n",
        "// eslint-" + "disable-next-line no-x -- the canvas needs it\n",
    ),
    ("waivers give a reason", "web/src/a.ts", "// @ts" + "-ignore it is fine\n", ""),
    ("no machine's own paths", "docs/a.md", "# A\nsee /ho" + "me/ada/x\n", "# A\nsee ../x\n"),
    ("no machine's own paths", "docs/a.md", "# A\nsee /wo" + "rk/main\n", "# A\nsee /v1/root/main\n"),
    ("no registry's address", "web/package-lock.json", '{"resol' + 'ved": "https://x/y.tgz"}', '{"version": "1"}'),
    ("no registry's address", "requirements/base.txt", "--index" + "-url https://x\n", "a==1 \\\n"),
    ("no registry's address", "docs/a.md", "# A\nhttps://py" + "pi.org/simple\n", "# A\nPyPI\n"),
    ("no secret", "docs/a.md", "# A\nAKIA" + "ABCDEFGHIJKLMNOP\n", "# A\n"),
    ("no secret", "a.pem", "-----BEGIN PRIVATE KEY-----\n" + "A" * 64, "-----BEGIN CERTIFICATE-----\n"),
    ("no emoji", "docs/a.md", "# A \U0001f680\n", "# A ▲ ✓\n"),
    ("a page has one title", "docs/a.md", "# A\n\n# B\n", "# A\n\n## B\n\n```sh\n# a comment\n```\n"),
    ("a page has one title", "docs/a.md", "A\n", "# A\n"),
    ("links lead somewhere", "docs/a.md", "# A\n[b](nowhere.md)\n", "# A\n[b](../LICENSE) `[c](nowhere.md)`\n"),
    ("links lead somewhere", "docs/a.md", "# A\n[b](#gone)\n", "# A\n[c](https://example.org)\n"),
)


def faults_of(*, rule: str, path: str, content: str) -> list[str]:
    """Return what one rule finds in one made-up file; the rule must apply to it."""
    chosen = next(item for item in tidy.RULES if item.name == rule)
    file = tidy.File(path, content.encode())
    assert chosen.applies(file), f"{rule} does not look at {path}"
    return [words for _, words in chosen.find(file)]


@pytest.mark.parametrize(("rule", "path", "faulty", "mended"), CASES, ids=lambda value: str(value)[:30])
def test_tidy__trips_on_a_planted_fault(rule: str, path: str, faulty: str, mended: str | None) -> None:
    assert len(faults_of(rule=rule, path=path, content=faulty)) == 1
    if mended is not None:
        assert faults_of(rule=rule, path=path, content=mended) == []


def test_tidy__has_a_planted_fault_for_every_rule() -> None:
    assert {case[0] for case in CASES} == {rule.name for rule in tidy.RULES}


def test_tidy__reports_a_rule_that_examined_nothing() -> None:
    faults, examined = tidy.inspect((tidy.File("a.bin", b"\0"),))
    idle = [name for name, count in examined.items() if count == 0]
    assert len(idle) == len(tidy.RULES) - 1
    assert len([fault for fault in faults if "examined no file" in fault.words]) == len(idle)


def test_tidy__prints_where_a_fault_is() -> None:
    faults, _ = tidy.inspect((tidy.File("docs/a.md", b"# A\n\n# B\n"),))
    assert "docs/a.md:3: the page has 2 titles (`# `), it must have exactly one" in [str(fault) for fault in faults]


def test_tidy__reads_the_repository_itself() -> None:
    files = tidy.read_repository()
    _, examined = tidy.inspect(files)
    assert "tools/tidy.py" in {file.path for file in files}
    assert min(examined.values()) > 0
