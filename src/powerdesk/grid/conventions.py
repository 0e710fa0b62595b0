"""How markets print the parts of a price: sign, losses, reference and rounding, as data.

NYISO's sign, the energy that MISO and PJM leave to be inferred and rounding to cents are as gridstatus 9ddfaffe reads
their files; CAISO's reference is that of its tariff, appendix C. What is not known is said so, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

CENT = 0.01
NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Convention:
    """What has to be known to compare our parts with those that a market prints.

    `congestion_sign` is -1 where a negative printed congestion raises the price; `grid` and `markets` datasets hold
    +1 throughout. `has_losses`: prices hold marginal losses. `prints_energy`: the energy part is printed, not what the
    others leave. `price_tick` (prices and shadow prices, per MWh) and `factor_tick` (shift factors) are the rounding.
    """

    market: str
    congestion_sign: int = 1
    has_losses: bool = True
    prints_energy: bool = True
    reference: str = NOT_KNOWN
    price_tick: float = CENT
    factor_tick: float = 0.0


CONVENTIONS = {
    one.market: one
    for one in (
        Convention("CAISO", reference="distributed load"),
        Convention("ERCOT", has_losses=False, prints_energy=False),
        Convention("MISO", prints_energy=False),
        Convention("NYISO", congestion_sign=-1, prints_energy=False, reference="a bus"),
        Convention("PJM", prints_energy=False),
        Convention("SIM", reference="SIM:SYSTEM", factor_tick=1e-5),
    )
}


def of(market: str) -> Convention:
    """Return a market's convention; a market that is not listed is taken to print every part in cents."""
    return CONVENTIONS.get(market) or Convention(market)
