"""From the wall clock of a zone to UTC, exactly: what does not exist or is not decided is refused, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_SCAN_STEP = timedelta(hours=12)
_SHOWN = 3
_RUNS_OF_A_REPEATED_HOUR = 2


class LocalTimeError(Problem):
    """A local time does not exist, occurs twice without a choice, or its zone is unknown."""

    slug: ClassVar[str] = "local-time"
    title: ClassVar[str] = "A local time does not name one instant"


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return the IANA zone; raises LocalTimeError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise LocalTimeError(
            found=f"zone {name!r}", allowed="IANA zone names", remedy="write for example America/Los_Angeles"
        ) from fault


def resolve_local(local: datetime, *, zone: str, repeated: bool | None = None) -> datetime:
    """Return the UTC instant of a naive wall-clock time.

    `repeated` chooses where the clock shows the time twice: False the first, True the second. Without a choice an
    ambiguous time raises LocalTimeError, and so do a time that the clock skips, and `repeated=True` for a time that
    occurs once.
    """
    if local.tzinfo is not None:
        raise LocalTimeError(
            found=f"{local!r}", allowed="a naive wall-clock time", remedy="convert with .astimezone(datetime.UTC)"
        )
    info = zone_of(zone)
    plain = local.replace(fold=0)
    first = plain.replace(tzinfo=info).astimezone(UTC)
    if first.astimezone(info).replace(tzinfo=None) != plain:
        raise LocalTimeError(
            found=f"{plain.isoformat()} in {zone}, which the clock skips",
            allowed="a wall-clock time that occurs",
            remedy="correct the time at its source; the clock jumps forward here",
        )
    second = plain.replace(tzinfo=info, fold=1).astimezone(UTC)
    if first == second:
        if repeated:
            raise LocalTimeError(
                found=f"{plain.isoformat()} in {zone} marked as repeated, but it occurs once",
                allowed="the repeat mark only in the hour that the clock repeats",
                remedy="drop the mark or correct the time",
            )
        return first
    if repeated is None:
        raise LocalTimeError(
            found=f"{plain.isoformat()} in {zone}, which occurs twice",
            allowed="an ambiguous time together with which occurrence it is",
            remedy="pass repeated=False for the first or repeated=True for the second",
        )
    return second if repeated else first


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of a zone's offset: at `at_us` (microseconds UTC since 1970) from `before_us` to `after_us`."""

    at_us: int
    before_us: int
    after_us: int


@lru_cache(maxsize=4096)
def transitions(zone: str, year: int) -> tuple[Transition, ...]:
    """Return the offset changes of a zone within a UTC year, in order, each found to the second."""
    info = zone_of(zone)
    found: list[Transition] = []
    low = datetime(year, 1, 1, tzinfo=UTC)
    stop = datetime(year + 1, 1, 1, tzinfo=UTC)
    while low < stop:
        high = min(low + _SCAN_STEP, stop)
        if _offset(info, low) != _offset(info, high):
            at = _bisect(info, low, high)
            found.append(
                Transition(_micros(at - _EPOCH), _micros(_offset(info, low)), _micros(_offset(info, high))),
            )
        low = high
    return tuple(found)


