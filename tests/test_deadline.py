"""Deadlines: one per request, the sooner wins, and what was missed is named."""

import asyncio

import pytest

from edge.deadline import Deadline
from edge.errors import DeadlineExceeded

pytestmark = pytest.mark.usefixtures("virtual_time")


async def test_work_that_takes_too_long_is_ended_and_named():
    with pytest.raises(DeadlineExceeded, match="before the rendition was ready"):
        await Deadline.after(0.01).bound(asyncio.sleep(5), "the rendition was ready")


async def test_work_in_time_gives_its_result():
    async def work() -> int:
        return 7

    assert await Deadline.after(5).bound(work(), "it was done") == 7


def test_a_passed_deadline_has_nothing_remaining_and_says_so():
    passed = Deadline.after(-1)
    assert passed.remaining == 0
    with pytest.raises(DeadlineExceeded, match="before encode"):
        passed.check("encode")
    Deadline.after(5).check("encode")


def test_the_sooner_of_two_counts():
    assert Deadline.after(60).sooner(1).remaining <= 1
    assert Deadline.after(1).sooner(60).remaining <= 1
