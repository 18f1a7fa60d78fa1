"""Product framing: the subject fills its share of the canvas and stands in its middle."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.images import Color, Size
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.pixels.geometry import Area
from edge.rendering.plan import Plan
from edge.variants.transform import Transform
from edge.variants.values import Background, Fit, MatteMode, Ratio, UpscaleMode
from edge.variants.words import GRAVITY_WORDS
from tests.rendering.stage import planned

WHITE_BACKGROUND = Background.of(Color(255, 255, 255))


def seen(subject: Area, cut_by: str | None = "plain-background") -> Analysis:
    """A look with the subject's box in fractions."""
    return Analysis(Color(240, 240, 240), True, subject, cut_by=cut_by, doubt=0.0)


def transform(**how: object) -> Transform:
    usual = {
        "width": 1000,
        "height": 1000,
        "background": WHITE_BACKGROUND,
        "upscale": UpscaleMode.AUTO,
    }
    return Transform(**({"fit": Fit.PRODUCT, "matte": MatteMode.AUTO} | usual | how))


def placed(plan: Plan, subject: Area, size: Size) -> Area:
    """Where the subject's box comes to lie, in pixels of the canvas."""
    frame = next(step for step in plan.steps if step.op == "frame")
    across = frame.content.width / frame.region.width
    down = frame.content.height / frame.region.height
    assert across == pytest.approx(down, rel=0.01), "the product must not be stretched"
    box = subject.scaled(size.width, size.height).moved(-frame.region.left, -frame.region.top)
    return box.scaled(across, down).moved(*frame.at)


subjects = st.tuples(
    st.floats(0.05, 0.45), st.floats(0.05, 0.45), st.floats(0.55, 0.95), st.floats(0.55, 0.95)
).map(lambda edges: Area(*edges))


@settings(max_examples=150, deadline=None)
@given(
    subject=subjects,
    size=st.tuples(st.integers(300, 3000), st.integers(300, 3000)),
    share=st.floats(0.5, 0.95),
    ratio=st.sampled_from([(1, 1), (4, 3), (9, 16), (21, 9)]),
)
def test_the_subject_fills_its_share_and_stands_in_the_middle(subject, size, share, ratio):
    canvas = Ratio(*ratio).size_of(1000)
    asked = transform(width=canvas.width, height=canvas.height, frame=share)
    made = planned(asked, *size, analysis=seen(subject))
    assert made.canvas == canvas
    box = placed(made, subject, Size(*size))
    fill = max(box.width / canvas.width, box.height / canvas.height)
    assert share - 1e-3 <= fill <= share + 0.02
    assert box.left == pytest.approx(canvas.width - box.right, abs=4)
    assert box.top == pytest.approx(canvas.height - box.bottom, abs=4)


@settings(max_examples=60, deadline=None)
@given(subject=subjects, size=st.tuples(st.integers(300, 3000), st.integers(300, 3000)))
def test_without_upscaling_the_canvas_shrinks_instead(subject, size):
    made = planned(transform(upscale=UpscaleMode.OFF), *size, analysis=seen(subject))
    frame = next(step for step in made.steps if step.op == "frame")
    assert frame.content.width <= frame.region.width + 1
    assert made.canvas.ratio == pytest.approx(1, abs=0.02)
    box = placed(made, subject, Size(*size))
    assert max(box.width, box.height) / made.canvas.long == pytest.approx(0.85, abs=0.03)


@pytest.mark.parametrize(
    ("subject", "stays"),
    [
        (Area(0.3, 0.4, 0.7, 1.0), {"bottom": 1000}),
        (Area(0.3, 0.0, 0.7, 0.6), {"top": 0}),
        (Area(0.0, 0.3, 0.6, 0.7), {"left": 0}),
        (Area(0.4, 0.3, 1.0, 0.7), {"right": 1000}),
        (Area(0.0, 0.4, 0.6, 1.0), {"left": 0, "bottom": 1000}),
    ],
    ids=str,
)
def test_a_subject_that_the_camera_cut_stays_on_that_edge(subject, stays):
    made = planned(transform(), 800, 800, analysis=seen(subject))
    box = placed(made, subject, Size(800, 800))
    for side, edge in stays.items():
        assert getattr(box, side) == pytest.approx(edge, abs=2)


