"""Product photographs drawn by arithmetic, with their exact alpha: the measure of cutting out.

Shapes are drawn four times as large and reduced, so that their outlines are soft as a camera's.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

SIZE = (600, 800)
OVER = 4

Draw = Callable[[ImageDraw.ImageDraw], None]


@dataclass(frozen=True)
class Photo:
    """A picture (RGB) and the exact alpha of its subject, uint8 [H, W]."""

    image: Image.Image
    alpha: npt.NDArray[np.uint8]


def photo(
    draw: Draw,
    *,
    subject: tuple[int, int, int] = (150, 40, 50),
    background: tuple[int, int, int] = (243, 243, 243),
    lower: tuple[int, int, int] | None = None,
    shadow: float = 0.35,
    noise: float = 1.2,
    quality: int | None = 90,
    size: tuple[int, int] = SIZE,
    shading: float = 0.25,
    bounce: float = 0.0,
) -> Photo:
    """A shape on a studio background that may run from one colour to another, with a soft shadow;
    with `bounce` the background lights its shadow, which then is more saturated than the
    background."""
    alpha = mask(draw, size)
    cover = np.asarray(alpha, np.float32)[..., None] / 255
    colours = _background(size, background, lower or background)
    colours *= 1 - (1 - _shade(alpha, shadow)) * (
        1 + bounce * (1 - np.float32(background) / max(background))
    )
    colours = cover * _subject(size, subject, shading) + (1 - cover) * colours
    colours += np.random.default_rng(7).normal(0, noise, colours.shape)
    image = Image.fromarray(np.clip(np.rint(colours), 0, 255).astype(np.uint8))
    return Photo(as_jpeg(image, quality) if quality else image, np.asarray(alpha))


def mask(draw: Draw, size: tuple[int, int] = SIZE) -> Image.Image:
    """The shape with a soft outline, mode L."""
    large = Image.new("L", (size[0] * OVER, size[1] * OVER), 0)
    draw(ImageDraw.Draw(large))
    return large.resize(size, Image.Resampling.BOX)


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    body = io.BytesIO()
    image.save(body, "JPEG", quality=quality)
    with Image.open(io.BytesIO(body.getvalue())) as opened:
        return opened.convert("RGB")


def blob(drawing: ImageDraw.ImageDraw) -> None:
    """A bottle: a body with round corners, a neck."""
    scaled(drawing.rounded_rectangle, (180, 260, 420, 700), radius=60 * OVER, fill=255)
    scaled(drawing.rectangle, (265, 130, 335, 300), fill=255)


def ring(drawing: ImageDraw.ImageDraw) -> None:
    """A body with a handle that encloses background."""
    scaled(drawing.rectangle, (140, 300, 360, 640), fill=255)
    scaled(drawing.ellipse, (320, 360, 520, 580), outline=255, width=26 * OVER)


def straps(drawing: ImageDraw.ImageDraw) -> None:
    """A bag on two thin straps."""
    scaled(drawing.rectangle, (150, 420, 450, 680), fill=255)
    scaled(drawing.line, (200, 425, 280, 120, 320, 120, 400, 425), fill=255, width=7 * OVER)


def scaled(method: Callable[..., None], numbers: tuple[int, ...], **how: object) -> None:
    method([number * OVER for number in numbers], **how)


def _background(
    size: tuple[int, int], upper: tuple[int, int, int], lower: tuple[int, int, int]
) -> npt.NDArray[np.float32]:
    share = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
    rows = (1 - share) * np.float32(upper) + share * np.float32(lower)
    return np.broadcast_to(rows, (size[1], size[0], 3)).astype(np.float32)


def _subject(
    size: tuple[int, int], colour: tuple[int, int, int], shading: float
) -> npt.NDArray[np.float32]:
    """Lit from the left."""
    light = np.linspace(1 + shading, 1 - shading, size[0], dtype=np.float32)[None, :, None]
    lit = light * np.float32(colour)
    return np.clip(np.broadcast_to(lit, (size[1], size[0], 3)), 0, 255).astype(np.float32)


def _shade(alpha: Image.Image, depth: float) -> npt.NDArray[np.float32]:
    """Light on the background: a soft pool to the lower right of the shape."""
    moved = Image.new("L", alpha.size, 0)
    moved.paste(alpha.resize((alpha.width, alpha.height // 4)), (24, alpha.height * 2 // 3))
    soft = moved.filter(ImageFilter.GaussianBlur(22))
    light: npt.NDArray[np.float32] = 1 - depth * np.asarray(soft, np.float32)[..., None] / 255
    return light


def hard_shadow(shot: Photo, depth: float = 0.65, softness: float = 5.0) -> Photo:
    """The same product with a dark wedge of a shadow to its left that ends almost as sharply as it
    does: `depth` of the light lost, an edge of `softness` pixels (sigma)."""
    left, _top, right, bottom = Image.fromarray(shot.alpha).getbbox() or (0, 0, 1, 1)
    wedge = Image.new("L", shot.image.size, 0)
    corners = [(left - 110, bottom - 8), (left + 60, bottom - 130), (right - 40, bottom - 2)]
    ImageDraw.Draw(wedge).polygon(corners, fill=255)
    cover = shot.alpha[..., None].astype(np.float32) / 255
    shade = np.asarray(wedge.filter(ImageFilter.GaussianBlur(softness)), np.float32)[..., None]
    light = cover + (1 - cover) * (1 - depth * shade / 255)
    dark = np.rint(np.asarray(shot.image, np.float32) * light)
    return Photo(Image.fromarray(dark.astype(np.uint8)), shot.alpha)
