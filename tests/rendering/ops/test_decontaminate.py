"""The subject is separated from its background once, at the network's scale, for all that
follows."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge.images import Color, Format, Size
from edge.models.base import ModelSpec, TensorSpec
from edge.rendering.analysis.analyze import analyze
from edge.rendering.matting.mattes import Matte, Segmentation
from edge.rendering.matting.segment import found_without_network
from edge.rendering.ops import decontaminate
from edge.rendering.pixels.morphology import shrunk
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import Plan, plan
from edge.rendering.run import run
from edge.rendering.tile_cache import TileCache
from edge.variants.transform import Transform
from edge.variants.values import BLURRED, TRANSPARENT, Background, Fit, MatteMode, UpscaleMode
from tests.rendering.photos import Photo, blob, photo
from tests.rendering.stage import LIMITS, facts, tools

WHITE, BLACK = Background.of(Color(255, 255, 255)), Background.of(Color(0, 0, 0))
INK = (40, 70, 120)


class Stretcher:
    """Networks that enlarge by interpolation; counts their tiles."""

    runtime = "triton"

    def __init__(self) -> None:
        self.tiles = 0

    def spec(self, name: str) -> ModelSpec:
        side = 128 * int(name[-1])
        small, large = TensorSpec("image", (128, 128, 3)), TensorSpec("large", (side, side, 3))
        return ModelSpec(name, (small,), (large,), 8, "0", overlap=4)

    async def infer(self, name, inputs, **_):
        self.tiles += len(inputs["image"])
        size = (128 * int(name[-1]),) * 2
        stretched = [
            np.asarray(Image.fromarray(tile).resize(size, Image.Resampling.BICUBIC))
            for tile in inputs["image"]
        ]
        return {"large": np.stack(stretched)}


@pytest.fixture(scope="module")
def shot() -> Photo:
    """Of 300x400, from one drawn twice as large."""
    large = photo(blob, background=(225, 222, 218), subject=INK, shading=0.0, quality=None)
    small = large.image.resize((300, 400), Image.Resampling.BOX)
    return Photo(small, large.alpha)


def wanted(background: Background | None = WHITE, **how: object) -> Transform:
    given = {"matte": MatteMode.ON, "background": background, "upscale": UpscaleMode.AUTO}
    return Transform(**(given | {"width": 600, "height": 800, "fit": Fit.PRODUCT} | how))


def planned(shot: Photo, transform: Transform) -> tuple[Plan, Matte]:
    cut = found_without_network(shot.image)
    assert isinstance(cut, Matte), cut
    refined = Segmentation(analyze(shot.image), cut).refined
    return plan(transform, facts(*shot.image.size), refined, LIMITS), cut


def made(
    shot: Photo, transform: Transform, tile_cache: TileCache | None = None, models=None
) -> Picture:
    found, cut = planned(shot, transform)
    given = replace(tools(models or Stretcher()), tile_cache=tile_cache)
    start = Picture(shot.image, cut.matte)
    picture, _ = asyncio.run(run(found.steps_for(Size(*shot.image.size)), start, given))
    assert picture.size == found.canvas
    return picture


def ops(shot: Photo, transform: Transform) -> list[str]:
    return [step.op for step in planned(shot, transform)[0].steps]


def test_it_comes_between_the_network_and_the_resampling(shot: Photo) -> None:
    found = ops(shot, wanted())
    assert [op for op in found if op in ("upscale", "decontaminate", "resize")] == [
        "upscale",
        "decontaminate",
        "resize",
    ]


@pytest.mark.parametrize(
    "transform",
    [
        wanted(BLURRED),
        wanted(None, matte=MatteMode.AUTO),
        wanted(upscale=UpscaleMode.OFF),
        wanted(blur=2.0),
        wanted(sharpen=40),
    ],
    ids=["its own background", "as shot", "not enlarged", "blurred", "sharpened"],
)
def test_not_where_something_still_looks_beside_the_subject(
    shot: Photo, transform: Transform
) -> None:
    assert "decontaminate" not in ops(shot, transform)


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (255, 0, 0)], ids=str)
def test_the_outline_is_a_mixture_of_subject_and_new_background_alone(
    shot: Photo, background: tuple[int, int, int]
) -> None:
    picture = made(shot, wanted(Background.of(Color(*background))))
    assert picture.matte is not None
    pixels, alpha = np.asarray(picture.image, np.float32), np.asarray(picture.matte)
    assert (pixels[alpha == 0] == background).all(), "the background is exact"
    cover = alpha[..., None].astype(np.float32) / 255
    ideal = cover * np.float32(INK) + (1 - cover) * np.float32(background)
    rim = (alpha > 0) & (alpha < 255)
    assert rim.sum() > 500
    assert np.abs(pixels - ideal)[rim].mean() < 12, "of a subject of 40, 70, 120"
    inside = shrunk(alpha > 0, 3)
    assert (alpha[inside] == 255).all(), "no ringing inside"


def test_its_matte_is_the_subjects(shot: Photo) -> None:
    """Against the alpha that the photo was drawn with, in the frame's own place and size."""
    picture = made(shot, wanted())
    exact = Image.fromarray(shot.alpha)
    part = exact.crop(exact.point([0, *[255] * 255]).getbbox())
    assert picture.matte is not None
    box = picture.matte.getbbox()
    assert box is not None
    size = (box[2] - box[0], box[3] - box[1])
    ideal = np.asarray(part.resize(size, Image.Resampling.LANCZOS), np.float32)
    found = np.asarray(picture.matte.crop(box), np.float32)
    assert np.abs(found - ideal).mean() / 255 < 0.012


