"""Upscaling on the real, shipped networks, and what is asked of them."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.deadline import Deadline
from edge.errors import ModelMissing
from edge.images import Size
from edge.models import roles, upscaling
from edge.models.embedded import EmbeddedModels
from edge.models.tiles import unevenness
from edge.models.upscaling import lanczos
from edge.rendering.analysis import degradation
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import plan
from edge.rendering.run import run
from edge.rendering.source.probe import read_facts
from edge.variants.transform import Transform
from edge.variants.values import Fit, UpscaleMode
from tests.models.enlarging import upscale
from tests.rendering.stage import LIMITS, distance, noise, planned, tools

REPOSITORY = Path(__file__).parents[3] / "triton_models"
SAMPLES = Path(__file__).parents[3] / "edge" / "samples"


@pytest.fixture(scope="module")
def models() -> Iterator[EmbeddedModels]:
    models = EmbeddedModels(REPOSITORY, threads=1)
    yield models
    asyncio.run(models.close())


def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Soft colour noise: as smooth as a photograph."""
    small = noise(max(2, width // 8), max(2, height // 8), mode)
    return small.resize((width, height), Image.Resampling.BICUBIC)


async def upscaled(transform: Transform, image: Image.Image, models: object) -> Image.Image:
    made = planned(transform, *image.size, alpha=image.mode == "RGBA")
    picture, _ = await run(made.steps_for(Size(*image.size)), Picture(image), tools(models))
    assert picture.size == made.canvas
    return picture.image


@pytest.mark.parametrize("up", [UpscaleMode.X2, UpscaleMode.X4])
async def test_an_upscaled_picture_is_the_same_picture(models, up):
    """Reduced again it equals its source."""
    image = photo(60, 44)
    shown = await upscaled(Transform(upscale=up), image, models)
    assert shown.size == (60 * up.factor, 44 * up.factor)
    assert distance(shown.resize(image.size, Image.Resampling.BOX), image) < 3


async def test_the_asked_size_is_exact_beyond_the_networks_factor(models):
    transform = Transform(width=150, height=150, fit=Fit.COVER, upscale=UpscaleMode.AUTO)
    assert (await upscaled(transform, photo(40, 30), models)).size == (150, 150)


@pytest.mark.parametrize("degraded", [False, True])
@pytest.mark.parametrize("factor", [2, 4])
async def test_even_areas_stay_even_beside_the_hardest_outline(models, factor, degraded):
    """Black on white and white on black without a soft pixel, as drawn shapes and labels are."""
    image = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 190, 220), "black")
    draw.polygon([(180, 40), (290, 90), (230, 280)], "black")
    draw.ellipse((60, 60, 150, 180), "white")
    name = upscaling.fitting(models, factor, degraded=degraded)
    pixels = np.asarray(image)
    larger = await upscale(models, pixels, factor, Deadline.after(60), model=name)
    even = cv2.erode(pixels, np.ones((3, 3))) == cv2.dilate(pixels, np.ones((3, 3)))
    off = np.abs(larger.astype(int) - pixels.repeat(factor, 0).repeat(factor, 1))
    assert off[even.repeat(factor, 0).repeat(factor, 1)].max() <= models.spec(name).overshoot


async def test_what_lies_under_see_through_pixels_shows_nowhere(models):
    """A white product whose background a program has left black, cut out without a soft pixel."""
    image = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((30, 30, 170, 190), (250, 250, 250, 255))
    shown = await upscaled(Transform(upscale=UpscaleMode.X4), image, models)
    sheet = Image.new("RGBA", shown.size, "white")
    sheet.alpha_composite(shown)
    assert np.asarray(sheet)[..., :3].min() >= 245


@pytest.mark.parametrize("name", [*roles.UPSCALE.values(), *roles.UPSCALE_DEGRADED.values()])
async def test_the_shipped_networks_tolerate_the_noise_that_they_say(models, name):
    """Where they need not be asked Lanczos gives what they would: the corner of a paper sweep."""
    spec = models.spec(name)
    side, scale = spec.inputs[0].shape[0], spec.outputs[0].shape[0] // spec.inputs[0].shape[0]
    tile = np.asarray(Image.open(SAMPLES / "sneaker.jpg").convert("RGB"))[:side, :side]
    assert unevenness(tile).max() <= spec.noise_tolerance
    assert np.ptp(tile) > spec.noise_tolerance, "else there would be nothing to see"
    answer = await models.infer(name, {"image": tile[None]}, deadline=Deadline.after(60))
    inside = slice(spec.overlap * scale, -spec.overlap * scale)
    off = answer["enlarged"][0].astype(int) - lanczos(tile, scale)
    assert np.abs(off[inside, inside]).max() <= spec.noise_tolerance


