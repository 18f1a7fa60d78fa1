"""Another background behind the subject: exactly what is asked for, and nothing of the old one."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge.arrays import Mask
from edge.images import Color, Format, Size
from edge.rendering.analysis.analyze import analyze
from edge.rendering.matting.mattes import Matte, Segmentation
from edge.rendering.matting.segment import found_without_network
from edge.rendering.ops.background import PlainBackground
from edge.rendering.ops.pad import Pad
from edge.rendering.pixels.morphology import shrunk
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import plan
from edge.rendering.run import run
from edge.variants.transform import Transform
from edge.variants.values import (
    BLURRED,
    TRANSPARENT,
    Background,
    BackgroundKind,
    Fit,
    MatteMode,
    UpscaleMode,
)
from tests.rendering.photos import Photo, blob, photo
from tests.rendering.stage import LIMITS, facts, tools

SCENE = Background(BackgroundKind.SCENE, scene="oak")
SIZE = (300, 400)


def shot() -> Photo:
    half = photo(blob, background=(225, 222, 218), subject=(40, 70, 120))
    return Photo(
        half.image.resize(SIZE, Image.Resampling.LANCZOS),
        np.asarray(Image.fromarray(half.alpha).resize(SIZE, Image.Resampling.LANCZOS)),
    )


def background_of(exact: Photo) -> Mask:
    """What is surely background: two pixels and more from the outline."""
    return shrunk(exact.alpha == 0, 2)


def set_on(background: Background, image: Image.Image, **how: object) -> Picture:
    """What becomes of a photo on this background, in its own size."""
    transform = Transform(
        **({"matte": MatteMode.ON, "background": background, "format": Format.PNG} | how)
    )
    cut = found_without_network(image)
    assert isinstance(cut, Matte), cut
    header = facts(*image.size, alpha=image.mode == "RGBA")
    made = plan(transform, header, Segmentation(analyze(image), cut).refined, LIMITS)
    start = Picture(image, cut.matte)

    async def scene(name: str, deadline: object) -> Image.Image:
        assert name == "oak"
        return Image.linear_gradient("L").resize((500, 300)).convert("RGB")

    given = replace(tools(), scene=scene)
    picture, _ = asyncio.run(run(made.steps_for(made.source), start, given))
    assert picture.size == made.canvas
    assert (picture.image.mode == "RGBA") == made.alpha
    return picture


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (255, 0, 0)], ids=str)
def test_every_pixel_of_the_background_has_exactly_the_colour(color: tuple[int, int, int]) -> None:
    exact = shot()
    made = np.asarray(set_on(Background.of(Color(*color)), exact.image).image)
    assert made.shape[2] == 3
    assert (made[background_of(exact)] == color).all()


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 0, 0)], ids=["black", "red"])
def test_no_rim_of_the_old_background_is_left(color: tuple[int, int, int]) -> None:
    """Along the outline each pixel is a mixture of the product and the new background only."""
    exact = shot()
    made = np.asarray(set_on(Background.of(Color(*color)), exact.image).image, np.float32)
    cover = exact.alpha[..., None].astype(np.float32) / 255
    light = np.linspace(1.25, 0.75, SIZE[0], dtype=np.float32)[None, :, None]
    ideal = cover * light * np.float32((40, 70, 120)) + (1 - cover) * np.float32(color)
    rim = (exact.alpha > 0) & (exact.alpha < 255)
    assert rim.sum() > 500
    assert np.abs(made - ideal)[rim].mean() < 12


def test_a_transparent_background_is_see_through_and_the_product_is_not() -> None:
    exact = shot()
    made = np.asarray(set_on(TRANSPARENT, exact.image).image)
    assert (made[..., 3][background_of(exact)] == 0).all()
    assert (made[..., 3][exact.alpha == 255] > 250).mean() > 0.99


def test_nothing_of_the_old_background_is_hidden_where_the_new_one_is_see_through() -> None:
    exact = shot()
    made = np.asarray(set_on(TRANSPARENT, exact.image).image)
    clear = made[..., 3] == 0
    assert clear.mean() > 0.3
    assert np.unique(made[clear], axis=0).tolist() == [[255, 255, 255, 0]]


def test_a_half_opaque_colour_lets_that_much_through() -> None:
    exact = shot()
    made = np.asarray(set_on(Background.of(Color(10, 20, 30, 128)), exact.image).image)
    assert (made[background_of(exact)] == (10, 20, 30, 128)).all()
    assert made[200, 150, 3] == 255


def test_a_blurred_background_shows_no_trace_of_the_product() -> None:
    exact = shot()
    made = np.asarray(set_on(BLURRED, exact.image).image, np.int16)
    beside = np.abs(made[exact.alpha == 0] - np.int16((225, 222, 218)))
    assert np.percentile(beside, 90) < 12
    inside = np.abs(made - np.asarray(exact.image, np.int16))[exact.alpha == 255]
    assert inside.mean() < 2


def test_a_scene_fills_the_canvas_behind_the_product() -> None:
    exact = shot()
    made = np.asarray(set_on(SCENE, exact.image).image, np.int16)
    rows = made[:, 5, 0]
    assert rows[-1] - rows[0] > 200, "the gradient runs from black to white"
    assert np.abs(made - np.asarray(exact.image, np.int16))[200, 150].max() < 3


def test_harmonising_moves_the_rim_towards_the_scene_and_leaves_the_middle() -> None:
    exact = shot()
    plain = np.asarray(set_on(SCENE, exact.image).image, np.int16)
    wrapped = np.asarray(set_on(SCENE, exact.image, harmonize=True).image, np.int16)
    assert np.abs(wrapped - plain)[240, 150].max() <= 1
    rim = np.abs(wrapped - plain)[300, 93:99].max()
    assert 3 < rim < 80


def test_a_picture_that_is_cut_out_already_keeps_its_own_alpha() -> None:
    exact = shot()
    image = exact.image.copy()
    image.putalpha(Image.fromarray(exact.alpha))
    made = np.asarray(set_on(Background.of(Color(0, 0, 255)), image).image)
    assert (made[background_of(exact)] == (0, 0, 255)).all()


def test_without_a_matte_the_background_stays_as_shot() -> None:
    image = shot().image
    transform = Transform(matte=MatteMode.AUTO, background=Background.of(Color(255, 0, 0)))
    made = plan(transform, facts(*image.size), analyze(image), LIMITS)
    assert "background" not in {step.op for step in made.steps}


def test_a_canvas_larger_than_the_product_is_background_up_to_its_edge() -> None:
    exact = shot()
    made = set_on(
        Background.of(Color(255, 255, 255)),
        exact.image,
        width=500,
        height=500,
        fit=Fit.PRODUCT,
        upscale=UpscaleMode.OFF,
    )
    pixels = np.asarray(made.image)
    ring = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (ring == 255).all()
    rows = np.flatnonzero((pixels < 200).any(axis=(1, 2)))
    assert (rows[-1] - rows[0]) / made.size.height == pytest.approx(0.85, abs=0.02)


def test_a_subject_is_laid_at_once_on_a_canvas_of_its_final_colour():
    """A pad that knows what colour will be behind gives what a pad and a background give."""
    taken, colour = shot(), Color(250, 128, 3)
    cut_out = Picture(taken.image, Image.fromarray(taken.alpha), decontaminated=True)
    two = Pad(Size(500, 520), (77, 51), Color(255, 255, 255), 0.5).apply(cut_out)
    once = Pad(Size(500, 520), (77, 51), colour, 0.5, final=True).apply(cut_out)
    made, other = PlainBackground(colour).apply(once), PlainBackground(colour).apply(two)
    assert made.image.tobytes() == other.image.tobytes()
    assert made.matte.tobytes() == other.matte.tobytes()


@pytest.mark.parametrize(
    ("background", "final"),
    [
        (Background(BackgroundKind.COLOR, color=Color(9, 8, 7)), True),
        (SCENE, False),
        (TRANSPARENT, False),
    ],
    ids=["colour", "scene", "transparent"],
)
def test_a_pad_is_final_only_under_one_colour(background: Background, final: bool):
    """What is laid on a scene or on nothing must not have met the canvas's colour before."""
    half = shot()
    cut = found_without_network(half.image)
    seen = Segmentation(analyze(half.image), cut).refined
    transform = Transform(
        matte=MatteMode.ON, background=background, fit=Fit.PRODUCT, upscale=UpscaleMode.AUTO,
        width=1000, height=900,
    )  # fmt: skip
    pads = [
        step for step in plan(transform, facts(*SIZE), seen, LIMITS).steps if isinstance(step, Pad)
    ]
    assert [pad.final for pad in pads] == [final]
