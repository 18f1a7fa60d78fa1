"""What the tests of plans and ops stand on: pictures, facts, and a stage without threads."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from edge.deadline import Deadline
from edge.errors import ModelMissing
from edge.images import Size
from edge.limits import Limits
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import Plan, plan
from edge.rendering.run import run
from edge.rendering.source.facts import Facts, OriginalFormat
from edge.rendering.step import Step, Tools
from edge.variants.transform import Transform

LIMITS = Limits()


class Inline:
    """An engine that works in the caller's thread."""

    async def run(self, job: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return job(*args, **kwargs)


class NoModels:
    """A model repository with nothing in it."""

    runtime = "none"

    def spec(self, name: str) -> Any:
        raise ModelMissing(f"there is no model {name}", param=name)

    async def infer(self, name: str, inputs: Any, **_: Any) -> Any:
        raise ModelMissing(f"there is no model {name}", param=name)


def facts(width: int, height: int, *, alpha: bool = False) -> Facts:
    size = Size(width, height)
    return Facts(OriginalFormat.PNG, size, size, alpha=alpha)


def planned(
    transform: Transform,
    width: int,
    height: int,
    *,
    alpha: bool = False,
    analysis: Analysis | None = None,
    limits: Limits = LIMITS,
) -> Plan:
    return plan(transform, facts(width, height, alpha=alpha), analysis, limits)


def tools(models: Any = None, deadline: Deadline | None = None) -> Tools:
    return Tools(models or NoModels(), Inline(), deadline or Deadline.after(60))


def made(
    transform: Transform, image: Image.Image, *, analysis: Analysis | None = None
) -> Image.Image:
    """What a transform makes of a picture, without decoding or encoding."""
    return finished(transform, image, analysis=analysis).image


def finished(
    transform: Transform, image: Image.Image, *, analysis: Analysis | None = None
) -> Picture:
    wanted = planned(transform, *image.size, alpha=image.mode == "RGBA", analysis=analysis)
    return executed(wanted.steps_for(Size(*image.size)), image)


def executed(steps: Iterable[Step], image: Image.Image) -> Picture:
    picture, _ = asyncio.run(run(steps, Picture(image), tools()))
    return picture


def product(
    size: tuple[int, int] = (320, 400),
    box: tuple[int, int, int, int] = (200, 60, 280, 180),
    background: tuple[int, int, int] = (240, 240, 240),
    color: tuple[int, int, int] = (180, 30, 40),
) -> Image.Image:
    """A red thing on a plain background; `box` is where it is, right and bottom outside."""
    image = Image.new("RGB", size, background)
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=color)
    return image


def quarters(width: int = 80, height: int = 60) -> Image.Image:
    """Red, green, blue and white quarters, clockwise from the left top."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    wide, high = width // 2, height // 2
    draw.rectangle((0, 0, wide - 1, high - 1), fill=RED)
    draw.rectangle((wide, 0, width, high - 1), fill=GREEN)
    draw.rectangle((wide, high, width, height), fill=BLUE)
    draw.rectangle((0, high, wide - 1, height), fill=WHITE)
    return image


def corners(image: Image.Image) -> list[Any]:
    """The colours near the corners, clockwise from the left top."""
    right, bottom = image.width - 3, image.height - 3
    return [image.getpixel(place) for place in ((2, 2), (right, 2), (right, bottom), (2, bottom))]


def noise(width: int, height: int, mode: str = "RGB", seed: int = 1) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, len(mode)), np.uint8))


def distance(one: Image.Image, other: Image.Image) -> float:
    """Root mean square difference in 8-bit steps."""
    a, b = (np.asarray(image, dtype=np.float32) for image in (one, other))
    return float(np.sqrt(np.mean((a - b) ** 2)))


RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
