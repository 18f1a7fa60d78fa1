"""The arithmetic of plans: sizes, limits, draft decodes; pixels only where a size is compared."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from edge.errors import InvalidParameter, OutputTooLarge
from edge.images import Color, Format, Size
from edge.limits import Limits
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.pixels.geometry import Area
from edge.rendering.plan import ORDER, needs_analysis, plan
from edge.variants.transform import Transform
from edge.variants.values import (
    BLURRED,
    COMPASS,
    SUBJECT,
    Background,
    CropRegion,
    Fit,
    FlipMode,
    Gravity,
    Ratio,
    UpscaleMode,
)
from tests.rendering.stage import LIMITS, distance, executed, facts, finished, noise, planned

ANALYSIS = Analysis(Color(240, 240, 240), True, Area(0.6, 0.2, 0.8, 0.5))


def canvas(across: int, down: int, **transform: object) -> tuple[int, int]:
    size = planned(Transform(**transform), across, down).canvas
    return size.width, size.height


# fit, up, original, asked -> canvas
@pytest.mark.parametrize(
    ("fit", "up", "original", "asked", "expected"),
    [
        (Fit.INSIDE, UpscaleMode.OFF, (2000, 1000), (400, 400), (400, 200)),
        (Fit.INSIDE, UpscaleMode.OFF, (1000, 2000), (400, 400), (200, 400)),
        (Fit.INSIDE, UpscaleMode.OFF, (200, 100), (400, 400), (200, 100)),
        (Fit.INSIDE, UpscaleMode.AUTO, (200, 100), (400, 400), (400, 200)),
        (Fit.INSIDE, UpscaleMode.X4, (200, 100), (400, 400), (400, 200)),
        (Fit.COVER, UpscaleMode.OFF, (2000, 1000), (400, 400), (400, 400)),
        (Fit.COVER, UpscaleMode.OFF, (200, 100), (400, 400), (100, 100)),
        (Fit.COVER, UpscaleMode.AUTO, (200, 100), (400, 400), (400, 400)),
        (Fit.COVER, UpscaleMode.OFF, (300, 100), (400, 200), (200, 100)),
        (Fit.FILL, UpscaleMode.OFF, (2000, 1000), (400, 400), (400, 400)),
        (Fit.FILL, UpscaleMode.OFF, (200, 100), (400, 400), (100, 100)),
        (Fit.FILL, UpscaleMode.AUTO, (200, 100), (400, 400), (400, 400)),
        (Fit.PAD, UpscaleMode.OFF, (2000, 1000), (400, 400), (400, 400)),
        (Fit.PAD, UpscaleMode.OFF, (200, 100), (400, 400), (400, 400)),
        (Fit.PAD, UpscaleMode.AUTO, (200, 100), (400, 400), (400, 400)),
    ],
)
def test_fit_and_up_decide_the_canvas(fit, up, original, asked, expected):
    transform = Transform(width=asked[0], height=asked[1], fit=fit, upscale=up)
    assert planned(transform, *original).canvas == Size(*expected)


def test_one_side_alone_keeps_the_ratio():
    assert canvas(2048, 1365, width=400) == (400, 267)
    assert canvas(2048, 1365, height=400) == (600, 400)
    assert canvas(1365, 2048, long_side=1024) == (683, 1024)


def test_a_ratio_alone_keeps_every_pixel_that_it_can():
    assert canvas(1200, 800, ratio=Ratio(1, 1), fit=Fit.COVER) == (800, 800)
    assert canvas(1200, 800, ratio=Ratio(1, 1), fit=Fit.PAD) == (1200, 1200)


def test_a_named_factor_without_a_size_multiplies_the_original():
    assert canvas(600, 800, upscale=UpscaleMode.X2) == (1200, 1600)
    assert canvas(600, 800, upscale=UpscaleMode.X4, ratio=Ratio(1, 1), fit=Fit.COVER) == (
        2400,
        2400,
    )
    assert canvas(600, 800, upscale=UpscaleMode.AUTO) == (600, 800)


def test_pad_enlarges_the_canvas_but_never_the_picture_unless_upscaling():
    transform = Transform(width=800, height=800, fit=Fit.PAD)
    assert _framing(planned(transform, 200, 100)).content == Size(200, 100)
    assert _framing(planned(replace(transform, upscale=UpscaleMode.X4), 200, 100)).content == Size(
        800, 400
    )


@pytest.mark.parametrize("name", COMPASS)
def test_gravity_chooses_what_a_cover_keeps(name):
    gravity = COMPASS[name]
    region = _framing(planned(_cover(gravity), 300, 100)).region
    assert region.width == pytest.approx(100)
    assert region.left == pytest.approx({0.0: 0, 0.5: 100, 1.0: 200}[gravity.x])


def test_a_focal_point_is_in_the_middle_as_far_as_the_picture_goes():
    assert _framing(planned(_cover(Gravity(0.5, 0.5)), 400, 100)).region.left == 150
    assert _framing(planned(_cover(Gravity(0.3, 0.5)), 400, 100)).region.left == 70
    assert _framing(planned(_cover(Gravity(0.05, 0.5)), 400, 100)).region.left == 0


@given(
    left=st.floats(0, 0.7), width=st.floats(0.05, 0.3), size=st.tuples(*[st.integers(64, 3000)] * 2)
)
def test_cover_keeps_a_subject_whole_wherever_it_is(left, width, size):
    """To the pixel of the canvas in which a picture ends."""
    analysis = replace(ANALYSIS, subject=Area(left, 0.1, left + width, 0.3))
    framing = _framing(planned(_cover(SUBJECT), *size, analysis=analysis))
    region, subject = framing.region, analysis.subject_in(Size(*size))
    pixel = 1 + max(region.width / framing.content.width, region.height / framing.content.height)
    assert region.left - pixel <= subject.left
    assert subject.right <= region.right + pixel
    assert region.top - pixel <= subject.top
    assert subject.bottom <= region.bottom + pixel


def test_pad_brings_the_subject_to_the_middle():
    transform = Transform(width=400, height=200, fit=Fit.PAD, gravity=SUBJECT)
    framing = _framing(planned(transform, 200, 200, analysis=ANALYSIS))
    assert framing.at[0] + 0.7 * framing.content.width == pytest.approx(200, abs=1)


@pytest.mark.parametrize("transform", [{}, {"width": 90}, {"width": 90, "height": 90}], ids=str)
def test_a_product_without_a_known_subject_is_kept_whole(transform):
    framing = _framing(planned(Transform(fit=Fit.PRODUCT, **transform), 180, 120))
    assert framing.region == Area(0, 0, 180, 120)


def test_a_crop_outside_the_original_names_its_parameter():
    with pytest.raises(InvalidParameter) as caught:
        planned(Transform(crop=CropRegion(500, 0, 10, 10)), 400, 300)
    assert caught.value.param == "crop"


def test_a_crop_is_brought_inside_the_original():
    assert canvas(400, 300, crop=CropRegion(350, 250, 100, 100)) == (50, 50)


@pytest.mark.parametrize(
    ("transform", "param"),
    [
        ({"width": 20_000, "upscale": UpscaleMode.AUTO}, "w"),
        ({"width": 9_000, "height": 9_000, "fit": Fit.PAD}, "w"),
        ({"width": 9_999, "height": 9_999, "fit": Fit.FILL, "upscale": UpscaleMode.X2}, "w"),
        ({"width": 3_001, "upscale": UpscaleMode.X4}, "up"),
        ({"height": 9_000, "upscale": UpscaleMode.AUTO}, "h"),
        ({"long_side": 9_000, "upscale": UpscaleMode.AUTO}, "size"),
        ({"upscale": UpscaleMode.X4, "crop": CropRegion(0, 0, 2_900, 2_900)}, "up"),
        ({"upscale": UpscaleMode.X4, "fit": Fit.PRODUCT, "frame": 0.1}, "up"),
    ],
    ids=str,
)
def test_a_canvas_over_the_cap_is_refused_by_planning_alone(transform, param):
    with pytest.raises(OutputTooLarge) as refused:
        planned(Transform(**transform), 3000, 3000)
    assert refused.value.param == param


def test_what_the_network_makes_is_under_the_cap_even_where_the_canvas_is():
    """5000 px would go through 9600 x 9600 px: over 40 million pixels."""
    with pytest.raises(OutputTooLarge):
        planned(Transform(width=5000, height=5000, upscale=UpscaleMode.X4), 2400, 2400)


@pytest.mark.parametrize(("side", "factor"), [(1500, 4), (1600, 2), (3100, 2), (3200, None)])
def test_a_factor_that_nobody_named_is_halved_under_the_cap(side, factor):
    """6,300 px a side are 40 million pixels; the canvas itself is well below."""
    transform = Transform(width=min(5 * side // 2, 6000), upscale=UpscaleMode.AUTO)
    made = planned(transform, side, side)
    steps = [step for step in made.steps if step.op == "upscale"]
    assert [step.factor for step in steps] == [factor] * (factor is not None)
    assert made.canvas.width == transform.width


def test_a_request_without_a_size_shrinks_to_the_cap():
    assert canvas(12_000, 3_000) == (10_000, 2_500)
    assert planned(Transform(), 8000, 8000).canvas.pixels <= LIMITS.output_pixels


def test_nothing_to_do_is_no_work():
    made = planned(Transform(width=4000), 640, 480)
    assert [step.op for step in made.steps] == ["frame"]
    assert made.canvas == Size(640, 480)
    assert "too few pixels" in made.notes[0]


def test_upscaling_is_planned_only_where_pixels_miss():
    transform = Transform(width=1000, upscale=UpscaleMode.AUTO)
    assert planned(transform, 2000, 2000).models == ()
    assert planned(transform, 950, 950).models == ()
    assert planned(transform, 600, 600).models == ("upscale_x2",)
    assert planned(transform, 450, 450).models == ("upscale_x2",), (
        "the rest is too little for a network"
    )
    assert planned(transform, 440, 440).models == ("upscale_x4",)
    assert planned(transform, 300, 300).models == ("upscale_x4",)
    assert planned(replace(transform, upscale=UpscaleMode.X2), 300, 300).models == ("upscale_x2",)


def test_only_the_kept_region_is_upscaled():
    transform = Transform(width=800, height=800, fit=Fit.COVER, upscale=UpscaleMode.AUTO)
    steps = {step.op: step for step in planned(transform, 1600, 400).steps}
    assert steps["upscale"].cut.size == Size(400, 400)
    assert steps["frame"].cut is None
    cropped = replace(transform, crop=CropRegion(400, 0, 800, 400))
    steps = {step.op: step for step in planned(cropped, 1600, 400).steps}
    assert steps["frame"].cut.size == Size(400, 400)
    assert steps["upscale"].cut is None


def test_explain_says_where_upscaling_cannot_help():
    small = planned(Transform(width=800, upscale=UpscaleMode.AUTO), 200, 200)
    large = planned(Transform(width=3000, upscale=UpscaleMode.AUTO), 2100, 2100)
    assert "below 300 px" in " ".join(small.notes)
    assert not large.notes


@pytest.mark.parametrize(
    ("transform", "decode"),
    [
        ({"width": 400}, Size(400, 300)),
        ({"width": 400, "crop": CropRegion(0, 0, 2000, 1500)}, Size(800, 600)),
        ({"width": 3500}, Size(3500, 2625)),
        ({"crop": CropRegion(10, 10, 100, 100)}, None),
        ({"rotate": 90, "height": 400}, Size(400, 300)),
    ],
    ids=str,
)
def test_no_more_is_decoded_than_the_resize_needs(transform, decode):
    assert planned(Transform(**transform), 4000, 3000).decode == decode


def test_a_plan_is_json():
    transform = Transform(
        width=500, height=500, fit=Fit.PAD, rotate=90, flip=FlipMode.BOTH, sharpen=40, blur=2.0,
        crop=CropRegion(10, 10, 800, 500), background=BLURRED, format=Format.WEBP,
    )  # fmt: skip
    said = json.loads(json.dumps(planned(transform, 1000, 600).as_facts()))
    assert [step["op"] for step in said["steps"]] == [
        "crop", "rotate", "flip", "frame", "resize", "sharpen", "blur", "pad"
    ]  # fmt: skip
    assert said["canvas"] == [500, 500]


def test_a_look_is_taken_only_where_the_plan_depends_on_it():
    assert not needs_analysis(Transform(width=400))
    assert not needs_analysis(Transform(width=4, height=4, fit=Fit.PAD, background=BLURRED))
    assert needs_analysis(Transform(width=4, height=4, fit=Fit.PAD))
    assert needs_analysis(_cover(SUBJECT))
    assert needs_analysis(Transform(trim=10))


def test_every_op_stands_in_the_order_once():
    names = [wanted.__module__ for wanted in ORDER]
    assert len(names) == len(set(names)) >= 11


sides = st.none() | st.integers(1, 300)
shares = st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.2, 1), st.floats(0.2, 1))
transforms = st.builds(
    Transform,
    width=sides,
    height=sides,
    ratio=st.none() | st.builds(Ratio, st.integers(1, 21), st.integers(1, 21)),
    long_side=sides,
    fit=st.sampled_from([Fit.INSIDE, Fit.COVER, Fit.PAD, Fit.FILL]),
    gravity=st.sampled_from([*COMPASS.values(), SUBJECT])
    | st.builds(Gravity, st.floats(0, 1), st.floats(0, 1)),
    crop=st.none() | shares.map(lambda s: CropRegion(*s, shares=True)),
    trim=st.sampled_from([0, 10]),
    rotate=st.sampled_from([0, 90, 180, 270]),
    flip=st.sampled_from(FlipMode),
    sharpen=st.sampled_from([0, 50]),
    blur=st.sampled_from([0.0, 1.5]),
    background=st.sampled_from([None, BLURRED, Background.of(Color(9, 9, 9, 99))]),
    format=st.sampled_from(Format),
)
originals = st.tuples(st.integers(1, 200), st.integers(1, 200))


@settings(max_examples=150, deadline=None)
@given(transform=transforms, size=originals, mode=st.sampled_from(["RGB", "RGBA"]))
def test_the_planned_size_is_the_real_size(transform, size, mode):
    """Whatever is asked of whatever picture, the pixels come out as the plan said, alpha too."""
    made = planned(transform, *size, alpha=mode == "RGBA", analysis=ANALYSIS)
    picture = finished(transform, noise(*size, mode), analysis=ANALYSIS)
    assert picture.size == made.canvas
    assert picture.has_alpha <= made.alpha
    assert not (picture.has_alpha and transform.format is Format.JPEG)


@settings(max_examples=150, deadline=None)
@given(
    transform=transforms,
    up=st.sampled_from(UpscaleMode),
    size=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
)
def test_no_plan_is_over_the_caps(transform, up, size):
    tight = Limits(output_side=500, output_pixels=200_000)
    try:
        made = plan(replace(transform, upscale=up), facts(*size), ANALYSIS, tight)
    except OutputTooLarge:
        return
    assert made.canvas.long <= 500
    assert made.canvas.pixels <= 200_000


@settings(max_examples=100, deadline=None)
@given(transform=transforms, size=st.tuples(st.integers(8, 5000), st.integers(8, 5000)))
def test_without_upscaling_nothing_is_enlarged(transform, size):
    framing = _framing(
        planned(transform, *size, analysis=ANALYSIS, limits=Limits(output_side=60_000))
    )
    assert framing.content.width <= framing.region.width + 1
    assert framing.content.height <= framing.region.height + 1


@settings(max_examples=100, deadline=None)
@given(
    transform=transforms,
    size=st.tuples(st.integers(150, 400), st.integers(150, 400)),
    shrink=st.sampled_from([1, 2, 4, 8]),
)
def test_a_smaller_decode_gives_the_same_canvas(transform, size, shrink):
    made = planned(transform, *size, analysis=ANALYSIS)
    decoded = Size(-(-size[0] // shrink), -(-size[1] // shrink))
    least = made.decode or made.source
    assume(decoded.width >= least.width and decoded.height >= least.height)
    picture = executed(made.steps_for(decoded), noise(decoded.width, decoded.height))
    assert picture.size == made.canvas


@pytest.mark.parametrize(
    "transform",
    [
        {"width": 50},
        {"width": 40, "crop": CropRegion(101, 53, 201, 197)},
        {"height": 50, "rotate": 90},
        {"width": 50, "height": 50, "fit": Fit.COVER, "rotate": 270, "flip": FlipMode.HORIZONTAL},
        {"width": 30, "crop": CropRegion(33, 17, 301, 199), "rotate": 180},
    ],
    ids=str,
)
def test_a_smaller_decode_shows_the_same_picture(transform):
    """Numbers in pixels of the original mean the same place in a picture decoded at a quarter."""
    whole = noise(101, 77).resize((404, 308), Image.Resampling.BICUBIC)
    whole = whole.filter(ImageFilter.GaussianBlur(12))
    made = planned(Transform(**transform), *whole.size)
    quarter = whole.reduce(4)
    expected = executed(made.steps_for(made.source), whole).image
    assert distance(executed(made.steps_for(Size(*quarter.size)), quarter).image, expected) < 1
    assert np.asarray(expected).std() > 3


def _cover(gravity: Gravity) -> Transform:
    return Transform(width=100, height=100, fit=Fit.COVER, gravity=gravity)


def _framing(made):
    return next(step for step in made.steps if step.op == "frame")
