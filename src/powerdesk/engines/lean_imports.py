"""Let libraries load without the parts of others that they load for nobody; whole, where it is not known to do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

UNUSED = ("numpy.testing", "numpy.f2py")
DOES_WITHOUT = "try:\n    from ._main import main\nexcept ImportError:"
"""How httpx says that it has no need of its command line."""


def without_commands() -> None:
    """Let httpx come without its command line, which loads rich's and pygments' lexers: 6 MB.

    Done only where its own text says that it copes; a httpx written otherwise loads whole.
    """
    spec = importlib.util.find_spec("httpx")
    file = Path((spec and spec.origin) or "")
    if file.is_file() and DOES_WITHOUT in file.read_text(encoding="utf-8"):
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: an import of it fails


def without_tools() -> None:
    """Let numpy's tools load when somebody first uses them; what is loaded already stays, and what cannot wait loads.

    scipy asks numpy for all that it has by name, and so loads its test and Fortran tools with what they need (unittest,
    a detector of text encodings): 9 MB and 0.07 s in a process that never uses them.
    """
    import numpy as np  # noqa: PLC0415 - a worker loads it when it begins, not when this module is read

    for name in UNUSED:
        spec = None if name in sys.modules else importlib.util.find_spec(name)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            continue
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        setattr(np, name.rpartition(".")[2], module)
