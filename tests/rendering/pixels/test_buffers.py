"""A picture's pixels come out as `np.asarray` gives them, whatever its mode and size."""

import numpy as np
import pytest
from PIL import Image

from edge.images import Size
from edge.rendering.pixels.buffers import array_of, filled


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "I", "P", "1"])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (701, 333), (0, 5)], ids=str)
def test_it_is_what_asarray_gives(mode: str, size: tuple[int, int]) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 4), np.uint8)
    image = Image.fromarray(levels).convert(mode) if all(size) else Image.new(mode, size)
    found = array_of(image)
    assert found.shape == np.asarray(image).shape
    assert found.dtype == np.asarray(image).dtype
    assert np.array_equal(found, np.asarray(image))


def test_it_is_a_copy() -> None:
    image = Image.new("RGB", (40, 30), "red")
    found = array_of(image)
    image.paste("blue", (0, 0, 40, 30))
    assert (found == (255, 0, 0)).all()


def test_a_picture_of_one_colour_is_drawn_on_as_any_other() -> None:
    shape = Image.radial_gradient("L").resize((20, 20))
    ours, plain = filled(Size(40, 30), (250, 12, 99)), Image.new("RGB", (40, 30), (250, 12, 99))
    for sheet in (ours, plain):
        sheet.paste(Image.new("RGB", (20, 20), "green"), (5, 5), shape)
    assert ours.tobytes() == plain.tobytes()
    assert ours.getpixel((39, 29)) == (250, 12, 99)
