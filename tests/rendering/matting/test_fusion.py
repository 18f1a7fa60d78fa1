"""Fusion: what a network says of drawn photos, joined with their background, against exact alpha.

The network is played by the exact alpha made as coarse as a network's, with its mistakes drawn in.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge.images import Size
from edge.rendering.matting.doubt import DOUBT_NUMBERS
from edge.rendering.matting.fusion import Fused, fuse
from edge.rendering.matting.passes import (
    close_up_box,
    combined,
    doubt_in,
    mean,
    placed,
    with_close_up,
    with_traces_of,
)
from tests.rendering.photos import Photo, blob, hard_shadow, mask, photo, ring, scaled, straps

Alpha = npt.NDArray[np.uint8]

BACKGROUNDS = {
    "near white": {"background": (243, 243, 243)},
    "pure white": {"background": (255, 255, 255)},
    "grey": {"background": (180, 180, 182)},
    "coral": {"background": (227, 165, 140), "subject": (60, 40, 25)},
    "gradient": {"background": (210, 200, 190), "lower": (150, 140, 128)},
    "deep shadow": {"shadow": 0.7},
    "black product": {"subject": (20, 20, 20)},
    "noise and strong compression": {"noise": 2.5, "quality": 60},
}


def coarse(alpha: Alpha, side: int = 320) -> Alpha:
    """As a network sees it: a square of its own size, a soft outline."""
    small = Image.fromarray(alpha).resize((side, side), Image.Resampling.BOX)
    return np.asarray(small.filter(ImageFilter.GaussianBlur(1.5)))


def fused(shot: Photo, network: Alpha | None = None) -> Fused:
    found = fuse(shot.image, coarse(shot.alpha) if network is None else network)
    assert isinstance(found, Fused), found
    return found


def error(found: Fused, shot: Photo) -> float:
    """Mean absolute error of alpha, 0 to 1."""
    return float(np.abs(found.matte.astype(np.float32) - shot.alpha).mean() / 255)


@pytest.mark.parametrize("how", BACKGROUNDS.values(), ids=BACKGROUNDS.keys())
def test_on_a_plain_background_the_matte_is_finer_than_the_network(how: dict[str, object]) -> None:
    shot = photo(blob, **how)  # type: ignore[arg-type]
    found = fused(shot)
    assert found.plain
    assert error(found, shot) < 0.0025


@pytest.mark.parametrize("how", BACKGROUNDS.values(), ids=BACKGROUNDS.keys())
def test_without_any_network_a_plain_background_still_tells(how: dict[str, object]) -> None:
    shot = photo(blob, **how)  # type: ignore[arg-type]
    found = fuse(shot.image, None)
    assert isinstance(found, Fused), found
    assert error(found, shot) < 0.02


def test_a_part_that_the_network_lost_comes_back_by_its_colour() -> None:
    """Small networks lose flat parts: half a laptop, trousers above a shoe."""
    shot = photo(blob)
    seen = shot.alpha.copy()
    seen[:420] = 0
    found = fused(shot, coarse(seen))
    assert error(found, shot) < 0.004


def test_what_the_network_claims_stays_though_it_is_as_pale_as_its_background() -> None:
    shot = photo(blob, background=(250, 250, 250), subject=(249, 249, 249), shading=0.0, shadow=0.0)
    found = fused(shot)
    assert error(found, shot) < 0.02
    assert found.evidence.pale > 0.5, "and that is told"


@pytest.mark.parametrize("depth", [0.5, 0.65, 0.8])
def test_a_shadow_that_the_network_denies_goes(depth: float) -> None:
    lit = photo(blob, shadow=0.0, background=(236, 236, 234), subject=(40, 90, 70))
    shot = hard_shadow(lit, depth=depth, softness=6)
    assert error(fused(shot), shot) < 0.004


@pytest.mark.parametrize("depth", [0.3, 0.5, 0.7])
def test_a_flat_shadow_with_a_sharp_edge_goes_where_the_network_denies_it(depth: float) -> None:
    """Under low light a product stands on a band of its own shadow."""
    lit = photo(blob, shadow=0.0, background=(236, 238, 240), subject=(40, 60, 50))
    band = Image.new("L", lit.image.size)
    ImageDraw.Draw(band).polygon(
        [(60, 690), (300, 680), (420, 690), (420, 715), (200, 715)], fill=255
    )
    shade = np.asarray(band.filter(ImageFilter.GaussianBlur(1)), np.float32)[..., None] / 255
    light = 1 - depth * shade * (1 - lit.alpha[..., None].astype(np.float32) / 255)
    dark = np.rint(np.asarray(lit.image, np.float32) * light).astype(np.uint8)
    shot = Photo(Image.fromarray(dark), lit.alpha)
    assert error(fused(shot), shot) < 0.002


def test_a_pale_foot_in_its_own_shadow_has_no_rags() -> None:
    """What is neither vase nor floor by its colour is what the network says."""
    tests = Path(__file__).parents[2]
    with Image.open(tests.parent / "edge" / "samples" / "vase-white.jpg") as opened:
        image = opened.convert("RGB")
    with Image.open(tests / "alphas" / "vase-white.png") as opened:
        alpha = np.asarray(opened.convert("L").resize(image.size))
    off = np.abs(fused(Photo(image, alpha)).matte.astype(int) - alpha)
    assert np.count_nonzero(off[690:] > 127) < 300


def test_a_white_sleeve_that_the_network_half_sees_on_white_is_no_shadow() -> None:
    """A shadow fades; a sleeve of the same grey ends sharply."""
    shot = photo(blob, background=(255, 255, 255), subject=(40, 50, 90), shadow=0, noise=0.6)
    sleeve = Image.new("L", shot.image.size)
    ImageDraw.Draw(sleeve).polygon([(418, 300), (418, 470), (520, 430), (500, 330)], fill=255)
    shot.image.paste((228, 228, 230), mask=sleeve)
    arm = np.asarray(sleeve)
    whole = Photo(shot.image, np.maximum(shot.alpha, arm))
    seen = np.where(arm > 0, np.uint8(120), shot.alpha)
    assert error(fused(whole, coarse(seen)), whole) < 0.002


@pytest.mark.parametrize(
    ("background", "bounce"),
    [((238, 205, 134), 0.9), ((236, 214, 190), 1.7)],
    ids=["yellow", "beige"],
)
def test_a_shadow_that_its_own_coloured_paper_lights_goes(
    background: tuple[int, int, int], bounce: float
) -> None:
    shot = photo(
        blob, background=background, subject=(60, 40, 25), shadow=0.5, bounce=bounce, noise=0.6
    )
    assert error(fused(shot), shot) < 0.003


def test_a_handle_that_the_network_saw_as_product_is_a_hole() -> None:
    """At 320 pixels a handle is often closed; its flat, exact background opens it."""
    shot = photo(ring, background=(227, 165, 140), subject=(60, 40, 25))
    closed = shot.alpha.copy()
    filled = Image.fromarray(closed)
    ImageDraw.Draw(filled).ellipse((340, 380, 500, 560), fill=215)
    found = fused(shot, coarse(np.asarray(filled)))
    assert error(found, shot) < 0.004


def test_a_white_print_on_white_that_the_network_is_sure_of_stays() -> None:
    shot = photo(blob, background=(255, 255, 255), noise=0, shadow=0)
    ImageDraw.Draw(shot.image).rectangle((270, 440, 330, 520), fill=(255, 255, 255))
    assert fused(shot).matte[480, 300] == 255


def test_a_strap_of_seven_pixels_stays_whole_and_what_it_encloses_goes() -> None:
    shot = photo(straps)
    found = fused(shot)
    assert error(found, shot) < 0.003
    assert found.matte[270, 300] == 0
    assert found.matte[120, 285:315].min() > 200


def test_half_certain_areas_are_decided() -> None:
    """A soft network is no see-through product, in a scene either."""
    shot = Photo(scene().image, scene().alpha)
    soft = (coarse(shot.alpha).astype(np.float32) * 0.65).astype(np.uint8)
    found = fused(shot, soft)
    assert not found.plain
    inside = np.asarray(Image.fromarray(shot.alpha).filter(ImageFilter.MinFilter(41))) == 255
    assert (found.matte[inside] == 255).all()
    assert found.evidence.unsure > 0.5, "and the doubt knows"


def test_a_scene_follows_the_network_to_the_pictures_edges() -> None:
    shot = scene()
    assert error(fused(shot), shot) < 0.008
    assert fused(shot).evidence.scene == 1


def test_a_horizon_is_no_product_though_it_touches_one() -> None:
    shot = photo(blob, shadow=0.0)
    table = Image.new("RGB", shot.image.size, (198, 190, 182))
    table.paste(shot.image.crop((0, 0, 600, 520)), (0, 0))
    table.paste(shot.image, mask=Image.fromarray(shot.alpha))
    standing = Photo(table, shot.alpha)
    assert error(fused(standing), standing) < 0.006


def test_a_detail_is_delivered_whole_and_named() -> None:
    """Where the network is unsure of everything, no piece is cut out."""
    image = scene().image
    doubtful = np.full((320, 320), 120, np.uint8)
    doubtful[150:170, 150:170] = 240
    found = fuse(image, doubtful)
    assert isinstance(found, Fused)
    assert found.detail
    assert (found.matte == 255).all()


def test_what_a_close_up_pass_finds_in_a_detail_is_cut_out_and_doubted() -> None:
    shot = scene()
    doubtful = np.maximum(coarse(shot.alpha), 120)
    before = fuse(shot.image, doubtful)
    assert isinstance(before, Fused)
    assert before.detail
    cut, _ = combined(shot.image, (before, doubtful), doubtful, close_up=coarse(shot.alpha))
    assert isinstance(cut, Fused)
    assert not cut.detail
    assert error(cut, shot) < 0.01
    assert doubt_in(cut) > DOUBT_NUMBERS.whole


def test_a_product_that_fills_the_frame_is_a_detail() -> None:
    claim = np.full((320, 320), 255, np.uint8)
    claim[150:170, 150:170] = 0  # what the network denies inside it is not torn out either
    found = fuse(scene().image, claim)
    assert isinstance(found, Fused)
    assert found.detail
    assert (found.matte == 255).all()


def test_a_small_detached_part_goes_and_a_second_product_stays() -> None:
    def beside(drawing: ImageDraw.ImageDraw) -> None:
        scaled(drawing.ellipse, (60, 300, 360, 600), fill=255)
        scaled(drawing.ellipse, (400, 100, 420, 120), fill=255)
        scaled(drawing.ellipse, (400, 300, 560, 460), fill=255)

    shot = photo(beside)
    found = fused(shot)
    assert found.matte[110, 410] == 0
    assert found.matte[380, 480] == 255
    assert found.parts == 2


def watch() -> tuple[Image.Image, Alpha, Alpha]:
    """A blue case on a dark strap that leaves the picture above and below: with alpha, and the
    case's own."""
    image, case = Image.new("RGB", (600, 800), (250, 250, 250)), Image.new("L", (600, 800))
    ImageDraw.Draw(image).rectangle((400, 0, 520, 800), fill=(70, 70, 72))
    ImageDraw.Draw(image).rectangle((150, 250, 450, 550), fill=(30, 60, 190))
    ImageDraw.Draw(case).rectangle((150, 250, 450, 550), fill=255)
    whole = case.copy()
    ImageDraw.Draw(whole).rectangle((400, 0, 520, 800), fill=255)
    return image, np.asarray(whole), np.asarray(case)


