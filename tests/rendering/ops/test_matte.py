"""The matte at the canvas's size: as sharp as the picture is there."""

import numpy as np
import pytest
from PIL import Image

from edge.images import Color
from edge.rendering.look import Look
from edge.rendering.ops.matte import Matte
from edge.rendering.picture import Picture
from edge.rendering.plan import plan
from edge.variants import values
from edge.variants.transform import Transform
from edge.variants.values import Background, Upscale
from tests.rendering.photos import blob, photo, straps
from tests.rendering.stage import LIMITS, facts

WHITE = Background.of(Color(255, 255, 255))


def step(sharpen: bool = True) -> Matte:
    return Matte("plain-ground", 1.0, sharpen)


@pytest.mark.parametrize("shape", [blob, straps], ids=lambda shape: shape.__name__)
def test_a_stretched_matte_becomes_as_sharp_as_the_picture(shape) -> None:  # type: ignore[no-untyped-def]
    exact = photo(shape, size=(600, 800))
    small = Image.fromarray(exact.alpha).resize((150, 200), Image.Resampling.BOX)
    stretched = small.resize((600, 800), Image.Resampling.LANCZOS)
    sharp = step().apply(Picture(exact.image, stretched)).matte
    assert sharp is not None
    before = np.abs(np.asarray(stretched, np.float32) - exact.alpha).mean() / 255
    after = np.abs(np.asarray(sharp, np.float32) - exact.alpha).mean() / 255
    assert before > 0.002, "there must be something to gain"
    assert after < before / 3


def test_a_matte_that_was_not_stretched_stays() -> None:
    exact = photo(blob)
    picture = Picture(exact.image, Image.fromarray(exact.alpha))
    assert step(sharpen=False).apply(picture) is picture


@pytest.mark.parametrize(
    ("width", "ground", "sharpen"),
    [(1200, values.BLURRED, True), (300, values.BLURRED, False), (1200, WHITE, False)],
    ids=["enlarged", "reduced", "lifted"],
)
def test_it_is_sharpened_where_the_picture_was_enlarged_and_not_lifted(
    width: int, ground: Background, sharpen: bool
) -> None:
    look = Look(Color(240, 240, 240), 1.0, True, cut_by="network", doubt=0.1)
    wish = Transform(width=width, matte=values.Matte.AUTO, background=ground, upscale=Upscale.AUTO)
    made = plan(wish, facts(600, 800), look, LIMITS)
    found = next(one for one in made.steps if one.op == "matte")
    assert found.sharpen is sharpen
    assert any("doubt 0.10" in note for note in made.notes)


def test_nothing_is_cut_where_the_ground_stays_as_shot() -> None:
    look = Look(Color(240, 240, 240), 1.0, True, cut_by="network", doubt=0.1)
    made = plan(Transform(matte=values.Matte.AUTO), facts(600, 800), look, LIMITS)
    assert not {"matte", "ground"} & {one.op for one in made.steps}
