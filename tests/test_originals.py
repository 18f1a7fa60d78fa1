"""Originals: the origin is asked as seldom as the settings allow, and bridged when in trouble."""

import asyncio

import pytest

from edge.deadline import Deadline
from edge.errors import OriginalNotFound, OriginUnavailable
from edge.images import Original, Stamp
from edge.originals import Originals
from edge.telemetry import Metrics


class Shelf:
    """An origin in memory that counts what it is asked and can be out of order."""

    name = "shelf"

    def __init__(self) -> None:
        self.files = {"a.jpg": b"first"}
        self.stamps = self.fetches = 0
        self.broken = False

    async def stamp(self, path: str, deadline: Deadline) -> Stamp:
        self.stamps += 1
        return Stamp(self._body(path).decode())

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        self.fetches += 1
        await asyncio.sleep(0.01)
        return Original(path, self._body(path), Stamp(self._body(path).decode()))

    def _body(self, path: str) -> bytes:
        if self.broken:
            raise OriginUnavailable("the shelf has fallen")
        if path not in self.files:
            raise OriginalNotFound(path)
        return self.files[path]

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


def originals(shelf: Shelf, remember: float = 60, body_bytes: int = 10_000) -> Originals:
    return Originals(shelf, Metrics(), remember=remember, body_bytes=body_bytes)


SOON = Deadline.after(60)


async def test_a_stamp_is_asked_once_while_it_is_trusted():
    shelf = Shelf()
    kept = originals(shelf)
    for _ in range(3):
        assert (await kept.stamp("a.jpg", None, SOON)).version == "first"
    assert shelf.stamps == 1
    assert kept.known("a.jpg", None) == Stamp("first")


async def test_a_version_never_seen_asks_at_once():
    shelf = Shelf()
    kept = originals(shelf)
    await kept.stamp("a.jpg", "1", SOON)
    shelf.files["a.jpg"] = b"second"
    assert (await kept.stamp("a.jpg", "1", SOON)).version == "first"
    assert (await kept.stamp("a.jpg", "2", SOON)).version == "second"


async def test_an_origin_in_trouble_is_bridged_with_what_is_known():
    shelf = Shelf()
    kept = originals(shelf, remember=0)
    await kept.stamp("a.jpg", None, SOON)
    shelf.broken = True
    assert (await kept.stamp("a.jpg", None, SOON)).version == "first"
    with pytest.raises(OriginUnavailable):
        await kept.stamp("b.jpg", None, SOON)


async def test_a_removed_original_is_not_bridged():
    shelf = Shelf()
    kept = originals(shelf, remember=0)
    await kept.stamp("a.jpg", None, SOON)
    shelf.files.clear()
    with pytest.raises(OriginalNotFound):
        await kept.stamp("a.jpg", None, SOON)
    shelf.broken = True
    with pytest.raises(OriginalNotFound):
        await kept.stamp("a.jpg", None, SOON)


async def test_many_who_want_one_original_fetch_it_once():
    shelf = Shelf()
    kept = originals(shelf)
    wanted = (kept.fetch("a.jpg", Stamp("first"), SOON) for _ in range(20))
    assert {original.body for original in await asyncio.gather(*wanted)} == {b"first"}
    assert shelf.fetches == 1
    await kept.fetch("a.jpg", Stamp("first"), SOON)
    assert shelf.fetches == 1, "it is kept for the next size"


async def test_an_original_over_the_bound_is_not_kept():
    shelf = Shelf()
    kept = originals(shelf, body_bytes=10)
    for _ in range(2):
        await kept.fetch("a.jpg", Stamp("first"), SOON)
    assert shelf.fetches == 2


async def test_after_forgetting_everything_is_asked_anew():
    shelf = Shelf()
    kept = originals(shelf)
    await kept.bring("a.jpg", SOON)
    shelf.files["a.jpg"] = b"second"
    kept.forget_all()
    assert (await kept.bring("a.jpg", SOON)).body == b"second"