@pytest.mark.parametrize(
    "seen",
    [(False, True), (True, False, True), (False, False, True)],
    ids=["both", "most", "third"],
)
def test_what_a_later_network_sees_whole_is_not_torn_by_the_others(seen: tuple[bool, ...]) -> None:
    image, whole, case = watch()
    masks = [coarse(whole if all_of_it else case) for all_of_it in seen]
    cut = fuse(image, masks[0]), masks[0]
    for count in range(2, len(masks) + 1):
        cut = combined(image, cut, *masks[:count])
    assert isinstance(cut[0], Fused)
    assert np.abs(cut[0].matte.astype(np.float32) - whole).mean() / 255 < 0.004


@pytest.mark.parametrize("strap", [(True, False), (False, True)], ids=["first", "close_up"])
def test_of_two_passes_of_one_network_the_less_doubted_cut_counts(strap: tuple[bool, bool]) -> None:
    image, whole, case = watch()
    one, other = (coarse(whole if seen else case) for seen in strap)
    before = fuse(image, one)
    both = with_traces_of(before, fuse(image, mean(one, other)))
    cut, _ = combined(image, (before, one), one, close_up=other)
    assert doubt_in(cut) == min(doubt_in(before), doubt_in(both))


def test_what_a_close_up_pass_denies_is_doubted() -> None:
    image, whole, case = watch()
    cut = fuse(image, coarse(whole))
    assert doubt_in(with_close_up(cut, coarse(case))) > 2 * doubt_in(
        with_close_up(cut, coarse(whole))
    )


