"""What stands on a background is told apart: the product, strays, letters' blots, second views."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge.images import WHITE
from edge.rendering.analysis.parts import Parts, parts_of, reduced, second_views
from training.asking import jug

SIDE = 1000


def canvas(background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), background)


def fabric(size: tuple[int, int], seed: int = 1) -> Image.Image:
    """Something woven in blues, different for every seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 120, (max(2, size[1] // 20), max(2, size[0] // 20), 3), np.uint8)
    coarse[..., 2] += 90
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def put(image: Image.Image, box: tuple[int, int, int, int], seed: int = 1) -> Image.Image:
    size = box[2] - box[0], box[3] - box[1]
    image.paste(fabric(size, seed), box[:2], jug(size))
    return image


def found(
    image: Image.Image, background: object = WHITE, matte: Image.Image | None = None
) -> Parts:
    parts = parts_of(reduced(image), background, matte)
    assert parts is not None
    return parts


def product() -> Image.Image:
    return put(canvas(), (150, 150, 750, 850))


def inset() -> Image.Image:
    """A close-up in a box beside the product, as sellers lay it there."""
    image = product()
    image.paste(fabric((160, 160), 5), (810, 60))
    return image


def again() -> Image.Image:
    """The product once more, at half its size."""
    return put(product(), (770, 600, 990, 857))


def in_the_shade() -> Image.Image:
    """The same, photographed with a little less light."""
    image, size = product(), (220, 257)
    image.paste(fabric(size).point(lambda level: 0.92 * level), (770, 600), jug(size))
    return image


def pair() -> Image.Image:
    return put(put(canvas(), (60, 250, 480, 740)), (520, 250, 940, 740))


def with_a_card() -> Image.Image:
    """A plain tag beside the product shows no view of it."""
    image = product()
    image.paste((180, 150, 90), (810, 60, 970, 220))
    return image


def with_something_else() -> Image.Image:
    """A lid of its own shape and colour."""
    image = product()
    ImageDraw.Draw(image).ellipse((800, 600, 980, 700), fill=(190, 60, 40))
    return image


@pytest.mark.parametrize("make", [inset, again, in_the_shade])
def test_a_second_view_is_seen(make) -> None:
    [box] = second_views(found(make()))
    assert box.left > 550


@pytest.mark.parametrize("make", [product, pair, with_a_card, with_something_else])
def test_one_product_a_pair_and_what_belongs_to_it_are_no_second_view(make) -> None:
    assert second_views(found(make())) == ()


def test_parts_are_told_apart_the_largest_first() -> None:
    parts = found(with_something_else())
    assert parts.apart
    assert len(parts.areas) == 2
    assert parts.areas[0] > parts.areas[1]
    assert not found(product()).apart


def test_what_is_nearly_joined_is_one_part() -> None:
    image = canvas()
    ImageDraw.Draw(image).rectangle((200, 200, 800, 498), fill=(60, 60, 60))
    ImageDraw.Draw(image).rectangle((200, 502, 800, 800), fill=(60, 60, 60))
    assert not found(image).apart


def test_a_pale_product_is_known_by_its_matte_alone() -> None:
    image = canvas()
    ImageDraw.Draw(image).rectangle((200, 200, 800, 800), fill=(250, 250, 250))
    ImageDraw.Draw(image).rectangle((400, 450, 600, 480), fill=(20, 20, 20))
    ImageDraw.Draw(image).rectangle((400, 650, 600, 680), fill=(20, 20, 20))
    matte = Image.new("L", image.size, 0)
    ImageDraw.Draw(matte).rectangle((200, 200, 800, 800), fill=255)
    assert found(image).apart
    assert not found(image, matte=matte).apart


def test_without_a_named_background_the_border_tells_it_and_a_scene_has_none() -> None:
    assert found(put(canvas((228, 224, 218)), (150, 150, 750, 850)), None).apart is False
    scene = fabric((SIDE, SIDE)).filter(ImageFilter.GaussianBlur(3))
    assert parts_of(reduced(scene), None, None) is None
    assert parts_of(reduced(canvas()), WHITE, None) is None


def test_a_background_that_grows_darker_is_none_of_the_parts() -> None:
    light = np.linspace(235, 180, SIDE, dtype=np.uint8)
    image = Image.fromarray(np.repeat(np.repeat(light[:, None], SIDE, 1)[..., None], 3, 2))
    assert not found(put(image, (150, 150, 750, 850)), None).apart
    assert len(second_views(found(put(image, (770, 600, 990, 857)), None))) == 1


def test_of_a_cut_out_what_is_see_through_is_background() -> None:
    image = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    image.paste(fabric((600, 700)), (150, 150), jug((600, 700)))
    assert not found(image).apart
