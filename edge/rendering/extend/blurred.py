"""A blurred fill: a picture so far out of focus that only its colours are left."""

from dataclasses import dataclass

from PIL import Image, ImageFilter

from edge.images import WHITE, Size
from edge.rendering.numbers import tuned


@dataclass(frozen=True)
class BlurredNumbers:
    """A background of the picture itself, blurred."""

    long: int = tuned(
        32,
        "pixels",
        "long side to which the picture is reduced first; enlarging a tiny reduction is the "
        "cheap way to a blur of an eighth of the canvas",
    )


BLURRED = BlurredNumbers()


def blurred_fill(image: Image.Image, canvas: Size) -> Image.Image:
    """The picture's colours (RGB or RGBA, that on white) over all of a canvas, RGB."""
    opaque = image
    if image.mode == "RGBA":
        opaque = Image.new("RGB", image.size, WHITE.rgb)
        opaque.paste(image, mask=image.getchannel("A"))
    small = canvas.scaled(min(1.0, BLURRED.long / canvas.long))
    tiny = opaque.resize((small.width, small.height), Image.Resampling.BOX)
    soft = tiny.filter(ImageFilter.GaussianBlur())
    return soft.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)
