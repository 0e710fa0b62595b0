"""Importing the whole kernel stays cheap: no array or holiday library comes along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import powerdesk.kernel

PROGRAM = """
import sys
before = set(sys.modules)
import importlib
for name in sys.argv[1:]:
    importlib.import_module("powerdesk.kernel." + name)
print("\\n".join(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_kernel__imports_nothing_but_the_standard_library() -> None:
    names = sorted(path.stem for path in Path(powerdesk.kernel.__file__).parent.glob("[a-z]*.py"))
    assert "intervals" in names
    result = subprocess.run(  # noqa: S603 - our own interpreter on a literal program
        [sys.executable, "-I", "-c", PROGRAM, *names], capture_output=True, text=True, timeout=120, check=True
    )
    loaded = {name for name in result.stdout.split() if not name.startswith("_sysconfigdata")}  # the platform's own
    assert "powerdesk" in loaded
    assert loaded - {"powerdesk"} <= set(sys.stdlib_module_names)
