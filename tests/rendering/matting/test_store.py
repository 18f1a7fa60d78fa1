"""One matte for all presets: kept, found again, waited for, and never the wrong one."""

import asyncio
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge.cache.base import Reach
from edge.cache.memory import MemoryTier
from edge.cache.tiers import Tiers
from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, ModelUnavailable
from edge.images import Rendition, Size
from edge.rendering.matting import entry as entry_module
from edge.rendering.matting.mattes import Matte, NoMatte, Segmentation
from edge.rendering.matting.segment import segment_without_network
from edge.rendering.matting.store import MatteSource, MatteStore
from edge.rendering.request import Stopwatch
from edge.rendering.step import Tools
from edge.telemetry import Metrics
from tests.rendering.matting.test_segment import Matting, plain, scene
from tests.rendering.stage import Inline, NoModels

TAGS = ("original:a.jpg", "preset:amazon", "model:upscale_x2")
SIZE = Size(600, 800)
ANALYSES = 1
"""How often the network looks at this scene, whose cut it has no doubt of."""


class Slow(Matting):
    """Answers once it is allowed to; fails first, where told to."""

    def __init__(self, failures: int = 0) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.failures = failures

    async def infer(self, name, inputs, **options):
        self.begun.set()
        await self.go.wait()
        if self.failures:
            self.failures -= 1
            raise ModelUnavailable("busy", param=name)
        return await super().infer(name, inputs, **options)


class Stage:
    """Mattes over one memory tier, and what is asked of them."""

    def __init__(self, models: object, tiers: Tiers | None = None, version: str = "1") -> None:
        self.tier = MemoryTier(2**24)
        self.tiers = tiers or Tiers([self.tier], 1.0)
        self.models = models
        self.metrics = Metrics()
        self.mattes = MatteStore(Inline(), models, version, tiers=self.tiers, metrics=self.metrics)

    def tools(self, seconds: float = 30) -> Tools:
        return Tools(self.models, Inline(), Deadline.after(seconds))

    async def of(
        self,
        image: Callable[[], Image.Image] = scene,
        *,
        seconds: float = 30,
        fallback: bool = False,
        digest: str = "d", tags: tuple[str, ...] = TAGS, size: Size = SIZE,
    ):  # fmt: skip
        matte_source = MatteSource(digest, size, tags, image)
        return await self.mattes.of(
            matte_source, self.tools(seconds), Stopwatch(), fallback=fallback
        )

    def count(self, source: str) -> float:
        return self.metrics.mattes.labels(source)._value.get()


def same(a: Segmentation, b: Segmentation) -> bool:
    """To the last bit: figures, flags and pixels."""
    if isinstance(a.found, NoMatte) or isinstance(b.found, NoMatte):
        return a == b
    pixels = [np.asarray(found.found.matte) for found in (a, b)]
    bare = [replace(f.found, matte=None) for f in (a, b)]
    return a.analysis == b.analysis and bare[0] == bare[1] and np.array_equal(*pixels)


def shop_photo() -> Segmentation:
    return segment_without_network(plain(), Stopwatch())


def test_what_is_stored_comes_back_to_the_last_bit() -> None:
    for segmentation in (shop_photo(), segment_without_network(scene(), Stopwatch())):
        entry = entry_module.pack(segmentation, TAGS[:1])
        found = entry_module.unpack(entry, SIZE)
        assert found is not None
        assert same(found, segmentation)
        assert found.refined == segmentation.refined


