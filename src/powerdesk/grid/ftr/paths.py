"""Rights from a source to a sink, each a bus or a hub of weighted buses, as injections into the network.

A right of q MW is q injected at its source and withdrawn at its sink. Per MW and hour an obligation pays
`congestion(sink) - congestion(source)`, an option the same where it is above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import sparse

from powerdesk.grid import topology
from powerdesk.grid.basis.panel import Leg
from powerdesk.kernel.problem import Finding, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.grid.types import BoolArray, FloatArray, Network


class FtrError(Problem):
    """Transmission rights that do not fit the network or each other; `findings` names each."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "transmission-rights-unusable"
    title: ClassVar[str] = "The transmission rights cannot be used"


class Kind(StrEnum):
    """What a right does where congestion runs against it."""

    OBLIGATION = "obligation"
    """Pays, or is paid, the difference whatever its sign."""
    OPTION = "option"
    """Never pays; loads the network only where it adds flow."""


@dataclass(frozen=True, slots=True)
class Path:
    """One right by name; the legs' locations are names of buses."""

    name: str
    source: Leg
    sink: Leg
    kind: Kind = Kind.OBLIGATION

    @staticmethod
    def between(source: str, sink: str, kind: Kind = Kind.OBLIGATION) -> Path:
        """Return the right from one bus to another."""
        return Path(f"{source} to {sink} {kind}", Leg.at(source), Leg.at(sink), kind)


@dataclass(frozen=True, eq=False, slots=True)
class Paths:
    """Rights as numbers: `injection` (n_path, n_bus) in MW per MW of each right, and which are options (n_path,)."""

    names: tuple[str, ...]
    injection: sparse.csr_array
    option: BoolArray

    def __len__(self) -> int:
        return len(self.names)

    def prices(self, congestion: FloatArray) -> FloatArray:
        """Return what each path earns per MW as an obligation (n_path,) under congestion by bus (n_bus,)."""
        found: FloatArray = -(self.injection @ congestion)
        return found


def paths(network: Network, chosen: Sequence[Path]) -> Paths:
    """Return rights as injections; raises FtrError that names every bus not there, path between islands, and repeat."""
    position = {name: at for at, name in enumerate(network.buses.name)}
    island = topology.islands(network).of_bus
    findings: list[Finding] = []
    row, column, value = [], [], []
    named: set[str] = set()
    for at, path in enumerate(chosen):
        if path.name in named:
            findings.append(Finding(path.name, "a right twice", "each name once", "add them up, or name them apart"))
        named.add(path.name)
        ends = [(bus, weight) for bus, weight in path.source.weights]
        ends += [(bus, -weight) for bus, weight in path.sink.weights]
        unknown = sorted({bus for bus, _ in ends if bus not in position})
        if unknown:
            findings.append(
                Finding(path.name, f"bus {', '.join(unknown)}", f"a bus of {network.name}", "correct the name")
            )
            continue
        places = [position[bus] for bus, _ in ends]
        if (island[places] != island[places[0]]).any() or island[places[0]] < 0:
            findings.append(Finding(path.name, "ends on two islands", "ends that branches join", "choose another end"))
            continue
        row += [at] * len(ends)
        column += places
        value += [weight for _, weight in ends]
    refuse(findings, "rights from bus to bus of one island")
    shape = (len(chosen), len(network.buses))
    injection = sparse.csr_array((np.array(value, dtype=np.float64), (row, column)), shape=shape)
    option = np.array([path.kind is Kind.OPTION for path in chosen], dtype=bool)
    return Paths(tuple(path.name for path in chosen), injection, option)


def check_mw(chosen: Paths, mw: FloatArray) -> None:
    """Raise FtrError unless rights (n_path,) are numbers, options not below 0."""
    if mw.shape != (len(chosen),):
        raise FtrError(
            found=f"MW of shape {mw.shape}", allowed=f"shape ({len(chosen)},)", remedy="give the MW of every right"
        )
    wrong = ~np.isfinite(mw) | (chosen.option & (mw < 0.0))
    refuse(
        [
            Finding(chosen.names[at], f"{mw[at]} MW", "a number, 0 or more for an option", "correct the right")
            for at in np.flatnonzero(wrong).tolist()
        ],
        "rights of finite MW, options held only",
    )


def refuse(findings: list[Finding], allowed: str) -> None:
    """Raise FtrError with all findings, if there are any."""
    if findings:
        raise FtrError(
            found=f"{len(findings)} fault(s): {findings[0]}",
            allowed=allowed,
            remedy="mend what the findings name",
            findings=tuple(findings),
        )
