"""A blurred fill: a picture so far out of focus that only its colours are left."""

from PIL import Image, ImageFilter

from edge.images import WHITE, Size

_LONG, _SIGMA = 24, 1.5
"""Long side in pixels to which the picture is reduced first, and the blur on that: enlarging a tiny
reduction is the cheap way to a blur of a sixth of the canvas."""


def blurred_fill(image: Image.Image, canvas: Size) -> Image.Image:
    """The picture's colours (RGB or RGBA, that on white) over all of a canvas, RGB."""
    opaque = image
    if image.mode == "RGBA":
        opaque = Image.new("RGB", image.size, WHITE.rgb)
        opaque.paste(image, mask=image.getchannel("A"))
    small = canvas.scaled(min(1.0, _LONG / canvas.long))
    tiny = opaque.resize((small.width, small.height), Image.Resampling.BOX)
    soft = tiny.filter(ImageFilter.GaussianBlur(_SIGMA))
    return soft.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)
