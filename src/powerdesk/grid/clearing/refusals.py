"""How a clearing fails: no dispatch keeps every limit, or none passes our check."""

from __future__ import annotations

from typing import ClassVar

from powerdesk.kernel.problem import Problem


class InfeasibleError(Problem):
    """No dispatch keeps every limit; `findings` names the smallest set of limits in conflict that was found."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "dispatch-infeasible"
    title: ClassVar[str] = "No dispatch keeps every limit"


class DispatchUnverifiedError(Problem):
    """No rung of the ladder gave a dispatch that passes our own check."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "dispatch-unverified"
    title: ClassVar[str] = "The dispatch has no verified optimum"


def unverified(words: str) -> DispatchUnverifiedError:
    """Return the problem of a ladder whose rungs ended as `words` tell."""
    return DispatchUnverifiedError(
        found=words,
        allowed="a dispatch whose optimality conditions hold to 1e-6",
        remedy="look for extreme costs, ratings or reactances in the case",
    )
