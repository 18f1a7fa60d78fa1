"""Photos of the kinds that shops have, drawn on the spot."""

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from edge.images import Original, Stamp

Drawn = Callable[[], Image.Image]


def product(size: tuple[int, int], *, scale: float = 0.6) -> tuple[Image.Image, Image.Image]:
    """A jug with stripes, a handle and a thin strap, and its alpha: soft by two pixels."""
    width, height = size
    big = (width * 2, height * 2)
    alpha, colours = Image.new("L", big, 0), Image.new("RGB", big, (150, 60, 40))
    draw, paint = ImageDraw.Draw(alpha), ImageDraw.Draw(colours)
    wide, high = width * scale, height * scale
    left, top = width - wide, height - high
    right, bottom = width + wide, height + high
    draw.rounded_rectangle((left, top + high * 0.3, right, bottom), wide * 0.3, fill=255)
    draw.ellipse((left + wide * 0.5, top, right - wide * 0.5, top + high), fill=255)
    draw.arc((right - wide * 0.3, top + high * 0.5, right + wide * 0.3, bottom - high * 0.3),
             -90, 90, fill=255, width=max(3, width // 20))  # fmt: skip
    for stripe in range(0, big[1], max(8, height // 8)):
        paint.rectangle((0, stripe, big[0], stripe + height // 24), fill=(230, 190, 70))
    paint.ellipse((left + wide * 0.4, top + high, right - wide * 0.6, bottom), fill=(40, 70, 160))
    return (
        colours.resize(size, Image.Resampling.LANCZOS),
        alpha.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.8)),
    )


def laid(size: tuple[int, int], behind: np.ndarray, **more: float) -> Image.Image:
    colours, alpha = product(size, **more)
    noise = np.random.default_rng(5).normal(0, 1.2, behind.shape)
    sheet = Image.fromarray((behind + noise).clip(0, 255).astype(np.uint8))
    sheet.paste(colours, mask=alpha)
    return sheet


def plain(size: tuple[int, int], level: float = 236, **more: float) -> Image.Image:
    """On studio paper that darkens towards one side."""
    y, x = np.mgrid[: size[1], : size[0]]
    shade = level - 14 * x / size[0] - 6 * y / size[1]
    return laid(size, np.repeat(shade[..., None], 3, axis=2), **more)


def scene(size: tuple[int, int]) -> Image.Image:
    """On boards, before a wall with things on it."""
    y, x = np.mgrid[: size[1], : size[0]]
    boards = 120 + 40 * np.sin(x / 11 + 2 * np.sin(y / 60)) + 15 * np.sin(y / 3.1)
    wall = 150 + 50 * ((x // 70 + y // 90) % 2)
    grey = np.where(y > size[1] * 0.6, boards, wall)
    return laid(size, np.stack([grey, grey * 0.85, grey * 0.7], axis=-1))


def cut_out(size: tuple[int, int]) -> Image.Image:
    """With its own alpha."""
    colours, alpha = product(size)
    colours.putalpha(alpha)
    return colours


PHOTOS: Mapping[str, Drawn] = {
    "plain": lambda: plain((600, 800)),
    "dark paper": lambda: plain((640, 640), level=120),
    "scene": lambda: scene((720, 540)),
    "own alpha": lambda: cut_out((500, 620)),
    "small": lambda: plain((230, 180)),
    "tall": lambda: plain((320, 1180)),
    "larger": lambda: plain((1500, 1200), scale=0.45),
}


def original(image: Image.Image, path: str = "jug.jpg") -> Original:
    """The merchant's file: PNG where something is see-through, else JPEG."""
    stream = io.BytesIO()
    if image.mode == "RGBA":
        image.save(stream, "PNG")
    else:
        image.save(stream, "JPEG", quality=92)
    return Original(path, stream.getvalue(), Stamp("1"))
