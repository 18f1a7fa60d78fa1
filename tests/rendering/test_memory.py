"""What a render will hold is known from the header, and what does not fit is refused by it."""

import pytest

from edge.errors import OriginalTooLarge
from edge.images import Size
from edge.limits import Limits
from edge.rendering.memory import Peak, peak, rereading
from edge.rendering.source.facts import Facts, OriginalFormat
from edge.variants.presets import load
from edge.variants.query import AcceptClass, read

MEGA = 2**20
PRESETS = load(None)


def transform(query: str):
    return read(query, PRESETS, strict=True).resolve(AcceptClass.BASE, "jpg")


def facts(format: OriginalFormat, width: int, height: int) -> Facts:
    return Facts(format, Size(width, height), Size(width, height))


def test_a_file_of_38_bytes_counts_by_its_pixels():
    large = peak(facts(OriginalFormat.WEBP, 16_383, 6_100), transform("w=200"), Limits())
    assert large.decoding > 1500 * MEGA


def test_a_jpeg_that_is_decoded_at_a_reduced_scale_counts_less():
    original = facts(OriginalFormat.JPEG, 6000, 4000)
    small, whole = (peak(original, transform(f"w={w}"), Limits()) for w in (400, 5000))
    assert small.decoding < 0.6 * whole.decoding
    assert small.total < whole.total


def test_an_avif_and_a_cut_out_count_more():
    original = facts(OriginalFormat.JPEG, 3000, 2000)
    plain, avif, cut = (
        peak(original, transform(query), Limits()).total
        for query in ("w=2000", "w=2000&fm=avif", "fmt=amazon")
    )
    assert plain < avif < cut


def test_what_alone_is_over_the_budget_is_refused_and_says_the_setting():
    with pytest.raises(OriginalTooLarge) as raised:
        Peak(2000, 3000).admitted(1999)
    assert "EDGE_LIMITS_MEMORY_BYTES" in str(raised.value.allowed)


def test_a_render_that_decodes_within_the_budget_and_does_not_fit_is_refused():
    with pytest.raises(OriginalTooLarge, match="render like this"):
        Peak(1000, 3000).admitted(2000)
    assert Peak(1000, 1500).admitted(2000) == 1500


def test_a_scene_counts_with_all_its_pixels():
    original, sheet = facts(OriginalFormat.JPEG, 800, 600), facts(OriginalFormat.WEBP, 9000, 9000)
    requested = transform("w=400&bg=scene:oak")
    alone, with_scene = (peak(original, requested, Limits(), scene) for scene in (None, sheet))
    assert with_scene.total - alone.total > 81 * MEGA * 10
    assert with_scene.decoding == alone.decoding


def test_rereading_counts_by_the_rendition_s_pixels():
    assert rereading(Size(1000, 1000)) >= 10 * 10**6
