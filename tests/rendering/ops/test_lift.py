"""The subject is lifted off its ground once, at the network's scale, for all that follows."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge.images import Color, Format, Size
from edge.models.base import ModelSpec, TensorSpec
from edge.rendering.cutting import Cut, Findings, at_hand
from edge.rendering.look import look
from edge.rendering.ops import lift
from edge.rendering.picture import Picture
from edge.rendering.plan import Plan, plan
from edge.rendering.regions import shrunk
from edge.rendering.run import run
from edge.rendering.shelf import Shelf
from edge.variants.transform import Transform
from edge.variants.values import BLURRED, TRANSPARENT, Background, Fit, Matte, Upscale
from tests.rendering.photos import Photo, blob, photo
from tests.rendering.stage import LIMITS, facts, tools

WHITE, BLACK = Background.of(Color(255, 255, 255)), Background.of(Color(0, 0, 0))
INK = (40, 70, 120)


class Stretcher:
    """Networks that enlarge by interpolation; counts their tiles."""

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
    large = photo(blob, ground=(225, 222, 218), subject=INK, shading=0.0, quality=None)
    small = large.image.resize((300, 400), Image.Resampling.BOX)
    return Photo(small, large.alpha)


def wish(background: Background | None = WHITE, **how: object) -> Transform:
    given = {"matte": Matte.ON, "background": background, "upscale": Upscale.AUTO}
    return Transform(**(given | {"width": 600, "height": 800, "fit": Fit.PRODUCT} | how))


def planned(shot: Photo, transform: Transform) -> tuple[Plan, Cut]:
    cut = at_hand(shot.image)
    assert isinstance(cut, Cut), cut
    told = Findings(look(shot.image), cut).told
    return plan(transform, facts(*shot.image.size), told, LIMITS), cut


def made(shot: Photo, transform: Transform, shelf: Shelf | None = None, models=None) -> Picture:
    found, cut = planned(shot, transform)
    given = replace(tools(models or Stretcher()), shelf=shelf)
    start = Picture(shot.image, cut.matte)
    picture, _ = asyncio.run(run(found.steps_for(Size(*shot.image.size)), start, given))
    assert picture.size == found.canvas
    return picture


def ops(shot: Photo, transform: Transform) -> list[str]:
    return [step.op for step in planned(shot, transform)[0].steps]


def test_it_comes_between_the_network_and_the_resampling(shot: Photo) -> None:
    found = ops(shot, wish())
    assert [op for op in found if op in ("upscale", "lift", "resize")] == [
        "upscale",
        "lift",
        "resize",
    ]


@pytest.mark.parametrize(
    "transform",
    [
        wish(BLURRED),
        wish(None, matte=Matte.AUTO),
        wish(upscale=Upscale.OFF),
        wish(blur=2.0),
        wish(sharpen=40),
    ],
    ids=["its own ground", "as shot", "not enlarged", "blurred", "sharpened"],
)
def test_not_where_something_still_looks_beside_the_subject(
    shot: Photo, transform: Transform
) -> None:
    assert "lift" not in ops(shot, transform)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (255, 0, 0)], ids=str)
def test_the_outline_is_a_mixture_of_subject_and_new_ground_alone(
    shot: Photo, ground: tuple[int, int, int]
) -> None:
    picture = made(shot, wish(Background.of(Color(*ground))))
    assert picture.matte is not None
    pixels, alpha = np.asarray(picture.image, np.float32), np.asarray(picture.matte)
    assert (pixels[alpha == 0] == ground).all(), "the ground is exact"
    cover = alpha[..., None].astype(np.float32) / 255
    ideal = cover * np.float32(INK) + (1 - cover) * np.float32(ground)
    rim = (alpha > 0) & (alpha < 255)
    assert rim.sum() > 500
    assert np.abs(pixels - ideal)[rim].mean() < 12, "of a subject of 40, 70, 120"
    inside = shrunk(alpha > 0, 3)
    assert (alpha[inside] == 255).all(), "no ringing inside"


def test_its_matte_is_the_subjects(shot: Photo) -> None:
    """Against the alpha that the photo was drawn with, in the frame's own place and size."""
    picture = made(shot, wish())
    exact = Image.fromarray(shot.alpha)
    part = exact.crop(exact.point([0, *[255] * 255]).getbbox())
    assert picture.matte is not None
    box = picture.matte.getbbox()
    assert box is not None
    size = (box[2] - box[0], box[3] - box[1])
    ideal = np.asarray(part.resize(size, Image.Resampling.LANCZOS), np.float32)
    found = np.asarray(picture.matte.crop(box), np.float32)
    assert np.abs(found - ideal).mean() / 255 < 0.012


def test_another_ground_and_size_take_it_from_the_shelf(shot: Photo) -> None:
    shelf, models = Shelf(2**26), Stretcher()
    first = made(shot, wish(), shelf, models)
    tiles = models.tiles
    others = [wish(BLACK), wish(TRANSPARENT, format=Format.PNG), wish(width=640)]
    for other in others:
        shelved = made(shot, other, shelf, models)
        alone = made(shot, other)
        assert shelved.image.tobytes() == alone.image.tobytes(), "with it or without, the same"
    assert models.tiles == tiles > 0
    assert made(shot, wish(), shelf, models).image.tobytes() == first.image.tobytes()


async def test_it_is_lifted_once_for_all_who_ask_at_a_time(shot: Photo, monkeypatch) -> None:
    lifts: list[str] = []
    once = lift.Lift._lifted
    monkeypatch.setattr(lift.Lift, "_lifted", lambda *given: lifts.append("") or once(*given))
    wishes = [wish(), wish(BLACK), wish(TRANSPARENT, format=Format.PNG)]
    given = replace(tools(Stretcher()), shelf=Shelf(2**26))
    plans = [planned(shot, one) for one in wishes]
    size = Size(*shot.image.size)
    await asyncio.gather(
        *(run(p.steps_for(size), Picture(shot.image, cut.matte), given) for p, cut in plans)
    )
    assert len(lifts) == 1


def test_another_matte_or_photo_has_a_name_of_its_own(shot: Photo) -> None:
    shelf = Shelf(2**26)
    made(shot, wish(), shelf)
    darker = Photo(shot.image.point([level * 9 // 10 for level in range(256)] * 3), shot.alpha)
    assert made(darker, wish(), shelf).image.tobytes() == made(darker, wish()).image.tobytes()


def test_a_shelf_that_is_too_small_changes_nothing(shot: Photo) -> None:
    assert made(shot, wish(), Shelf(1000)).image.tobytes() == made(shot, wish()).image.tobytes()
