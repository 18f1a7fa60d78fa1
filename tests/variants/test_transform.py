"""A Transform is one value for all the ways of wishing one picture."""

from dataclasses import FrozenInstanceError, replace

import pytest

from edge.images import Format
from edge.variants.transform import Transform
from edge.variants.values import (
    CENTER,
    SUBJECT,
    TIERS,
    TRANSPARENT,
    Background,
    BackgroundKind,
    CropRegion,
    Fit,
    MatteMode,
    Ratio,
    UpscaleMode,
)

SQUARE = Ratio(1, 1)


def test_a_plain_transform_asks_for_nothing():
    plain = Transform()
    assert plain.canonical() == ""
    assert not plain.has_size
    assert not plain.has_canvas


def test_a_transform_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Transform().width = 5  # type: ignore[misc]


FOLDS = [
    (Transform(width=8, ratio=SQUARE, fit=Fit.COVER), Transform(width=8, height=8, fit=Fit.COVER)),
    (Transform(width=8, fit=Fit.COVER, gravity=SUBJECT), Transform(width=8)),
    (Transform(width=8, height=8, gravity=SUBJECT), Transform(width=8, height=8)),
    (Transform(width=8, fit=Fit.MAX, upscale=UpscaleMode.X4), Transform(width=8)),
    (Transform(width=8, long_side=9), Transform(width=8)),
    (Transform(upscale=UpscaleMode.AUTO), Transform()),
    (Transform(frame=0.9), Transform()),
    (Transform(fit=Fit.PRODUCT), Transform(fit=Fit.PRODUCT, frame=0.85)),
    (Transform(matte=MatteMode.ON), Transform(matte=MatteMode.ON, background=TRANSPARENT)),
    (Transform(crop=CropRegion(0, 0, 1, 1, shares=True)), Transform()),
    (Transform(preset_version="1"), Transform()),
    (Transform(ratio=SQUARE), Transform()),
]


@pytest.mark.parametrize(("one", "other"), FOLDS, ids=[repr(i) for i in range(len(FOLDS))])
def test_what_means_the_same_picture_is_the_same_value(one, other):
    assert one == other
    assert hash(one) == hash(other)
    assert one.canonical() == other.canonical()


def test_one_whole_pixel_is_not_the_whole_picture():
    assert Transform(crop=CropRegion(0, 0, 1, 1)).crop is not None


def test_a_replaced_field_gives_a_new_canonical_form():
    first = Transform(width=8)
    assert first.canonical() == "w=8"
    assert replace(first, format=Format.WEBP).canonical() == "fm=webp&w=8"


def test_a_scene_is_named_together_with_its_matte():
    scene = Background(BackgroundKind.SCENE, scene="oak")
    assert Transform(background=scene).canonical() == "bg=scene:oak&matte=off"


@pytest.mark.parametrize(
    ("ratio", "long", "size"),
    [
        (SQUARE, TIERS["1k"], "1024x1024"),
        (Ratio(16, 9), TIERS["2k"], "2048x1152"),
        (Ratio(9, 16), TIERS["2k"], "1152x2048"),
        (Ratio(21, 9), TIERS["4k"], "4096x1755"),
        (Ratio(2, 3), TIERS["1k"], "683x1024"),
        (Ratio(1, 20), 1, "1x1"),
    ],
)
def test_a_ratio_and_its_long_side_give_the_canvas(ratio, long, size):
    assert str(ratio.size_of(long)) == size


def test_a_compass_point_is_a_share_of_the_sides():
    assert (CENTER.x, CENTER.y) == (0.5, 0.5)
    assert str(CENTER) == "center"
