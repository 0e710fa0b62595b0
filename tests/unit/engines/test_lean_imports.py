"""Parts of libraries left out, and libraries of another layout than the known one, which load as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LEAVE_OUT = "from powerdesk.engines.lean_imports import without_commands, without_tools; "


def told(program: str, folder: Path | None = None) -> str:
    """Run a program that finds packages of `folder` before those installed; return what it printed."""
    search = {} if folder is None else {"PYTHONPATH": str(folder)}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", LEAVE_OUT + program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **search},  # noqa: TID251 - handed on to the program
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def planted(folder: Path, **files: str) -> Path:
    """Write files, named with `__` for the separator, and return the folder."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/', 1)}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_without_commands__leaves_out_the_command_line_of_httpx() -> None:
    left_out = "without_commands(); import sys, httpx; print('rich' in sys.modules, httpx.Client.__name__)"
    assert told(left_out) == "False Client"


@pytest.mark.parametrize(
    "text",
    [
        "from ._main import main\n",
        "from . import _main\nmain = _main.main\n",
        "try:\n from ._main import main\nexcept OSError: pass\n",
    ],
)
def test_without_commands__lets_a_httpx_that_needs_its_command_line_load_whole(tmp_path: Path, text: str) -> None:
    folder = planted(tmp_path, httpx____init__=text, httpx___main="main = 'whole'\n")
    assert told("without_commands(); import httpx; print(httpx.main)", folder) == "whole"


def test_without_tools__leaves_the_tools_of_numpy_to_whoever_uses_them() -> None:
    asked = "without_tools(); import sys, numpy as np; print('unittest' in sys.modules); np.testing.assert_equal(1, 1)"
    assert told(asked) == "False"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"numpy____init__": "", "numpy__testing": "VALUE = 3\n"}, "3"),
        ({"numpy____init__": "class testing: VALUE = 4\n"}, "4"),
        ({"numpy____init__": "import numpy.testing\n", "numpy__testing": "VALUE = 5\n"}, "5"),
    ],
    ids=["a module, no Fortran", "no module", "loaded at once"],
)
def test_without_tools__lets_a_numpy_of_another_layout_load_as_it_is(
    tmp_path: Path, files: dict[str, str], found: str
) -> None:
    folder = planted(tmp_path, **files)
    assert (
        told("without_tools(); import numpy; print(numpy.testing.VALUE, hasattr(numpy, 'f2py'))", folder)
        == f"{found} False"
    )


def test_without_tools__passes_over_what_cannot_wait(tmp_path: Path) -> None:
    finder = (
        "import importlib.abc, importlib.machinery, sys, types\n"
        "class Old:\n"
        "    def load_module(self, name):\n"
        "        sys.modules[name] = made = types.ModuleType(name)\n"
        "        made.VALUE = 6\n"
        "        return made\n"
        "class Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        return importlib.machinery.ModuleSpec(name, Old()) if name == 'numpy.testing' else None\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    folder = planted(tmp_path, numpy____init__=finder)
    assert told("without_tools(); import numpy.testing; print(numpy.testing.VALUE)", folder) == "6"
