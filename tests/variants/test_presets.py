"""The shipped presets hold their own rules; a user's file is merged, or refused with a reason."""

import tomllib
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

from edge.errors import PresetsFileError
from edge.images import WHITE, Format
from edge.variants import presets
from edge.variants.tables import RULES
from edge.variants.values import TRANSPARENT, Background, Fit, Ratio

GOLDEN = Path(__file__).with_name("presets.golden")
SHIPPED = presets.load()
EACH = pytest.mark.parametrize("preset", SHIPPED, ids=lambda preset: preset.name)


def _golden() -> dict[str, str]:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines() if GOLDEN.exists() else []
    return dict(line.split(" ", 1) for line in lines)


@EACH
def test_a_preset_keeps_its_canonical_transform(preset):
    """A new preset writes its row and fails once, so that somebody looks at the row."""
    rows = _golden()
    if preset.name not in rows:
        rows[preset.name] = preset.transform.canonical()
        GOLDEN.write_text("".join(f"{n} {c}\n" for n, c in sorted(rows.items())), encoding="utf-8")
        pytest.fail(f"{GOLDEN.name} gained a row for {preset.name}: look at it and commit it")
    assert preset.transform.canonical() == rows[preset.name]


def test_no_golden_row_is_left_over():
    assert set(_golden()) <= set(SHIPPED.names)


def test_every_marketplace_is_there():
    assert set(SHIPPED.names) == {
        "amazon", "amazon-flat", "amazon-alt", "walmart", "faire", "ebay", "shopify",
        "shopify-cutout",
        "shopify-lifestyle", "etsy", "etsy-hero", "instagram", "instagram-story", "tiktok",
        "tiktok-catalog", "display", "display-wide", "print", "thumb",
    }  # fmt: skip


@EACH
def test_a_preset_aims_at_what_its_own_rules_ask(preset):
    image_request, rules = preset.transform, preset.rules
    sides = [
        side
        for side in (image_request.width, image_request.height, image_request.long_side)
        if side is not None
    ]
    assert rules
    assert sides
    assert max(sides) >= (rules.long_min or 0)
    assert max(sides) <= (rules.long_max or 10_000)
    if image_request.width and image_request.height:
        assert min(sides) >= (rules.short_min or 0)
        assert not rules.ratios or _nearly(image_request.width, image_request.height, rules.ratios)
    assert not rules.formats or image_request.format in rules.formats
    assert not rules.bytes_max or image_request.max_bytes <= rules.bytes_max
    assert not rules.fill_min or (
        image_request.fit is Fit.PRODUCT and image_request.frame >= rules.fill_min
    )
    assert not rules.background or image_request.background == rules.background
    assert not (rules.no_alpha and image_request.format.has_alpha)


def _nearly(width: int, height: int, ratios: tuple[Ratio, ...]) -> bool:
    return any(abs(ratio.height_of(width) - height) <= 1 for ratio in ratios)


def test_amazon_is_ruled_as_amazon_rules():
    rules = SHIPPED["amazon"].rules
    assert rules.background == Background.of(WHITE)
    assert rules.fill_min == 0.85
    assert rules.ratios == (Ratio(1, 1),)
    assert (rules.long_min, rules.long_max) == (1600, 10_000)
    assert rules.formats == (Format.JPEG, Format.PNG)
    assert rules.bytes_max == 10_000_000
    assert (rules.srgb, rules.no_alpha, rules.no_border) == (True, True, True)


def test_a_cutout_is_ruled_transparent():
    assert SHIPPED["shopify-cutout"].rules.background == TRANSPARENT


def test_only_the_thumbnail_negotiates():
    assert [p.name for p in SHIPPED if p.transform.format is None] == ["thumb"]


def test_every_key_of_a_rules_table_is_a_field_of_the_rules():
    assert set(RULES) == {f.name for f in fields(presets.Rules)}


def test_the_shipped_file_writes_each_rule_that_it_can_name():
    """A rule that no preset uses would be checked by nobody."""
    text = files("edge.variants").joinpath("presets.toml").read_text(encoding="utf-8")
    used = {key for table in tomllib.loads(text).values() for key in table["rules"]}
    assert used == set(RULES)


@pytest.fixture
def users(tmp_path):
    """Writes a user's file and loads it over the shipped one."""

    def load(text: str) -> presets.Presets:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return presets.load(str(path))

    return load


