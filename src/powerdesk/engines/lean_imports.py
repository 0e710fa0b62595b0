"""Let libraries load without the parts of others that they load for nobody."""

from __future__ import annotations

import importlib.util
import sys

UNUSED = ("numpy.testing", "numpy.f2py")


def without_commands() -> None:
    """Let httpx come without its command line, which loads rich's and pygments' lexers: 6 MB; httpx allows for that."""
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: an import of it fails


def without_tools() -> None:
    """Let numpy's tools load when somebody first uses them; what is loaded already stays.

    scipy asks numpy for all that it has by name, and so loads its test and Fortran tools with what they need (unittest,
    a detector of text encodings): 9 MB and 0.07 s in a process that never uses them.
    """
    import numpy as np  # noqa: PLC0415 - a worker loads it when it begins, not when this module is read

    for name in UNUSED:
        spec = None if name in sys.modules else importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            continue
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        setattr(np, name.rpartition(".")[2], module)