def _bisect(info: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _offset(info, low)
    second = timedelta(seconds=1)
    while high - low > second:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if _offset(info, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(info: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(info).utcoffset() or timedelta(0)


def _micros(length: timedelta) -> int:
    return length // _MICRO


def local_to_utc(
    local: NDArray[np.datetime64],
    *,
    zone: str,
    ambiguity: NDArray[np.bool_] | Literal["sequence", "refuse"],
    series: NDArray[np.generic] | None = None,
    not_after: datetime | None = None,
) -> NDArray[np.datetime64]:
    """Return UTC instants, datetime64[us] (n,), of naive wall-clock times `local`, datetime64 (n,).

    `ambiguity` decides rows in an hour that the clock repeats; other rows ignore it:
    a bool array (n,), True where the row is the second occurrence (a market's repeat flag, or its zone abbreviation);
    "refuse" when the source cannot contain such rows; "sequence" when only the order of rows tells.

    For "sequence" the rows of one series (equal values of `series` (n,); one series when absent) must pass the
    repeated hour in exactly two rising runs of which the first reaches the end of the hour. A single run is accepted
    only when `not_after`, an instant that no row can exceed (when the file was received), rules out the second.

    Raises LocalTimeError for NaT, a time the clock skips, or an order that does not decide. O(n log changes).
    """
    import numpy as np  # noqa: PLC0415 - 100 ms of import that only parsers of files need

    _require_rows(local, ambiguity, series)
    wall_us: NDArray[np.int64] = local.astype("datetime64[us]").astype(np.int64)
    if np.isnat(local).any():
        raise LocalTimeError(
            found="a missing time (NaT)", allowed="wall-clock times", remedy="report such rows as findings first"
        )
    if wall_us.size == 0:
        return local.astype("datetime64[us]")
    at, before, after = _transition_arrays(zone, int(wall_us.min()), int(wall_us.max()))
    if at.size == 0:
        only = _micros(_offset(zone_of(zone), _EPOCH + timedelta(microseconds=int(wall_us.min()))))
        return (wall_us - only).astype("datetime64[us]")
    offsets = np.concatenate([before[:1], after])
    index_first = np.searchsorted(at + before, wall_us, side="right")
    index_second = np.searchsorted(at + np.minimum(before, after), wall_us, side="right")
    _refuse_skipped(wall_us, index_first, at + np.where(after > before, after, before), zone=zone)
    first: NDArray[np.int64] = wall_us - offsets[index_first]
    rows = np.flatnonzero(index_first != index_second)
    if rows.size:
        second = wall_us - offsets[index_second]
        if isinstance(ambiguity, str):
            if ambiguity == "refuse":
                raise _undecided(wall_us[rows], zone, "the source was said to contain no repeated hour")
            limit_us = None if not_after is None else _micros(not_after - _EPOCH)
            hour_ends = (at + before)[index_first[rows]]
            keys = np.zeros(rows.size, dtype=np.int64) if series is None else series[rows]
            chosen = _by_sequence(wall_us[rows], hour_ends, keys, second[rows], limit_us, zone=zone)
        else:
            chosen = ambiguity[rows]
        first[rows[chosen]] = second[rows[chosen]]
    return first.astype("datetime64[us]")


def utc_to_local(instants_us: NDArray[np.int64], *, zone: str) -> NDArray[np.int64]:
    """Return the wall clock (n,) of UTC instants (n,), both in microseconds since 1970; O(n log changes).

    An hour that the clock repeats comes twice.
    """
    import numpy as np  # noqa: PLC0415 - see local_to_utc

    if instants_us.size == 0:
        return instants_us.copy()
    at, before, after = _transition_arrays(zone, int(instants_us.min()), int(instants_us.max()))
    if at.size == 0:
        return instants_us + _micros(_offset(zone_of(zone), _EPOCH + timedelta(microseconds=int(instants_us[0]))))
    offsets = np.concatenate([before[:1], after])
    wall: NDArray[np.int64] = instants_us + offsets[np.searchsorted(at, instants_us, side="right")]
    return wall


def _require_rows(
    local: NDArray[np.datetime64], ambiguity: NDArray[np.bool_] | str, series: NDArray[np.generic] | None
) -> None:
    """Raise unless the arrays fit: an integer array would pass for row numbers, a short one for a prefix."""
    if isinstance(ambiguity, str):
        fits = ambiguity in ("sequence", "refuse")
    else:
        fits = ambiguity.dtype.kind == "b" and ambiguity.shape == local.shape
    if local.dtype.kind != "M" or local.ndim != 1 or not fits or (series is not None and series.shape != local.shape):
        shown = ambiguity if isinstance(ambiguity, str) else f"{ambiguity.dtype} {ambiguity.shape}"
        raise LocalTimeError(
            found=f"times {local.dtype} {local.shape}, ambiguity {shown}",
            allowed="datetime64 (n,); bool (n,), 'sequence' or 'refuse'; series (n,)",
            remedy="give one value per row",
        )


def _transition_arrays(
    zone: str, low_us: int, high_us: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    import numpy as np  # noqa: PLC0415 - see local_to_utc

    day = timedelta(days=2)  # no offset exceeds a day, so two days catch every change that touches the rows
    years = range(
        (_EPOCH + timedelta(microseconds=low_us) - day).year, (_EPOCH + timedelta(microseconds=high_us) + day).year + 1
    )
    changes = [change for year in years for change in transitions(zone, year)]
    return (
        np.array([change.at_us for change in changes], dtype=np.int64),
        np.array([change.before_us for change in changes], dtype=np.int64),
        np.array([change.after_us for change in changes], dtype=np.int64),
    )


def _refuse_skipped(
    wall_us: NDArray[np.int64], index: NDArray[np.int64], gap_end_us: NDArray[np.int64], *, zone: str
) -> None:
    """Raise when a row lies after change `index - 1` began to skip and before the wall clock resumes."""
    import numpy as np  # noqa: PLC0415 - see local_to_utc

    previous = np.maximum(index - 1, 0)
    skipped = (index > 0) & (wall_us < gap_end_us[previous])
    if skipped.any():
        raise LocalTimeError(
            found=f"{int(skipped.sum())} time(s) that the clock in {zone} skips: {_shown(wall_us[skipped])}",
            allowed="wall-clock times that occur",
            remedy="correct the source or its zone; the clock jumps forward here",
        )


def _by_sequence(
    wall_us: NDArray[np.int64],
    hour_ends_us: NDArray[np.int64],
    series: NDArray[np.generic],
    second_us: NDArray[np.int64],
    limit_us: int | None,
    *,
    zone: str,
) -> NDArray[np.bool_]:
    """Return which rows are second occurrences; all arrays (m,) hold only rows of repeated hours, in file order."""
    import numpy as np  # noqa: PLC0415 - see local_to_utc

    chosen = np.zeros(wall_us.size, dtype=np.bool_)
    groups: dict[tuple[object, int], list[int]] = {}
    for position, (name, end) in enumerate(zip(series.tolist(), hour_ends_us.tolist(), strict=True)):
        groups.setdefault((name, end), []).append(position)
    for (_, end), positions in groups.items():
        times = wall_us[positions]
        breaks = np.flatnonzero(np.diff(times) <= 0) + 1
        if breaks.size == 0 and limit_us is not None and bool((second_us[positions] > limit_us).all()):
            continue
        if breaks.size != _RUNS_OF_A_REPEATED_HOUR - 1 or not _reaches_end(times, int(breaks[0]), end):
            raise _undecided(times, zone, "the order of the rows does not show two whole passes of the hour")
        chosen[positions[int(breaks[0]) :]] = True
    return chosen


def _reaches_end(times: NDArray[np.int64], turn: int, end_us: int) -> bool:
    """Tell whether the first run goes on to the end of the hour, judged by the widest step within either run.

    Two runs of one row each must show the same time, as an hourly source does. Without the rule, one row printed
    twice early in the hour would pass for the second occurrence.
    """
    import numpy as np  # noqa: PLC0415 - see local_to_utc

    steps = np.diff(times)
    steps = steps[steps > 0]
    if steps.size == 0:
        return bool(times[turn - 1] == times[turn])
    return int(times[turn - 1]) + int(steps.max()) >= end_us


def _undecided(times_us: NDArray[np.int64], zone: str, why: str) -> LocalTimeError:
    return LocalTimeError(
        found=f"{times_us.size} time(s) that occur twice in {zone}: {_shown(times_us)}; {why}",
        allowed="ambiguous times together with which occurrence they are",
        remedy="pass a bool array from the source's own repeat flag, or keep the payload until the hour is complete",
    )


def _shown(times_us: NDArray[np.int64]) -> str:
    times = sorted(set(times_us.tolist()))
    text = ", ".join((_EPOCH + timedelta(microseconds=t)).replace(tzinfo=None).isoformat() for t in times[:_SHOWN])
    return text + (", ..." if len(times) > _SHOWN else "")
