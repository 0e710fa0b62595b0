"""The verbs, the set-up and continuous integration say what they must, on a machine that has everything already."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402 - a script of tools/, found by the line above
import setup  # noqa: E402 - as above
import web  # noqa: E402 - as above

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
VERBS = [
    "setup",
    "up",
    "down",
    "logs",
    "check",
    "test",
    "bench",
    "docs",
    "web",
    "wheel",
    "services",
    "services-stop",
    "clean",
]


def recipe(verb: str) -> str:
    """Return the lines of one verb of the Makefile."""
    match = re.search(rf"^{verb}:.*\n((?:\t.*\n|ifeq.*\n|endif.*\n)*)", MAKEFILE, re.MULTILINE)
    assert match is not None
    return match[0]


@pytest.mark.parametrize("verb", VERBS)
def test_makefile__has_every_verb_with_its_meaning(verb: str) -> None:
    assert re.search(rf"^{verb}:.*## \S", MAKEFILE, re.MULTILINE)


def test_makefile__check_runs_every_gate() -> None:
    gates = ("ruff format --check", "ruff check", "mypy", "contracts.py", "tidy.py", "lock.py --check")
    for gate in (*gates, "docs_build.py --check", "docs_complete.py", "web.py run check"):
        assert gate in recipe("check")


def test_beside__tells_what_each_said_in_order_and_fails_when_one_did(tmp_path: Path) -> None:
    (tmp_path / "say.py").write_text("import sys; print(sys.argv[1]); sys.exit(int(sys.argv[2]))", encoding="utf-8")
    command = [sys.executable, str(ROOT / "tools" / "beside.py")]
    for lines, said, code in (
        (("say.py one 0 && say.py two 0", "say.py three 0"), "one\ntwo\nthree\n", 0),
        (("say.py one 3 && say.py two 0", "say.py three 0"), "one\nsay.py one 3 failed with 3\nthree\n", 1),
    ):
        left = subprocess.run([*command, *lines], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (left.stdout, left.returncode) == (said, code)


def test_makefile__test_checks_first_and_ends_with_pytest() -> None:
    lines = recipe("test").strip().splitlines()
    assert re.match(r"test: check\b", lines[0])
    steps = [line for line in lines[1:] if line.startswith("\t")]
    web = next(number for number, line in enumerate(steps) if "web.py run test" in line)
    assert len(steps) > web + 1
    assert all("-m pytest" in line for line in steps[web + 1 :])


def test_makefile__test_fetches_services_only_when_they_are_required() -> None:
    required = re.search(r"ifeq \(\$\(POWERDESK_REQUIRE_SERVICES\),1\)\n(.*)\nendif", recipe("test"))
    assert required is not None
    assert "services.py install" in required[1]
    assert recipe("test").count("services.py") == 1
    assert "services.py" not in recipe("up")
    assert "services.py" not in recipe("setup")


def test_ci__requires_services_and_calls_make_test_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == [
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        "export POWERDESK_REQUIRE_SERVICES=1",
        "exec make --no-print-directory test",
    ]
    assert os.name == "nt" or script.stat().st_mode & 0o111


def test_pre_commit__has_local_hooks_only_whose_programs_exist() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in settings["repos"] for hook in repository["hooks"]]
    assert {repository["repo"] for repository in settings["repos"]} == {"local"}
    assert {"format", "lint", "tidy", "docs", "locks", "contracts"} == {hook["id"] for hook in hooks}
    for hook in hooks:
        for word in hook["entry"].split():
            assert not word.startswith("tools/") or (ROOT / word).is_file(), word


@pytest.mark.parametrize(("text", "version"), [("v22.12.0\n", (22, 12)), ("v24.1.0", (24, 1)), ("v20.20.2", (20, 20))])
def test_node__version_is_read(text: str, version: tuple[int, int]) -> None:
    assert web.version_of(text) == version


def test_node__strange_version_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a version"):
        web.version_of("command not found")


def test_node__that_is_too_old_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt":
        pytest.skip("the made-up programs are shell scripts")
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho v20.20.2\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    assert web.node_of_machine() is None
    (tmp_path / "node").write_text("#!/bin/sh\necho v22.12.0\n", encoding="utf-8")
    taken = web.node_of_machine()
    assert taken is not None
    assert (taken.program, taken.npm) == (tmp_path / "node", (str(tmp_path / "npm"),))


def test_node__of_no_machine_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert web.node_of_machine() is None


def test_hub__inputs_follow_sources_and_nothing_built(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "a.ts"
    source.write_text("let a = 1", encoding="utf-8")
    before = web.inputs_of_hub(tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "index.html").write_text("built", encoding="utf-8")
    assert web.inputs_of_hub(tmp_path) == before
    source.write_text("let a = 2", encoding="utf-8")
    changed = web.inputs_of_hub(tmp_path)
    assert changed != before
    source.rename(source.with_name("b.ts"))
    assert web.inputs_of_hub(tmp_path) not in {before, changed}


def test_setup__fingerprint_tells_files_apart_by_name_and_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"ab")
    two.write_bytes(b"")
    first = setup.fingerprint(one, two)
    one.write_bytes(b"a")
    two.write_bytes(b"b")
    assert setup.fingerprint(one, two) != first
    assert setup.fingerprint(two, one) != setup.fingerprint(one, two)


def test_setup__has_no_complaint_about_this_python() -> None:
    assert setup.complaint() is None


def test_setup__needs_nothing_but_the_standard_library() -> None:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import web"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_services__name_what_is_missing_and_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    absent = services.missing()
    assert absent == services.NEEDS
    assert all(need.otherwise and need.package for need in absent)
    assert services.debian.may_install() is False
    assert services.install(()) == 1
