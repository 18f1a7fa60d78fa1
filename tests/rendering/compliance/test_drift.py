"""How far a product's colours moved is measured where it lies, whatever was done to its frame."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from edge.images import Color, Size
from edge.rendering.compliance.drift import compare
from edge.rendering.compliance.reference import reference
from edge.rendering.ops.crop import Crop
from edge.rendering.ops.flip import Flip
from edge.rendering.ops.frame import Frame
from edge.rendering.ops.rotate import Rotate
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import Plan
from edge.reported import ColourShift


def photo(width: int = 600, height: int = 800) -> Image.Image:
    """Patches of many colours, no two neighbours alike: a shift of a few pixels shows."""
    rng = np.random.default_rng(4)
    coarse = rng.integers(0, 256, (height // 20, width // 20, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST)


def made(image: Image.Image, region: tuple[int, ...], content: Size, canvas: Size,
         at: tuple[int, int]) -> Image.Image:  # fmt: skip
    """The region as content in a white canvas: what the server's own steps come to."""
    sheet = Image.new("RGB", (canvas.width, canvas.height), "white")
    part = image.resize((content.width, content.height), Image.Resampling.LANCZOS, region)
    sheet.paste(part, at)
    return sheet


FRAMES = {
    "enlarged, on a background": (
        (0, 0, 600, 800), Size(1275, 1700), Size(2048, 2048), (386, 174)
    ),
    "a part of it": ((100, 150, 500, 550), Size(300, 300), Size(300, 300), (0, 0)),
    "partly beyond the canvas": (
        (0, 0, 600, 800), Size(900, 1200), Size(800, 800), (-50, -200)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_the_same_colours_have_not_moved(name: str) -> None:
    region, content, canvas, at = FRAMES[name]
    image = photo()
    plan = Plan(Size(600, 800), (Frame(Area(*region), content, canvas, at),), None, canvas, False)
    final = made(image, region, content, canvas, at)
    known = reference(image, plan, Picture(final))
    assert known is not None
    found = compare(final, known, None)
    assert found.median is not None
    assert found.median < 0.5
    half = reference(image.reduce(2), plan, Picture(final))
    assert half is not None, "decoded at half its size"
    assert (compare(final, half, None).median or 9) < 1.5


def test_a_turned_and_mirrored_picture_is_compared_as_it_lies() -> None:
    image = photo()
    steps = (
        Crop(Area(0, 0, 600, 800)), Rotate(90), Flip(True, False),
        Frame(Area(0, 0, 800, 600), Size(400, 300), Size(400, 300), (0, 0)),
    )  # fmt: skip
    turned = image.transpose(Image.Transpose.ROTATE_270).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    final = turned.resize((400, 300), Image.Resampling.LANCZOS)
    known = reference(
        image, Plan(Size(600, 800), steps, None, Size(400, 300), False), Picture(final)
    )
    assert known is not None
    assert (compare(final, known, None).median or 9) < 0.5


def test_only_the_product_counts_and_its_change_is_told() -> None:
    image = Image.new("RGB", (600, 600), (200, 200, 190))
    ImageDraw.Draw(image).rectangle((150, 150, 450, 450), fill=(150, 60, 40))
    matte = Image.new("L", (600, 600), 0)
    ImageDraw.Draw(matte).rectangle((150, 150, 450, 450), fill=255)
    whole = Area(0, 0, 600, 600)
    plan = Plan(Size(600, 600), (Frame(whole, Size(600, 600), Size(600, 600), (0, 0)),), None,
                Size(600, 600), False)  # fmt: skip
    final = Image.new("RGB", (600, 600), "white")
    final.paste(image, mask=matte)
    known = reference(image, plan, Picture(final, matte))
    assert known is not None
    same = compare(final, known, Color(150, 60, 40))
    assert same == ColourShift(0.0, 0.0, 0.0)
    duller = compare(ImageEnhance.Color(final).enhance(0.6), known, Color(20, 60, 160))
    assert duller.median is not None
    assert duller.median > 5
    assert duller.swatch is not None
    assert duller.swatch > 30
