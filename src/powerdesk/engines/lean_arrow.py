"""Keep Arrow lean in a process: memory that goes back to the system, and no pandas that nobody asked for.

pyarrow looks for pandas the first times it makes an array, and where pandas is installed (tests and benchmarks bring
it) that costs a process 50-70 MB and half a second. pyarrow gives up for good when it finds none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from powerdesk.engines import lean_memory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

LOOKS = 2
"""pyarrow 26 looks once for each of two purposes, both when it makes an array."""


class _Hidden:
    """A finder that answers for pandas alone, and finds nothing."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Raise as an import does that finds nothing, for pandas; leave every other name to the finders after this."""
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def lean() -> None:
    """Take both measures, and malloc's; before the process makes its first array and starts its threads."""
    import pyarrow as pa  # noqa: PLC0415 - a worker loads it when it begins, not when this module is read

    lean_memory.few_arenas()
    pa.set_memory_pool(pa.system_memory_pool())  # gives freed memory back; the default pools kept 30 MB more
    without_pandas()


def without_pandas() -> None:
    """Let pyarrow find no pandas, once; who imports pandas itself afterwards gets it as ever."""
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        import pyarrow as pa  # noqa: PLC0415 - the first import is the moment to hide pandas

        for _ in range(LOOKS):
            pa.array([0])
    finally:
        sys.meta_path.remove(hidden)
