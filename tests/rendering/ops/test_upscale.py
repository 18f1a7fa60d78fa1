"""Upscaling on the real, shipped networks, and what is asked of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import ModelMissing
from edge.images import Size
from edge.models.embedded import EmbeddedModels
from edge.rendering.picture import Picture
from edge.rendering.run import run
from edge.variants.transform import Transform
from edge.variants.values import Fit, Upscale
from tests.rendering.stage import distance, noise, planned, tools

REPOSITORY = Path(__file__).parents[3] / "triton_models"


@pytest.fixture(scope="module")
def models() -> Iterator[EmbeddedModels]:
    models = EmbeddedModels(REPOSITORY, threads=1)
    yield models
    asyncio.run(models.close())


def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Soft colour noise: as smooth as a photograph."""
    small = noise(max(2, width // 8), max(2, height // 8), mode)
    return small.resize((width, height), Image.Resampling.BICUBIC)


async def upscaled(wish: Transform, image: Image.Image, models: object) -> Image.Image:
    made = planned(wish, *image.size, alpha=image.mode == "RGBA")
    picture, _ = await run(made.steps_for(Size(*image.size)), Picture(image), tools(models))
    assert picture.size == made.canvas
    return picture.image


@pytest.mark.parametrize("up", [Upscale.X2, Upscale.X4])
async def test_an_upscaled_picture_is_the_same_picture(models, up):
    """Reduced again it equals its source."""
    image = photo(60, 44)
    shown = await upscaled(Transform(upscale=up), image, models)
    assert shown.size == (60 * up.factor, 44 * up.factor)
    assert distance(shown.resize(image.size, Image.Resampling.BOX), image) < 3


async def test_the_asked_size_is_exact_beyond_the_networks_factor(models):
    wish = Transform(width=150, height=150, fit=Fit.COVER, upscale=Upscale.AUTO)
    assert (await upscaled(wish, photo(40, 30), models)).size == (150, 150)


async def test_alpha_is_enlarged_beside_the_colours(models):
    image = photo(40, 40).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((40, 40)))
    shown = await upscaled(Transform(upscale=Upscale.X2, format="png"), image, models)
    alpha = np.asarray(shown.getchannel("A"), dtype=float)
    expected = image.getchannel("A").resize((80, 80), Image.Resampling.LANCZOS)
    assert np.abs(alpha - np.asarray(expected, dtype=float)).max() <= 1


async def test_what_is_hidden_under_alpha_does_not_darken_the_edge(models):
    pixels = np.zeros((48, 48, 4), np.uint8)
    pixels[12:36, 12:36] = 255
    wish = Transform(upscale=Upscale.X2, format="png")
    shown = np.asarray(await upscaled(wish, Image.fromarray(pixels), models))
    assert (shown[..., :3][shown[..., 3] > 30] > 245).all()
    assert (shown[..., 3] > 200).sum() >= 46 * 46


async def test_a_model_that_is_not_there_is_an_error_that_names_it():
    with pytest.raises(ModelMissing) as caught:
        await upscaled(Transform(upscale=Upscale.X4), photo(20, 20), None)
    assert caught.value.param == "upscale_x4"
