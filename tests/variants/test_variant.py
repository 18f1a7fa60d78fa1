"""A variant's key changes with everything that the pixels depend on, and with nothing else."""

import re
from dataclasses import replace

import pytest

from edge.images import Format
from edge.variants.transform import Transform
from edge.variants.variant import Variant, model_tag, original_tag, preset_tag

VARIANT = Variant(
    path="sku/123.jpg",
    origin="folder:/srv/photos",
    stamp="abc",
    transform=Transform(width=8, format=Format.WEBP, preset="thumb", preset_version="1"),
    digests=(("matting", "0f"), ("upscale_x2", "1e")),
)

CHANGES = {
    "path": {"path": "sku/124.jpg"},
    "origin": {"origin": "folder:/srv/other"},
    "stamp": {"stamp": "abd"},
    "transform": {"transform": replace(VARIANT.transform, width=9)},
    "format": {"transform": replace(VARIANT.transform, format=Format.AVIF)},
    "preset's version": {"transform": replace(VARIANT.transform, preset_version="2")},
    "model": {"digests": (("matting", "0f"), ("upscale_x2", "1f"))},
    "fewer models": {"digests": (("matting", "0f"),)},
    "scene": {"scene": "v2"},
    "boundary": {"origin": "folder:/srv/photossku/123.jpg", "path": ""},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_the_pixels_depend_on_is_in_the_key(change):
    assert replace(VARIANT, **change).key("1") != VARIANT.key("1")


def test_the_version_of_the_rendering_code_is_in_the_key():
    assert VARIANT.key("1") != VARIANT.key("2")


def test_the_order_of_the_models_is_not_in_the_key():
    swapped = replace(VARIANT, digests=VARIANT.digests[::-1])
    assert swapped.key("1") == VARIANT.key("1")
    assert swapped.tags == VARIANT.tags


def test_a_key_is_64_lower_case_hexadecimal_digits():
    assert re.fullmatch("[0-9a-f]{64}", VARIANT.key("1"))


def test_the_tags_name_original_preset_and_models():
    assert VARIANT.tags == (
        original_tag("sku/123.jpg"),
        preset_tag("thumb"),
        model_tag("matting"),
        model_tag("upscale_x2"),
    )
    assert VARIANT.tags[0] == "original:sku/123.jpg"


def test_a_tag_is_safe_in_a_header_and_in_a_list():
    tag = original_tag("sku/a b,c\r\nX: y/ä.jpg")
    assert re.fullmatch(r"original:[A-Za-z0-9%/._-]+", tag)


def test_two_paths_never_share_a_tag():
    assert original_tag("a b.jpg") != original_tag("a%20b.jpg")


def test_a_format_that_the_picture_decides_has_a_key_of_its_own():
    open_format = replace(VARIANT, transform=replace(VARIANT.transform, format=None))
    keys = {
        replace(VARIANT, transform=replace(VARIANT.transform, format=format)).key("1")
        for format in Format
    }
    assert open_format.key("1") not in keys
