"""Beyond the photo's edge: the background goes on as it truly does, the subject stays whole and
alone.

The truth is a larger picture; the renderer is given a part of it, and must make the rest.
"""

import io
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.deadline import Deadline
from edge.images import Box, Color, Format, Original, Size, Stamp
from edge.limits import Limits
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.drawing import Rendered
from edge.rendering.extend.extend import SubjectRegion, extended
from edge.rendering.extend.grain import grained
from edge.rendering.pixels.geometry import Area
from edge.rendering.render import Renderer
from edge.reported import Synthesized
from edge.variants.presets import load
from edge.variants.transform import Transform
from edge.variants.values import SUBJECT, Fit, Ratio, UpscaleMode
from tests.rendering.stage import Inline, NoModels, planned

RED = (200, 20, 30)
WIDE, HIGH = 1200, 600
SAMPLES = Path(__file__).parents[3] / "edge" / "samples"
CATALOGUE = tomllib.loads((SAMPLES / "catalogue.toml").read_text())
RATIOS = [Ratio(9, 16), Ratio(4, 3), Ratio(1, 1), Ratio(16, 9), Ratio(21, 9)]


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(Inline(), NoModels(), Limits(), presets=load())


@dataclass(frozen=True)
class Shown:
    """A rendition, and where the photo lies in it."""

    pixels: np.ndarray
    real: Box
    region: Box
    rendered: Rendered

    @property
    def made(self) -> np.ndarray:
        """Which pixels no camera saw."""
        mask = np.ones(self.pixels.shape[:2], bool)
        mask[self.real.top : self.real.bottom, self.real.left : self.real.right] = False
        return mask


def truth(background: str) -> np.ndarray:
    """A wide background, float [H, W, 3], with a camera's grain."""
    y, x = np.mgrid[0:HIGH, 0:WIDE] / HIGH - np.array([0.5, 1.0])[:, None, None]
    level = {
        "plain": 236 + 0 * x,
        "graduated": 225 - 22 * x + 14 * y,
        "vignette": 240 - 12 * (x * x + y * y),
        "planks": 150 + 25 * np.sin(y * 90) + 12 * np.sin(y * 31 + 0.4),
    }[background]
    colours = level[..., None] * np.float32([1.0, 0.98, 0.94])
    return colours + np.random.default_rng(3).normal(0, 1.2, colours.shape)


def photo(background: str, width: int = 450) -> tuple[Image.Image, int]:
    """The middle of that background with a tall red thing on it, and where it begins."""
    left = (WIDE - width) // 2
    part = np.clip(np.rint(truth(background)[:, left : left + width]), 0, 255).astype(np.uint8)
    image = Image.fromarray(part)
    ImageDraw.Draw(image).rounded_rectangle((150, 30, 300, 570), radius=40, fill=RED)
    return image, left


async def shown(renderer: Renderer, image: Image.Image, **transform: object) -> Shown:
    """A cover around the subject, as large as the photo's own pixels make it."""
    body = io.BytesIO()
    image.save(body, "PNG")
    asked = {"fit": Fit.COVER, "gravity": SUBJECT, "format": Format.PNG} | transform
    original = Original("a.png", body.getvalue(), Stamp("1"))
    made = await renderer.render(
        original, Transform(**asked), deadline=Deadline.after(60), fallback=True
    )
    frame = next(step for step in made.plan.steps if step.op == "frame")
    real = Box(*frame.at, frame.at[0] + frame.content.width, frame.at[1] + frame.content.height)
    region = Box(*(round(edge) for edge in frame.region.as_tuple()))
    with Image.open(io.BytesIO(made.rendition.body)) as opened:
        return Shown(np.asarray(opened.convert("RGB")), real, region, made)


