"""admission control: bounded running, bounded waiting, an answer at once when both are full."""

import asyncio
import random
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress

import pytest

from edge.admission import Admission, Cost, Limit, Load
from edge.deadline import Deadline
from edge.errors import Busy

pytestmark = pytest.mark.usefixtures("virtual_time")


def admission(running: int = 1, waiting: int = 1) -> Admission:
    return Admission({Cost.CLASSICAL: Limit(running, waiting), Cost.NETWORK: Limit(1, 0)})


async def test_no_more_run_at_once_than_the_limit():
    held, most = admission(running=2, waiting=20), 0

    async def work():
        nonlocal most
        async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
            most = max(most, held.load()[Cost.CLASSICAL].running)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 2
    assert held.load()[Cost.CLASSICAL] == Load(0, 0)


async def test_a_full_queue_answers_at_once_and_says_when_to_come_again():
    held = admission(running=1, waiting=0)
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        with pytest.raises(Busy) as caught:
            async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
                pytest.fail("entered a full admission")
    assert caught.value.retry_after >= 1


async def test_waiting_ends_with_the_deadline():
    held = admission()
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        with pytest.raises(Busy):
            async with held.enter(Cost.CLASSICAL, Deadline.after(0.02)):
                pytest.fail("entered a full admission")
    assert held.load()[Cost.CLASSICAL] == Load(0, 0)


async def test_one_class_does_not_hold_up_another():
    held = admission(running=1, waiting=0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(held.enter(Cost.NETWORK, Deadline.after(1)))
        await stack.enter_async_context(held.enter(Cost.CLASSICAL, Deadline.after(1)))
        assert held.load() == {Cost.CLASSICAL: Load(1, 0), Cost.NETWORK: Load(1, 0)}


async def test_a_failure_inside_gives_the_place_back():
    held = admission(running=1, waiting=0)
    with pytest.raises(ZeroDivisionError):
        async with held.enter(Cost.CLASSICAL, Deadline.after(1)):
            raise ZeroDivisionError
    async with held.enter(Cost.CLASSICAL, Deadline.after(1)):
        assert held.load()[Cost.CLASSICAL].running == 1


async def test_a_cancelled_waiter_gives_its_place_in_the_queue_back():
    held = admission(running=1, waiting=1)
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        waiter = asyncio.create_task(held.enter(Cost.CLASSICAL, Deadline.after(5)).__aenter__())
        await asyncio.sleep(0)
        assert held.load()[Cost.CLASSICAL].waiting == 1
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert held.load()[Cost.CLASSICAL] == Load(1, 0)


async def test_a_part_that_is_full_fills_no_other():
    admission = Admission({Cost.ORIGIN: Limit(1, 0)})
    async with admission.enter(Cost.ORIGIN, Deadline.after(5), "slow"):
        with pytest.raises(Busy):
            async with admission.enter(Cost.ORIGIN, Deadline.after(5), "slow"):
                pass
        async with admission.enter(Cost.ORIGIN, Deadline.after(5), "healthy"):
            assert admission.load()[Cost.ORIGIN].running == 2
    assert admission.load()[Cost.ORIGIN].running == 0


async def test_bytes_are_counted_and_never_more_than_the_budget():
    held, most = Admission({Cost.CLASSICAL: Limit(20, 20)}, memory=100), 0

    async def work(count: int):
        nonlocal most
        async with held.memory(count, Deadline.after(5)):
            most = max(most, held.held)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(work(count) for count in (60, 50, 10, 100, 30, 90, 40)))
    assert most <= 100
    assert held.held == 0


async def test_a_large_one_is_not_passed_by_small_ones_for_ever():
    held, order = Admission({}, memory=100), []

    async def work(name: str, count: int):
        async with held.memory(count, Deadline.after(5)):
            order.append(name)
            await asyncio.sleep(0.001)

    await asyncio.gather(work("first", 60), work("large", 100), work("small", 10))
    assert order == ["first", "large", "small"]


async def test_waiting_for_bytes_ends_with_the_deadline_and_takes_none():
    held = Admission({}, memory=100)
    async with held.memory(80, Deadline.after(5)):
        with pytest.raises(Busy, match="memory"):
            async with held.memory(50, Deadline.after(0.01)):
                pytest.fail("took what was not there")
        async with held.memory(20, Deadline.after(0.1)):
            assert held.held == 100
    assert held.held == 0


