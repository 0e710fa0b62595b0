"""Compute: embarrassingly parallel work away from the serving process."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, ParamSpec, Protocol, TypeVar

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

P = ParamSpec("P")
R = TypeVar("R")


class ComputeCrashedError(Problem):
    """A worker process died during the call (killed, or out of memory)."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "compute-crashed"
    title: ClassVar[str] = "A worker process died"


class Compute(Protocol):
    """The `concurrent.futures` shape; functions and arguments must pickle; BLAS runs on one thread."""

    def version(self) -> str:
        """Ask the engine for its name and version; raise faults.EngineUnavailableError when it does not answer."""
        ...

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Start the call and return its future."""
        ...

    def shutdown(self) -> None:
        """Finish what runs, refuse more."""
        ...
