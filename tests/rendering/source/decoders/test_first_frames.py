"""A GIF's first frame is placed on its screen as browsers place it."""

import struct

import numpy as np
import pytest

from edge.limits import Limits
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering.originals import photo, saved


def on_larger_screen(body: bytes, left: int, top: int) -> bytes:
    """The same frame on a screen of 80 x 70 pixels."""
    file = bytearray(body)
    frame = file.index(b"\x2c\0\0\0\0" + struct.pack("<2H", 48, 32))
    struct.pack_into("<2H", file, 6, 80, 70)
    struct.pack_into("<2H", file, frame + 1, left, top)
    return bytes(file)


@pytest.mark.parametrize("background", [0, 7])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_what_the_first_frame_leaves_free_is_see_through(background, interlaced):
    frame = photo(48, 32).quantize(32)
    plain = saved(frame, "GIF", background=background, interlace=interlaced)
    body = on_larger_screen(plain, 9, 11)
    header = read_facts(body, Limits())
    answer = np.asarray(decode(body, header).image)
    assert header.alpha
    assert answer.shape == (70, 80, 4)
    assert np.array_equal(answer[11:43, 9:57, :3], np.asarray(frame.convert("RGB")))
    assert (answer[11:43, 9:57, 3] == 255).all()
    assert answer[..., 3].sum() == 48 * 32 * 255


def test_a_first_frame_that_fills_the_screen_stays_opaque():
    body = saved(photo(48, 32).quantize(32), "GIF")
    assert decode(body, read_facts(body, Limits())).image.mode == "RGB"