def test_another_background_and_size_take_it_from_the_tile_cache(shot: Photo) -> None:
    tile_cache, models = TileCache(2**26), Stretcher()
    first = made(shot, wanted(), tile_cache, models)
    tiles = models.tiles
    others = [wanted(BLACK), wanted(TRANSPARENT, format=Format.PNG), wanted(width=640)]
    for other in others:
        shelved = made(shot, other, tile_cache, models)
        alone = made(shot, other)
        assert shelved.image.tobytes() == alone.image.tobytes(), "with it or without, the same"
    assert models.tiles == tiles > 0
    assert made(shot, wanted(), tile_cache, models).image.tobytes() == first.image.tobytes()


async def test_it_is_decontaminated_once_for_all_who_ask_at_a_time(
    shot: Photo, monkeypatch
) -> None:
    decontaminates: list[str] = []
    once = decontaminate.Decontaminate._decontaminated
    monkeypatch.setattr(
        decontaminate.Decontaminate,
        "_decontaminated",
        lambda *given: decontaminates.append("") or once(*given),
    )
    requests_made = [wanted(), wanted(BLACK), wanted(TRANSPARENT, format=Format.PNG)]
    given = replace(tools(Stretcher()), tile_cache=TileCache(2**26))
    plans = [planned(shot, one) for one in requests_made]
    size = Size(*shot.image.size)
    await asyncio.gather(
        *(run(p.steps_for(size), Picture(shot.image, cut.matte), given) for p, cut in plans)
    )
    assert len(decontaminates) == 1


def test_another_matte_or_photo_has_a_name_of_its_own(shot: Photo) -> None:
    tile_cache = TileCache(2**26)
    made(shot, wanted(), tile_cache)
    darker = Photo(shot.image.point([level * 9 // 10 for level in range(256)] * 3), shot.alpha)
    assert (
        made(darker, wanted(), tile_cache).image.tobytes() == made(darker, wanted()).image.tobytes()
    )


def test_a_tile_cache_that_is_too_small_changes_nothing(shot: Photo) -> None:
    assert (
        made(shot, wanted(), TileCache(1000)).image.tobytes()
        == made(shot, wanted()).image.tobytes()
    )
