"""The contract of Jobs, on every engine of Records; every opening of one place sees the same table."""

# ruff: noqa: D102 - the methods of a test clock are described by the port
from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import record_engines

from powerdesk.engines import leased_jobs
from powerdesk.engines.ports import jobs as port
from powerdesk.engines.ports.jobs import JobSpec, JobState
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from powerdesk.engines.ports.jobs import JobContext, Jobs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class HandClock:
    """Moves when told."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        return self.instant

    def monotonic_s(self) -> float:
        return (self.instant - NOON).total_seconds()

    def move(self, *, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


class CountingIds:
    """Counts."""

    def __init__(self) -> None:
        self.counter = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self.counter):06d}"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=record_engines.ENGINES)
def opener(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Iterator[Callable[[], Jobs]]:
    ids = CountingIds()
    with record_engines.opener(request.param, tmp_path) as new_records:

        def new() -> Jobs:
            records = new_records(clock)
            records.migrate()
            return leased_jobs.RecordsJobs(records, clock=clock, ids=ids)

        yield new


@pytest.fixture
def jobs(opener: Callable[[], Jobs]) -> Jobs:
    return opener()


def hello(context: JobContext) -> str:
    return f"hello {context.arguments.get('who', 'nobody')}"


def test_trigger__runs_once_with_its_arguments(jobs: Jobs) -> None:
    jobs.define(JobSpec("greet"), hello)
    run_id = jobs.trigger("greet", arguments={"who": "Ada"})
    assert jobs.run_due() == 1
    assert jobs.run_due() == 0
    (run,) = jobs.history()
    assert (run.run_id, run.state, run.message, run.attempt) == (run_id, JobState.DONE, "hello Ada", 1)
    assert (run.due_at, run.started_at, run.ended_at, run.progress) == (NOON, NOON, NOON, 1.0)


def test_trigger__of_an_unknown_job_is_refused(jobs: Jobs) -> None:
    jobs.define(JobSpec("greet"), hello)
    with pytest.raises(port.UnknownJobError, match="greet"):
        jobs.trigger("great")


def test_trigger__with_a_key_joins_the_live_run(jobs: Jobs) -> None:
    jobs.define(JobSpec("greet"), hello)
    first = jobs.trigger("greet", key="k")
    assert jobs.trigger("greet", key="k") == first
    assert jobs.trigger("greet", key="other") != first
    assert jobs.run_due() == 2
    assert jobs.trigger("greet", key="k") != first


def test_cron__runs_at_its_ticks_and_catches_up_once(jobs: Jobs, clock: HandClock) -> None:
    jobs.define(JobSpec("tick", cron="*/5 * * * *"), hello)
    assert jobs.run_due() == 0
    assert jobs.next_due() == NOON + timedelta(minutes=5)
    clock.move(seconds=300)
    assert jobs.run_due() == 1
    clock.move(seconds=3_600)
    assert jobs.run_due() == 1
    assert jobs.next_due() == NOON + timedelta(minutes=70)
    assert [run.due_at for run in jobs.history()] == [NOON + timedelta(minutes=10), NOON + timedelta(minutes=5)]


def test_cron__with_seconds(jobs: Jobs) -> None:
    jobs.define(JobSpec("tick", cron="*/10 * * * * *"), hello)
    assert jobs.next_due() == NOON + timedelta(seconds=10)


def test_cron__defined_again_keeps_its_tick_and_a_changed_one_counts_anew(
    opener: Callable[[], Jobs], clock: HandClock
) -> None:
    opener().define(JobSpec("tick", cron="0 * * * *"), hello)
    clock.move(seconds=2 * 3_600)
    again = opener()
    again.define(JobSpec("tick", cron="0 * * * *"), hello)
    assert again.next_due() == NOON + timedelta(hours=1)
    again.define(JobSpec("tick", cron="30 * * * *"), hello)
    assert again.next_due() == NOON + timedelta(hours=2, minutes=30)


@pytest.mark.parametrize("cron", ["", "* * *", "61 * * * *", "0 0 31 2 *"])
def test_cron__that_cannot_be_read_is_refused(jobs: Jobs, cron: str) -> None:
    with pytest.raises(port.BadScheduleError, match="five fields"):
        jobs.define(JobSpec("tick", cron=cron), hello)


def test_failure__is_tried_again_later_and_later_then_given_up(jobs: Jobs, clock: HandClock) -> None:
    def fail(context: JobContext) -> str:
        raise OSError(f"no route for {context.run_id}")

    jobs.define(JobSpec("fetch", max_attempts=3, backoff_s=5), fail)
    run_id = jobs.trigger("fetch")
    assert jobs.run_due() == 1
    assert jobs.next_due() == NOON + timedelta(seconds=5)
    clock.move(seconds=4.9)
    assert jobs.run_due() == 0
    clock.move(seconds=0.1)
    assert jobs.run_due() == 1
    assert jobs.next_due() == NOON + timedelta(seconds=15)
    clock.move(seconds=10)
    assert jobs.run_due() == 1
    (run,) = jobs.history()
    assert (run.state, run.attempt, run.message) == (JobState.FAILED, 3, f"OSError: no route for {run_id}")
    assert jobs.next_due() is None


def test_expired_lease__is_run_again_and_the_late_worker_has_no_say(
    opener: Callable[[], Jobs], clock: HandClock
) -> None:
    first, second = opener(), opener()
    seen: list[str] = []

    def slow(context: JobContext) -> str:
        clock.move(seconds=61)
        assert second.run_due() == 1
        with pytest.raises(port.LeaseLostError, match="another worker"):
            context.report(0.5, "late")
        seen.append("late")
        return "from the late worker"

    first.define(JobSpec("work", lease_s=60), slow)
    second.define(JobSpec("work", lease_s=60), lambda _: "from the second worker")
    first.trigger("work")
    assert first.run_due() == 1
    (run,) = first.history()
    assert (run.state, run.attempt, run.message) == (JobState.DONE, 2, "from the second worker")
    assert seen == ["late"]


def test_report__extends_the_lease_and_shows_progress(opener: Callable[[], Jobs], clock: HandClock) -> None:
    first, second = opener(), opener()

    def long(context: JobContext) -> str:
        for step in range(1, 5):
            clock.move(seconds=45)
            context.report(step / 5, f"step {step}")
            assert second.run_due() == 0
        (run,) = second.history()
        assert (run.state, run.progress, run.message) == (JobState.RUNNING, 0.8, "step 4")
        return "done"

    first.define(JobSpec("work", lease_s=60), long)
    second.define(JobSpec("work", lease_s=60), hello)
    first.trigger("work")
    assert first.run_due() == 1
    assert [(run.state, run.attempt) for run in first.history()] == [(JobState.DONE, 1)]


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan")])
def test_report__refuses_a_progress_outside_0_to_1(jobs: Jobs, progress: float) -> None:
    def odd(context: JobContext) -> str:
        context.report(progress, "odd")
        return "accepted"

    jobs.define(JobSpec("work", max_attempts=1), odd)
    jobs.trigger("work")
    jobs.run_due()
    assert jobs.history()[0].message.startswith("ValueError")


def test_silent_worker__uses_up_attempts(opener: Callable[[], Jobs], clock: HandClock) -> None:
    first, second = opener(), opener()

    class DiedError(BaseException):
        """Ends the worker in the middle of a run, as a kill would."""

    def die(_: JobContext) -> str:
        raise DiedError

    first.define(JobSpec("work", max_attempts=2), die)
    second.define(JobSpec("work", max_attempts=2), die)
    first.trigger("work")
    for worker in (first, second):
        with pytest.raises(DiedError):
            worker.run_due()
        clock.move(seconds=60)
    assert second.run_due() == 0
    (run,) = second.history()
    assert (run.state, run.attempt) == (JobState.FAILED, 2)
    assert "went silent" in run.message


def test_cancel__ends_a_waiting_run_at_once(jobs: Jobs) -> None:
    jobs.define(JobSpec("greet"), hello)
    run_id = jobs.trigger("greet")
    jobs.cancel(run_id)
    assert jobs.run_due() == 0
    assert jobs.history()[0].state is JobState.CANCELLED


def test_cancel__asks_a_running_run_to_stop(opener: Callable[[], Jobs]) -> None:
    worker, other = opener(), opener()

    def listen(context: JobContext) -> str:
        assert not context.cancelled()
        other.cancel(context.run_id)
        assert context.cancelled()
        return "stopped half-way"

    worker.define(JobSpec("work"), listen)
    worker.trigger("work")
    assert worker.run_due() == 1
    (run,) = worker.history()
    assert (run.state, run.message) == (JobState.CANCELLED, "stopped half-way")


def test_cancel__of_a_run_whose_worker_died_does_not_run_it_again(opener: Callable[[], Jobs], clock: HandClock) -> None:
    first, second = opener(), opener()

    def die(context: JobContext) -> str:
        second.cancel(context.run_id)
        raise KeyboardInterrupt

    first.define(JobSpec("work"), die)
    second.define(JobSpec("work"), hello)
    first.trigger("work")
    with pytest.raises(KeyboardInterrupt):
        first.run_due()
    clock.move(seconds=61)
    assert second.run_due() == 0
    assert second.history()[0].state is JobState.CANCELLED


def test_cancel__of_a_failing_run_does_not_run_it_again(jobs: Jobs, clock: HandClock) -> None:
    def fail(context: JobContext) -> str:
        jobs.cancel(context.run_id)
        raise OSError("cut off")

    jobs.define(JobSpec("work"), fail)
    jobs.trigger("work")
    assert jobs.run_due() == 1
    clock.move(seconds=600)
    assert jobs.run_due() == 0
    assert jobs.history()[0].state is JobState.CANCELLED


def test_cancel__of_an_unknown_run_is_refused_and_of_a_finished_one_changes_nothing(jobs: Jobs) -> None:
    with pytest.raises(port.UnknownJobError):
        jobs.cancel("none")
    jobs.define(JobSpec("greet"), hello)
    run_id = jobs.trigger("greet")
    jobs.run_due()
    jobs.cancel(run_id)
    assert jobs.history()[0].state is JobState.DONE


def test_history__is_newest_first_by_name_and_limited(jobs: Jobs) -> None:
    jobs.define(JobSpec("a"), hello)
    jobs.define(JobSpec("b"), hello)
    ids = [jobs.trigger(name) for name in "abab"]
    assert [run.run_id for run in jobs.history()] == ids[::-1]
    assert [run.run_id for run in jobs.history(name="a")] == [ids[2], ids[0]]
    assert len(jobs.history(limit=1)) == 1


def test_run_due__leaves_jobs_that_this_worker_cannot_do(opener: Callable[[], Jobs]) -> None:
    able, unable = opener(), opener()
    able.define(JobSpec("greet"), hello)
    able.trigger("greet")
    assert unable.run_due() == 0
    assert unable.next_due() is None
    assert able.run_due() == 1


def test_workers__never_run_one_run_twice(opener: Callable[[], Jobs]) -> None:
    runs = 40
    done: list[str] = []
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def work(context: JobContext) -> str:
        done.append(context.run_id)
        return "done"

    instances = [opener(), opener()]
    for jobs in instances:
        jobs.define(JobSpec("work", cron="0 0 1 1 *"), work)
    ids = {instances[0].trigger("work") for _ in range(runs)}

    def drain(jobs: Jobs) -> None:
        try:
            start.wait(timeout=PATIENCE_S)
            jobs.run_due()
        except BaseException as error:  # noqa: BLE001 - handed to the asserting thread
            failures.append(error)

    threads = [threading.Thread(target=drain, args=(jobs,)) for jobs in instances * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(done) == sorted(ids)
    assert all(run.attempt == 1 for run in instances[0].history())


def test_ticks__seen_by_two_schedulers_make_one_run(opener: Callable[[], Jobs], clock: HandClock) -> None:
    first, second = opener(), opener()
    for jobs in (first, second):
        jobs.define(JobSpec("tick", cron="*/5 * * * *"), hello)
    clock.move(seconds=300)
    assert first.run_due() + second.run_due() == 1
    assert len(first.history()) == 1