async def test_who_leaves_the_queue_lets_the_next_one_in():
    held = Admission({}, memory=100)
    async with held.memory(60, Deadline.after(5)):
        waiting = asyncio.create_task(held.memory(100, Deadline.after(5)).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        async with held.memory(40, Deadline.after(0.5)):
            assert held.held == 100


async def test_who_cannot_be_done_in_time_is_refused_at_once():
    held = Admission({Cost.CLASSICAL: Limit(1, 100)})
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        await asyncio.sleep(0.2)  # so long it takes, as far as anybody knows
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        start = time.monotonic()
        with pytest.raises(Busy, match="ahead"):
            await held.enter(Cost.CLASSICAL, Deadline.after(0.12)).__aenter__()
        assert time.monotonic() - start < 0.2
        assert held.load()[Cost.CLASSICAL].waiting == 0


async def test_who_waits_is_refused_as_soon_as_it_shows_that_he_would_be_late():
    held = Admission({Cost.CLASSICAL: Limit(1, 100)})

    async def work() -> str:
        begun = time.monotonic()
        try:
            async with held.enter(Cost.CLASSICAL, Deadline.after(3)):
                await asyncio.sleep(0.5)
                return "done"
        except Busy:
            return "refused" if time.monotonic() - begun < 1.5 else "late"

    outcomes = Counter(await asyncio.gather(*(work() for _ in range(40))))
    assert outcomes["refused"] >= 25
    assert outcomes["done"] >= 2


async def test_a_gate_that_knows_nothing_yet_refuses_before_the_first_one_is_done():
    """How long those that run have run already tells enough."""
    held = Admission({Cost.NETWORK: Limit(1, 100)})
    done = 0
    refused_before = 0

    async def work() -> None:
        nonlocal done, refused_before
        try:
            async with held.enter(Cost.NETWORK, Deadline.after(8)):
                await asyncio.sleep(3)
                done += 1
        except Busy:
            refused_before += not done

    await asyncio.gather(*(work() for _ in range(40)))
    assert refused_before >= 30
    assert done >= 1


async def test_one_that_takes_longer_than_usual_makes_nobody_else_be_refused():
    held = Admission({Cost.NETWORK: Limit(1, 100)})

    async def work(seconds: float) -> bool:
        with suppress(Busy):
            async with held.enter(Cost.NETWORK, Deadline.after(8)):
                await asyncio.sleep(seconds)
                return True
        return False

    for _ in range(10):
        assert await work(0.01)
    slow = asyncio.create_task(work(1.5))
    await asyncio.sleep(0)
    assert all(await asyncio.gather(*(work(0.01) for _ in range(30))))
    assert await slow


async def test_of_those_that_could_be_done_in_time_nearly_all_are():
    held = Admission({Cost.CLASSICAL: Limit(2, 100)})

    async def work() -> bool:
        with suppress(Busy):
            async with held.enter(Cost.CLASSICAL, Deadline.after(20)):
                await asyncio.sleep(0.05)
                return True
        return False

    assert sum(await asyncio.gather(*(work() for _ in range(60)))) >= 54


async def test_those_refused_together_do_not_come_again_together():
    held = Admission({Cost.CLASSICAL: Limit(1, 0)})
    moments = set()
    async with held.enter(Cost.CLASSICAL, Deadline.after(60)):
        for _ in range(100):
            with pytest.raises(Busy) as caught:
                await held.enter(Cost.CLASSICAL, Deadline.after(60)).__aenter__()
            moments.add(caught.value.retry_after)
    assert len(moments) > 1
    assert min(moments) >= 1


async def test_where_work_is_slow_fewer_run_at_once_and_more_again_when_it_is_quick():
    held = Admission({Cost.NETWORK: Limit(8, 1000, slow=0.05)})
    most = 0

    async def work(seconds: float) -> None:
        nonlocal most
        async with held.enter(Cost.NETWORK, Deadline.after(600)):
            most = max(most, held.load()[Cost.NETWORK].running)
            await asyncio.sleep(seconds)

    for _ in range(12):
        await work(0.06)
    begun = [asyncio.create_task(work(0.0)) for _ in range(2)]
    await asyncio.sleep(0)
    assert held.load()[Cost.NETWORK] == Load(1, 1)
    await asyncio.gather(*begun)
    await asyncio.gather(*(work(0.0) for _ in range(200)))
    most = 0
    await asyncio.gather(*(work(0.0) for _ in range(20)))
    assert most > 1


async def test_a_place_given_to_one_who_leaves_in_that_moment_is_not_lost():
    held = admission(running=1, waiting=5)
    place = held.enter(Cost.CLASSICAL, Deadline.after(5))
    await place.__aenter__()
    waiting = asyncio.create_task(held.enter(Cost.CLASSICAL, Deadline.after(5)).__aenter__())
    await asyncio.sleep(0)
    await place.__aexit__(None, None, None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert held.load()[Cost.CLASSICAL] == Load(0, 0)


class Shop:
    """Work of a fixed time for three places, and how long each waited that was let in."""

    TAKES = 0.02
    SECONDS = 4.0
    """That a request has, as in a server: much longer than the work takes."""

    def __init__(self) -> None:
        self.held = admission(running=3, waiting=10_000)
        self.waited: list[float] = []
        self.refused: list[float] = []

    async def one(self) -> None:
        begun = time.monotonic()
        try:
            async with self.held.enter(Cost.CLASSICAL, Deadline.after(self.SECONDS)):
                self.waited.append(time.monotonic() - begun)
                await asyncio.sleep(self.TAKES)
        except Busy:
            self.refused.append(time.monotonic() - begun)

    async def rate(self) -> float:
        """How many a second three workers get done here and now, timers and all."""
        begun = time.monotonic()
        await asyncio.gather(*(self.one() for _ in range(60)))
        return 60 / (time.monotonic() - begun)


async def test_while_more_keeps_coming_than_can_be_done_nobody_waits_long_and_no_place_rests():
    shop = Shop()
    rate = await shop.rate()
    shop.waited.clear()
    tasks, until, due = [], time.monotonic() + 3, time.monotonic()
    while (begun := time.monotonic()) < until:
        while due < begun:  # three times of what can be done, whatever the machine
            tasks.append(asyncio.ensure_future(shop.one()))
            due += 1 / (3 * rate)
        await asyncio.sleep(0.005)
    await asyncio.gather(*tasks)
    assert shop.refused
    each = 3 / rate
    later = shop.waited[len(shop.waited) // 2 :]
    assert sorted(later)[len(later) // 2] < 6 * each, "without it: half of what a request has"
    assert len(shop.waited) > 0.5 * 3 * rate, "those let in are not fewer for it"
    assert sorted(shop.refused)[len(shop.refused) // 2] < each, "at once"


async def test_a_burst_is_worked_off_and_who_comes_meanwhile_waits_his_turn():
    """As long as no more comes than goes, a queue may be as long as the time that they have."""
    shop = Shop()
    rate = await shop.rate()
    shop.waited.clear()
    burst = int(rate * shop.SECONDS * 0.4)
    tasks = [asyncio.ensure_future(shop.one()) for _ in range(burst)]
    for _ in range(10):
        await asyncio.sleep(4 / rate)
        tasks.append(asyncio.ensure_future(shop.one()))
    await asyncio.gather(*tasks)
    assert len(shop.waited) >= 0.9 * len(tasks)


async def test_shoppers_who_wait_for_each_picture_before_the_next_are_never_refused():
    """However many they are for the places: of them as many come as go."""
    shop = Shop()
    await shop.rate()
    until = time.monotonic() + 2

    async def shopper() -> None:
        while time.monotonic() < until:
            await shop.one()

    await asyncio.gather(*(shopper() for _ in range(30)))
    assert not shop.refused


@pytest.mark.parametrize(("shoppers", "places"), [(2, 2), (6, 1)])
async def test_a_few_shoppers_are_no_rush_where_some_pictures_take_long(shoppers, places):
    async def shop(seed: int) -> list[str]:
        taken, held = random.Random(seed), admission(running=places, waiting=100)
        until, refused = time.monotonic() + 4, []

        async def one(seconds: float) -> None:
            try:
                async with held.enter(Cost.CLASSICAL, Deadline.after(8)):
                    await asyncio.sleep(seconds)
            except Busy as busy:
                refused.append(busy.detail)

        async def shopper() -> None:
            while time.monotonic() < until and not refused:
                await one(2 if taken.random() < 0.05 else 0.02)

        for _ in range(8):  # so that it is known how long one takes
            await one(0.02)
        await asyncio.gather(*(shopper() for _ in range(shoppers)))
        return refused

    told = await asyncio.gather(*(shop(seed) for seed in range(12)))
    assert not [detail for each in told for detail in each if "keeps coming" in detail]
