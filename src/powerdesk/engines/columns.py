"""Shared column types of Records, so that SQLite STRICT and PostgreSQL behave alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, MetaData, String
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONEY_SCALE = 10**6

metadata = MetaData()
"""Every context's tables.py adds its tables here; app's migrations create them."""


class Instant(TypeDecorator[datetime]):
    """A UTC instant kept as integer microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Refuse naive datetimes; return microseconds since the epoch."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"found naive {value!r}; allowed: a time-zone aware instant; attach its zone")
        return (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return the aware UTC instant."""
        return None if value is None else EPOCH + timedelta(microseconds=int(value))


class ScaledMoney(TypeDecorator[Decimal]):
    """A Decimal amount kept as an integer of millionths."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Refuse amounts finer than a millionth."""
        if value is None:
            return None
        scaled = value * MONEY_SCALE
        if scaled != scaled.to_integral_value():
            raise ValueError(f"found {value}; allowed: at most 6 decimals; round by the market's rule first")
        return int(scaled)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return the amount as Decimal."""
        return None if value is None else Decimal(int(value)) / MONEY_SCALE


Text = String
