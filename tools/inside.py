#!/usr/bin/env python3
"""Run the environment's Python with the given arguments: `tools/inside.py -m ruff check FILE...` (for pre-commit)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import setup as environment


def main() -> int:
    """Run; 1 with a message when there is no environment yet."""
    python = environment.python_of(environment.ENVIRONMENT)
    if not python.exists():
        print("there is no .venv yet: run `make setup` first", file=sys.stderr)
        return 1
    return subprocess.run([str(python), *sys.argv[1:]], cwd=environment.ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
