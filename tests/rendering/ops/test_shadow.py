"""Contact shadow: the ground is darkest where the subject stands; the subject stays as it is."""

import numpy as np
from PIL import Image, ImageDraw

from edge.images import Color
from edge.rendering.look import Look
from edge.rendering.ops.shadow import Shadow
from edge.rendering.picture import Picture
from edge.rendering.plan import plan
from edge.variants.transform import Transform
from edge.variants.values import Background, Matte
from tests.rendering.stage import LIMITS, facts


def standing(mode: str = "RGB") -> Picture:
    """A red block on white, or on nothing."""
    matte = Image.new("L", (200, 200), 0)
    ImageDraw.Draw(matte).rectangle((60, 40, 139, 149), fill=255)
    image = Image.new(mode, (200, 200), (255, 255, 255, 0)[: len(mode)])
    image.paste((200, 30, 30, 255)[: len(mode)], mask=matte)
    return Picture(image, matte)


def test_the_ground_is_darkest_right_under_the_subject() -> None:
    shaded = np.asarray(Shadow().apply(standing()).image, np.int16)[..., 1]
    under, lower, aside = shaded[151, 100], shaded[170, 100], shaded[151, 195]
    assert under < 160
    assert under < lower <= 255
    assert aside == 255
    assert (shaded[:30] == 255).all(), "nothing above the subject is darkened"


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
    cut = Look(Color(240, 240, 240), 1.0, True, cut_by="plain-ground", confidence=1.0)
    for shadow, look, wanted in ((True, cut, True), (False, cut, False), (True, None, False)):
        wish = Transform(matte=Matte.AUTO, background=white, shadow=shadow)
        steps = plan(wish, facts(100, 100), look, LIMITS).steps
        assert ("shadow" in {step.op for step in steps}) is wanted
