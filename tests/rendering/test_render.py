"""From bytes to bytes: what a caller of the renderer may rely on."""

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge.admission import Cost
from edge.cache.memory import MemoryTier
from edge.cache.tiers import Tiers
from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, ModelMissing, OriginalError, OutputTooLarge
from edge.images import Color, Format, Original, Size, Stamp
from edge.limits import Limits
from edge.models.embedded import EmbeddedModels
from edge.models.roles import UPSCALE, UPSCALE_DEGRADED
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting.mattes import FINEST
from edge.rendering.matting.store import MatteStore
from edge.rendering.render import Renderer
from edge.variants.transform import Transform
from edge.variants.values import SUBJECT, Background, CropRegion, Fit, MatteMode, UpscaleMode
from tests.rendering.photos import blob
from tests.rendering.photos import photo as photo_of
from tests.rendering.stage import Inline, NoModels, distance, noise, product

REPOSITORY = Path(__file__).parents[2] / "triton_models"


class Watched(NoModels):
    """Has the upscalers' names and counts what is asked of them."""

    asked = 0

    async def infer(self, *_, **__):
        self.asked += 1
        return await super().infer("any", {})


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(Inline(), NoModels(), Limits())


@pytest.fixture
def threads() -> Iterator[EngineThreads]:
    engine = EngineThreads(2)
    yield engine
    engine.close()


def original(image: Image.Image, format: str = "PNG", **options: object) -> Original:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return Original("a/b.png", stream.getvalue(), Stamp("1"))


