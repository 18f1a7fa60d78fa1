"""Drawn pictures that ask what a folder of shop photos does not.

Photos of products hardly ever hold a second view, an alpha of their own, strong grain or enough
pixels for a progressive file, so the numbers that decide of these change nothing on them. Each
picture lies near one such decision, by less than the 30 % by which numbers are moved.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 1000
"""Pixels of a finished picture's side, as rules look at it."""


_BLUES = ((20, 30, 120), (40, 60, 160), (90, 110, 200))


def pictures() -> dict[str, Image.Image]:
    """All of them by name, the same each time."""
    drawn = {f"inset-{side}": _inset(side) for side in (50, 70)}
    drawn |= {f"again-{wide}": _again(wide) for wide in (162, 163, 164, 165, 166, 167)}
    drawn |= {"pair": _again(190, 440), "other-37": _again(162, other=37)}
    drawn |= {f"cropped-{side}": _cropped(side / 100) for side in (20, 28)}
    drawn |= {f"corners-{share}": _rounded(share / 1000) for share in (8, 12)}
    drawn |= {f"grain-{levels}": _grainy(levels) for levels in (4, 8)}
    drawn |= {f"shadow-{dark}": _shadowed(dark) for dark in (170, 220)}
    return drawn | {"large": _product(1600)}


def _fabric(size: tuple[int, int], *, turned: bool = False) -> Image.Image:
    """Something woven in blues, or in reds."""
    rng = np.random.default_rng(7)
    cells = max(2, size[1] // 20), max(2, size[0] // 20)
    coarse = np.array(_BLUES, np.uint8)[rng.integers(0, len(_BLUES), cells)]
    coarse = coarse[..., ::-1] if turned else coarse
    return Image.fromarray(coarse).resize(size, Image.Resampling.NEAREST)


def jug(size: tuple[int, int]) -> Image.Image:
    """The outline (L) of a jug: neither a rectangle nor an ellipse."""
    large = Image.new("L", (400, 400))
    pen = ImageDraw.Draw(large)
    pen.rounded_rectangle((80, 60, 280, 390), 50, fill=255)
    pen.ellipse((230, 120, 390, 300), fill=255)
    pen.ellipse((270, 160, 350, 260), fill=0)
    pen.polygon([(80, 90), (10, 40), (140, 60)], fill=255)
    return large.resize(size, Image.Resampling.LANCZOS)


def _product(side: int = SIDE) -> Image.Image:
    """A jug on white."""
    image = Image.new("RGB", (side, side), "white")
    size = (side * 6 // 10, side * 7 // 10)
    image.paste(_fabric(size), (side * 3 // 20, side * 3 // 20), jug(size))
    return image


def _inset(side: int) -> Image.Image:
    """A picture within the picture, beside the jug."""
    image = _product()
    image.paste(_fabric((side, side), turned=True), (SIDE - 60 - side, 60))
    return image


def _again(wide: int, high: int = 190, *, other: int = 0) -> Image.Image:
    """The jug once more, smaller, drawn out to another shape, with so much percent in reds."""
    image, size = _product(), (wide, high)
    sheet = _fabric(size)
    sheet.paste(_fabric((wide, high * other // 100 or 1), turned=True))
    image.paste(sheet, (SIDE - 30 - wide, SIDE - 110 - high), jug(size))
    return image


def _cropped(visible: float) -> Image.Image:
    """Something that runs out of the left of a photo, where so much of the paper is seen."""
    image = Image.new("RGB", (400, 400), (206, 202, 198))
    image.paste(_fabric((260, 240)), (0, 60))
    image.paste(_fabric((160, round(400 * (1 - visible)))), (0, 0))
    return image


def _rounded(share: float) -> Image.Image:
    """A photo whose rounded corners hide that share of it."""
    image = _product(400).convert("RGBA")
    radius = 400 * math.sqrt(share / (4 - math.pi))
    corners = Image.new("L", (1600, 1600))
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, 1599, 1599), 4 * radius, fill=255)
    image.putalpha(corners.resize(image.size, Image.Resampling.BOX))
    return image


def _shadowed(dark: int) -> Image.Image:
    """The jug cut out, with a drop shadow of that alpha below it."""
    image = Image.new("RGBA", (400, 400))
    alpha = Image.new("L", image.size)
    alpha.paste(jug((240, 240)), (80, 90))
    image.putalpha(alpha.filter(ImageFilter.GaussianBlur(8)).point(lambda v: v * dark // 255))
    image.paste(_fabric((240, 240)), (80, 50), jug((240, 240)))
    return image


def _grainy(levels: int) -> Image.Image:
    """The jug on grey paper, photographed with so much grain."""
    rng = np.random.default_rng(levels)
    clean = np.asarray(_product(300)).astype(np.float64) * 0.8 + 20
    noisy = clean + rng.normal(0, levels, clean.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
