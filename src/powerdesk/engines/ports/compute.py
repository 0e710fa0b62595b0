"""Compute: embarrassingly parallel work away from the serving process."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

P = ParamSpec("P")
R = TypeVar("R")


class Compute(Protocol):
    """The `concurrent.futures` shape; functions and arguments must pickle; BLAS runs on one thread."""

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Start the call and return its future."""
        ...

    def shutdown(self) -> None:
        """Finish what runs, refuse more."""
        ...
