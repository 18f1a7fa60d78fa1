"""A small picture that stands for a large one where an encoder is tried out on it."""

from dataclasses import dataclass

from PIL import Image

from edge.rendering.numbers import tuned


@dataclass(frozen=True)
class SampleNumbers:
    """The small picture on which an encoder is tried out."""

    tile: int = tuned(
        64,
        "pixels",
        "side of a tile, some blocks of every encoder",
        "the loss at JPEG 78 of 25 photographs is told within 12 %; 21 with half of it, 11 with "
        "twice, which is four times the work",
    )
    candidates: int = tuned(
        8,
        "tiles",
        "looked at on each axis, which takes most of the time; half where time is short",
        "the same 12 %; 18 with half as many, 10 with twice",
    )
    across: int = tuned(
        3,
        "tiles",
        "on a side of the sample, whose encoding is the time that may be spent",
        "the same 12 %; 19 with two, 11 with four, 8 with six",
    )
    flat: float = tuned(
        3.0,
        "bits of entropy",
        "a tile below it is background, which every quality keeps",
        "the same 12 %; 11 with half of it, 16 with twice",
    )


SAMPLE = SampleNumbers()

_BLOCK = 16
"""Pixels: a block of JPEG with halved colour."""


def sample(image: Image.Image, *, fewer: bool = False) -> Image.Image:
    """Up to 9 tiles of the picture at its own scale, side by side, RGB.

    From all over the picture, flat background left out, from quiet to busy in equal shares: an
    encoder treats them as it treats the detail of the whole.

    Args:
        fewer: choose from half as many on each axis: 0.4 instead of 0.8 ms, of the 11 that a small
            JPEG takes.
    """
    picture = image if image.mode == "RGB" else image.convert("RGB")
    if picture.width * picture.height <= (SAMPLE.across * SAMPLE.tile) ** 2:
        return picture
    most = SAMPLE.candidates // 2 + 1 if fewer else SAMPLE.candidates
    tiles = _busy_tiles(picture, most)
    if not tiles:
        return picture.crop(
            (0, 0, min(picture.width, SAMPLE.tile), min(picture.height, SAMPLE.tile))
        )
    return _side_by_side(_spread(tiles, SAMPLE.across**2))


def _busy_tiles(picture: Image.Image, most: int) -> list[Image.Image]:
    """Those that are not flat, the quietest first."""
    found: list[tuple[float, int, Image.Image]] = []
    for top in _places(picture.height, most):
        for left in _places(picture.width, most):
            tile = picture.crop((left, top, left + SAMPLE.tile, top + SAMPLE.tile))
            bits = tile.entropy()
            if bits >= SAMPLE.flat:
                found.append((bits, len(found), tile))
    return [tile for _, _, tile in sorted(found)]


def _places(side: int, most: int) -> list[int]:
    """Where tiles start along one side: evenly spread, on whole blocks."""
    room = max(0, side - SAMPLE.tile)
    count = min(most, side // SAMPLE.tile) or 1
    return sorted({round(room * i / max(1, count - 1)) // _BLOCK * _BLOCK for i in range(count)})


def _spread(tiles: list[Image.Image], most: int) -> list[Image.Image]:
    if len(tiles) <= most:
        return tiles
    return [tiles[round(i * (len(tiles) - 1) / (most - 1))] for i in range(most)]


def _side_by_side(tiles: list[Image.Image]) -> Image.Image:
    rows = max(1, len(tiles) // SAMPLE.across)
    across = min(SAMPLE.across, len(tiles))
    sheet = Image.new("RGB", (across * SAMPLE.tile, rows * SAMPLE.tile))
    for index, tile in enumerate(tiles[: rows * across]):
        sheet.paste(tile, (index % across * SAMPLE.tile, index // across * SAMPLE.tile))
    return sheet
