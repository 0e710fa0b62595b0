"""Run benchmark subjects: one JSON line per measurement on standard output, the same with its setting in results/.

A subject is benchmarks/subjects/<name>.py with a generator `measure()` that yields `Measurement`s; `timed` makes the
values of the usual kind. `python benchmarks/harness.py [NAME...] [--no-record]`; without a name, all of them.
"""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
KEPT_RUNS = 40
"""Records kept per subject: the file stays small, the older ones stay in git."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one case of a subject gave: every run's value in `unit`, and the peer's on the same data if there is one.

    `target` is the figure the project promises, in the same unit; `higher_is_better` for rates.
    """

    case: str
    values: tuple[float, ...]
    unit: str
    peer: str | None = None
    peer_values: tuple[float, ...] = ()
    target: float | None = None
    higher_is_better: bool = False


def timed(function: Callable[[], object], *, runs: int, warm_up: int = 1) -> tuple[float, ...]:
    """Return the milliseconds of each of `runs` calls after `warm_up` unmeasured ones, the collector held off."""
    for _ in range(warm_up):
        function()
    taken: list[float] = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(runs):
            began = time.perf_counter_ns()
            function()
            taken.append((time.perf_counter_ns() - began) / 1e6)
    finally:
        if collecting:
            gc.enable()
    return tuple(taken)


def line_of(*, subject: str, measurement: Measurement) -> dict[str, Any]:
    """Return what is printed: medians, and how many times the peer's median ours is."""
    if not measurement.values:
        raise ValueError(f"{subject}/{measurement.case} holds no value: a case runs at least once")
    median = statistics.median(measurement.values)
    peer_median = statistics.median(measurement.peer_values) if measurement.peer_values else None
    line: dict[str, Any] = {
        "subject": subject,
        "case": measurement.case,
        "median": round(median, 4),
        "unit": measurement.unit,
        "runs": len(measurement.values),
        "peer": measurement.peer,
        "peer_median": None if peer_median is None else round(peer_median, 4),
        "ratio": round(median / peer_median, 4) if peer_median else None,
    }
    if measurement.target is not None:
        met = median >= measurement.target if measurement.higher_is_better else median <= measurement.target
        line |= {"target": measurement.target, "met": met}
    return line


def setting() -> dict[str, Any]:
    """Return where and on what a measurement was made: machine, versions, commit, command."""
    names = ("powerdesk", "duckdb", "pyarrow", "numpy", "sqlalchemy", "uvicorn", "picows", "highspy")
    return {
        "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_gib": memory_gib(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        },
        "versions": {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names},
        "commit": commit(),
        "command": " ".join(["python", "benchmarks/harness.py", *sys.argv[1:]]),
    }


def processor() -> str:
    """Return the processor's name, as well as the system tells it."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_gib() -> float:
    """Return the machine's memory in GiB."""
    import psutil  # noqa: PLC0415 - only records need it, and subjects import this module

    return round(psutil.virtual_memory().total / 2**30, 1)


def commit() -> str:
    """Return the commit measured, with a mark when files differ from it; `unknown` outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    answer = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else "unknown"


def subjects(folder: Path) -> tuple[str, ...]:
    """Return the names of all subjects in a folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")))


def measurements(*, subject: str, folder: Path) -> Iterator[Measurement]:
    """Load a subject and yield what it measures; FileNotFoundError names those there are."""
    path = folder / f"{subject}.py"
    if not path.is_file():
        raise FileNotFoundError(f"no subject {subject!r}; there are: {', '.join(subjects(folder)) or 'none'}")
    spec = importlib.util.spec_from_file_location(f"subject_{subject}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield from module.measure()


def record(*, lines: list[dict[str, Any]], where: dict[str, Any], path: Path) -> None:
    """Add one run to a subject's results file, the oldest beyond the kept number going."""
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [*earlier, {**where, "measurements": lines}][-KEPT_RUNS:]
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8", newline="\n")


def run(*, subject: str, folder: Path, results: Path | None) -> int:
    """Measure one subject, print its lines, record them unless `results` is None; return how many lines."""
    lines: list[dict[str, Any]] = []
    for measurement in measurements(subject=subject, folder=folder):
        lines.append(line_of(subject=subject, measurement=measurement))
        print(json.dumps(lines[-1]), flush=True)
    if not lines:
        raise ValueError(f"the subject {subject} measured nothing: its measure() must yield")
    if results is not None:
        record(lines=lines, where=setting(), path=results / f"{subject}.json")
    return len(lines)


def main() -> int:
    """Run the named subjects or all; 2 with the list when there is none of that name."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    results = None if "--no-record" in sys.argv[1:] else HERE / "results"
    folder = HERE / "subjects"
    sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]  # tools/servers starts what subjects measure against
    try:
        for name in names or subjects(folder):
            run(subject=name, folder=folder, results=results)
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