async def test_alpha_is_enlarged_beside_the_colours(models):
    image = photo(40, 40).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((40, 40)))
    shown = await upscaled(Transform(upscale=UpscaleMode.X2, format="png"), image, models)
    alpha = np.asarray(shown.getchannel("A"), dtype=float)
    expected = image.getchannel("A").resize((80, 80), Image.Resampling.LANCZOS)
    assert np.abs(alpha - np.asarray(expected, dtype=float)).max() <= 1


async def test_what_is_hidden_under_alpha_does_not_darken_the_edge(models):
    pixels = np.zeros((48, 48, 4), np.uint8)
    pixels[12:36, 12:36] = 255
    transform = Transform(upscale=UpscaleMode.X2, format="png")
    shown = np.asarray(await upscaled(transform, Image.fromarray(pixels), models))
    assert (shown[..., :3][shown[..., 3] > 30] > 245).all()
    assert (shown[..., 3] > 200).sum() >= 46 * 46


async def test_a_model_that_is_not_there_is_an_error_that_names_it():
    with pytest.raises(ModelMissing) as caught:
        await upscaled(Transform(upscale=UpscaleMode.X4), photo(20, 20), None)
    assert caught.value.param == "upscale_x4"


def facts_of(image: Image.Image, quality: int):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return read_facts(stream.getvalue(), LIMITS)


@pytest.mark.parametrize(("quality", "model"), [(60, "upscale_x2_photo"), (97, "upscale_x2")])
def test_a_degraded_photo_has_a_network_of_its_own(models, quality, model):
    transform = plan(
        Transform(upscale=UpscaleMode.X2), facts_of(photo(64, 64), quality), None, LIMITS
    )
    assert transform.settled(models).models == (model,)


def test_where_that_one_is_missing_the_clean_one_does_it(models, tmp_path):
    (tmp_path / "upscale_x2").symlink_to(REPOSITORY / "upscale_x2")
    alone = EmbeddedModels(tmp_path, threads=1)
    degraded = plan(Transform(upscale=UpscaleMode.X2), facts_of(photo(64, 64), 60), None, LIMITS)
    assert degraded.settled(alone).models == ("upscale_x2",)


async def test_the_noise_of_a_degraded_photo_is_not_enlarged(models):
    """Of grain and compression the network for worn photos leaves less than the clean one makes,
    and no more than plain resampling does."""
    clean = photo(96, 96)
    grain = np.random.default_rng(3).normal(0, 4, (96, 96, 3))
    noisy = np.clip(np.asarray(clean, dtype=np.float32) + grain, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=60)
    degraded = Image.open(stream).convert("RGB")
    made = plan(Transform(upscale=UpscaleMode.X2), facts_of(degraded, 60), None, LIMITS).settled(
        models
    )
    shown, _ = await run(made.steps_for(Size(96, 96)), Picture(degraded), tools(models))
    sharpened = await upscaled(Transform(upscale=UpscaleMode.X2), degraded, models)
    stretched = degraded.resize((192, 192), Image.Resampling.LANCZOS)
    truth = clean.resize((192, 192), Image.Resampling.BICUBIC).convert("L")
    assert distance(shown.image.convert("L"), truth) < 0.9 * distance(sharpened.convert("L"), truth)
    assert distance(shown.image.convert("L"), truth) < distance(stretched.convert("L"), truth)


async def test_strong_grain_is_smaller_after_the_network_than_after_resampling(models):
    """What a phone in the dark leaves: no compression hides it, and a network would sharpen it."""
    truth = Image.open(SAMPLES / "bottle.jpg").convert("RGB").crop((140, 240, 460, 560))
    clean = np.asarray(truth.resize((160, 160), Image.Resampling.BICUBIC), dtype=np.float32)
    pixels = clean + np.random.default_rng(3).normal(0, 8, clean.shape)
    noisy = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    known = replace(facts_of(noisy, 97), noise=degradation.noise(noisy))
    made = plan(Transform(upscale=UpscaleMode.X2), known, None, LIMITS).settled(models)
    assert "grain" in made.notes[-1]
    shown, _ = await run(made.steps_for(Size(160, 160)), Picture(noisy), tools(models))
    sharpened = await upscaled(Transform(upscale=UpscaleMode.X2), noisy, models)
    stretched = noisy.resize((320, 320), Image.Resampling.LANCZOS)
    assert distance(sharpened, truth) > distance(stretched, truth)
    assert distance(shown.image, truth) < 0.8 * distance(stretched, truth)
    assert degradation.noise(shown.image) <= degradation.noise(stretched)


async def test_without_networks_the_canvas_is_the_same():
    transform = Transform(width=150, height=150, fit=Fit.COVER, upscale=UpscaleMode.AUTO)
    made = planned(transform, 40, 30).settled(None)
    picture, _ = await run(made.steps_for(Size(40, 30)), Picture(photo(40, 30)), tools())
    assert picture.size == made.canvas == Size(150, 150)
    assert made.models == ()
