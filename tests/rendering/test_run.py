"""Running a plan: hops, waits, deadline, timings."""

import asyncio
from dataclasses import dataclass

import pytest

from edge.deadline import Deadline
from edge.errors import DeadlineExceeded
from edge.rendering.pixels.picture import Picture
from edge.rendering.run import run
from edge.rendering.step import AsyncStep, PixelStep, Tools
from tests.rendering.stage import Inline, NoModels, noise, tools


@dataclass(frozen=True, slots=True)
class Mark(PixelStep):
    """Writes its name into a list."""

    op = "mark"
    name: str
    seen: list

    def apply(self, picture: Picture) -> Picture:
        self.seen.append(self.name)
        return picture


@dataclass(frozen=True, slots=True)
class Wait(AsyncStep):
    op = "wait"
    name: str
    seen: list

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        await asyncio.sleep(0.01)
        self.seen.append(self.name)
        return picture


class Counting(Inline):
    """An engine that counts its hops."""

    hops = 0

    async def run(self, job, /, *args):
        self.hops += 1
        return job(*args)


async def test_steps_run_in_order_and_neighbours_share_a_hop():
    seen: list[str] = []
    engine = Counting()
    steps = [Mark("a", seen), Mark("b", seen), Wait("c", seen), Mark("d", seen)]
    await run(steps, Picture(noise(4, 4)), Tools(NoModels(), engine, Deadline.after(9)))
    assert seen == ["a", "b", "c", "d"]
    assert engine.hops == 2


async def test_every_step_is_timed_in_order():
    seen: list[str] = []
    _, timings = await run(
        [Mark("a", seen), Wait("b", seen), Mark("c", seen)], Picture(noise(4, 4)), tools()
    )
    assert [stage for stage, _ in timings] == ["mark", "wait", "mark"]
    assert timings[1][1] >= 0.009


@pytest.mark.parametrize("kind", [Mark, Wait])
async def test_no_step_starts_after_the_deadline(kind):
    seen: list[str] = []
    with pytest.raises(DeadlineExceeded, match=kind.op):
        await run([kind("a", seen)], Picture(noise(4, 4)), tools(deadline=Deadline.after(0)))
    assert seen == []


async def test_a_deadline_that_passes_stops_between_two_steps():
    seen: list[str] = []
    with pytest.raises(DeadlineExceeded):
        await run(
            [Wait("a", seen), Mark("b", seen)],
            Picture(noise(4, 4)),
            tools(deadline=Deadline.after(0.005)),
        )
    assert seen == ["a"]


async def test_no_steps_is_the_same_picture():
    picture = Picture(noise(4, 4))
    assert await run([], picture, tools()) == (picture, ())


@pytest.mark.parametrize("base", [PixelStep, AsyncStep])
def test_a_step_that_does_nothing_cannot_be_made(base):
    class Idle(base):
        op = "idle"

    with pytest.raises(TypeError, match="apply"):
        Idle()