@pytest.mark.parametrize(
    "harm",
    [
        lambda e: replace(e, body=e.body[: len(e.body) // 2]),
        lambda e: replace(e, body=b""),
        lambda e: replace(e, notes=()),
        lambda e: replace(e, notes=(("segmentation", "{"),)),
        lambda e: replace(
            e, notes=(("segmentation", '{"analysis":null,"matte":null,"no_matte":null}'),)
        ),
        lambda e: replace(
            e, notes=(("segmentation", e.note("segmentation").replace('"matte":', '"cut":')),)
        ),
        lambda e: replace(e, body=_png("RGB", (600, 800))),
        lambda e: replace(e, body=_png("L", (800, 600))),
        lambda e: replace(e, body=_png("L", (300, 401))),
    ],
    ids=[
        "cut short", "empty", "no facts", "half", "null", "older form", "colours", "turned",
        "another shape",
    ],
)  # fmt: skip
def test_an_entry_that_is_none_of_ours_is_not_taken(harm) -> None:
    entry = entry_module.pack(shop_photo(), TAGS[:1])
    assert entry_module.unpack(harm(entry), SIZE) is None


def _png(mode: str, size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, "PNG")
    return stream.getvalue()


async def test_the_second_preset_asks_no_network_and_finds_the_same() -> None:
    stage = Stage(Matting())
    first, made = await stage.of()
    second, found = await stage.of(tags=("original:a.jpg", "preset:etsy"))
    assert (made, found, stage.models.asked) == ("made", "memory", ANALYSES)
    assert same(first, second)
    assert isinstance(second.found, Matte)


async def test_what_needs_no_network_is_kept_as_well() -> None:
    stage = Stage(NoModels())
    first, made = await stage.of(plain)
    second, found = await stage.of(lambda: pytest.fail("it is there already"))
    assert (made, found) == ("made", "memory")
    assert same(first, second)


async def test_that_nothing_can_be_cut_out_is_kept_too() -> None:
    stage = Stage(NoModels())
    first, _ = await stage.of(scene)
    second, found = await stage.of(lambda: pytest.fail("it is there already"))
    assert found == "memory"
    assert first == second
    assert isinstance(second.found, NoMatte)


@pytest.mark.parametrize("change", ["bytes", "path", "networks", "version"])
async def test_anything_that_could_make_another_matte_has_another_name(change: str) -> None:
    before = Stage(Matting())
    await before.of()
    now = Stage(
        NoModels() if change == "networks" else Matting(),
        before.tiers,
        "2" if change == "version" else "1",
    )
    digest = "other" if change == "bytes" else "d"
    tags = ("original:b.jpg",) if change == "path" else TAGS
    assert (await now.of(digest=digest, tags=tags))[1] == "made"
    assert (await Stage(Matting(), before.tiers).of())[1] == "memory"


async def test_many_at_a_time_make_one() -> None:
    models = Slow()
    stage = Stage(models)
    asking = [asyncio.create_task(stage.of()) for _ in range(12)]
    await models.begun.wait()
    models.go.set()
    sources = [source for _, source in await asyncio.gather(*asking)]
    assert sorted(sources) == ["joined"] * 11 + ["made"]
    assert models.asked == ANALYSES
    assert (stage.count("made"), stage.count("joined")) == (1, 11)


async def test_the_first_to_ask_may_leave() -> None:
    models = Slow()
    stage = Stage(models)
    first = asyncio.create_task(stage.of())
    await models.begun.wait()
    second = asyncio.create_task(stage.of())
    await asyncio.sleep(0)
    first.cancel()
    models.go.set()
    assert isinstance((await second)[0].found, Matte)
    assert models.asked == ANALYSES


async def test_who_has_more_time_than_the_first_goes_on_without_it() -> None:
    models = Slow()
    stage = Stage(models)
    hasty = asyncio.create_task(stage.of(seconds=0.05))
    begun = asyncio.create_task(models.begun.wait())  # on a busy machine its time may end before
    await asyncio.wait((hasty, begun), return_when=asyncio.FIRST_COMPLETED)
    patient = asyncio.create_task(stage.of(seconds=30))
    with pytest.raises(DeadlineExceeded):
        await hasty
    models.go.set()
    assert isinstance((await patient)[0].found, Matte)


async def test_a_failure_is_not_kept() -> None:
    models = Slow(failures=1)
    models.go.set()
    stage = Stage(models)
    with pytest.raises(ModelUnavailable):
        await stage.of()
    assert (await stage.of())[1] == "made"


async def test_in_a_hurry_no_network_is_asked_and_nothing_is_kept() -> None:
    stage = Stage(Matting())
    hasty, source = await stage.of(fallback=True)
    assert source == "fallback"
    assert stage.models.asked == 0
    assert isinstance(hasty.found, NoMatte)
    full, source = await stage.of()
    assert source == "made"
    again, source = await stage.of(fallback=True)
    assert source == "memory", "what a network has found before is there for the hasty as well"
    assert same(again, full)


@pytest.mark.parametrize("tag", ["original:a.jpg", "model:matting"])
async def test_it_goes_with_its_original_and_with_its_network(tag: str) -> None:
    stage = Stage(Matting())
    await stage.of()
    assert (await stage.tiers.purge(tag)).removed["memory"] == 1
    assert (await stage.of())[1] == "made"


async def test_a_purge_while_it_is_made_keeps_it_out() -> None:
    models = Slow()
    stage = Stage(models)
    asking = asyncio.create_task(stage.of())
    await models.begun.wait()
    await stage.tiers.purge("original:a.jpg")
    models.go.set()
    await asking
    assert (await stage.of())[1] == "made"


async def test_it_is_of_no_preset() -> None:
    stage = Stage(Matting())
    await stage.of()
    assert (await stage.tiers.purge("preset:amazon")).removed["memory"] == 0


async def test_what_no_purge_could_name_is_not_kept() -> None:
    stage = Stage(Matting())
    await stage.of(tags=())
    assert (await stage.tier.usage()).entries == 0


class Broken:
    """A tier that answers nothing but errors."""

    name = "broken"
    reach = Reach.REPLICAS

    async def get(self, key: str) -> Rendition | None:
        raise ConnectionError(key)

    async def put(self, key: str, rendition: Rendition) -> None:
        raise ConnectionError(key)

    async def close(self) -> None:
        return None


async def test_a_broken_tier_costs_a_matte_and_no_more() -> None:
    stage = Stage(Matting(), Tiers([Broken()], 1.0))
    for _ in range(2):
        segmentation, source = await stage.of()
        assert source == "made"
        assert isinstance(segmentation.found, Matte)


async def test_a_poisoned_entry_is_made_anew_and_replaced() -> None:
    stage = Stage(Matting())
    await stage.of()
    key = next(iter(stage.tier._entries))
    await stage.tier.put(key, Rendition.of(b"GIF89a", "png", Size(1, 1), tags=TAGS[:1]))
    assert (await stage.of())[1] == "made"
    assert (await stage.of())[1] == "memory"
