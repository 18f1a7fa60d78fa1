"""Originals: the origin is asked as seldom as the settings allow, and bridged when in trouble."""

import asyncio

import pytest

from edge.deadline import Deadline
from edge.delivery.originals import MISSING_SECONDS, Originals
from edge.errors import Busy, OriginalNotFound, OriginUnavailable
from edge.images import Original, Stamp
from edge.telemetry import Metrics


class CountedOrigin:
    """An origin in memory that counts what it is asked and can be out of order."""

    name = "counted"

    def __init__(self) -> None:
        self.files = {"a.jpg": b"first"}
        self.stamps = self.fetches = 0
        self.broken = self.busy = False
        self.slow: asyncio.Event | None = None
        self.left = 0

    async def stamp(self, path: str, deadline: Deadline) -> Stamp:
        self.stamps += 1
        if self.slow:
            try:
                await self.slow.wait()
            except asyncio.CancelledError:
                self.left += 1
                raise
        return Stamp(self._body(path).decode())

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        self.fetches += 1
        await asyncio.sleep(0.01)
        return Original(path, self._body(path), Stamp(self._body(path).decode()))

    def _body(self, path: str) -> bytes:
        if self.broken:
            raise OriginUnavailable("the origin has fallen")
        if self.busy:
            raise Busy("too many at the origin")
        if path not in self.files:
            raise OriginalNotFound(path)
        return self.files[path]

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


