"""Which way leads to the matte: the plain background, the networks, or an error that names them."""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.deadline import Deadline
from edge.errors import ModelMissing, NotCompliant, OriginalUnsupported, OutputTooLarge
from edge.images import Format, Original, Size, Stamp
from edge.limits import Limits
from edge.models import roles
from edge.models.base import ModelSpec, TensorSpec
from edge.models.embedded import EmbeddedModels
from edge.rendering.drawing import Rendered
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting import segment
from edge.rendering.matting.doubt import DOUBT_NUMBERS, DoubtNumbers
from edge.rendering.render import Renderer
from edge.reported import Compliance
from edge.variants import presets
from edge.variants.query import AcceptClass, read
from tests.rendering.photos import blob, photo
from tests.rendering.stage import Inline, NoModels

PRESETS = presets.load()
REPOSITORY = Path(__file__).parents[3] / "triton_models"


class Matting(NoModels):
    """A network that takes whatever is bluer than red for the subject."""

    runtime = "test"
    asked = 0

    def spec(self, name: str) -> ModelSpec:
        if name != "matting":
            return super().spec(name)
        picture, alpha = TensorSpec("image", (512, 512, 3)), TensorSpec("alpha", (512, 512, 1))
        return ModelSpec(name, (picture,), (alpha,), 1, "0" * 16)

    async def infer(self, name: str, inputs: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        self.asked += 1
        image = inputs["image"].astype(np.int16)
        blue = image[..., 2:] - image[..., :1]
        return {"alpha": np.where(blue > 60, 255, 0).astype(np.uint8)}


def plain() -> Image.Image:
    return photo(blob).image


def scene(with_subject: bool = True) -> Image.Image:
    """A blue ball before rough wallpaper."""
    noise = np.random.default_rng(3).integers(90, 170, (100, 75, 1)).astype(np.uint8)
    image = Image.fromarray(np.repeat(noise, 3, axis=2)).resize(
        (600, 800), Image.Resampling.BICUBIC
    )
    if with_subject:
        ImageDraw.Draw(image).ellipse((200, 300, 400, 500), fill=(20, 40, 200))
    return image


def rendered(image: Image.Image, query: str, models: Any) -> Rendered:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    original = Original("a.png", stream.getvalue(), Stamp("1"))
    renderer = Renderer(Inline(), models, Limits(), presets=PRESETS)
    transform = read(query, PRESETS, strict=True).resolve(AcceptClass.BASE, ".jpg")
    return asyncio.run(renderer.render(original, transform, deadline=Deadline.after(60)))


def opened(made: Rendered) -> Image.Image:
    with Image.open(io.BytesIO(made.rendition.body)) as image:
        image.load()
        return image


def test_the_network_segments_every_photo_and_a_sure_cut_needs_one_pass() -> None:
    models = Matting()
    image = photo(blob, subject=(20, 40, 200)).image
    made = rendered(image, "fmt=png&matte=on", models)
    assert models.asked == 1
    assert made.analysis is not None
    assert made.analysis.cut_by == "plain-background", "the background says where it ends"
    assert made.analysis.doubt is not None
    assert made.analysis.doubt < DOUBT_NUMBERS.review


def test_without_any_network_a_plain_background_is_cut_and_always_doubted() -> None:
    made = rendered(plain(), "fmt=png&matte=on", NoModels())
    assert made.analysis is not None
    assert made.analysis.cut_by == "plain-background"
    assert made.analysis.doubt is not None
    assert made.analysis.doubt >= DOUBT_NUMBERS.review


def test_the_look_has_the_exact_box_and_explains_where_it_came_from() -> None:
    made = rendered(plain(), "fmt=png&matte=on", NoModels())
    assert made.analysis is not None
    box = made.analysis.subject_in(Size(600, 800))
    assert box is not None
    for edge, exact in zip(box.as_tuple(), (180, 130, 421, 701), strict=True):
        assert abs(edge - exact) <= 1
    assert made.analysis.as_facts()["cut_by"] == "plain-background"
    assert any("plain background" in note for note in made.plan.notes)


def test_a_scene_asks_the_network() -> None:
    models = Matting()
    made = rendered(scene(), "fmt=png&matte=on", models)
    assert models.asked >= 1
    assert made.analysis is not None
    assert made.analysis.cut_by == "network"
    assert "matting" in dict(made.timings)
    alpha = np.asarray(opened(made).getchannel("A"))
    assert alpha[400, 300] == 255
    assert alpha[100, 100] == 0


@pytest.mark.parametrize(("radius", "stays"), [(5, False), (20, False), (90, True)])
def test_a_small_part_beside_the_subject_is_left_out_and_a_second_product_is_not(
    radius: int, stays: bool
) -> None:
    image = scene()
    x, y = 470, 150
    ImageDraw.Draw(image).ellipse(
        (x - radius, y - radius, x + radius, y + radius), fill=(20, 40, 200)
    )
    made = rendered(image, "fmt=png&matte=on", Matting())
    alpha = np.asarray(opened(made).getchannel("A"))
    assert alpha[400, 300] == 255, "the subject stays"
    assert (alpha[y, x] == 255) == stays
    assert made.analysis is not None
    assert ("several" in made.analysis.flags) == stays


class Unsure(Matting):
    """One that doubts half of what it sees; `second` and `third` say whether there are others."""

    def __init__(self, *, second: bool, third: bool = False) -> None:
        self.others = {"matting_second": second, "matting_third": third}
        self.roles: list[str] = []
        self.seen: list[Any] = []

    def spec(self, name: str) -> ModelSpec:
        if self.others.get(name):
            return replace(super().spec("matting"), name=name)
        return super().spec(name)

    async def infer(self, name: str, inputs: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        self.roles.append(name)
        self.seen.append(inputs["image"])
        alpha = (await super().infer(name, inputs))["alpha"]
        if name == "matting":
            alpha = np.where(np.arange(512)[:, None] < 256, alpha, alpha // 2)
        return {"alpha": alpha}


@pytest.mark.parametrize("second", [True, False])
def test_what_is_doubted_is_given_to_the_second_network_and_a_close_up_pass_follows(
    second: bool,
) -> None:
    models = Unsure(second=second)
    rendered(scene(), "fmt=png&matte=on", models)
    others = ["matting_second", "matting_second"] if second else ["matting"]
    assert models.roles == ["matting", *others]
    first, close_up = (
        (picture[..., 2] > 180).mean() for picture in (models.seen[0], models.seen[-1])
    )
    assert close_up > 4 * first


def test_a_product_that_fills_the_picture_gets_no_close_up_pass() -> None:
    models = Unsure(second=True)
    rendered(scene().crop((190, 290, 410, 510)), "fmt=png&matte=on", models)
    assert models.roles == ["matting", "matting_second"]


def test_what_two_networks_leave_doubted_is_shown_to_the_third(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(segment, "DOUBT_NUMBERS", DoubtNumbers(again=0.0))
    models = Unsure(second=True, third=True)
    made = rendered(scene(), "fmt=png&matte=on", models)
    assert list(dict.fromkeys(models.roles)) == list(roles.MATTERS)
    assert made.analysis is not None
    assert made.analysis.networks == roles.MATTERS


@pytest.mark.parametrize(("query", "whole"), [("matte=auto", True), ("matte=on", False)])
def test_a_cut_that_nobody_would_believe_is_torn_out_only_where_one_insists(
    query: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "DOUBT_NUMBERS", DoubtNumbers(again=0.0, whole=0.0))
    made = rendered(scene(), f"fmt=amazon&up=off&{query}", Unsure(second=True))
    assert made.analysis is not None
    assert ("detail" in made.analysis.flags) == whole
    verdict = made.rendition.reported.compliance
    assert verdict is not None
    assert ("no_detail" in verdict.broken) == whole


def test_of_a_photo_that_is_delivered_whole_nothing_says_that_it_was_cut_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the file's own words nor a shadow under the photo's edge."""
    monkeypatch.setattr(segment, "DOUBT_NUMBERS", DoubtNumbers(again=0.0, whole=0.0))
    query = "fmt=png&w=400&h=400&fit=product&bg=ffffff&matte=auto"
    plain_one = rendered(scene().rotate(90, expand=True), query, Unsure(second=True))
    shaded = rendered(scene().rotate(90, expand=True), f"{query}&shadow=1", Unsure(second=True))
    assert opened(shaded).tobytes() == opened(plain_one).tobytes()
    for made in (plain_one, shaded):
        assert not {"matte", "shadow"} & {step.op for step in made.plan.steps}
        assert "cut out" not in " ".join(made.plan.notes)
        assert b"cut out" not in made.rendition.body
        assert b"another background" not in made.rendition.body
        assert "matting" not in " ".join(made.rendition.reported.models)


@pytest.mark.parametrize("mode", ["matte=auto", "matte=auto&harmonize=1"])
def test_of_a_photo_that_is_delivered_whole_only_the_margins_are_blurred(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "DOUBT_NUMBERS", DoubtNumbers(again=0.0, whole=0.0))
    image = scene().rotate(90, expand=True)
    query = "fmt=png&w=400&h=400&fit=pad&bg=blur"
    shot = opened(rendered(image, query, Unsure(second=True)))
    whole = opened(rendered(image, f"{query}&{mode}", Unsure(second=True)))
    assert whole.tobytes() == shot.tobytes()


def test_a_crop_keeps_to_a_subject_whose_cut_nobody_would_believe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(segment, "DOUBT_NUMBERS", DoubtNumbers(again=0.0, whole=0.0))
    query = "fmt=png&w=200&h=400&fit=cover&gravity=subject&up=auto"
    made = rendered(scene(), query, Unsure(second=True))
    assert made.analysis is not None
    assert made.analysis.networks == ("matting", "matting_second")
    assert "detail" not in made.analysis.flags
    assert made.analysis.subject is not None
    assert made.analysis.subject.width < 1


@pytest.mark.parametrize("doubted", [True, False])
def test_the_networks_that_looked_are_told_and_no_others(
    doubted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second network that is there and was not asked has no part in the picture."""
    models = Unsure(second=True)
    monkeypatch.setattr(segment, "DOUBT_NUMBERS", DoubtNumbers(0.0 if doubted else 1.1))
    made = rendered(scene(), "fmt=png&matte=on", models)
    told = made.rendition.reported.models
    assert [name.partition("@")[0] for name in told] == list(dict.fromkeys(models.roles))
    assert len(told) == (2 if doubted else 1)


def test_the_second_networks_digest_names_the_matte_as_well() -> None:
    every = Unsure(second=True, third=True)
    assert [name for name, _ in segment.networks(every)] == list(roles.MATTERS)
    assert [name for name, _ in segment.networks(Unsure(second=False))] == [roles.MATTING]


@pytest.mark.parametrize("query", ["fmt=png&matte=on", "fmt=amazon", "fmt=shopify-cutout"])
def test_where_a_scene_must_be_cut_a_missing_network_is_an_error_that_names_it(query: str) -> None:
    with pytest.raises(ModelMissing) as missing:
        rendered(scene(), query, NoModels())
    assert missing.value.param == "matting"


def test_where_it_may_be_cut_a_scene_without_network_stays_as_shot_and_says_so() -> None:
    made = rendered(scene(), "w=300&bg=fff&matte=auto", NoModels())
    assert made.analysis is not None
    assert made.analysis.cut_by is None
    assert "not-plain" in made.analysis.flags
    assert opened(made).size == (300, 400)


def test_as_shot_nothing_is_cut_however_plain_the_background_is() -> None:
    made = rendered(plain(), "w=300&matte=auto", NoModels())
    assert made.analysis is None or made.analysis.cut_by is None


def test_no_subject_for_the_network_either_is_an_error_of_the_original() -> None:
    with pytest.raises(OriginalUnsupported):
        rendered(scene(with_subject=False), "fmt=png&matte=on", Matting())


def test_a_missing_subject_is_told_before_what_only_the_plan_finds_out() -> None:
    query = "w=8000&h=8000&fit=pad&bg=fff&trim=2&matte=on"
    with pytest.raises(OutputTooLarge):
        rendered(scene(), query, Matting())
    with pytest.raises(OriginalUnsupported):
        rendered(scene(with_subject=False), query, Matting())


def test_a_cut_is_planned_and_its_border_trimmed_once() -> None:
    made = rendered(scene(), "w=300&bg=fff&trim=2&matte=on", Matting())
    stages = [stage for stage, _ in made.timings]
    assert stages.count("plan") == 1
    assert stages.count("analysis") == 2, "once for the subject, once for the border"


@pytest.mark.parametrize("preset", ["amazon", "shopify", "ebay"])
def test_a_photo_without_a_subject_is_delivered_whole_as_one_of_a_hopeless_cut(preset: str) -> None:
    made = rendered(scene(with_subject=False), f"fmt={preset}&up=off", Matting())
    assert "matte" not in {step.op for step in made.plan.steps}
    verdict = made.rendition.reported.compliance
    assert verdict is not None
    assert verdict.review == ("doubt",)
    assert verdict.notes == ("detail",)
    assert ("background" in verdict.broken) == (preset != "ebay"), "it is grey, which eBay takes"
    assert ("no_detail" in verdict.broken) == (preset == "amazon")


def test_a_crop_beside_the_subject_is_a_photo_without_one() -> None:
    """It was an empty background that nobody was told of."""
    crop = "w=100&h=100&fit=product&bg=fff&crop=0,0,150,200"
    made = rendered(scene(), f"{crop}&matte=auto", Matting())
    assert made.analysis is not None
    assert {"detail", "no-subject"} <= set(made.analysis.flags)
    assert np.asarray(opened(made).convert("L")).min() < 180
    with pytest.raises(OriginalUnsupported):
        rendered(scene(), f"{crop}&matte=on", Matting())


@pytest.mark.parametrize(
    "window",
    [
        "w=600&h=100&fit=cover&g=north",
        "w=600&h=100&fit=cover&g=south&rot=180",
        "w=100&h=800&fit=cover&g=west&rot=90&flip=h",
        "w=600&h=100&fit=cover&g=north&trim=2",
        "w=60&h=60&fit=inside&crop=200,300,25,25",  # within its box, beside the ball
    ],
)
def test_a_window_beside_the_subject_is_a_photo_without_one(window: str) -> None:
    made = rendered(scene(), f"{window}&bg=fff&matte=auto", Matting())
    assert made.analysis is not None
    assert {"detail", "no-subject"} <= set(made.analysis.flags)
    assert np.asarray(opened(made).convert("L")).min() < 180
    with pytest.raises(OriginalUnsupported):
        rendered(scene(), f"{window}&matte=on", Matting())


@pytest.mark.parametrize(
    "window", ["w=600&h=100&fit=cover&g=0.5,0.5", "w=100&h=800&fit=cover&g=center&rot=90"]
)
def test_a_window_that_shows_some_of_the_subject_keeps_it(window: str) -> None:
    made = rendered(scene(), f"{window}&fm=png&matte=on", Matting())
    assert opened(made).getchannel("A").getextrema() == (0, 255)


def test_explain_asks_the_network_too_for_the_frame_depends_on_it() -> None:
    stream = io.BytesIO()
    scene().save(stream, "PNG")
    renderer = Renderer(Inline(), Matting(), Limits(), presets=PRESETS)
    transform = read("fmt=amazon&up=off", PRESETS, strict=True).resolve(AcceptClass.BASE, ".jpg")
    original = Original("a.png", stream.getvalue(), Stamp("1"))
    told = asyncio.run(renderer.explain(original, transform, deadline=Deadline.after(60)))
    assert told["analysis"]["cut_by"] == "network"
    assert [step["op"] for step in told["plan"]["steps"]][-3:] == ["matte", "pad", "background"]


def test_a_marketplace_rendition_carries_its_verification() -> None:
    made = rendered(plain(), "fmt=amazon&up=off", NoModels())
    version = PRESETS["amazon"].version
    compliance = Compliance("amazon", version, ("long_min",), ("doubt",))
    assert made.rendition.reported.compliance == compliance
    assert made.report is not None
    assert [finding.rule for finding in made.report.failed] == ["long_min"]
    renderer = Renderer(Inline(), NoModels(), Limits(), presets=PRESETS)
    transform = read("fmt=amazon&up=off", PRESETS, strict=True).resolve(AcceptClass.BASE, ".jpg")
    with pytest.raises(NotCompliant):
        renderer.require_compliance(made.rendition, transform)


def test_a_request_without_preset_is_not_verified() -> None:
    made = rendered(plain(), "w=300", NoModels())
    assert made.report is None
    assert made.rendition.reported.compliance is None


@pytest.mark.slow
def test_a_small_supplier_photo_becomes_a_compliant_main_image() -> None:
    """600x800 in, 2048x2048 out: cut out, enlarged, framed, on pure white, and verified."""
    sample = Path(__file__).parents[3] / "edge" / "samples" / "bottle.jpg"
    original = Original("bottle.jpg", sample.read_bytes(), Stamp("1"))
    threads, models = EngineThreads(2), EmbeddedModels(REPOSITORY)
    renderer = Renderer(threads, models, Limits(), presets=PRESETS)
    transform = read("fmt=amazon&w=2048", PRESETS, strict=True).resolve(AcceptClass.BASE, ".jpg")

    async def make() -> Rendered:
        try:
            return await renderer.render(original, transform, deadline=Deadline.after(120))
        finally:
            await models.close()
            threads.close()

    made = asyncio.run(make())
    assert made.report is not None
    assert made.report.passed, made.report.failed
    assert made.rendition.format is Format.JPEG
    pixels = np.asarray(opened(made))
    assert pixels.shape == (2048, 2048, 3)
    ring = np.concatenate([pixels[:64].reshape(-1, 3), pixels[:, :64].reshape(-1, 3)])
    assert (ring == 255).all()
    rows = np.flatnonzero((pixels < 200).any(axis=(1, 2)))
    assert rows[-1] - rows[0] >= 0.85 * 2048 - 12
