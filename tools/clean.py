"""Remove what was built: caches, dist, the hub's files. Keeps .venv, node_modules and every data folder."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = (
    "build",
    "dist",
    "web/dist",
    "src/powerdesk/delivery/hub/static",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".import_linter_cache",
    ".grimp_cache",
    ".hypothesis",
)


def main() -> None:
    """Remove each built folder and every bytecode folder of our own trees."""
    caches = [path for tree in ("src", "tests", "tools", "benchmarks") for path in (ROOT / tree).rglob("__pycache__")]
    for path in [*(ROOT / name for name in BUILT), *caches]:
        if path.is_dir():
            shutil.rmtree(path)
            print(f"removed {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
