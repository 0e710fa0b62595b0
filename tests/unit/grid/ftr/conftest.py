"""Make test_feasibility's rights and the basis tests' prices importable under importlib mode."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "basis")]
