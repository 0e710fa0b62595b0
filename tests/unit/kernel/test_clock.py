"""A clock that never goes back, made of one that is set forth and back."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from powerdesk.kernel.clock import PACE, STEP_MAX, Onward

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A wall clock that is set, and a steady one beside it that is not."""

    def __init__(self) -> None:
        self.instant, self.steady_s = NOON, 0.0

    def now(self) -> datetime:
        """Return what the wall clock shows."""
        return self.instant

    def monotonic_s(self) -> float:
        """Return the steady clock."""
        return self.steady_s

    def go_on(self, seconds: float) -> None:
        """Let both go on."""
        self.instant += timedelta(seconds=seconds)
        self.steady_s += seconds


def test_onward__set_back_by_an_hour_goes_on_at_half_pace_until_it_is_caught_up() -> None:
    machine = Machine()
    clock = Onward(machine)
    machine.instant -= HOUR
    machine.go_on(1800.0)
    assert clock.now() == NOON + HOUR * PACE / 2
    machine.go_on(5400.0)
    assert clock.now() == machine.instant == NOON + HOUR
    machine.go_on(60.0)
    assert clock.now() == machine.instant


def test_onward__set_back_and_forth_again_is_where_the_machine_is() -> None:
    machine = Machine()
    clock = Onward(machine)
    machine.instant -= HOUR
    machine.go_on(600.0)
    assert clock.now() > machine.instant
    machine.instant += HOUR
    machine.go_on(1.0)
    assert clock.now() == machine.instant


def test_onward__begins_after_what_an_earlier_process_noted_unless_it_is_far_ahead() -> None:
    machine = Machine()
    clock = Onward(machine)
    clock.begin_after(NOON - HOUR)
    assert clock.now() == NOON
    clock.begin_after(NOON + HOUR)
    assert clock.now() == NOON + HOUR
    clock.begin_after(NOON + 2 * STEP_MAX)
    assert clock.now() == NOON


@given(st.lists(st.tuples(st.floats(0.0, 7200.0), st.floats(-3600.0, 3600.0)), max_size=30))
def test_onward__never_goes_back_and_is_never_behind_the_machine(moves: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = Onward(machine)
    told, behind = [clock.now()], timedelta()
    for passed_s, set_s in moves:
        machine.go_on(passed_s)
        if told[-1] - machine.instant - timedelta(seconds=set_s) <= STEP_MAX:  # a longer step is followed
            machine.instant += timedelta(seconds=set_s)
        told.append(clock.now())
        assert told[-1] >= machine.instant
        behind = told[-1] - machine.instant
        assert behind <= STEP_MAX
    assert all(earlier <= later for earlier, later in itertools.pairwise(told))
    machine.go_on(behind.total_seconds() / PACE + 1.0)
    assert clock.now() == machine.instant
