"""When frames leave: at once after a pause, together under load, in order, whatever happens to another socket."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from stream_cases import run

from powerdesk.delivery.stream.outbox import FEW_WRITERS, Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = FEW_WRITERS + 1


class Pipe:
    """Gathers and writes as a socket does; says after which turn of the loop each piece left."""

    def __init__(self, outbox: Outbox, turn: Callable[[], int]) -> None:
        self.outbox = outbox
        self.turn = turn
        self.gathered: list[int] = []
        self.written: list[tuple[int, list[int]]] = []

    def send(self, number: int) -> None:
        """Gather a frame."""
        self.gathered.append(number)
        self.outbox.mark(self)

    def flush(self) -> None:
        """Write what was gathered."""
        self.written.append((self.turn(), self.gathered))
        self.gathered = []


class BrokenPipe(Pipe):
    """Cannot be written to."""

    def flush(self) -> None:
        """Fail."""
        raise OSError("gone")


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("writers", [1, MANY])
def test_first_frames_after_a_pause__leave_before_the_loop_waits(*, fast: bool, writers: int) -> None:
    async def work() -> None:
        outbox, turns = Outbox(), [0]
        pipes = [Pipe(outbox, lambda: turns[0]) for _ in range(writers)]
        for pipe in pipes:
            pipe.send(1)
            pipe.send(2)
        for _ in range(2):
            await asyncio.sleep(0)
            turns[0] += 1
        assert all(pipe.written == [(0, [1, 2])] for pipe in pipes)

    run(work(), fast=fast)


@pytest.mark.parametrize("fast", [True, False])
def test_frames_to_many__gather_while_the_last_round_is_fresh(*, fast: bool) -> None:
    async def work() -> None:
        outbox, turns = Outbox(), [0]
        pipes = [Pipe(outbox, lambda: turns[0]) for _ in range(MANY)]
        loop = asyncio.get_running_loop()
        sent = 0
        began = loop.time()
        while loop.time() < began + 0.05:
            sent += 1
            for pipe in pipes:
                pipe.send(sent)
            await asyncio.sleep(0)
        while pipes[-1].gathered:  # noqa: ASYNC110 - the loop's own turns are what is tested
            await asyncio.sleep(0)
        for pipe in pipes:
            assert [number for _, piece in pipe.written for number in piece] == list(range(1, sent + 1))
            assert len(pipe.written) <= 30  # a round every 2 ms at the soonest, were the machine idle
        assert sent > len(pipes[0].written)

    run(work(), fast=fast)


def test_frames_to_few__never_wait_for_company() -> None:
    async def work() -> None:
        outbox, turns = Outbox(), [0]
        pipe = Pipe(outbox, lambda: turns[0])
        for turn in range(5):
            turns[0] = turn
            pipe.send(turn)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert pipe.written == [(turn, [turn]) for turn in range(5)]

    run(work())


def test_a_broken_socket__keeps_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        outbox = Outbox()
        broken, whole = BrokenPipe(outbox, lambda: 0), Pipe(outbox, lambda: 0)
        for number in (1, 2):
            broken.send(number)
            whole.send(number)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert whole.written == [(0, [1]), (0, [2])]

    with caplog.at_level(logging.ERROR):
        run(work())
    assert "could not be written to" in caplog.text
