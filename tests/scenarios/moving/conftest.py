"""Make the desk's and the cluster's own test modules importable under importlib mode."""

from __future__ import annotations

import sys
from pathlib import Path

SCENARIOS = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(SCENARIOS / "desk"), str(SCENARIOS / "roles")]
