"""A finished file is held against its preset's rules, by decoding it again and by nothing else."""

import io
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFilter

from edge.errors import NotCompliant, OriginalCorrupt, OriginalUnsupported
from edge.images import WHITE
from edge.rendering.compliance.attempts import verify_file
from edge.rendering.compliance.checks import RenderRecord
from edge.rendering.compliance.measurements import has_drawn_border, measure_background
from edge.rendering.compliance.report import Report
from edge.rendering.compliance.verify import JUDGED_AT_RENDER
from edge.reported import ColourShift, Synthesized
from edge.variants import presets
from edge.variants.presets import Preset

PRESETS = presets.load()
AMAZON = PRESETS["amazon"]


def shot(*args: object, **how: object) -> Image.Image:
    return drawn(*args, **how).copy()


@cache
def drawn(
    size: tuple[int, int] = (1600, 1600),
    fill: float = 0.9,
    background: tuple[int, int, int] = (255, 255, 255),
) -> Image.Image:
    """A dark product with a soft outline in the middle of its background."""
    cover = Image.new("L", size, 0)
    high, wide = size[1] * fill / 2, size[0] * 0.2
    middle = (size[0] / 2, size[1] / 2)
    box = (middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)
    ImageDraw.Draw(cover).rounded_rectangle(box, radius=40, fill=255)
    image = Image.new("RGB", size, background)
    texture = np.random.default_rng(1).integers(20, 120, (size[1] // 8, size[0] // 8, 3))
    product = Image.fromarray(texture.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    image.paste(product, mask=cover.filter(ImageFilter.GaussianBlur(0.7)))
    return image


def jpeg(image: Image.Image, **options: object) -> bytes:
    return written(image, "JPEG", **({"quality": 95, "subsampling": "4:4:4"} | options))


def written(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def broken(report: Report) -> set[str]:
    return {finding.rule for finding in report.failed}


def dirty() -> Image.Image:
    """One faint spot of the old background far from the product: an eye does not see it."""
    image = shot()
    image.paste((251, 251, 251), (80, 80, 104, 104))
    return image


def framed() -> Image.Image:
    image = shot()
    ImageDraw.Draw(image).rectangle((0, 0, 1599, 1599), outline=(0, 0, 0), width=8)
    return image


def with_profile() -> bytes:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert lab != srgb
    return jpeg(shot(), icc_profile=srgb)


def test_a_good_main_image_passes() -> None:
    report = verify_file(jpeg(shot()), AMAZON)
    assert report.passed, report.failed
    assert report.compliance.of_preset("amazon", AMAZON.version)
    report.require_compliance()


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (lambda: jpeg(shot(fill=0.7)), {"fill_min"}),
        (lambda: jpeg(shot(background=(253, 253, 253))), {"background"}),
        (lambda: jpeg(shot(background=(180, 180, 180))), {"background"}),
        (lambda: jpeg(dirty()), {"background"}),
        (lambda: jpeg(shot((1500, 1500))), {"long_min"}),
        (lambda: jpeg(shot((2000, 1600))), {"ratios"}),
        (lambda: jpeg(framed()), {"no_border", "background"}),
        (lambda: written(shot(), "WEBP", lossless=True), {"formats"}),
        (lambda: written(shot().convert("RGBA"), "PNG"), {"no_alpha"}),
        (lambda: jpeg(shot().convert("CMYK")), {"srgb"}),
    ],
    ids=["fill", "nearly white", "grey", "a spot", "small", "ratio", "frame", "webp", "alpha",
         "cmyk"],
)  # fmt: skip
def test_a_broken_rule_is_named(body, rules: set[str]) -> None:  # type: ignore[no-untyped-def]
    report = verify_file(body(), AMAZON)
    assert rules <= broken(report), report.findings
    assert broken(report) - rules <= {"background", "fill_min"}
    assert report.compliance.broken
    with pytest.raises(NotCompliant) as refused:
        report.require_compliance()
    told = refused.value.diagnostics
    assert told is not None
    assert not told["passed"]
    assert {one["rule"] for one in told["findings"] if not one["passed"]} == broken(report)
    assert all("measured" in one and "wanted" in one for one in told["findings"])


def test_an_srgb_profile_is_srgb() -> None:
    assert "srgb" not in broken(verify_file(with_profile(), AMAZON))


def test_bytes_are_counted() -> None:
    strict = replace(AMAZON, rules=replace(AMAZON.rules, bytes_max=1000))
    assert "bytes_max" in broken(verify_file(jpeg(shot()), strict))


def test_a_product_that_the_camera_cut_may_reach_the_edge() -> None:
    image = shot()
    image.paste((60, 60, 60), (600, 800, 1000, 1600))
    assert verify_file(jpeg(image), AMAZON).passed


def test_a_photo_that_is_delivered_whole_has_no_background_of_one_colour_in_bars_beside_it() -> (
    None
):
    image = Image.new("RGB", (1600, 1600), (255, 255, 255))
    image.paste((20, 40, 120), (0, 400, 1600, 1200))
    wanted = presets.Rules(background=PRESETS["shopify"].rules.background)
    rules = Preset("main", "1", "", {}, wanted)
    whole = RenderRecord(notes=frozenset({"detail"}))
    assert broken(verify_file(jpeg(image), rules, record=whole)) == {"background"}
    cut = RenderRecord(notes=frozenset({"cut-by-edge"}))
    assert verify_file(jpeg(image), rules, record=cut).passed, "a product may reach both sides"
    white = Image.new("RGB", (1600, 1600), (255, 255, 255))
    white.paste((20, 40, 120), (400, 400, 1200, 1200))
    assert verify_file(jpeg(white), rules, record=whole).passed


@pytest.mark.parametrize("quality", [75, 90, 95, 100])
def test_in_blocks_of_pure_background_jpeg_keeps_white_exact_at_any_usual_quality(
    quality: int,
) -> None:
    with Image.open(io.BytesIO(jpeg(shot(), quality=quality))) as image:
        seen = measure_background(np.asarray(image.convert("RGB")), WHITE)
    assert seen.worst == 0
    assert seen.exact == 1.0
    assert seen.border == 1.0


def test_the_subjects_box_is_found_to_the_pixel() -> None:
    seen = measure_background(np.asarray(shot(fill=0.8)), WHITE)
    assert seen.subject is not None
    for edge, exact in zip(seen.subject.as_tuple(), (480, 160, 1121, 1441), strict=True):
        assert abs(edge - exact) <= 3


def test_a_see_through_background_is_see_through() -> None:
    cutout = PRESETS["shopify-cutout"]
    image = shot((2048, 2048)).convert("RGBA")
    cover = image.convert("L").point(lambda level: 255 if level < 250 else 0)
    image.putalpha(cover)
    assert verify_file(written(image, "PNG"), cutout).passed
    opaque = verify_file(written(shot((2048, 2048)), "PNG"), cutout)
    assert "background" in broken(opaque)


@pytest.mark.parametrize(
    ("background", "holds"),
    [((255, 255, 255), True), ((120, 122, 121), True), ((230, 60, 60), False)],
)
def test_a_neutral_background_is_white_or_grey(
    background: tuple[int, int, int], holds: bool
) -> None:
    ebay = PRESETS["ebay"]
    assert verify_file(jpeg(shot(background=background)), ebay).passed is holds


def test_a_product_at_the_border_is_no_background_where_its_matte_is_known() -> None:
    image, matte = shot(), Image.new("L", (1600, 1600))
    image.paste((30, 60, 200), (0, 900, 1600, 1600))
    matte.paste(255, (0, 900, 1600, 1600))
    ebay = PRESETS["ebay"]
    assert "background_neutral" in broken(verify_file(jpeg(image), ebay))
    assert "background_neutral" not in broken(
        verify_file(jpeg(image), ebay, record=RenderRecord(matte=matte))
    )
    later = RenderRecord(broken=frozenset())
    assert verify_file(jpeg(image), ebay, record=later).passed, "as it was told when it was made"
    later = RenderRecord(broken=frozenset({"background_neutral", "long_min"}))
    assert "background_neutral" in broken(verify_file(jpeg(image), ebay, record=later))


def test_a_dark_scene_is_no_drawn_border() -> None:
    noise = np.random.default_rng(2).integers(0, 60, (400, 400, 3)).astype(np.uint8)
    assert not has_drawn_border(noise)
    assert has_drawn_border(np.asarray(framed()))


def test_what_is_no_picture_is_an_error_and_no_report() -> None:
    with pytest.raises(OriginalUnsupported):
        verify_file(b"not a picture", AMAZON)
    with pytest.raises(OriginalCorrupt):
        verify_file(jpeg(shot())[:3000], AMAZON)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_shipped_rule_is_checked(preset: Preset) -> None:
    """A rule that nobody measures would be a promise that nobody keeps. Those that are judged only
    when a picture is made have their tests in test_inspection.py."""
    report = verify_file(jpeg(shot()), preset, record=RenderRecord(Synthesized(0.0)))
    wanted = {
        name
        for name in preset.rules.__slots__
        if getattr(preset.rules, name) not in (None, (), False) and name not in JUDGED_AT_RENDER
    }
    assert {finding.rule for finding in report.findings} == wanted


def test_a_photo_of_a_detail_is_no_main_image() -> None:
    rules = Preset("main", "1", "", {}, presets.Rules(no_detail=True))
    image = jpeg(Image.new("RGB", (64, 64), (40, 60, 90)))
    assert verify_file(image, rules, record=RenderRecord(notes=frozenset({"small"}))).passed
    report = verify_file(image, rules, record=RenderRecord(notes=frozenset({"detail"})))
    assert broken(report) == {"no_detail"}
    assert verify_file(image, rules).passed, "of a file from elsewhere nobody knows"


def test_a_reports_facts_are_numbers_and_words() -> None:
    """Nothing in them is how Python would write an object."""
    report = Report("amazon", "1", (), colours=ColourShift(0.3, 0.9))
    told = json.loads(json.dumps(report.as_facts()))
    assert told["colours"] == {"median": 0.3, "high": 0.9, "swatch": None}
