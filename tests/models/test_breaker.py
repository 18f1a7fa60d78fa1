"""A dead server is left alone, and asked again by one caller at a time."""

import asyncio

import pytest

from edge.errors import ModelUnavailable
from edge.models.breaker import Breaker
from edge.models.crowd import each


class Server:
    """A clock, and a server that lives or does not."""

    def __init__(self, lives: bool = False) -> None:
        self.now = 0.0
        self.lives = lives
        self.asked = 0

    def clock(self) -> float:
        return self.now

    async def alive(self) -> bool:
        self.asked += 1
        await asyncio.sleep(0.01)
        return self.lives


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def breaker(server: Server) -> Breaker:
    return Breaker(failures=3, rest=2.0, clock=server.clock)


async def test_only_failures_in_a_row_open_it(breaker: Breaker, server: Server) -> None:
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    await breaker.admit(server.alive)
    assert not breaker.open
    assert server.asked == 0


async def test_open_it_refuses_without_asking(breaker: Breaker, server: Server) -> None:
    for _ in range(3):
        breaker.failed()
    assert breaker.open
    for _ in range(10):
        with pytest.raises(ModelUnavailable) as refused:
            await breaker.admit(server.alive, "matting")
        assert refused.value.param == "matting"
    assert server.asked == 0


async def test_after_the_rest_one_caller_asks_for_all(breaker: Breaker, server: Server) -> None:
    for _ in range(3):
        breaker.failed()
    server.now = 2.1
    answers = await asyncio.gather(
        *(breaker.admit(server.alive) for _ in range(10)), return_exceptions=True
    )
    assert all(isinstance(each, ModelUnavailable) for each in answers)
    assert server.asked == 1
    with pytest.raises(ModelUnavailable):
        await breaker.admit(server.alive)
    assert server.asked == 1, "a failed question opens it anew"


async def test_a_server_that_lives_again_closes_it(breaker: Breaker, server: Server) -> None:
    for _ in range(3):
        breaker.failed()
    server.now, server.lives = 2.1, True
    await breaker.admit(server.alive)
    assert not breaker.open


async def test_a_caller_who_leaves_while_asking_leaves_the_question_to_the_next(
    breaker: Breaker, server: Server
) -> None:
    for _ in range(3):
        breaker.failed()
    server.now, server.lives = 2.1, True
    gone = asyncio.create_task(breaker.admit(server.alive))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    await breaker.admit(server.alive)
    assert not breaker.open


async def test_the_tiles_of_one_picture_close_it_together(breaker: Breaker, server: Server) -> None:
    """They come at once and the first failure stops the rest, yet the question is asked to its
    end."""
    for _ in range(3):
        breaker.failed()
    server.now, server.lives = 2.1, True

    async def tile(_: int) -> None:
        await breaker.admit(server.alive)

    await each(range(8), tile, at_once=4)
    assert not breaker.open
    assert server.asked == 1