def blurred(pixels: np.ndarray, cell: int = 12) -> np.ndarray:
    """The mean of each cell, so that grain does not count."""
    height, width = (side // cell * cell for side in pixels.shape[:2])
    cells = pixels[:height, :width].reshape(height // cell, cell, width // cell, cell, -1)
    return cells.astype(float).mean(axis=(1, 3))


@pytest.mark.parametrize("background", ["plain", "graduated", "vignette"])
@pytest.mark.parametrize("ratio", [Ratio(4, 3), Ratio(16, 9)], ids=str)
async def test_a_plain_background_goes_on_as_it_truly_does(renderer, background, ratio):
    image, left = photo(background)
    seen = await shown(renderer, image, ratio=ratio)
    start, top = left + seen.region.left - seen.real.left, seen.region.top
    height, width = seen.pixels.shape[:2]
    true = truth(background)[top : top + height, start : start + width]
    off = np.abs(blurred(seen.pixels) - blurred(true)).max(axis=2)
    beside = blurred(seen.made[..., None])[..., 0] == 1
    assert beside.mean() > 0.3
    assert off[beside].max() < 2


@pytest.mark.parametrize("background", ["plain", "graduated", "vignette"])
async def test_the_grain_goes_on(renderer, background):
    image, _ = photo(background)
    seen = await shown(renderer, image, ratio=Ratio(16, 9))
    rough = np.abs(np.diff(seen.pixels.astype(float), axis=0)).mean(axis=(0, 2))
    real = rough[seen.real.left + 5 : seen.real.left + 100].mean()
    assert rough[: seen.real.left].mean() == pytest.approx(real, rel=0.25)
    assert rough[seen.real.right :].mean() == pytest.approx(real, rel=0.25)


@pytest.mark.parametrize("background", ["plain", "graduated", "vignette", "planks"])
async def test_no_seam_shows(renderer, background):
    """From column to column nothing changes more where the photo ends than within its
    background."""
    image, _ = photo(background)
    seen = await shown(renderer, image, ratio=Ratio(16, 9))
    steps = seams(seen.pixels)
    within = steps[seen.real.left + 5 : seen.real.left + 100]
    for edge in (seen.real.left, seen.real.right):
        assert steps[edge - 1] <= 1.25 * within.max()


def seams(pixels: np.ndarray) -> np.ndarray:
    """Levels from each column to the next, in bands of 20 rows, the worst band."""
    bands = pixels[: len(pixels) // 20 * 20].astype(float)
    bands = bands.reshape(-1, 20, *pixels.shape[1:]).mean(axis=1)
    return np.abs(np.diff(bands, axis=1)).max(axis=(0, 2))


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
@pytest.mark.parametrize("background", ["graduated", "planks"])
async def test_the_photos_pixels_are_untouched_and_the_subject_is_whole(
    renderer, background, ratio
):
    image, _ = photo(background)
    seen = await shown(renderer, image, ratio=ratio)
    size = seen.rendered.rendition.size
    assert abs(size.width - size.height * ratio.value) <= max(1, ratio.value)
    kept = np.asarray(image.crop(seen.region.as_tuple()))
    box = seen.real
    assert np.array_equal(seen.pixels[box.top : box.bottom, box.left : box.right], kept)
    assert is_red(kept).sum() == is_red(np.asarray(image)).sum()


def is_red(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., 0].astype(int) - pixels[..., 1]) > 60


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
@pytest.mark.parametrize("background", ["graduated", "planks"])
async def test_no_second_product_shows(renderer, background, ratio):
    """Also where it stands so close to the edge that hardly any background is left beside it."""
    for width in (320, 450):
        image, _ = photo(background, width)
        seen = await shown(renderer, image, ratio=ratio)
        assert not (is_red(seen.pixels) & seen.made).any()


async def test_a_subject_that_the_camera_cut_stays_on_its_edge(renderer):
    image = photo("graduated", 700)[0].crop((220, 0, 700, HIGH))
    seen = await shown(renderer, image, ratio=Ratio(16, 9), upscale=UpscaleMode.X2)
    assert seen.real.left == 0
    assert seen.real.right < seen.pixels.shape[1]
    assert note(seen) == Synthesized(note(seen).share, 0.0, review=False)


def test_texture_is_no_grain():
    """Tiles or leaves along the edge do not come out embossed on what is made beside it."""
    dice = np.random.default_rng(5)
    pixels = 150 + dice.normal(0, 1.5, (400, 300, 3))
    pixels[100:400] += 60 * (np.indices((300, 300)).sum(axis=0) // 7 % 2)[..., None]
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    made = grained(Image.new("RGB", (200, 400), (128, 128, 128)), image, at_far=True)
    assert 0.7 < np.asarray(made).astype(float).std() < 2.5


def test_beside_a_subject_that_runs_out_lies_its_background_and_a_person_should_look():
    image, _ = photo("graduated")
    cut = image.crop((160, 0, 290, HIGH))
    done = extended(cut, Size(700, HIGH), (285, 0), SubjectRegion(Box(0, 30, 130, 570)))
    pixels = np.asarray(done.image)
    assert not is_red(pixels[:, :285]).any()
    assert not is_red(pixels[:, 415:]).any()
    assert done.review
    assert done.guessed == pytest.approx(570 / 700)


@pytest.mark.parametrize("background", ["plain", "graduated"])
def test_behind_a_subject_that_touches_all_edges_a_plain_background_goes_on(background):
    """A round product that fills the photo has background in all corners, and nothing of its
    own."""
    image, _ = photo(background)
    pixels = np.asarray(image).copy()
    rows, columns = np.ogrid[: image.height, : image.width]
    high, wide = image.height / 2, image.width / 2
    pixels[((rows - high) / (high + 1)) ** 2 + ((columns - wide) / (wide + 1)) ** 2 <= 1] = RED
    size = Size(2 * image.width, image.height)
    left = image.width // 2
    done = extended(
        Image.fromarray(pixels),
        size,
        (left, 0),
        SubjectRegion(Box(0, 0, image.width, image.height)),
    )
    shown = np.asarray(done.image)
    assert not is_red(shown[:, :left]).any()
    assert not is_red(shown[:, left + image.width :]).any()
    assert done.review
    assert done.guessed == 0
    middle = shown[image.height // 2 - 40 : image.height // 2 + 40, :left].astype(int)
    assert np.abs(middle - np.median(shown[:40, :left], axis=(0, 1))).max() < 60


def body(open_top: bool = True) -> tuple[Image.Image, Image.Image]:
    """Someone in red from the chin to the hip, on a plain sweep; and the matte."""
    image, _ = photo("plain")
    matte = Image.new("L", image.size)
    for canvas, colour in ((image, RED), (matte, 255)):
        drawing = ImageDraw.Draw(canvas)
        drawing.rectangle((170, -10, 280, 700) if open_top else (0, -10, 450, 700), fill=colour)
        drawing.polygon([(170, 80), (0, 250), (0, 700), (450, 700), (450, 250), (280, 80)], colour)
    return image, matte


@pytest.mark.parametrize("sure", [True, False])
def test_a_matte_tells_the_background_within_the_subjects_box(sure):
    """The box is all of the photo; yet the neck does not grow into a column, nor a face twice."""
    image, matte = body()
    known = SubjectRegion(Box(0, 0, *image.size), sure, matte)
    done = extended(image, Size(image.width, 2 * HIGH), (0, HIGH), known)
    made = np.asarray(done.image)[:HIGH]
    assert not is_red(made).any()
    assert made.astype(int).std(axis=(0, 1)).max() < 8
    assert done.review
    assert done.guessed == 0


@pytest.mark.parametrize("matted", [True, False])
def test_a_scene_goes_on_from_a_narrow_strip_beside_the_subject(matted):
    """Its place, painted over, was part of what is copied: planks ended in a smear at the edge."""
    image = Image.fromarray(np.clip(truth("planks")[:, :450], 0, 255).astype(np.uint8))
    free = 8 if matted else 30
    box = Box(free, 30, 450 - free, 570)
    matte = Image.new("L", image.size)
    for canvas, colour in ((image, RED), (matte, 255)):
        ImageDraw.Draw(canvas).ellipse(box.as_tuple(), fill=colour)
    known = SubjectRegion(box, not matted, matte if matted else None)
    pixels = np.asarray(extended(image, Size(750, HIGH), (150, 0), known).image).astype(float)
    assert not is_red(pixels[:, :150]).any()
    edge, made = pixels[:, 150:156].mean(axis=1), pixels[:, 90:150].mean(axis=1)
    assert np.abs(edge - made).mean() < 4


def test_a_lamps_spot_behind_the_product_darkens_nothing_beyond_the_edge():
    """The surface goes through the border, as that of a cut does: it knows of no spot."""
    down, across = (np.linspace(-0.5, 0.5, side)[:, None] for side in (600, 450))
    light = 190 + 50 * np.exp(-((down / 0.35) ** 2)) * np.exp(-((across / 0.2) ** 2)).T
    image = Image.fromarray(np.dstack([light.astype(np.uint8)] * 3))
    box, matte = (190, 250, 260, 420), Image.new("L", image.size)
    for canvas, colour in ((image, RED), (matte, 255)):
        canvas.paste(colour, box)
    done = extended(image, Size(900, 600), (225, 0), SubjectRegion(Box(*box), True, matte))
    assert done.guessed == 0
    assert np.asarray(done.image)[:, :225].min() > 165


def test_a_strip_of_three_rows_is_extended_behind_a_subject_that_runs_out():
    """It has fewer rows than the grid on which its background is looked for."""
    matte = Image.new("L", (40, 3), 255)
    matte.paste(0, (0, 2, 40, 3))
    strip, known = (
        Image.new("RGB", (40, 3), (200, 200, 200)),
        SubjectRegion(Box(0, 0, 40, 3), True, matte),
    )
    done = extended(strip, Size(70, 3), (10, 0), known)
    assert done.image.getcolors() == [(70 * 3, (200, 200, 200))]


def test_where_no_background_is_seen_lie_the_colours_and_no_second_subject():
    image, matte = body(open_top=False)
    ImageDraw.Draw(image).ellipse((200, 20, 250, 60), fill=(250, 250, 250))
    known = SubjectRegion(Box(0, 0, *image.size), True, matte)
    done = extended(image, Size(image.width, 2 * HIGH), (0, HIGH), known)
    made = np.asarray(done.image)[:HIGH].astype(int)
    assert np.abs(np.diff(made, axis=0)).max() <= 2, "so soft that nothing is drawn in it"
    assert done.review
    assert done.guessed == 0.5


@pytest.mark.parametrize(
    ("covered", "above"), [((0.3, 0.3, 0.3, 1.0), 1.0), ((0.3, 1.0, 0.3, 0.4), 0.0), (None, 0.5)]
)
def test_a_subject_cut_at_both_sides_stands_where_it_covers_more(covered, above):
    analysis = Analysis(Color(230, 226, 216), True, Area(0.1, 0.0, 0.9, 1.0), covered=covered)
    transform = Transform(ratio=Ratio(9, 16), fit=Fit.COVER, gravity=SUBJECT)
    frame = next(
        s for s in planned(transform, 450, HIGH, analysis=analysis).steps if s.op == "frame"
    )
    spare = frame.canvas.height - frame.content.height
    assert spare > 100
    assert abs(frame.at[1] - above * spare) <= 1


def test_a_subject_cut_at_both_sides_stays_in_the_middle():
    analysis = Analysis(Color(230, 226, 216), True, Area(0.0, 0.05, 1.0, 0.95))
    transform = Transform(ratio=Ratio(1, 1), fit=Fit.COVER, gravity=SUBJECT)
    made = planned(transform, 130, HIGH, analysis=analysis)
    frame = next(step for step in made.steps if step.op == "frame")
    assert abs(2 * frame.at[0] + frame.content.width - frame.canvas.width) <= 1
    assert any("runs out of the photo at the left and right" in note for note in made.notes)


def note(seen: Shown) -> Synthesized:
    synthesized = seen.rendered.rendition.reported.synthesized
    assert synthesized is not None
    return synthesized


@pytest.mark.parametrize(("background", "guessed"), [("graduated", 0.0), ("planks", 1.0)])
async def test_what_was_made_is_told(renderer, background, guessed):
    seen = await shown(renderer, photo(background)[0], ratio=Ratio(16, 9))
    share = seen.made.mean()
    assert note(seen).share == pytest.approx(share, abs=1e-3)
    assert note(seen).guessed == pytest.approx(guessed * share, abs=1e-3)
    assert f"{share:.0%} of the canvas is made" in seen.rendered.plan.notes[-1]


async def test_where_the_subject_fits_nothing_is_made(renderer):
    image = Image.fromarray(np.clip(truth("plain"), 0, 255).astype(np.uint8))
    ImageDraw.Draw(image).rectangle((500, 200, 700, 400), fill=RED)
    for ratio in RATIOS[1:4]:
        seen = await shown(renderer, image, ratio=ratio)
        assert not seen.made.any()
        assert seen.rendered.rendition.reported.synthesized is None


async def test_the_same_bytes_each_time(renderer):
    for background in ("graduated", "planks"):
        image, _ = photo(background)
        transform = {"width": 640, "height": 360, "upscale": UpscaleMode.AUTO}
        one, other = [await shown(renderer, image, **transform) for _ in range(2)]
        assert one.rendered.rendition.body == other.rendered.rendition.body


@pytest.mark.parametrize("rule", ["synthesized_max", "guessed_max"])
async def test_a_preset_says_how_much_may_be_made(renderer, rule):
    background = {"synthesized_max": "graduated", "guessed_max": "planks"}[rule]
    preset = load()["display"]
    narrow = photo(background, 310 if rule == "synthesized_max" else 380)[0]
    transform = {"width": 640, "height": 360, "preset": "display", "preset_version": preset.version}
    seen = await shown(renderer, narrow, **transform)
    assert seen.rendered.report is not None
    assert rule in {finding.rule for finding in seen.rendered.report.failed}
    fits = await shown(renderer, photo("graduated", 600)[0], **transform)
    assert fits.rendered.report is not None
    assert not {"synthesized_max", "guessed_max"} & {
        one.rule for one in fits.rendered.report.failed
    }


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@pytest.mark.parametrize("ratio", RATIOS, ids=str)
async def test_the_samples_have_no_seam_in_any_ratio(renderer, name, ratio):
    """Against the exact alpha: whole in the canvas; where the photo ends, no line."""
    with Image.open(SAMPLES / CATALOGUE[name]["file"]) as opened:
        image = opened.convert("RGB")
    seen = await shown(renderer, image, ratio=ratio, upscale=UpscaleMode.X2)
    if name != "glass":
        whole(seen, name)
    steps, turned = seams(seen.pixels), seams(seen.pixels.transpose(1, 0, 2))
    for line, edges, end in (
        (steps, (seen.real.left, seen.real.right), seen.pixels.shape[1]),
        (turned, (seen.real.top, seen.real.bottom), seen.pixels.shape[0]),
    ):
        for edge in edges:
            if 0 < edge < end:
                # without a network its hard shadow is the product's, and ends with the photo
                assert line[edge - 1] <= (16 if name == "sunglasses" else 8)


def whole(seen: Shown, name: str) -> None:
    with Image.open(Path(__file__).parents[2] / "alphas" / f"{name}.png") as alpha:
        rows, columns = np.nonzero(np.asarray(alpha.convert("L")) > 128)
    slack = 0.02 * 800
    assert seen.region.left <= columns.min() + slack
    assert seen.region.right >= columns.max() - slack
    assert seen.region.top <= rows.min() + slack
    assert seen.region.bottom >= rows.max() - slack
