"""What a server has loaded is not visited again while it answers; cycles are still found."""

import asyncio
import gc
import weakref

import pytest

from edge import garbage


@pytest.fixture(autouse=True)
def as_before():
    callbacks = gc.callbacks[:]
    yield
    gc.callbacks[:] = callbacks
    gc.unfreeze()


class Node:
    """Something that can hold itself."""

    def __init__(self) -> None:
        self.other = self


def test_what_is_alive_is_visited_no_more():
    kept = [Node() for _ in range(1000)]
    garbage.settle()
    visited = {id(each) for each in gc.get_objects()}
    assert not any(id(node) in visited for node in kept)


def test_what_comes_later_is_visited_once_more_at_most():
    garbage.settle()
    kept = [Node() for _ in range(1000)]
    gc.collect()
    visited = {id(each) for each in gc.get_objects()}
    assert not any(id(node) in visited for node in kept)


def test_cycles_made_later_are_collected():
    garbage.settle()
    seen = weakref.ref(Node())
    gc.collect()
    assert seen() is None


async def until_gone(seen: "weakref.ref[Node]", turns: int = 12_000) -> bool:
    for _ in range(turns):
        if seen() is None:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_cycles_in_what_was_set_aside_go_when_nobody_asks():
    node = Node()
    seen = weakref.ref(node)
    garbage.settle()
    del node
    gc.collect()
    assert seen() is not None, "it was set aside"
    task = asyncio.create_task(garbage.collect_in_quiet(lambda: 1.0, interval=0.01))
    assert await until_gone(seen)
    task.cancel()


async def test_while_somebody_asks_nothing_that_was_set_aside_is_visited():
    node = Node()
    seen = weakref.ref(node)
    garbage.settle()
    del node
    asked = iter(range(10_000))
    task = asyncio.create_task(garbage.collect_in_quiet(lambda: float(next(asked)), interval=0.001))
    assert not await until_gone(seen, turns=20)
    assert next(asked) > 2, "it looked"
    task.cancel()