def photo(width: int, height: int) -> Image.Image:
    image = noise(width // 8, height // 8).resize((width, height), Image.Resampling.BICUBIC)
    return image.filter(ImageFilter.GaussianBlur(2))


def opened(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


async def rendered(renderer: Renderer, image: Original, transform: Transform):
    return await renderer.render(image, transform, deadline=Deadline.after(30))


@pytest.mark.parametrize("format", Format)
async def test_the_rendition_is_what_it_says(renderer, format):
    transform = Transform(width=100, height=80, fit=Fit.PAD, format=format)
    made = await renderer.render(
        original(photo(320, 240)), transform, deadline=Deadline.after(30), tags=("original:a",)
    )
    image = opened(made.rendition.body)
    assert (made.rendition.format, made.rendition.size) == (format, Size(100, 80))
    assert image.size == (100, 80)
    assert made.rendition.tags == ("original:a",)
    assert (made.quality is None) == (format is Format.PNG)


async def test_a_large_jpeg_is_decoded_no_larger_than_needed(renderer):
    """And the picture is that of a full decode within what JPEG itself changes."""
    image = photo(1600, 1200)
    transform = Transform(width=200, crop=CropRegion(401, 203, 801, 603), format=Format.PNG)
    source = original(image, "JPEG", quality=95)
    said = await renderer.explain(source, transform, deadline=Deadline.after(30))
    assert said["decoded"]["size"] == [800, 600]
    shown = opened((await rendered(renderer, source, transform)).rendition.body)
    expected = image.crop((401, 203, 1202, 806)).resize((200, 151), Image.Resampling.LANCZOS)
    assert distance(shown, expected) < 3


async def test_the_same_request_gives_the_same_bytes(renderer, threads):
    """Whoever renders, on whatever thread, and while others render: one ETag."""
    source = original(photo(300, 300), "JPEG")
    transform = Transform(width=120, height=100, fit=Fit.COVER, gravity=SUBJECT, format=Format.WEBP)
    parallel = Renderer(threads, NoModels(), Limits())
    alone = (await rendered(renderer, source, transform)).rendition.etag
    together = await asyncio.gather(*(rendered(parallel, source, transform) for _ in range(6)))
    assert {made.rendition.etag for made in together} == {alone}


async def test_every_stage_is_timed(renderer):
    made = await rendered(
        renderer,
        original(photo(300, 300)),
        Transform(width=90, height=90, fit=Fit.COVER, gravity=SUBJECT, sharpen=30),
    )
    stages = [stage for stage, _ in made.timings]
    assert stages == [
        "facts", "decode", "analysis", "plan", "frame", "resize", "sharpen", "encode"
    ]  # fmt: skip
    assert all(seconds >= 0 for _, seconds in made.timings)


async def test_a_see_through_original_becomes_a_jpeg_on_white_or_on_what_is_asked(renderer):
    source = original(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))
    white = await rendered(renderer, source, Transform(format=Format.JPEG))
    assert opened(white.rendition.body).getpixel((9, 9)) == (255, 255, 255)
    blue = Transform(format=Format.JPEG, background=Background.of(Color(0, 0, 255)))
    shown = opened((await rendered(renderer, source, blue)).rendition.body)
    assert shown.getpixel((9, 9)) == pytest.approx((0, 0, 255), abs=3)


async def test_an_alpha_channel_that_hides_nothing_adds_none(renderer):
    """A photo saved as RGBA is padded like any photo, not with holes."""
    source = original(product(size=(60, 40), box=(20, 10, 40, 30)).convert("RGBA"))
    transform = Transform(width=80, height=80, fit=Fit.PAD, format=Format.PNG)
    shown = opened((await rendered(renderer, source, transform)).rendition.body)
    assert shown.mode == "RGB"
    assert shown.getpixel((1, 1)) == (240, 240, 240)


async def test_trim_is_measured_on_every_pixel(renderer):
    image = product(size=(1200, 900), box=(401, 203, 777, 555))
    made = await rendered(renderer, original(image), Transform(trim=10, format=Format.PNG))
    assert opened(made.rendition.body).tobytes() == image.crop((401, 203, 777, 555)).tobytes()


async def test_too_large_a_request_is_refused_before_any_pixel_or_network():
    models = Watched()
    renderer = Renderer(Inline(), models, Limits())
    body = original(photo(400, 400)).body
    damaged = Original("a.png", body[:900] + bytes(900) + body[1800:], Stamp("1"))
    for transform in (
        Transform(width=30_000, upscale=UpscaleMode.X4),
        Transform(width=9_000, height=9_000, fit=Fit.COVER, upscale=UpscaleMode.AUTO),
    ):
        with pytest.raises(OutputTooLarge):
            await rendered(renderer, damaged, transform)
    assert models.asked == 0
    with pytest.raises(OriginalError):
        await rendered(renderer, damaged, Transform(width=100))


async def test_a_network_that_is_not_there_is_an_error_never_a_plain_resize(renderer):
    with pytest.raises(ModelMissing):
        await rendered(
            renderer, original(photo(80, 80)), Transform(width=300, upscale=UpscaleMode.AUTO)
        )


async def test_the_shipped_network_makes_the_whole_way(threads):
    models = EmbeddedModels(REPOSITORY, threads=1)
    try:
        renderer = Renderer(threads, models, Limits())
        transform = Transform(width=240, upscale=UpscaleMode.AUTO, format=Format.PNG)
        made = await rendered(renderer, original(photo(96, 72)), transform)
        assert opened(made.rendition.body).size == (240, 180)
        assert made.plan.models == ("upscale_x4",)
        assert dict(renderer.model_digests(transform)).keys() == {
            *UPSCALE.values(),
            *UPSCALE_DEGRADED.values(),
        }
    finally:
        await models.close()


async def test_nothing_starts_after_the_deadline(renderer):
    with pytest.raises(DeadlineExceeded):
        await renderer.render(
            original(photo(80, 80)), Transform(width=10), deadline=Deadline.after(0)
        )


async def test_explain_says_what_render_would_do_and_is_json(renderer):
    source = original(product(), "JPEG")
    transform = Transform(width=100, height=100, fit=Fit.COVER, gravity=SUBJECT, format=Format.JPEG)
    said = json.loads(
        json.dumps(await renderer.explain(source, transform, deadline=Deadline.after(30)))
    )
    assert said["facts"]["size"] == [320, 400]
    assert said["analysis"]["uniform"]
    assert said["plan"]["canvas"] == [100, 100]
    assert [step["op"] for step in said["plan"]["steps"]] == ["frame", "resize"]
    assert said["plan"]["cost"] == "classical"
    made = await rendered(renderer, source, transform)
    assert said["plan"] == json.loads(json.dumps(made.plan.as_facts()))


@pytest.mark.parametrize(
    ("transform", "cost"),
    [
        ({"width": 100}, Cost.CLASSICAL),
        ({"width": 9, "height": 9, "fit": Fit.COVER, "gravity": SUBJECT}, Cost.CLASSICAL),
        ({"upscale": UpscaleMode.AUTO}, Cost.CLASSICAL),
        ({"upscale": UpscaleMode.AUTO, "width": 9}, Cost.NETWORK),
        ({"upscale": UpscaleMode.X2}, Cost.NETWORK),
        ({"matte": MatteMode.ON}, Cost.NETWORK),
    ],
    ids=str,
)
def test_the_cost_class_is_known_from_the_request(renderer, transform, cost):
    assert renderer.cost(Transform(**transform)) is cost


def test_a_missing_model_does_not_stop_a_name_from_being_made(renderer):
    assert renderer.model_digests(Transform(upscale=UpscaleMode.X2)) == ()


async def test_threads_do_not_mix_up_pictures(threads):
    """Different requests at once: each rendition is its own picture."""
    renderer = Renderer(threads, NoModels(), Limits())
    colors = [(9 * n, 255 - 9 * n, 40) for n in range(24)]
    made = await asyncio.gather(
        *(
            rendered(renderer, original(Image.new("RGB", (50, 50), c)), Transform(width=20 + n))
            for n, c in enumerate(colors)
        )
    )
    for n, (rendition, color) in enumerate(zip(made, colors, strict=True)):
        image = opened(rendition.rendition.body)
        assert image.width == 20 + n
        assert np.abs(np.subtract(image.getpixel((9, 9)), color)).max() <= 4


@pytest.mark.parametrize("long", [900, 3200, 5600])
async def test_the_matte_does_not_depend_on_the_size_that_was_asked_for(long):
    """Whoever comes first decides about no pixel of it: as large as the original, or as allowed."""
    image = original(photo_of(blob).image.resize((long * 3 // 4, long)), "JPEG", quality=92)
    seen = []
    for width in (60, 2600):
        transform = Transform(width=width, matte=MatteMode.ON, format=Format.WEBP)
        renderer = Renderer(Inline(), NoModels(), Limits(), mattes=(mattes := Listening()))
        await rendered(renderer, image, transform)
        seen += mattes.found
    assert seen[0].matte.size[1] == min(long, FINEST)
    assert seen[0].matte.tobytes() == seen[1].matte.tobytes()
    assert replace(seen[0], matte=None) == replace(seen[1], matte=None)


class Listening(MatteStore):
    """Keeps a note of every cut."""

    def __init__(self):
        super().__init__(Inline(), NoModels(), "1")
        self.found = []

    async def of(self, *args, **options):
        segmentation, source = await super().of(*args, **options)
        self.found.append(segmentation.found)
        return segmentation, source


@pytest.mark.parametrize("query", [{"width": 60}, {"width": 700, "trim": 10}, {"width": 2600}])
async def test_a_matte_from_a_tier_gives_the_same_bytes_as_one_of_its_own(query):
    image = original(photo_of(blob).image.resize((2400, 3200)), "JPEG", quality=92)
    transform = Transform(matte=MatteMode.ON, format=Format.WEBP, **query)
    alone = await rendered(Renderer(Inline(), NoModels(), Limits()), image, transform)
    tiers = Tiers([MemoryTier(2**24)], 1.0)
    mattes = MatteStore(Inline(), NoModels(), "1", tiers=tiers)
    sharing = Renderer(Inline(), NoModels(), Limits(), mattes=mattes)
    for each in (replace(transform, width=333), transform):
        made = await sharing.render(
            image, each, deadline=Deadline.after(60), tags=("original:a/b.png",)
        )
    assert "matte-lookup" in dict(made.timings)
    assert "cut" not in dict(made.timings)
    assert made.rendition.body == alone.rendition.body
