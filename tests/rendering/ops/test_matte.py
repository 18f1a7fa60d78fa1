"""The matte at the canvas's size: as sharp as the picture is there."""

import numpy as np
import pytest
from PIL import Image

from edge.images import Color
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.ops.matte import ApplyMatte
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import plan
from edge.variants import values
from edge.variants.transform import Transform
from edge.variants.values import Background, UpscaleMode
from tests.rendering.photos import blob, photo, straps
from tests.rendering.stage import LIMITS, facts

WHITE = Background.of(Color(255, 255, 255))


def step(sharpen: bool = True) -> ApplyMatte:
    return ApplyMatte("plain-background", 1.0, sharpen)


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
    ("width", "background", "sharpen"),
    [(1200, values.BLURRED, True), (300, values.BLURRED, False), (1200, WHITE, False)],
    ids=["enlarged", "reduced", "decontaminated"],
)
def test_it_is_sharpened_where_the_picture_was_enlarged_and_not_decontaminated(
    width: int, background: Background, sharpen: bool
) -> None:
    analysis = Analysis(Color(240, 240, 240), True, cut_by="network", doubt=0.1)
    transform = Transform(
        width=width, matte=values.MatteMode.AUTO, background=background, upscale=UpscaleMode.AUTO
    )
    made = plan(transform, facts(600, 800), analysis, LIMITS)
    found = next(one for one in made.steps if one.op == "matte")
    assert found.sharpen is sharpen
    assert any("doubt 0.10" in note for note in made.notes)


def test_nothing_is_cut_where_the_background_stays_as_shot() -> None:
    analysis = Analysis(Color(240, 240, 240), True, cut_by="network", doubt=0.1)
    made = plan(Transform(matte=values.MatteMode.AUTO), facts(600, 800), analysis, LIMITS)
    assert not {"matte", "background"} & {one.op for one in made.steps}