@pytest.mark.parametrize("size", [Size(600, 800), Size(801, 333)])
def test_a_close_up_pass_covers_the_product_with_a_margin(size: Size) -> None:
    matte = np.zeros((100, 100), np.uint8)
    matte[40:60, 20:50] = 255
    box = close_up_box(matte, size=size)
    assert box is not None
    wide, high = size.width / 100, size.height / 100
    assert np.allclose(box.as_tuple(), (17 * wide, 38 * high, 53 * wide, 62 * high), atol=1)
    inside = np.full((320, 320), 255, np.uint8)
    found = placed(inside, box, size)
    rows, columns = np.nonzero(found)
    assert abs(rows.min() / found.shape[0] - box.top / size.height) < 0.01
    assert abs(columns.max() / found.shape[1] - box.right / size.width) < 0.01
    assert max(found.shape) >= 320


def test_nothing_and_a_product_that_fills_the_picture_get_no_close_up_pass() -> None:
    size = Size(600, 800)
    assert close_up_box(np.zeros((32, 32), np.uint8), size=size) is None
    assert close_up_box(np.full((32, 32), 255, np.uint8), size=size) is None


def test_what_surrounds_a_product_in_one_colour_speaks_for_its_cut() -> None:
    shot = photo(blob)
    striped = np.asarray(shot.image).copy()
    stripes = (np.arange(striped.shape[1]) // 40 % 2 == 0)[None] & (shot.alpha == 0)
    striped[stripes] = (90, 60, 30)
    busy = fuse(Image.fromarray(striped), coarse(shot.alpha))
    assert isinstance(busy, Fused)
    assert busy.evidence.even < 0.7 < fused(shot).evidence.even


def test_a_print_is_not_taken_for_the_whole_without_a_doubt() -> None:
    """What surrounds it has one colour, but not that of the picture's border."""
    print_on_cloth = photo(blob, background=(30, 40, 120), subject=(220, 200, 40), shadow=0.0)
    board = np.asarray(scene().image).copy()
    board[80:740, 120:480] = np.asarray(print_on_cloth.image)[80:740, 120:480]
    shot = Photo(Image.fromarray(board), print_on_cloth.alpha)
    assert fused(shot).evidence.even < 0.2


def test_a_gap_that_the_network_takes_for_the_product_is_told() -> None:
    shot = scene()
    seen = shot.alpha.copy()
    board = np.asarray(shot.image).copy()
    board[380:440, 220:380] = board[40:100, 220:380]
    gap = fused(Photo(Image.fromarray(board), seen))
    assert fused(shot).evidence.pale < 0.02 < gap.evidence.pale


def test_what_a_network_hardly_sees_is_told() -> None:
    shot = photo(blob)
    traces = coarse(np.where(shot.alpha == 0, np.uint8(20), shot.alpha))
    assert fused(shot).evidence.traces < 0.2 < fused(shot, traces).evidence.traces


@pytest.mark.parametrize("size", [(150, 200), (1500, 2000)], ids=str)
def test_other_sizes_are_cut_as_well(size: tuple[int, int]) -> None:
    factor = size[0] / 600
    shot = photo(lambda d: d.ellipse([c * factor * 4 for c in (150, 250, 450, 600)], fill=255),
                 size=size)  # fmt: skip
    found = fused(shot)
    assert found.matte.shape == (size[1], size[0])
    assert error(found, shot) < 0.004


def scene() -> Photo:
    """A blue ball before rough wallpaper."""
    noise = np.random.default_rng(3).integers(90, 170, (100, 75, 1)).astype(np.uint8)
    image = Image.fromarray(np.repeat(noise, 3, axis=2)).resize(
        (600, 800), Image.Resampling.BICUBIC
    )
    alpha = mask(lambda drawing: scaled(drawing.ellipse, (150, 250, 450, 550), fill=255))
    image.paste((20, 40, 200), mask=alpha)
    return Photo(image, np.asarray(alpha))


def glass() -> Image.Image:
    """The background shines through, a little brighter; only the walls are seen."""
    cover = mask(blob)
    walls = cover.filter(ImageFilter.FIND_EDGES).filter(ImageFilter.GaussianBlur(2))
    image = Image.new("RGB", cover.size, (185, 188, 192))
    image.paste((150, 153, 158), mask=walls.point(lambda level: min(255, level * 3)))
    image.paste((201, 204, 208), mask=cover.point(lambda level: level // 2))
    return image


def table_before_a_wall() -> Image.Image:
    image = Image.new("RGB", (600, 800), (205, 202, 196))
    image.paste((120, 82, 50), (0, 480, 600, 800))
    return image


@pytest.mark.parametrize(
    "picture",
    [
        lambda: photo(blob, subject=(244, 244, 243), shading=0.0, shadow=0.04).image,
        glass,
        lambda: scene().image,
        table_before_a_wall,
        lambda: Image.new("RGB", (600, 800), (240, 240, 240)),
    ],
    ids=["white on white", "glass", "scene", "table", "nothing"],
)
def test_without_a_network_nothing_is_cut_that_needs_one(picture) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(fuse(picture(), None), str)


def test_glass_that_the_network_claims_is_not_eaten_by_its_background() -> None:
    claimed = coarse(np.asarray(mask(blob)))
    found = fuse(glass(), claimed)
    assert isinstance(found, Fused)
    inside = np.asarray(mask(blob).filter(ImageFilter.MinFilter(31))) == 255
    assert np.mean(found.matte[inside] > 128) > 0.75


def bowl(sharp: bool) -> tuple[Image.Image, np.ndarray]:
    """A thick ring on grey, its middle in the background's colour: fading into it as in a glass, or
    ending sharply; and a network that does not see the middle."""
    down, across = np.mgrid[-150:150, -150:150]
    away = np.hypot(down, across)
    level = np.full(away.shape, 205.0)
    level[away < 110] = 90
    inner = away < 80
    level[inner] = 205 if sharp else 205 - 115 * (away[inner] / 80) ** 3
    claim = np.where((away < 110) & (away > 30), 255, 0).astype(np.uint8)
    return Image.fromarray(np.repeat(level[..., None], 3, axis=2).astype(np.uint8)), claim


def test_what_fades_into_the_product_is_glass_and_stays_whole():
    image, claim = bowl(sharp=False)
    found = fuse(image, claim)
    assert isinstance(found, Fused)
    assert found.matte[150, 150] == 255
    assert found.matte[150, 120:180].min() == 255


def test_an_opening_that_ends_sharply_is_one():
    found = fuse(*bowl(sharp=True))
    assert isinstance(found, Fused)
    assert found.matte[120:180, 120:180].max() == 0


def test_a_dark_bezel_before_a_dark_background_stays_whole_where_the_network_sees_it():
    """A bright disc on brown, whose rim of steel mirrors a darker, bluer room."""
    down, across = np.mgrid[-400:400, -300:300]
    away = np.hypot(down, across)[..., None]
    colours = np.where(away < 174, np.float32([205, 195, 180]), np.float32([30, 38, 48]))
    cover = np.clip(180.5 - away, 0, 1)
    noise = np.random.default_rng(3).normal(0, 1.2, (800, 600, 3))
    pixels = cover * colours + (1 - cover) * np.float32([110, 95, 82]) + noise
    image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    found = fuse(image, coarse(np.rint(255 * cover[..., 0]).astype(np.uint8)))
    assert isinstance(found, Fused)
    assert found.plain
    rim = (away[..., 0] > 175) & (away[..., 0] < 178)
    assert np.mean(found.matte[rim] >= 200) > 0.95
    assert found.matte[away[..., 0] > 186].max() == 0
