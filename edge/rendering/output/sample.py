"""A small picture that stands for a large one where an encoder is tried out on it."""

from dataclasses import dataclass

from PIL import Image

from edge.rendering.numbers import tuned


@dataclass(frozen=True)
class SampleNumbers:
    """The small picture on which an encoder is tried out."""

    tile: int = tuned(64, "pixels", "side of a tile")
    across: int = tuned(3, "tiles", "on a side of the sample: 192x192 pixels")
    looked_at: int = tuned(8, "tiles", "candidates on each axis")
    glanced_at: int = tuned(
        5, "tiles", "candidates on each axis where the quality is given and only colour is asked"
    )
    flat: float = tuned(
        3.0, "bits of entropy", "a tile below it is background, which every quality keeps"
    )


SAMPLE = SampleNumbers()


def sample(image: Image.Image, across: int = SAMPLE.looked_at) -> Image.Image:
    """Up to 9 tiles of the picture at its own scale, side by side, RGB.

    From all over the picture, flat background left out, from quiet to busy in equal shares: an
    encoder treats them as it treats the detail of the whole.

    Args:
        across: tiles to choose from on each axis; choosing takes most of the time.
    """
    picture = image if image.mode == "RGB" else image.convert("RGB")
    if picture.width * picture.height <= (SAMPLE.across * SAMPLE.tile) ** 2:
        return picture
    tiles = _busy_tiles(picture, across)
    if not tiles:
        return picture.crop(
            (0, 0, min(picture.width, SAMPLE.tile), min(picture.height, SAMPLE.tile))
        )
    return _side_by_side(_spread(tiles, SAMPLE.across**2))


def _busy_tiles(picture: Image.Image, across: int) -> list[Image.Image]:
    """Those that are not flat, the quietest first."""
    found: list[tuple[float, int, Image.Image]] = []
    for top in _places(picture.height, across):
        for left in _places(picture.width, across):
            tile = picture.crop((left, top, left + SAMPLE.tile, top + SAMPLE.tile))
            bits = tile.entropy()
            if bits >= SAMPLE.flat:
                found.append((bits, len(found), tile))
    return [tile for _, _, tile in sorted(found)]


def _places(side: int, most: int) -> list[int]:
    """Where tiles start along one side: evenly spread, on multiples of 16 so that blocks match."""
    room = max(0, side - SAMPLE.tile)
    count = min(most, side // SAMPLE.tile) or 1
    return sorted({round(room * i / max(1, count - 1)) // 16 * 16 for i in range(count)})


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
