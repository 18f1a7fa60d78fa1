"""BlurHash: a picture as some thirty characters, for a placeholder until it is there.

Source: https://github.com/woltapp/blurhash/blob/master/Algorithm.md
"""

import math

import numpy as np
from PIL import Image

from edge.arrays import Doubles
from edge.rendering.pixels.colour_difference import linear

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_COMPONENTS = 4, 3  # on the long and on the short side: what the algorithm's authors advise
_SIDE = 64  # pixels on the long side: waves of at most three half periods need no more


def blurhash(image: Image.Image) -> str:
    """The BlurHash of a picture; what is see-through counts as white."""
    across, down = _COMPONENTS if image.width >= image.height else _COMPONENTS[::-1]
    light = linear(np.asarray(_reduced(image), dtype=np.float64) / 255)
    factors = _waves(light.shape[0], down) @ light.transpose(2, 0, 1)
    factors = (factors @ _waves(light.shape[1], across).T).transpose(1, 2, 0).reshape(-1, 3)
    average, rest = factors[0], factors[1:]
    step = int(np.clip(math.floor(float(np.abs(rest).max()) * 166 - 0.5), 0, 82))
    parts = [_base83((across - 1) + (down - 1) * 9, 1), _base83(step, 1)]
    parts.append(_base83(_colour(average), 4))
    parts += [_base83(_difference(factor, (step + 1) / 166), 2) for factor in rest]
    return "".join(parts)


def _reduced(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    if small.mode != "RGBA":
        return small.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")


def _waves(length: int, count: int) -> Doubles:
    """[count, length]: the cosines that a side is projected on, normalised."""
    number, at = np.arange(count)[:, None], np.arange(length)[None, :]
    scale = np.where(number == 0, 1, 2) / length
    return np.asarray(scale * np.cos(math.pi * number * at / length))


def _colour(light: Doubles) -> int:
    shares = np.clip(light, 0, 1)
    srgb = np.where(shares <= 0.0031308, shares * 12.92, 1.055 * shares ** (1 / 2.4) - 0.055)
    red, green, blue = (int(level) for level in np.rint(srgb * 255))
    return red << 16 | green << 8 | blue


def _difference(factor: Doubles, largest: float) -> int:
    shares = np.sign(factor) * np.sqrt(np.abs(factor) / largest)
    red, green, blue = (int(level) for level in np.clip(np.floor(shares * 9 + 9.5), 0, 18))
    return red * 361 + green * 19 + blue


def _base83(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83 ** (length - 1 - at) % 83] for at in range(length))
