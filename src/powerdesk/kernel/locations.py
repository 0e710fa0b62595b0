"""The typed identity of a location: `MARKET:NAME`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from powerdesk.kernel.problem import Problem

MARKET_CODE = re.compile(r"[A-Z][A-Z0-9]{0,15}", re.ASCII)
MAX_NAME_LENGTH = 128


class LocationError(Problem):
    """A text is not `MARKET:NAME`."""

    slug: ClassVar[str] = "location-id"
    title: ClassVar[str] = "Not a location id"


@dataclass(frozen=True, slots=True, order=True)
class LocationId:
    """A place where a market prices or measures power; `str` gives `MARKET:NAME` and `parse` reads it back.

    `market` is 1 to 16 upper-case letters and digits, a letter first. `name` is what the market prints: 1 to 128
    printable characters with no space at either end; it may hold spaces and colons, since the first colon splits.
    """

    market: str
    name: str

    def __post_init__(self) -> None:
        if MARKET_CODE.fullmatch(self.market) is None:
            upper = self.market.strip().upper()
            hint = f"did you mean {upper}?" if MARKET_CODE.fullmatch(upper) else "write for example NYISO:N.Y.C."
            raise LocationError(
                found=f"market {self.market[:32]!r}", allowed="1 to 16 upper-case letters and digits", remedy=hint
            )
        fits = 0 < len(self.name) <= MAX_NAME_LENGTH and self.name.isprintable() and self.name == self.name.strip()
        if not fits:
            raise LocationError(
                found=f"name {self.name[:160]!r}",
                allowed=f"1 to {MAX_NAME_LENGTH} printable characters, no space at either end",
                remedy="give the name as the market prints it, trimmed",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the location of `MARKET:NAME`; raises LocationError."""
        market, colon, name = text.partition(":")
        if not colon:
            raise LocationError(
                found=f"{text[:64]!r}",
                allowed="MARKET:NAME",
                remedy="put the market code and a colon before the name, for example NYISO:N.Y.C.",
            )
        return cls(market, name)

    def __str__(self) -> str:
        return f"{self.market}:{self.name}"