class Clock:
    """A clock that goes forward when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def originals(
    source: CountedOrigin,
    remember: float = 60,
    body_bytes: int = 10_000,
    clock: Clock | None = None,
) -> Originals:
    clock = clock or Clock()
    return Originals(source, Metrics(), remember=remember, body_bytes=body_bytes, clock=clock)


SOON = Deadline.after(60)


async def test_a_stamp_is_asked_once_while_it_is_trusted():
    source = CountedOrigin()
    kept = originals(source)
    for _ in range(3):
        assert (await kept.stamp("a.jpg", None, SOON)).version == "first"
    assert source.stamps == 1
    assert kept.known("a.jpg", None) == Stamp("first")


async def test_a_version_never_seen_asks_at_once():
    source = CountedOrigin()
    kept = originals(source)
    await kept.stamp("a.jpg", "1", SOON)
    source.files["a.jpg"] = b"second"
    assert (await kept.stamp("a.jpg", "1", SOON)).version == "first"
    assert (await kept.stamp("a.jpg", "2", SOON)).version == "second"


async def test_an_origin_in_trouble_is_bridged_with_what_is_known():
    source = CountedOrigin()
    kept = originals(source, remember=0)
    await kept.stamp("a.jpg", None, SOON)
    source.broken = True
    assert (await kept.stamp("a.jpg", None, SOON)).version == "first"
    with pytest.raises(OriginUnavailable):
        await kept.stamp("b.jpg", None, SOON)


async def test_a_removed_original_is_not_bridged():
    source = CountedOrigin()
    kept = originals(source, remember=0)
    await kept.stamp("a.jpg", None, SOON)
    source.files.clear()
    with pytest.raises(OriginalNotFound):
        await kept.stamp("a.jpg", None, SOON)
    source.broken = True
    with pytest.raises(OriginalNotFound):
        await kept.stamp("a.jpg", None, SOON)


async def test_many_who_want_one_original_fetch_it_once():
    source = CountedOrigin()
    kept = originals(source)
    wanted = (kept.fetch("a.jpg", Stamp("first"), SOON) for _ in range(20))
    assert {original.body for original in await asyncio.gather(*wanted)} == {b"first"}
    assert source.fetches == 1
    await kept.fetch("a.jpg", Stamp("first"), SOON)
    assert source.fetches == 1, "it is kept for the next size"


async def test_an_original_over_the_bound_is_not_kept():
    source = CountedOrigin()
    kept = originals(source, body_bytes=10)
    for _ in range(2):
        await kept.fetch("a.jpg", Stamp("first"), SOON)
    assert source.fetches == 2


async def test_after_forgetting_everything_is_asked_anew():
    source = CountedOrigin()
    kept = originals(source)
    await kept.bring("a.jpg", SOON)
    source.files["a.jpg"] = b"second"
    kept.forget("a.jpg")
    assert (await kept.bring("a.jpg", SOON)).body == b"second"


async def test_a_missing_original_is_asked_for_once_in_the_404s_lifetime():
    source, clock = CountedOrigin(), Clock()
    kept = originals(source, clock=clock)
    for _ in range(5):
        with pytest.raises(OriginalNotFound):
            await kept.stamp("b.jpg", None, SOON)
    assert source.stamps == 1
    source.files["b.jpg"] = b"come"
    clock.now += MISSING_SECONDS - 1
    with pytest.raises(OriginalNotFound):
        await kept.stamp("b.jpg", None, SOON)
    clock.now += 2
    assert (await kept.stamp("b.jpg", None, SOON)).version == "come"


async def test_many_versions_of_a_missing_original_are_one_question():
    source, clock = CountedOrigin(), Clock()
    kept = originals(source, clock=clock)
    for version in range(50):
        with pytest.raises(OriginalNotFound):
            await kept.stamp("b.jpg", str(version), SOON)
    assert source.stamps == 1
    source.files["b.jpg"] = b"come"
    clock.now += 1.5
    assert (await kept.stamp("b.jpg", "new", SOON)).version == "come", "a new one asks soon after"


async def test_one_stamp_at_a_time_whatever_the_version():
    source = CountedOrigin()
    kept = originals(source)
    asked = (kept.stamp("a.jpg", str(version), SOON) for version in range(50))
    assert {stamp.version for stamp in await asyncio.gather(*asked)} == {"first"}
    assert source.stamps == 1


async def test_a_purge_forgets_what_was_missing():
    source = CountedOrigin()
    kept = originals(source)
    with pytest.raises(OriginalNotFound):
        await kept.stamp("b.jpg", None, SOON)
    source.files["b.jpg"] = b"come"
    kept.forget("b.jpg")
    assert (await kept.stamp("b.jpg", None, SOON)).version == "come"


async def test_an_original_that_went_after_its_stamp_is_missing_from_then_on():
    source = CountedOrigin()
    kept = originals(source)
    stamp = await kept.stamp("a.jpg", None, SOON)
    source.files.clear()
    with pytest.raises(OriginalNotFound):
        await kept.fetch("a.jpg", stamp, SOON)
    for _ in range(3):
        with pytest.raises(OriginalNotFound):
            await kept.bring("a.jpg", SOON)
    assert (source.stamps, source.fetches) == (1, 1)


class Bare(CountedOrigin):
    """An origin without validators: the question for a stamp brings the bytes."""

    async def stamp(self, path: str, deadline: Deadline) -> Original:
        self.stamps += 1
        return Original(path, self._body(path), Stamp(self._body(path).decode()))


@pytest.mark.parametrize("body_bytes", [0, 10_000])
async def test_an_origin_without_validators_is_downloaded_once(body_bytes):
    source = Bare()
    kept = originals(source, body_bytes=body_bytes)
    assert (await kept.bring("a.jpg", SOON)).body == b"first"
    assert (source.stamps, source.fetches) == (1, 0)


async def test_names_and_versions_that_run_together_are_never_one_original():
    source = CountedOrigin()
    source.files = {"a b": b"one", "a": b"two"}
    kept = originals(source)
    one = kept.fetch("a b", Stamp("c"), SOON)
    two = kept.fetch("a", Stamp("b c"), SOON)
    assert [original.body for original in await asyncio.gather(one, two)] == [b"one", b"two"]


async def test_a_full_gate_is_bridged_with_what_is_known():
    source = CountedOrigin()
    kept = originals(source, remember=0)
    await kept.stamp("a.jpg", None, SOON)
    source.busy = True
    assert (await kept.stamp("a.jpg", None, SOON)).version == "first"


async def test_what_is_known_waits_for_a_slow_origin_for_a_moment_only(monkeypatch):
    """The answer that comes late counts for those who ask later."""
    monkeypatch.setattr("edge.delivery.originals._BRIDGE_WAIT", 0.02)
    source, clock = CountedOrigin(), Clock()
    kept = originals(source, clock=clock)
    await kept.stamp("a.jpg", None, SOON)
    clock.now += 61
    source.files["a.jpg"], source.slow = b"second", asyncio.Event()
    for _ in range(3):
        assert (await kept.stamp("a.jpg", None, SOON)).version == "first"
    assert source.stamps == 2
    source.slow.set()
    await asyncio.sleep(0.02)
    assert (await kept.stamp("a.jpg", None, SOON)).version == "second"
    assert source.stamps == 2


async def test_not_every_caller_waits_for_an_origin_in_trouble():
    source, clock = CountedOrigin(), Clock()
    kept = originals(source, clock=clock)
    await kept.stamp("a.jpg", None, SOON)
    clock.now += 61
    source.broken = True
    for _ in range(5):
        assert (await kept.stamp("a.jpg", None, SOON)).version == "first"
    assert source.stamps == 2
    clock.now += 6
    source.broken, source.files["a.jpg"] = False, b"second"
    assert (await kept.stamp("a.jpg", None, SOON)).version == "second"


async def test_a_caller_who_leaves_takes_the_question_along():
    source = CountedOrigin()
    source.slow = asyncio.Event()
    kept = originals(source)
    asking = asyncio.create_task(kept.stamp("a.jpg", None, SOON))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0.01)
    assert source.left == 1


async def test_forgetting_one_forgets_no_other():
    source = CountedOrigin()
    source.files["b.jpg"] = b"other"
    kept = originals(source)
    for path in ("a.jpg", "b.jpg"):
        await kept.bring(path, SOON)
    kept.forget("a.jpg")
    for path in ("a.jpg", "b.jpg"):
        await kept.bring(path, SOON)
    assert (source.stamps, source.fetches) == (3, 3)


async def test_what_was_being_asked_when_a_purge_came_is_not_believed_after_it():
    source = CountedOrigin()
    source.slow = asyncio.Event()
    kept = originals(source)
    before = asyncio.create_task(kept.stamp("a.jpg", None, SOON))
    await asyncio.sleep(0.01)
    kept.forget("a.jpg")
    source.slow.set()
    await before
    assert kept.known("a.jpg", None) is None


def recalling(source: CountedOrigin, told: Stamp | None, clock: Clock) -> Originals:
    async def recall(path: str) -> Stamp | None:
        return told

    return Originals(
        source, Metrics(), remember=60, body_bytes=0, recall=recall, clock=clock
    )  # fmt: skip


async def test_an_origin_in_trouble_is_bridged_with_what_the_tiers_know():
    source, clock = CountedOrigin(), Clock()
    source.broken = True
    kept = recalling(source, Stamp("first"), clock)
    for _ in range(3):
        assert await kept.stamp("a.jpg", None, SOON) == Stamp("first")
    assert source.stamps == 1, "not every caller asks an origin in trouble"
    clock.now += 6
    source.broken, source.files["a.jpg"] = False, b"second"
    assert (await kept.stamp("a.jpg", None, SOON)).version == "second"


async def test_what_is_recalled_for_a_version_that_was_never_seen_is_not_settled():
    source = CountedOrigin()
    source.broken = True
    kept = recalling(source, Stamp("first"), Clock())
    for _ in range(2):
        assert await kept.stamp("a.jpg", "7", SOON) == Stamp("first", settled=False)
    assert source.stamps == 1


async def test_where_the_tiers_know_nothing_a_slow_origin_has_the_whole_time(monkeypatch):
    monkeypatch.setattr("edge.delivery.originals._BRIDGE_WAIT", 0.02)
    source = CountedOrigin()
    source.slow = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, source.slow.set)
    kept = recalling(source, None, Clock())
    assert await kept.stamp("a.jpg", None, SOON) == Stamp("first")


async def test_an_original_that_is_missing_is_not_recalled():
    kept = recalling(CountedOrigin(), Stamp("first"), Clock())
    with pytest.raises(OriginalNotFound):
        await kept.stamp("b.jpg", None, SOON)


async def test_a_stamp_that_is_not_settled_is_asked_for_at_every_hit():
    class Writing(CountedOrigin):
        async def stamp(self, path: str, deadline: Deadline) -> Stamp:
            self.stamps += 1
            return Stamp(str(self.stamps), settled=False)

    source = Writing()
    kept = originals(source)
    for version in ("1", "2", "3"):
        assert (await kept.stamp("a.jpg", None, SOON)).version == version
