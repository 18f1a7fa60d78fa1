"""A part that does not work is left alone, and tried again with care."""

import asyncio
import time

import pytest

from edge.breaker import Breaker

pytestmark = pytest.mark.usefixtures("virtual_time")


class Part:
    """A clock, and a server that lives or does not; one that does not hangs, raises or says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lives = False
        self.raises: Exception | None = None
        self.probes = 0

    def monotonic(self) -> float:
        return self.now

    async def probe(self) -> bool:
        self.probes += 1
        await asyncio.sleep(0.01)
        if self.raises is not None and not self.lives:
            raise self.raises
        return self.lives


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Part:
    found = Part()
    monkeypatch.setattr("edge.breaker.time", found)
    return found


async def closed(breaker: Breaker) -> None:
    """Wait until the breaker is, for as long as a busy machine may need."""
    end = time.monotonic() + 120
    while breaker.open:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_only_failures_in_a_row_open_it() -> None:
    breaker = Breaker(3)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert not breaker.open
    assert breaker.allows()


def test_without_a_probe_one_caller_in_some_seconds_may_try(part: Part) -> None:
    breaker = Breaker(rest=2.0)
    breaker.failed()
    assert [breaker.allows() for _ in range(10)] == [False] * 10
    part.now = 2.1
    assert [breaker.allows() for _ in range(10)] == [True] + [False] * 9
    part.now = 4.2
    assert breaker.allows()
    breaker.failed()
    part.now = 6.1
    assert not breaker.allows(), "a try that fails begins the rest anew"
    part.now = 6.3
    assert breaker.allows()
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(10))


def test_a_failure_can_say_how_long_it_lasts(part: Part) -> None:
    breaker = Breaker(rest=2.0)
    breaker.failed(30.0)
    part.now = 29.9
    assert not breaker.allows()
    part.now = 30.1
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    part.now = 32.2
    assert breaker.allows(), "a try without an end is over after the usual rest"
    breaker.failed(0.0)
    assert breaker.allows()


@pytest.mark.parametrize("raises", [None, OSError("away")])
async def test_with_a_probe_nobody_asks_until_it_succeeds(
    part: Part, raises: Exception | None
) -> None:
    part.raises = raises
    breaker = Breaker(3, probe=part.probe)
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    while part.probes < 2:
        part.now += 100
        assert not breaker.allows(), "no caller is the probe, however long it takes"
        await asyncio.sleep(0.01)
    part.lives = True
    await closed(breaker)
    assert breaker.allows()
    probes = part.probes
    await asyncio.sleep(0.3)
    assert part.probes == probes, "who lives is not asked"
    await breaker.close()


async def test_it_opens_and_closes_again_and_again(part: Part) -> None:
    breaker = Breaker(probe=part.probe)
    for _ in range(3):
        part.lives = False
        breaker.failed()
        assert breaker.open
        part.lives = True
        await closed(breaker)
    await breaker.close()


async def test_many_failures_at_once_are_one_row_of_probes(part: Part) -> None:
    breaker = Breaker(3, probe=part.probe)
    for _ in range(50):
        breaker.failed()
    await asyncio.sleep(0.25)
    assert part.probes <= 2
    await breaker.close()


async def test_an_answer_that_was_under_way_closes_it(part: Part) -> None:
    breaker = Breaker(probe=part.probe)
    breaker.failed()
    breaker.succeeded()
    assert breaker.allows()
    await breaker.close()


async def test_closed_for_good_it_sends_no_probe(part: Part) -> None:
    breaker = Breaker(probe=part.probe)
    breaker.failed()
    await breaker.close()
    probes = part.probes
    await asyncio.sleep(0.3)
    assert part.probes == probes
