"""Text beside a product, faces, second views, moved colours: for each rule a picture that holds it
and one that breaks it, through the server's own networks."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from PIL import Image, ImageDraw

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import ModelUnavailable
from edge.images import Original, Stamp, digest
from edge.limits import Limits
from edge.models.embedded import EmbeddedModels
from edge.rendering.compliance.report import Report
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.render import Renderer
from edge.variants import presets
from edge.variants.presets import Preset, Presets, Rules
from edge.variants.query import AcceptClass, read
from tests.models import networks
from tests.rendering.analysis.test_parts import again, inset, pair, product
from tests.rendering.portrait import portrait

SHIPPED = Path(__file__).parents[2] / "triton_models"
ALL = replace(presets.load()["amazon"], name="all", rules=Rules(
    background=presets.load()["amazon"].rules.background,
    no_border=True, no_second_view=True, no_text=True,
    no_head=True, drift_max=10,
))  # fmt: skip
"""Amazon's with a head forbidden, too; without the rules that other tests are about."""


@pytest.fixture
async def renderer(public_networks: Path) -> AsyncIterator[Renderer]:
    models, threads = EmbeddedModels((public_networks, SHIPPED), threads=1), EngineThreads(1)
    yield Renderer(threads, models, Limits(), presets=Presets(MappingProxyType({"all": ALL})))
    threads.close()
    await models.close()


def jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()


def written(text: str, size: int, at: tuple[int, int], colour: str = "black") -> Image.Image:
    image = product()
    return letters(image, text, size, at, colour)


def letters(
    image: Image.Image, text: str, size: int, at: tuple[int, int], colour: str = "black"
) -> Image.Image:
    """Text of `size` pixels of height; drawn small and enlarged where the engine has one size."""
    one = ImageDraw.Draw(image).textbbox((0, 0), text)
    stamp = Image.new("L", (one[2] + 4, one[3] + 4), 0)
    ImageDraw.Draw(stamp).text((2, 2), text, fill=255)
    factor = size / one[3]
    stamp = stamp.resize((round(stamp.width * factor), round(stamp.height * factor)),
                         Image.Resampling.LANCZOS)  # fmt: skip
    image.paste(colour, at, stamp)
    return image


def watermark() -> Image.Image:
    return written("www.shop.example", 26, (560, 930), (160, 160, 160))


def badge() -> Image.Image:
    return written("SALE -50%", 60, (20, 40), "red")


def on_the_product() -> Image.Image:
    """A label: what is printed on the product belongs to it."""
    return written("COLD BREW", 50, (290, 500), "white")


def bare() -> Image.Image:
    return product()


async def held(renderer: Renderer, image: Image.Image, preset: Preset = ALL) -> Report:
    return await renderer.verify(jpeg(image), preset, Deadline.after(60))


def rules_of(report: Report) -> dict[str, bool]:
    return {finding.rule: finding.passed for finding in report.findings}


@pytest.mark.slow
@pytest.mark.parametrize("make", [watermark, badge])
async def test_text_beside_the_product_breaks_the_rule(renderer: Renderer, make) -> None:
    report = await held(renderer, make())
    [finding] = [one for one in report.failed if one.rule == "no_text"]
    assert finding.heuristic
    assert finding.measured, "where it stands"
    assert "no_text" in report.compliance.broken


@pytest.mark.slow
@pytest.mark.parametrize("make", [bare, on_the_product, pair, inset])
async def test_a_label_and_things_apart_are_no_text(renderer: Renderer, make) -> None:
    assert rules_of(await held(renderer, make()))["no_text"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "holds"), [(bare, True), (pair, True), (inset, False), (again, False)]
)
async def test_a_second_view_breaks_the_rule(renderer: Renderer, make, holds: bool) -> None:
    report = await held(renderer, make())
    assert rules_of(report)["no_second_view"] is holds
    assert all(one.heuristic for one in report.findings if one.rule == "no_second_view")


