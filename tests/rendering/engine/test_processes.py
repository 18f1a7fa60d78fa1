"""Render processes: what a job does to its process costs that job alone."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from edge.accounting import Consumption, consumption
from edge.deadline import Deadline
from edge.errors import Busy, DeadlineExceeded
from edge.rendering.engine import processes
from edge.rendering.engine.processes import RenderProcesses
from tests.parts import idle_pids


@pytest.fixture
def start() -> Iterator[Callable[..., RenderProcesses]]:
    """So many processes, once they live; all ended after the test."""
    opened: list[RenderProcesses] = []

    def started(count: int = 1, **given) -> RenderProcesses:
        pool = RenderProcesses(count, "edge.errors", **given)
        opened.append(pool)
        until(lambda: len(idle_pids(pool)) == count)
        return pool

    yield started
    for each in opened:
        each.close()


def until(met: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.01)


def ended(pid: int) -> bool:
    """Whether a process has closed all that it had open."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def soon(seconds: float = 600.0) -> Deadline:
    return Deadline.after(seconds)


def test_a_job_runs_in_another_process_and_its_answer_comes_back(start):
    pool = start()
    assert pool.run(soon(), os.getpid) == idle_pids(pool)
    assert pool.run(soon(), divmod, 17, 5) == ((3, 2),)
    assert os.getpid() not in idle_pids(pool)


def test_what_a_job_raises_comes_back_with_all_that_it_says(start):
    pool = start()
    late = Deadline.after(0)
    with pytest.raises(DeadlineExceeded) as raised:
        pool.run(soon(), late.check, "encode")
    assert "before encode" in raised.value.detail
    assert pool.run(soon(), divmod, 7, 2) == ((3, 1),), "the process goes on"


def test_a_job_that_cannot_be_sent_is_left_to_the_threads(start, caplog):
    pool = start()
    assert pool.run(soon(), lambda: 1) is None
    assert "cannot be sent" in caplog.text
    assert len(idle_pids(pool)) == 1


def test_an_answer_that_cannot_travel_is_told_in_words(start):
    pool = start()
    with pytest.raises(RuntimeError, match="pickle"):
        pool.run(soon(), open, os.devnull)
    assert pool.run(soon(), divmod, 7, 2) == ((3, 1),)


@pytest.fixture
def gates(tmp_path: Path) -> tuple[Path, Path]:
    """A job that reads one of these FIFOs waits until the test has written there and closed it."""
    for name in ("0", "1"):
        os.mkfifo(tmp_path / name)
    return tmp_path / "0", tmp_path / "1"


def entered(gate: Path) -> TextIO:
    """A FIFO, open for writing: a job's process has opened it for reading, so its job runs."""
    opened: list[TextIO] = []

    def met() -> bool:
        with suppress(OSError):  # ENXIO as long as nobody reads
            opened.append(os.fdopen(os.open(gate, os.O_WRONLY | os.O_NONBLOCK), "w"))
        return bool(opened)

    until(met)
    return opened[0]


def leave(gate: TextIO) -> None:
    """The job that reads it, where one still does, comes to its end."""
    with suppress(BrokenPipeError), gate:
        gate.write("done")


def test_a_process_that_is_killed_costs_its_job_and_no_other_one(start, gates):
    reasons: list[str] = []
    pool = start(2, replaced=reasons.append)
    first, second = idle_pids(pool)
    with ThreadPoolExecutor(2) as threads:
        jobs = [threads.submit(pool.run, soon(), Path.read_text, gate) for gate in gates]
        held = [entered(gate) for gate in gates]
        os.kill(first, signal.SIGKILL)
        until(lambda: any(job.done() for job in jobs))
        for gate in held:
            leave(gate)
        outcomes = [job.exception() or job.result() for job in jobs]
    (ended,) = (each for each in outcomes if isinstance(each, Busy))
    assert "ended" in ended.detail
    assert ("done",) in outcomes
    assert reasons == ["died"]
    until(lambda: len(idle_pids(pool)) == 2)
    assert second in idle_pids(pool)
    assert first not in idle_pids(pool)


def test_one_that_was_killed_while_it_had_nothing_to_do_costs_nothing(start):
    pool = start(2)
    for pid in idle_pids(pool):
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(map(ended, idle_pids(pool))))
    assert pool.run(soon(), divmod, 7, 2) in (None, ((3, 1),))
    until(lambda: len(idle_pids(pool)) == 2)
    assert pool.run(soon(), divmod, 7, 2) == ((3, 1),)


def test_a_job_without_end_is_ended_after_its_time(start, monkeypatch):
    monkeypatch.setattr(processes, "_GRACE_SECONDS", 0.1)
    reasons: list[str] = []
    pool = start(replaced=reasons.append)
    (stuck,) = idle_pids(pool)
    with pytest.raises(DeadlineExceeded):
        pool.run(soon(0.1), time.sleep, 3600)
    assert reasons == ["late"]
    assert not Path(f"/proc/{stuck}").exists()
    until(lambda: len(idle_pids(pool)) == 1)
    assert pool.run(soon(), divmod, 7, 2) == ((3, 1),)


def test_while_all_are_busy_one_waits_as_long_as_it_may(start, gates):
    pool = start()
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(pool.run, soon(), Path.read_text, gates[0])
        held = entered(gates[0])
        with pytest.raises(Busy):
            pool.run(soon(0.05), divmod, 7, 2)
        leave(held)
        assert pool.run(soon(), divmod, 7, 2) == ((3, 1),)
        assert long.result() == ("done",)


def test_where_none_lives_nothing_is_done(monkeypatch):
    """A server goes on in its threads, and says so by nothing: it is no fault of a request."""
    monkeypatch.setattr(processes, "_PROGRAM", "raise SystemExit(3)")
    pool = RenderProcesses(1, "edge.errors")
    before = threading.active_count()
    until(lambda: pool._failed == 3 or threading.active_count() < before)
    assert pool.run(soon(), divmod, 7, 2) is None
    pool.close()


def test_after_the_end_no_process_is_left(start):
    pool = start(2)
    pids = idle_pids(pool)
    pool.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_they_see_no_setting_and_no_secret_of_the_server(start, monkeypatch):
    monkeypatch.setenv("EDGE_ADMIN_TOKEN", "secret")
    pool = start()
    assert pool.run(soon(), os.getenv, "EDGE_ADMIN_TOKEN") == (None,)
    environment = Path(f"/proc/{idle_pids(pool)[0]}/environ").read_bytes()
    assert b"secret" not in environment


def test_they_go_after_the_server(start):
    pool = start()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, idle_pids(pool)[0]) == min(19, own + 10)


def test_their_seconds_are_counted_for_whom_they_work(start):
    pool, used = start(), Consumption()
    token = consumption.set(used)
    pool.run(soon(), sum, range(3_000_000))
    consumption.reset(token)
    assert used.cpu > 0