class TestUsersFile:
    def test_a_single_key_is_laid_over_a_shipped_preset(self, users):
        amazon = users("[amazon]\nw = 3000\n[amazon.rules]\nlong_min = 2500\n")["amazon"]
        assert amazon.transform.width == amazon.transform.height == 3000
        assert amazon.transform.fit is Fit.PRODUCT
        assert amazon.rules.long_min == 2500
        assert amazon.rules.fill_min == 0.85

    def test_other_presets_stay_as_they_are(self, users):
        loaded = users("[amazon]\nw = 3000\n")
        assert loaded["ebay"] == SHIPPED["ebay"]
        assert loaded.names == SHIPPED.names

    def test_a_new_preset_is_added(self, users):
        mine = users('[my-shop]\nwidth = 900\nar = "4:5"\nfm = "auto"\nshadow = true\n')["my-shop"]
        assert (mine.transform.width, mine.transform.height) == (900, 1125)
        assert mine.transform.format is None
        assert mine.transform.shadow
        assert not mine.rules

    def test_an_empty_text_drops_a_key(self, users):
        amazon = users('[amazon]\nmaxbytes = ""\n[amazon.rules]\nfill_min = ""\n')["amazon"]
        assert amazon.transform.max_bytes is None
        assert amazon.rules.fill_min is None

    def test_a_change_shows_in_the_version_even_if_only_a_rule_changed(self, users):
        versions = {
            SHIPPED["amazon"].version,
            users("[amazon.rules]\nlong_min = 1700\n")["amazon"].version,
            users("[amazon.rules]\nlong_min = 1800\n")["amazon"].version,
            users("[amazon]\nq = 90\n")["amazon"].version,
        }
        assert len(versions) == 4
        assert all(version.startswith("2026-1") for version in versions)

    def test_the_same_file_gives_the_same_version(self, users):
        text = '[mine]\nversion = "3"\nw = 9\n'
        assert users(text)["mine"].version == users(text)["mine"].version
        assert users(text)["mine"].version.startswith("3.")


MISTAKES = [
    ("[amazon]\nw = 1\nfitt = 'pad'\n", ":3: [amazon] fitt: ", "did you mean fit?"),
    ("[amazon]\nfit = 'prodct'\n", ":2: [amazon] fit: ", "did you mean product?"),
    ("\n[amazon]\nq = 500\n", ":3: [amazon] q: ", "1 to 100"),
    ("[amazon.rules]\nfill = 0.8\n", ":2: [amazon.rules] fill: ", "did you mean fill_min?"),
    ("[amazon.rules]\nratios = '1:1'\n", ":2: [amazon.rules] ratios: ", "is a list"),
    ("[amazon.rules]\nratios = ['1']\nformats = ['bmp']\n", ":3: [amazon.rules] formats: ", "jpg"),
    ("[amazon.rules]\nformats = ['auto']\n", ":2: [amazon.rules] formats: ", "jpg | png"),
    ("[amazon.rules]\nbackground = 'blur'\n", ":2: [amazon.rules] background: ", "a colour"),
    ("[amazon]\nrules = 5\n", ":2: [amazon] rules: ", "[amazon.rules]"),
    ("[amazon]\nw = [1]\n", ":2: [amazon] w: ", "pixels"),
    ("[amazon]\ndl = 'x.jpg'\n", ":2: [amazon] dl: ", "no such key"),
    ("[amazon]\nfmt = 'webp'\n", ":2: [amazon] fmt: ", "no such key"),
    ("[amazon]\nversion = 'a b'\n", ":2: [amazon] version: ", "letters"),
    ("[webp]\nw = 1\n", ":1: [webp] ", "already means a format"),
    ("[My_Shop]\nw = 1\n", ":1: [My_Shop] ", "lower-case"),
    ("w = 5\n", "w: ", "is a table"),
    ("[amazon\nw = 1\n", "not TOML", "line 1"),
    ("[amazon]\nw = 1\nw = 2\n", "not TOML", "line 3"),
]


@pytest.mark.parametrize(("text", "place", "reason"), MISTAKES, ids=[t for t, _, _ in MISTAKES])
def test_a_mistake_is_named_with_file_line_table_and_reason(users, text, place, reason):
    with pytest.raises(PresetsFileError) as mistake:
        users(text)
    assert "mine.toml" in mistake.value.detail
    assert place in mistake.value.detail
    assert reason in mistake.value.detail


def test_a_canvas_that_no_format_holds_is_refused_at_start(users):
    with pytest.raises(PresetsFileError, match=r"\[mine\]"):
        users('[mine]\nw = 60000\nar = "1:20"\n')


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PresetsFileError, match=r"nowhere\.toml"):
        presets.load(str(tmp_path / "nowhere.toml"))


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PresetsFileError, match=r"binary\.toml"):
        presets.load(str(path))


def test_a_file_that_is_empty_is_named(users):
    """As one is whose writing was cut off: at a hangup the presets before it stay."""
    with pytest.raises(PresetsFileError, match="is empty"):
        users(" \n")
