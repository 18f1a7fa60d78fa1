"""Islands: places in a matte that look like the ground beside it are found, prints mostly not."""

import numpy as np
from PIL import Image, ImageDraw

from edge.rendering.islands import holds_ground, islands

WOOD, GLAZE = (150, 95, 60), (130, 150, 155)


def grained(image: Image.Image) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 3, (image.height, image.width, 3))
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)


def mug(inside: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A mug on wood whose handle shows `inside`, and a matte that took that for the mug."""
    image, alpha = Image.new("RGB", (600, 800), WOOD), Image.new("L", (600, 800))
    for canvas, colour in ((ImageDraw.Draw(image), GLAZE), (ImageDraw.Draw(alpha), 255)):
        canvas.rectangle((150, 300, 400, 650), fill=colour)
        canvas.ellipse((340, 370, 500, 570), fill=colour)
    ImageDraw.Draw(image).ellipse((405, 410, 460, 530), fill=inside)
    return grained(image), np.asarray(alpha)


def test_ground_seen_through_a_handle_is_found_and_nothing_else() -> None:
    pixels, alpha = mug(WOOD)
    assert holds_ground(pixels, alpha)
    cells = islands(pixels[::4, ::4], alpha[::4, ::4])
    hole = np.zeros_like(cells)
    hole[105:130, 104:112] = True
    assert cells[hole].mean() > 0.95
    assert cells.sum() < 3 * hole.sum()


def test_a_colour_of_the_products_own_is_none() -> None:
    assert not holds_ground(*mug((40, 60, 120)))


def test_a_matte_of_nothing_and_one_of_everything_hold_none() -> None:
    pixels = grained(Image.new("RGB", (90, 60), WOOD))
    for level in (0, 255):
        assert not holds_ground(pixels, np.full((60, 90), level, np.uint8))


def test_a_product_of_the_grounds_colour_is_not_an_island_in_itself() -> None:
    """Half of a white shirt may look like the white wall behind it: looking settles nothing."""
    pixels = grained(Image.new("RGB", (300, 400), (235, 235, 235)))
    alpha = np.zeros((400, 300), np.uint8)
    alpha[80:, 60:240] = 255
    assert not holds_ground(pixels, alpha)
