"""Finish: what a second try mends, and what it must leave alone."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.deadline import Deadline
from edge.rendering.compliance.attempts import Done, finish, reframed
from edge.rendering.framing import product as product_framing
from edge.rendering.pixels.picture import Picture
from edge.rendering.request import RenderRequest, Stopwatch
from edge.variants import presets
from edge.variants.query import AcceptClass, read
from tests.rendering.matting.test_segment import rendered
from tests.rendering.stage import NoModels

PRESETS = presets.load()
SIDE = 1600


def product(colour: int, residue: int, residue_alpha: int) -> Picture:
    """A square product of 85 % on white, beside it a smear of the old background."""
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    matte = np.zeros((SIDE, SIDE), np.uint8)
    pixels[110:1490, 110:1490], matte[110:1490, 110:1490] = 90, 255
    pixels[400:800, 400:800] = colour
    pixels[20:70, 300:900], matte[20:70, 300:900] = residue, residue_alpha
    return Picture(Image.fromarray(pixels), Image.fromarray(matte))


def finished(
    picture: Picture, *, unsure: bool = False, transform: str = "fmt=amazon"
) -> tuple[Done, Stopwatch]:
    asked = read(transform, PRESETS, strict=True).resolve(AcceptClass.BASE, "jpg")
    watch = Stopwatch()
    request = RenderRequest(b"", asked, PRESETS.get("amazon"), watch, Deadline.after(60))
    return finish(picture, request, unsure=unsure), watch


def pixels(done: Done) -> np.ndarray:
    with Image.open(io.BytesIO(done.body)) as image:
        return np.asarray(image.convert("RGB"))


def test_residue_that_only_the_rule_sees_becomes_background() -> None:
    done, watch = finished(product(90, 245, 40))
    assert done.report is not None
    assert done.report.passed
    assert (pixels(done)[:100] == 255).all()
    assert "corrections" in dict(watch.timings)


def test_a_shadow_that_was_asked_for_is_no_residue() -> None:
    """It would end in a hard rim; on a background that has to be exact it breaks the rule
    instead."""
    done, watch = finished(product(90, 245, 0), transform="fmt=amazon&shadow=1")
    assert abs(int(pixels(done)[45, 600].mean()) - 245) <= 2
    assert done.report is not None
    assert "background" in {finding.rule for finding in done.report.failed}
    assert "corrections" not in dict(watch.timings)


def test_what_is_next_to_see_through_becomes_so_where_nothing_lies_behind() -> None:
    faint = Image.new("L", (SIDE, SIDE))
    faint.paste(255, (110, 110, 1490, 1490))
    faint.paste(11, (300, 20, 900, 70))
    image = Image.new("RGB", (SIDE, SIDE), (90, 90, 90))
    image.putalpha(faint)
    transform = read("fmt=shopify-cutout", PRESETS, strict=True).resolve(AcceptClass.BASE, "png")
    watch = Stopwatch()
    request = RenderRequest(
        b"", transform, PRESETS.get("shopify-cutout"), watch, Deadline.after(60)
    )
    done = finish(Picture(image, faint), request)
    assert done.report is not None
    assert done.report.passed
    assert "corrections" in dict(watch.timings)
    with Image.open(io.BytesIO(done.body)) as shown:
        alpha = np.asarray(shown.getchannel("A"))
    assert not alpha[:100].any()
    assert (alpha[110:1490, 110:1490] == 255).all()


def test_a_pale_part_of_the_product_stays_as_it_is() -> None:
    done, _ = finished(product(247, 245, 40))
    assert abs(int(pixels(done)[600, 600].mean()) - 247) <= 1


@pytest.mark.parametrize(("residue", "alpha"), [(200, 40), (245, 255)])
def test_what_is_seen_or_is_the_products_is_told_and_not_wiped_away(
    residue: int, alpha: int
) -> None:
    done, _ = finished(product(90, residue, alpha))
    assert abs(int(pixels(done)[45, 600].mean()) - residue) <= 2
    if residue == 245:
        assert done.report is not None
        assert "background" in {finding.rule for finding in done.report.failed}


def pale(alpha: int) -> Picture:
    """A product of 85 % on white, whose one side is nearly as pale."""
    picture = product(90, 255, 0)
    pixels, matte = (np.array(layer) for layer in (picture.image, picture.matte))
    pixels[110:1490, 1000:1490], matte[110:1490, 1000:1490] = 250, alpha
    return Picture(Image.fromarray(pixels), Image.fromarray(matte))


def test_a_side_as_pale_as_the_background_is_the_products_if_the_matte_says_so() -> None:
    done, _ = finished(pale(255))
    assert done.report is not None
    assert done.report.passed
    assert done.report.pale, "a person should look"
    assert abs(int(pixels(done)[600, 1200].mean()) - 250) <= 1
    for other, _ in finished(replace(pale(255), matte=None)), finished(pale(255), unsure=True):
        assert other.report is not None
        assert "background" in {finding.rule for finding in other.report.failed}


def test_a_soft_veil_beside_the_product_is_no_side_of_it() -> None:
    done, _ = finished(pale(90))
    assert done.report is not None
    assert done.report.passed
    assert not done.report.pale, "it was wiped away"
    assert (pixels(done)[600, 1200] == 255).all()


def test_a_product_that_came_out_too_small_is_wished_larger() -> None:
    """As one whose rim is as pale as the background, so that the rule sees less than the matte."""
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    pixels[136:1464, 300:1300] = 90  # 0.83 of the side
    small = Picture(Image.fromarray(pixels))
    transform = read("fmt=amazon", PRESETS, strict=True).resolve(AcceptClass.BASE, "jpg")
    request = RenderRequest(b"", transform, PRESETS.get("amazon"), Stopwatch(), Deadline.after(60))
    larger = reframed(finish(small, request), request)
    assert larger is not None
    assert larger.frame == pytest.approx(0.85 * 0.85 / 0.83, abs=0.005)
    tiny = replace(request, transform=replace(transform, frame=0.96))
    assert reframed(finish(small, tiny), tiny) is None, "it would hardly fit"
    whole, _ = finished(product(90, 255, 0))
    assert reframed(whole, request) is None


def test_a_rendition_that_came_out_too_small_is_made_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrower = replace(product_framing.PRODUCT, spare=-30)  # as if the rule saw so much less
    monkeypatch.setattr(product_framing, "PRODUCT", narrower)
    image = Image.new("RGB", (2000, 2000), (190, 190, 190))
    ImageDraw.Draw(image).rectangle((500, 300, 1500, 1700), fill=(60, 60, 90))
    made = rendered(image, "fmt=amazon&w=1600", NoModels())
    assert made.report is not None
    assert made.report.passed, made.report.failed
    assert [stage for stage, _ in made.timings].count("verify") == 2


def test_a_smaller_frame_that_was_wished_is_kept() -> None:
    image = Image.new("RGB", (2000, 2000), (190, 190, 190))
    ImageDraw.Draw(image).rectangle((500, 300, 1500, 1700), fill=(60, 60, 90))
    made = rendered(image, "fmt=amazon&w=1600&frame=0.7", NoModels())
    assert made.report is not None
    assert {one.rule for one in made.report.failed} == {"fill_min"}
    assert [stage for stage, _ in made.timings].count("verify") == 1


def test_a_clean_background_needs_no_second_try() -> None:
    _, watch = finished(product(90, 255, 0))
    assert [stage for stage, _ in watch.timings] == ["encode", "verify"]