def test_a_subject_cut_on_both_sides_reaches_both():
    subject = Area(0.0, 0.3, 1.0, 0.6)
    box = placed(planned(transform(), 800, 800, analysis=seen(subject)), subject, Size(800, 800))
    assert box.left == pytest.approx(0, abs=2)
    assert box.right == pytest.approx(1000, abs=2)


def test_only_the_subject_is_enlarged_where_its_background_goes_anyway():
    subject = Area(0.4, 0.1, 0.6, 0.9)
    made = planned(transform(), 600, 800, analysis=seen(subject))
    upscale = next(step for step in made.steps if step.op == "upscale")
    assert upscale.cut is not None
    assert upscale.cut.size.width < 0.4 * 600
    shot = planned(transform(matte=MatteMode.OFF), 600, 800, analysis=seen(subject, cut_by=None))
    as_shot = next(step for step in shot.steps if step.op == "frame")
    assert as_shot.region.width > 0.9 * 600


def test_where_no_subject_is_known_everything_is_kept():
    made = planned(transform(), 600, 800, analysis=Analysis(Color(0, 0, 0), True))
    frame = next(step for step in made.steps if step.op == "frame")
    assert frame.region == Area(0, 0, 600, 800)


@pytest.mark.parametrize(
    ("how", "canvas"),
    [
        ({"frame": 0.1}, Size(300, 400)),
        ({"frame": 0.1, "upscale": UpscaleMode.X2}, Size(600, 800)),
        ({"frame": 0.5, "ratio": Ratio(1, 1)}, Size(359, 359)),  # shorter than the photo
        ({"frame": 0.1, "ratio": Ratio(4, 1)}, Size(841, 210)),  # as the usual share has it
        ({"frame": 0.1, "width": 900, "height": 900}, Size(900, 900)),  # that was asked for
    ],
)
def test_a_small_share_makes_the_subject_smaller_and_not_the_canvas_larger(how, canvas):
    """A tenth was a canvas of ten subjects, as far as the caps went."""
    sides = {"width": None, "height": None, "upscale": UpscaleMode.OFF}
    made = planned(transform(**sides | how), 300, 400, analysis=seen(Area(0.2, 0.275, 0.8, 0.725)))
    assert made.canvas == canvas


def test_a_ratio_alone_takes_its_size_from_the_subjects_own_pixels():
    asked = transform(width=None, height=None, ratio=Ratio(1, 1), upscale=UpscaleMode.OFF)
    made = planned(asked, 600, 800, analysis=seen(Area(0.25, 0.25, 0.75, 0.75)))
    assert made.canvas.width == pytest.approx(400 / 0.85, abs=4)
    assert made.models == ()


@settings(max_examples=150, deadline=None)
@given(
    subject=st.one_of(subjects, st.just(Area(0, 0, 1, 1))),
    size=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    canvas=st.tuples(st.integers(1, 9), st.sampled_from([1, 2, 640])),
    fit=st.sampled_from([Fit.PRODUCT, Fit.COVER]),
    turned=st.booleans(),
)
def test_a_canvas_of_a_few_pixels_shows_some_of_the_picture(subject, size, canvas, fit, turned):
    width, height = canvas[::-1] if turned else canvas
    asked = transform(width=width, height=height, fit=fit, gravity=GRAVITY_WORDS["subject"])
    made = planned(asked, *size, analysis=seen(subject))
    frame = next((step for step in made.steps if step.op == "frame"), None)
    assert made.canvas == Size(width, height)
    if frame is not None:
        assert frame.region.width > 0
        assert frame.region.height > 0
        assert 0 <= frame.at[0] <= frame.at[0] + frame.content.width <= width
        assert 0 <= frame.at[1] <= frame.at[1] + frame.content.height <= height
