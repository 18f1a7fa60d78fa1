"""Contact shadow: the background is darkest where the subject stands; the subject stays as it
is."""

import numpy as np
from PIL import Image, ImageDraw

from edge.images import Color
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.ops.shadow import Shadow
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import plan
from edge.variants.transform import Transform
from edge.variants.values import Background, MatteMode
from tests.rendering.stage import LIMITS, facts


def standing(mode: str = "RGB") -> Picture:
    """A red block on white, or on nothing."""
    matte = Image.new("L", (200, 200), 0)
    ImageDraw.Draw(matte).rectangle((60, 40, 139, 149), fill=255)
    image = Image.new(mode, (200, 200), (255, 255, 255, 0)[: len(mode)])
    image.paste((200, 30, 30, 255)[: len(mode)], mask=matte)
    return Picture(image, matte)


def test_the_background_is_darkest_right_under_the_subject() -> None:
    shaded = np.asarray(Shadow().apply(standing()).image, np.int16)[..., 1]
    under, lower, aside = shaded[151, 100], shaded[170, 100], shaded[151, 195]
    assert under < 160
    assert under < lower <= 255
    assert aside == 255
    assert (shaded[:30] == 255).all(), "nothing above the subject is darkened"


def shaded(*corners: tuple[int, int]) -> np.ndarray:  # type: ignore[type-arg]
    """The light that is left around a black polygon on white, 0 to 255 [240, 240]."""
    matte = Image.new("L", (240, 240), 0)
    ImageDraw.Draw(matte).polygon(corners, fill=255)
    image = Image.composite(
        Image.new("RGB", matte.size), Image.new("RGB", matte.size, "white"), matte
    )
    return np.asarray(Shadow().apply(Picture(image, matte)).image, np.int16)[..., 1]


def test_the_shadow_follows_an_oblique_lower_edge() -> None:
    light = shaded((40, 40), (199, 40), (199, 190), (40, 160))
    left, right = light[165, 52], light[190, 188]
    assert abs(left - right) < 60, "as dark at the higher end as at the lower one"
    assert left < 200
    assert light[190, 52] > left + 30, "no bar at the height of the lowest corner"


def test_what_hovers_casts_less_the_higher_it_is() -> None:
    light = shaded((20, 40), (220, 40), (220, 60), (140, 180), (100, 180), (20, 60))
    assert light[182, 120] < 170
    assert (light[:120, 225:] == 255).all(), "an overhanging rim stands on nothing"
    arch = shaded(
        (20, 40), (220, 40), (220, 180), (180, 180), (180, 170), (60, 170), (60, 180), (20, 180)
    )
    assert arch[182, 40] < arch[182, 120] < 255


def test_the_subject_itself_is_not_darkened() -> None:
    picture = standing()
    shaded = np.asarray(Shadow().apply(picture).image)
    solid = np.asarray(picture.matte) == 255
    assert (shaded[solid] == (200, 30, 30)).all()


def test_on_nothing_the_shadow_is_black_and_half_see_through() -> None:
    shaded = np.asarray(Shadow().apply(standing("RGBA")).image)
    assert tuple(shaded[151, 100][:3]) == (0, 0, 0)
    assert 90 < shaded[151, 100, 3] < 220
    assert shaded[10, 10, 3] == 0
    assert tuple(shaded[100, 100]) == (200, 30, 30, 255)


def test_it_is_planned_on_demand_and_under_a_cut_out_subject_only() -> None:
    white = Background.of(Color(255, 255, 255))
    cut = Analysis(Color(240, 240, 240), True, cut_by="plain-background", doubt=0.0)
    for shadow, analysis, wanted in ((True, cut, True), (False, cut, False), (True, None, False)):
        transform = Transform(matte=MatteMode.AUTO, background=white, shadow=shadow)
        steps = plan(transform, facts(100, 100), analysis, LIMITS).steps
        assert ("shadow" in {step.op for step in steps}) is wanted
