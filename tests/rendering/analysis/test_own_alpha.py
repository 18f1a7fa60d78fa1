"""An original's own transparency: kept to the level where it means something, ignored elsewhere."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge.deadline import Deadline
from edge.errors import OriginalUnsupported
from edge.images import Original, Stamp
from edge.limits import Limits
from edge.rendering.analysis.own_alpha import hides, without_shadow
from edge.rendering.drawing import Rendered
from edge.rendering.render import Renderer
from edge.variants import presets
from edge.variants.query import AcceptClass, read
from tests.rendering.stage import Inline, NoModels

PRESETS = presets.load()
BOTTLE, PANE = (248, 248, 248), (30, 90, 200)


def with_shadow(strength: int = 160) -> Image.Image:
    """A white bottle on a soft drop shadow, as cut-outs from shops carry one."""
    shadow = Image.new("L", (600, 600))
    ImageDraw.Draw(shadow).ellipse((150, 420, 450, 510), fill=strength)
    sheet = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    sheet.putalpha(shadow.filter(ImageFilter.GaussianBlur(18)))
    ImageDraw.Draw(sheet).rounded_rectangle((220, 80, 380, 470), 40, fill=(*BOTTLE, 255))
    return sheet


def pane(alpha: int = 150) -> Image.Image:
    """A red frame around tinted glass."""
    sheet = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((120, 150, 480, 450), fill=(200, 30, 40, 255))
    pen.rectangle((180, 210, 420, 390), fill=(*PANE, alpha))
    return sheet


def dark_glasses() -> Image.Image:
    sheet = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    for left in (100, 320):
        pen.ellipse((left, 220, left + 180, 380), fill=(15, 15, 15, 150))
    return sheet


def rendered(image: Image.Image, query: str, **options: object) -> Rendered:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    renderer = Renderer(Inline(), NoModels(), Limits(), presets=PRESETS)
    transform = read(query, PRESETS, strict=True).resolve(AcceptClass.BASE, ".jpg")
    original = Original("a.png", stream.getvalue(), Stamp("1"))
    return asyncio.run(renderer.render(original, transform, deadline=Deadline.after(60)))


def pixels(made: Rendered) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(io.BytesIO(made.rendition.body)) as image:
        return np.asarray(image.convert("RGBA")).astype(int)


def test_a_soft_shadow_stays_whole_where_the_result_is_see_through() -> None:
    made = pixels(rendered(with_shadow(), "fm=png&matte=on&bg=transparent"))
    exact = np.asarray(with_shadow()).astype(int)
    assert np.abs(made[..., 3] - exact[..., 3]).max() <= 1


def test_the_frame_follows_what_is_visible() -> None:
    made = pixels(rendered(with_shadow(), "fmt=shopify-cutout&w=600&h=600&up=off"))
    columns = np.flatnonzero((made[..., 3] >= 16).any(axis=0))
    assert columns[0] > 0
    assert columns[-1] < made.shape[1] - 1, "no edge of the canvas cuts through the shadow"


def test_a_kept_shadow_breaks_no_rule_of_a_clear_background() -> None:
    made = rendered(with_shadow(), "fmt=shopify-cutout&up=off")
    assert made.report is not None
    assert "background" not in {finding.rule for finding in made.report.failed}


def test_on_one_colour_the_shadow_goes_whole_and_the_product_stays() -> None:
    made = pixels(rendered(with_shadow(), "fm=png&matte=on&bg=ffffff"))[..., :3]
    beside = np.concatenate([made[:, :210].reshape(-1, 3), made[:, 390:].reshape(-1, 3)])
    assert (beside == 255).all(), "nothing of it is left, and no straight edge through it"
    assert np.abs(made[300, 300] - BOTTLE).max() <= 1


def test_glass_stays_see_through_in_its_own_colour() -> None:
    clear = pixels(rendered(pane(), "fm=png&matte=on&bg=transparent"))[300, 300]
    assert np.abs(clear - (*PANE, 150)).max() <= 1
    white = pixels(rendered(pane(), "fm=png&matte=on&bg=ffffff"))[300, 300, :3]
    shot = pixels(rendered(pane(), "fm=png&bg=ffffff"))[300, 300, :3]
    assert np.abs(white - shot).max() <= 2, "as laid on white without any cutting"


def test_glass_stays_so_through_framing_and_resizing() -> None:
    made = pixels(rendered(pane(), "fmt=shopify-cutout&w=500&h=500&up=off"))
    assert np.abs(made[250, 250] - (*PANE, 150)).max() <= 2


def test_glass_counts_its_alpha_once_on_a_larger_white_canvas() -> None:
    """Padded without being resized, its edges and all."""
    made = pixels(rendered(pane(), "fmt=amazon&w=424&h=424&up=off"))
    middle = made[212, 212, :3]
    shot = pixels(rendered(pane(), "fm=png&bg=ffffff"))[300, 300, :3]
    assert np.abs(middle - shot).max() <= 3


def test_as_shot_a_cut_out_keeps_its_alpha() -> None:
    made = pixels(rendered(pane(), "fm=png&fit=cover&g=subject&ar=1:1&w=400&up=2"))
    assert (made[..., 3] == 0).any()


def test_dark_glass_is_no_shadow() -> None:
    image = dark_glasses()
    matte = image.getchannel("A")
    assert without_shadow(image, matte) is matte


def test_a_veil_keeps_each_of_its_levels() -> None:
    ramp = np.tile(np.linspace(0, 255, 600).astype(np.uint8), (600, 1))
    veil = Image.new("RGBA", (600, 600), (230, 220, 240, 0))
    veil.putalpha(Image.fromarray(ramp))
    made = pixels(rendered(veil, "fm=png&matte=on&bg=transparent"))
    assert np.abs(made[..., 3] - ramp.astype(int)).max() <= 1


def photo_with(alpha: Image.Image) -> Image.Image:
    image = Image.new("RGB", (600, 600), (250, 250, 250))
    ImageDraw.Draw(image).rectangle((200, 150, 400, 450), fill=(160, 30, 30))
    image.putalpha(alpha)
    return image


def corners() -> Image.Image:
    alpha = Image.new("L", (600, 600), 0)
    ImageDraw.Draw(alpha).rounded_rectangle((0, 0, 599, 599), 30, fill=255)
    return alpha


def one_pixel() -> Image.Image:
    alpha = Image.new("L", (600, 600), 255)
    alpha.putpixel((5, 5), 0)
    return alpha


@pytest.mark.parametrize(
    "alpha", [corners(), one_pixel(), Image.new("L", (600, 600), 254)],
    ids=["round corners", "one clear pixel", "a rounding error"],
)  # fmt: skip
def test_alpha_that_hides_next_to_nothing_is_ignored(alpha: Image.Image) -> None:
    image = photo_with(alpha)
    assert not hides(image)
    made = rendered(image, "fm=png&matte=on&bg=transparent")
    assert made.analysis is not None
    assert made.analysis.cut_by == "plain-background"
    cut = pixels(made)[..., 3]
    assert cut[300, 300] == 255
    assert cut[60, 60] == 0


def test_a_palette_with_transparency_is_a_cut_out_too() -> None:
    image = with_shadow(0).convert("RGB").quantize(16)
    clear = image.getpixel((0, 0))
    made = rendered(image, "fm=png&matte=on&bg=transparent", transparency=clear)
    assert made.analysis is not None
    assert made.analysis.cut_by == "alpha"


def test_a_picture_hidden_whole_by_its_alpha_is_refused_not_served_blank() -> None:
    with pytest.raises(OriginalUnsupported):
        rendered(photo_with(Image.new("L", (600, 600), 0)), "fmt=amazon&up=off")


@pytest.mark.parametrize("fit", ["product", "pad"])
def test_what_is_hidden_by_alpha_is_no_background_to_blur(fit: str) -> None:
    """Hidden colours are black as a rule; the blur is that of the subject on white."""
    made = rendered(pane(), f"fm=png&bg=blur&matte=on&w=300&h=400&fit={fit}")
    seen = pixels(made)
    assert (seen[..., 3] == 255).all()
    assert seen[:, :3, :3].min() > 60
    assert seen[:8].mean(axis=(0, 1))[0] > 150
