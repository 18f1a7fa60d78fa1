"""The graphs of the product chain yield what the steps that they stand for yield."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge.deadline import Deadline
from edge.images import Box, Color, Size
from edge.models.embedded import EmbeddedModels
from edge.rendering.chain.graphed import COMPOSE, DECONTAMINATE, RESIZE, on_graphs
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.ops.background import PlainBackground
from edge.rendering.ops.decontaminate import Decontaminate
from edge.rendering.ops.pad import Pad
from edge.rendering.ops.resize import Resize
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.run import run
from edge.rendering.step import Step, Tools
from tests.rendering.chain.graphs import SHIPPED, LocalGraphs

LEVELS = 2
"""By so much a picture of the graphs may differ from the engine's."""


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    engine, models = EngineThreads(2), EmbeddedModels(SHIPPED, threads=1)
    yield Tools(models, engine, Deadline.after(120))
    await models.close()
    engine.close()


def photo(width: int, height: int, *, seed: int = 3) -> Image.Image:
    """Strong edges, fine noise and a gradient: what resampling gets wrong first."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = np.stack([x * 255 / width, y * 255 / height, 128 + 100 * np.sin(x / 9)], axis=-1)
    image = Image.fromarray((base + rng.normal(0, 6, base.shape)).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 5, height // 4, width // 2, height // 2), fill=(250, 20, 30))
    draw.ellipse((width // 2, height // 3, width - 9, height - 5), fill=(10, 30, 240))
    return image


def matte(width: int, height: int, *, softness: float = 3) -> Image.Image:
    image = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(image)
    draw.ellipse((width // 6, height // 8, width * 5 // 6, height * 7 // 8), fill=255)
    draw.rectangle((width // 2 - 2, 0, width // 2 + 1, height), fill=255)
    return image.filter(ImageFilter.GaussianBlur(softness))


def subject(width: int, height: int, **more: object) -> Picture:
    return Picture(
        photo(width, height), matte(width, height), Box(9, 9, 60, 50), decontaminated=True, **more
    )


async def both(
    steps: list[Step], picture: Picture, tools: Tools
) -> tuple[Picture, Picture, list[str]]:
    graphs = LocalGraphs()
    plain, _ = await run(steps, picture, tools)
    graphed, _ = await run(on_graphs(steps, graphs), picture, tools)
    return plain, graphed, graphs.asked


def apart(
    one: Image.Image | None, other: Image.Image | None, seen: np.ndarray | None = None
) -> int:
    if one is None or other is None:
        assert one is other
        return 0
    assert (one.mode, one.size) == (other.mode, other.size)
    difference = np.abs(np.asarray(one).astype(int) - np.asarray(other))
    return int((difference if seen is None else difference[seen]).max())


PICTURES = {
    "rgb": lambda: Picture(photo(301, 199)),
    "rgba": lambda: Picture(with_alpha(photo(301, 199))),
    "subject": lambda: subject(301, 199),
    "exact": lambda: subject(301, 199, exact=True),
    "rough": lambda: Picture(photo(301, 199), matte(301, 199), rough=True),
    "matte beside": lambda: Picture(photo(301, 199), matte(301, 199)),
}


def with_alpha(image: Image.Image) -> Image.Image:
    image.putalpha(matte(*image.size))
    return image


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("size", [Size(120, 99), Size(640, 333), Size(301, 199)], ids=str)
async def test_resampling_is_that_of_the_engine(kind: str, size: Size, tools: Tools) -> None:
    region, view = Area(3.7, 2.25, 297.1, 190.5), Area(0, 0, 301, 199)
    plain, graphed, asked = await both([Resize(region, size, view)], PICTURES[kind](), tools)
    assert asked == [RESIZE]
    stretched = kind == "subject"  # what Lanczos overshoots is cut off, and the rest stretched
    assert apart(plain.matte, graphed.matte) <= LEVELS + stretched
    assert (plain.subject, plain.decontaminated) == (graphed.subject, graphed.decontaminated)
    assert apart(*seen(plain, graphed)) <= LEVELS


def seen(plain: Picture, graphed: Picture) -> tuple[Image.Image, Image.Image]:
    """Both as they look on grey: colours count as far as they show."""
    looks = []
    for picture in (plain, graphed):
        image = picture.image
        alpha = picture.matte if picture.decontaminated else None
        if image.mode == "RGBA":
            image, alpha = image.convert("RGB"), image.getchannel("A")
        sheet = Image.new("RGB", image.size, (90, 90, 90))
        sheet.paste(image, mask=alpha)
        looks.append(sheet)
    return looks[0], looks[1]


async def test_resampling_looks_at_nothing_outside_the_view(tools: Tools) -> None:
    picture = Picture(photo(200, 160))
    step = Resize(Area(40, 30, 140, 120), Size(300, 270), Area(40, 30, 140, 120))
    plain, graphed, asked = await both([step], picture, tools)
    assert asked == [RESIZE]
    assert apart(plain.image, graphed.image) <= LEVELS


async def test_a_strong_reduction_stays_with_the_engine(tools: Tools) -> None:
    """It averages whole blocks first, which the graph does not."""
    step = Resize(Area(0, 0, 900, 700), Size(100, 78), Area(0, 0, 900, 700))
    plain, graphed, asked = await both([step], Picture(photo(900, 700)), tools)
    assert asked == []
    assert apart(plain.image, graphed.image) == 0


@pytest.mark.parametrize("by", ["network", "plain-background"])
@pytest.mark.parametrize("size", [(640, 900), (333, 251), (130, 70)], ids=str)
async def test_decontamination_solves_the_same_colours(
    by: str, size: tuple[int, int], tools: Tools
) -> None:
    picture = Picture(photo(*size), matte(*size, softness=4))
    plain, graphed, asked = await both([Decontaminate(by)], picture, tools)
    assert asked == [DECONTAMINATE] * (by == "network"), (
        "from a plain background alpha brings colours"
    )
    assert graphed.decontaminated
    assert apart(plain.matte, graphed.matte) == 0
    assert apart(plain.image, graphed.image) <= LEVELS
    moved = np.asarray(plain.image).astype(int) - np.asarray(picture.image)
    assert np.abs(moved).max() > 40, "a picture that nothing happens to would prove nothing"


async def test_what_has_no_soft_pixel_is_solved_by_nobody(tools: Tools) -> None:
    hard = Image.new("L", (200, 150), 0)
    hard.paste(255, (40, 40, 150, 120))
    plain, graphed, asked = await both(
        [Decontaminate("network")], Picture(photo(200, 150), hard), tools
    )
    assert asked == []
    assert apart(plain.image, graphed.image) == 0


@pytest.mark.parametrize("exact", [True, False])
async def test_composition_is_that_of_the_engine(exact: bool, tools: Tools) -> None:
    steps = [
        Pad(Size(500, 420), (77, 51), Color(255, 255, 255), 0.7),
        PlainBackground(Color(250, 128, 3)),
    ]
    plain, graphed, asked = await both(steps, subject(301, 199, exact=exact), tools)
    assert asked == [COMPOSE]
    assert apart(plain.image, graphed.image) == 0
    assert apart(plain.matte, graphed.matte) == 0
    assert plain.subject == graphed.subject


async def test_a_background_without_a_pad_is_composed_as_well(tools: Tools) -> None:
    plain, graphed, asked = await both(
        [PlainBackground(Color(1, 200, 3))], subject(301, 199), tools
    )
    assert asked == [COMPOSE]
    assert apart(plain.image, graphed.image) == 0


async def test_what_no_graph_covers_is_left_to_the_step(tools: Tools) -> None:
    """Nothing behind the subject, and a subject that still has its old colours."""
    transparent = [PlainBackground(None)]
    plain, graphed, asked = await both(transparent, subject(120, 80), tools)
    assert (asked, apart(plain.image, graphed.image)) == ([], 0)
    contaminated = Picture(photo(120, 80), matte(120, 80))
    plain, graphed, asked = await both([PlainBackground(Color(9, 9, 9))], contaminated, tools)
    assert (asked, apart(plain.image, graphed.image)) == ([], 0)


async def test_the_whole_tail_of_a_marketplace_plan(tools: Tools) -> None:
    """Decontaminate, resize, pad and background, one after the other, add up to no more."""
    steps = [
        Decontaminate("network"),
        Resize(Area(5.5, 7.25, 610.3, 880.9), Size(420, 607), Area(0, 0, 640, 900)),
        Pad(Size(700, 700), (140, 46), Color(255, 255, 255), 0.5),
        PlainBackground(Color(255, 255, 255)),
    ]
    picture = Picture(photo(640, 900), matte(640, 900, softness=4))
    plain, graphed, asked = await both(steps, picture, tools)
    assert asked == [DECONTAMINATE, RESIZE, COMPOSE]
    assert apart(plain.image, graphed.image) <= LEVELS