def headless() -> Image.Image:
    """The same person, cut above the shoulders."""
    image = portrait()
    image.paste("white", (0, 0, image.width, image.height * 7 // 10))
    return image


@pytest.mark.slow
@pytest.mark.parametrize(("make", "holds"), [(portrait, False), (headless, True), (bare, True)])
async def test_a_head_breaks_the_rule_that_forbids_one(
    renderer: Renderer, make, holds: bool
) -> None:
    assert rules_of(await held(renderer, make()))["no_head"] is holds
    without = replace(ALL, rules=replace(ALL.rules, no_head=False))
    assert "no_head" not in rules_of(await held(renderer, make(), without))


@pytest.mark.slow
@pytest.mark.parametrize("holds", [True, False])
async def test_a_drawn_border_breaks_the_rule(renderer: Renderer, holds: bool) -> None:
    image = product()
    if not holds:
        ImageDraw.Draw(image).rectangle((0, 0, 999, 999), outline=(30, 30, 30), width=6)
    assert rules_of(await held(renderer, image))["no_border"] is holds


async def rendered(renderer: Renderer, image: Image.Image, query: str, presets: Presets) -> tuple:
    body = jpeg(image)
    transform = read(query, presets, strict=True).resolve(AcceptClass.BASE, ".jpg")
    original = Original("shot.jpg", body, Stamp(digest(body), len(body)))
    return transform, await renderer.render(original, transform, deadline=Deadline.after(120))


def the_presets(**rules: object) -> Presets:
    preset = replace(ALL, name="all", rules=replace(ALL.rules, **rules))
    return Presets(MappingProxyType({"all": preset}))


@pytest.mark.slow
async def test_what_was_seen_stands_in_the_header_and_is_told_again_later(
    public_networks: Path,
) -> None:
    """A strict request for a picture from the cache hears what was found when it was made."""
    known = the_presets()
    models, threads = EmbeddedModels((public_networks, SHIPPED), threads=1), EngineThreads(1)
    renderer = Renderer(threads, models, Limits(), presets=known)
    transform, made = await rendered(renderer, badge(), "preset=all&w=800&up=off&matte=off", known)
    assert made.report is not None
    compliance = made.rendition.reported.compliance
    assert compliance is not None
    assert "no_text" in compliance.broken
    again_told = renderer.verified(made.rendition, transform)
    assert again_told is not None
    assert {one.rule for one in again_told.failed} >= {"no_text"}
    names = {name for name, _ in renderer.model_digests(transform)}
    assert {"text_detection", "face_detection"} <= names
    threads.close()
    await models.close()


@pytest.mark.slow
async def test_how_far_colours_moved_is_always_told(renderer: Renderer) -> None:
    known = renderer._presets
    assert known is not None
    _, made = await rendered(renderer, product(), "preset=all&w=800&up=off", known)
    colours = made.rendition.reported.colours
    assert colours is not None
    assert colours.median is not None
    assert colours.high is not None
    assert colours.swatch is None
    assert made.report is not None
    assert rules_of(made.report)["drift_max"]
    _, tinted = await rendered(renderer, product(), "preset=all&w=800&up=off&swatch=c8102e", known)
    assert tinted.rendition.reported.colours is not None
    assert tinted.rendition.reported.colours.swatch is not None


@pytest.mark.slow
@pytest.mark.parametrize(("swatch", "holds"), [("c8102e", True), ("1040c0", False)])
async def test_the_distance_to_a_brands_colour_is_a_rule(
    public_networks: Path, swatch: str, holds: bool
) -> None:
    known = the_presets(swatch_max=6.0)
    image = Image.new("RGB", (900, 900), "white")
    ImageDraw.Draw(image).rounded_rectangle((250, 150, 650, 750), 60, fill=(0xC8, 0x10, 0x2E))
    models, threads = EmbeddedModels((public_networks, SHIPPED), threads=1), EngineThreads(1)
    renderer = Renderer(threads, models, Limits(), presets=known)
    _, made = await rendered(renderer, image, f"preset=all&w=800&up=off&swatch={swatch}", known)
    assert made.report is not None
    assert rules_of(made.report)["swatch_max"] is holds
    threads.close()
    await models.close()


@pytest.mark.slow
async def test_colours_that_moved_break_the_rule(public_networks: Path) -> None:
    """Blurring is the one change of a URL that moves a woven product's colours far."""
    known = the_presets(drift_max=3.0)
    models, threads = EmbeddedModels((public_networks, SHIPPED), threads=1), EngineThreads(1)
    renderer = Renderer(threads, models, Limits(), presets=known)
    for query, holds in (("", True), ("&blur=40", False)):
        _, made = await rendered(renderer, product(), f"preset=all&w=800&up=off{query}", known)
        assert made.report is not None
        assert rules_of(made.report)["drift_max"] is holds
    threads.close()
    await models.close()


class Broken(EmbeddedModels):
    async def infer(self, name: str, *args: object, **given: object) -> dict[str, Tensor]:
        if name.endswith("_detection"):
            raise ModelUnavailable("it is away", param=name)
        return await super().infer(name, *args, **given)


async def test_without_the_networks_their_rules_are_open_and_with_broken_ones_a_person_looks(
    tmp_path: Path,
) -> None:
    """A picture is not refused because a heuristic could not be asked."""
    threads = EngineThreads(1)
    renderer = Renderer(threads, EmbeddedModels(SHIPPED, threads=1), Limits())
    assert not {"no_text", "no_head"} & set(rules_of(await held(renderer, badge())))
    for name in ("text_detection", "face_detection"):
        networks.luminance_matte(tmp_path, name, side=320)
    away = Renderer(threads, Broken(tmp_path, threads=1), Limits())
    report = await held(away, badge())
    assert report.review == ("unchecked",)
    assert not {"no_text", "no_head"} & set(rules_of(report))
    threads.close()
