"""What a WebP's chunks may cost."""

import contextlib
import struct

import pytest

from edge.errors import OriginalCorrupt, OriginalTooLarge
from edge.limits import Limits
from edge.rendering.source import headers
from tests.rendering.costs import costs_at_most
from tests.rendering.originals import canvas, exif, riff, riff_chunk

STEPS = 600_000  # of plain Python, where a render takes longer


def test_two_profiles_are_refused():
    one = riff_chunk(b"ICCP", bytes(200))
    assert headers.read(riff(canvas(8, 8, 0x20), one), Limits()).icc
    with pytest.raises(OriginalCorrupt, match="two colour profiles"):
        headers.read(riff(canvas(8, 8, 0x20), one, one), Limits())


@pytest.mark.parametrize(
    "more",
    [
        riff_chunk(b"EXIF", b"II*\0" + struct.pack("<IH", 8, 512) + bytes(12 * 512)) * 2_000,
        riff_chunk(b"VP8 ", b"\x01" * 64) * 60_000,
    ],
    ids=["EXIF", "VP8"],
)
def test_many_small_chunks_do_not_take_the_time_of_a_render(more):
    body = riff(canvas(8, 8), more)

    def read() -> None:
        with contextlib.suppress(OriginalTooLarge):
            headers.read(body, Limits())

    assert costs_at_most(STEPS, read)


def test_the_first_exif_counts():
    body = riff(canvas(8, 8), riff_chunk(b"EXIF", exif(6)), riff_chunk(b"EXIF", exif(3)))
    assert headers.read(body, Limits()).orientation == 6
