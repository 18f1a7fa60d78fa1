"""Alpha along outlines that are hard to see, or are not there."""

import numpy as np
import pytest
from PIL import Image

from edge.rendering.analysis.background import BackgroundModel, Grid, fit_background
from edge.rendering.matting.alpha import estimate_alpha, foreground_colours
from edge.rendering.matting.fusion import fuse


def dotted(light: int) -> Image.Image:
    """A plain background with a faint dot every seven pixels: each place is near one."""
    pixels = np.full((300, 300, 3), 200, np.uint8)
    pixels[3::7, 3::7] = 200 + light
    return Image.fromarray(pixels)


@pytest.mark.parametrize("light", [-17, 17])
def test_without_a_network_what_has_no_outline_is_no_product(light: int) -> None:
    assert fuse(dotted(light), None) == "nothing stands out from the background"


def test_a_subject_without_an_outline_is_solid() -> None:
    image = dotted(17)
    grid = Grid.of(image)
    background_model = fit_background(grid)
    assert isinstance(background_model, BackgroundModel)
    subject = np.ones((300, 300), np.bool_)
    colours = foreground_colours(grid.cells, background_model, subject)
    assert (estimate_alpha(image, colours, background_model, subject) == 255).all()
