import numpy as np
import pytest

from edge.rendering.analysis.analyze import analyze
from edge.variants.transform import Transform
from edge.variants.values import COMPASS, SUBJECT, CropRegion, Fit, FlipMode, Gravity
from tests.rendering.stage import BLUE, GREEN, RED, WHITE, corners, made, product, quarters


@pytest.mark.parametrize(
    ("name", "color"),
    [("northwest", RED), ("northeast", GREEN), ("southeast", BLUE), ("southwest", WHITE)],
)
def test_cover_keeps_the_corner_that_gravity_names(name, color):
    """From a 160x60 picture a 40x40 canvas keeps 60x60; of a 60x160 one, likewise."""
    wide = Transform(width=40, height=40, fit=Fit.COVER, gravity=COMPASS[name])
    shown = corners(made(wide, quarters(160, 60)))
    assert color in shown
    assert len(set(shown)) == 2


@pytest.mark.parametrize("fit", [Fit.COVER, Fit.PAD])
@pytest.mark.parametrize("wanted", [{}, {"rotate": 90}, {"flip": FlipMode.HORIZONTAL}], ids=str)
def test_gravity_subject_keeps_the_subject_whole(fit, wanted):
    """The thing stands far right; turned or mirrored, all of its red is still there."""
    image = product(size=(400, 200), box=(330, 50, 380, 150))
    transform = Transform(width=150, height=150, fit=fit, gravity=SUBJECT, **wanted)
    shown = np.asarray(made(transform, image, analysis=analyze(image)), dtype=int)
    red = shown[..., 0] - shown[..., 1] > 90
    scale = 150 / 200 if fit is Fit.COVER else 150 / 400
    assert red.sum() == pytest.approx(50 * 100 * scale**2, rel=0.06)


def test_without_gravity_the_same_subject_is_cut():
    image = product(size=(400, 200), box=(330, 50, 380, 150))
    shown = np.asarray(made(Transform(width=150, height=150, fit=Fit.COVER), image), dtype=int)
    assert not (shown[..., 0] - shown[..., 1] > 90).any()


def test_a_focal_point_is_a_point_of_the_crop():
    """g=1,0.5 of the crop's right edge, not of the original's."""
    wanted = Transform(
        width=20, height=20, fit=Fit.COVER, gravity=Gravity(1.0, 0.5), crop=CropRegion(0, 0, 80, 30)
    )
    assert corners(made(wanted, quarters(160, 60))) == [RED] * 4


def test_a_cover_at_the_same_scale_is_the_very_pixels():
    image = quarters(81, 61)
    shown = made(Transform(width=61, height=61, fit=Fit.COVER), image)
    assert shown.tobytes() == image.crop((10, 0, 71, 61)).tobytes()
