"""What a PNG's chunks may cost, and what they say of colours."""

import contextlib
import struct
import zlib

import numpy as np
import pytest

from edge.errors import OriginalCorrupt, OriginalTooLarge
from edge.limits import Limits
from edge.rendering.source import headers
from edge.rendering.source.decode import decode
from edge.rendering.source.facts import Mode
from edge.rendering.source.headers.cicp import Transfer
from edge.rendering.source.probe import read_facts
from tests.rendering.costs import costs_at_most
from tests.rendering.originals import chunk, exif, photo, png, saved
from tests.rendering.profiles import grey_profile, profile

STEPS = 300_000  # of plain Python, where a render takes longer


def small(before: bytes = b"", after: bytes = b"", *, kind: int = 2) -> bytes:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    return png(8, 8, kind=kind, rows=(b"\0" + bytes(8 * channels)) * 8, before=before, after=after)


def icc(content: bytes, name: bytes = b"p") -> bytes:
    return chunk(b"iCCP", name + b"\0\0" + zlib.compress(content, 9))


def cicp(primaries: int, transfer: int, matrix: int = 0, *, full: bool = True) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, matrix, full]))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(*xy: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in xy)))


SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def test_more_than_one_profile_is_refused():
    """Each is below the bound, and a thousand of them were four gigabytes to unpack."""
    with pytest.raises(OriginalCorrupt, match="two colour profiles"):
        headers.read(small(icc(bytes(4_000_000)) * 1_000), Limits())
    with pytest.raises(OriginalCorrupt, match="two colour profiles"):
        headers.read(small(icc(profile("adobe-rgb")) + icc(b"broken")), Limits())


@pytest.mark.parametrize("megabytes", [9, 40])
@pytest.mark.parametrize("kind", ["packed iTXt", "zTXt", "iTXt", "tEXt"])
def test_text_that_no_decoder_unpacks_is_no_reason_to_refuse(kind, megabytes):
    text = b"x" * megabytes * 2**20
    body = small(
        {
            "packed iTXt": lambda: chunk(
                b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text)
            ),
            "zTXt": lambda: chunk(b"zTXt", b"k\0\0" + zlib.compress(text)),
            "iTXt": lambda: chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + text),
            "tEXt": lambda: chunk(b"tEXt", b"k\0" + text),
        }[kind]()
    )
    header = headers.read(body, Limits())
    assert len(header.picture(body)) < 1_000
    assert decode(body, read_facts(body, Limits())).image.size == (8, 8)


def test_all_that_is_packed_in_one_file_is_one_budget():
    """A hundred texts and a profile, each well below the bound."""
    one = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(900_000), 9))
    assert headers.read(small(one * 60), Limits())
    with pytest.raises(OriginalTooLarge, match="unpacks to too much"):
        headers.read(small(one * 100), Limits())


@pytest.mark.parametrize(
    "more",
    [
        chunk(b"zTXt", b"k\0\0x\x9c") * 60_000,
        chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"")) * 60_000,
        chunk(b"eXIf", b"II*\0" + struct.pack("<IH", 8, 512) + bytes(12 * 512)) * 2_000,
    ],
    ids=["zTXt", "iTXt", "eXIf"],
)
def test_many_small_chunks_do_not_take_the_time_of_a_render(more):
    body = small(more)

    def read() -> None:
        with contextlib.suppress(OriginalTooLarge):
            headers.read(body, Limits())

    assert costs_at_most(STEPS, read)


def test_the_first_exif_counts():
    body = small(chunk(b"eXIf", exif(6)) + chunk(b"eXIf", exif(3)))
    assert headers.read(body, Limits()).orientation == 6


@pytest.mark.parametrize(("width", "height"), [(30_000, 3_000), (8, 100_000)])
def test_more_rows_than_the_bytes_can_hold_are_refused(width, height):
    body = bytearray(small())
    body[16:24] = struct.pack(">II", width, height)
    body[29:33] = struct.pack(">I", zlib.crc32(bytes(body[12:29])))
    with pytest.raises(OriginalCorrupt, match="cannot hold so many rows"):
        headers.read(bytes(body), Limits())


def test_a_picture_of_one_colour_is_not_taken_for_too_short():
    """Nothing packs more densely than this."""
    rows = zlib.compress(bytes(4_000 * (1 + 4_000 * 3)), 9)
    header = struct.pack(">IIBBBBB", 4_000, 4_000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    assert headers.read(b"\x89PNG\r\n\x1a\n" + b"".join(parts), Limits()).stored.width == 4_000


@pytest.mark.parametrize("cut", [1, 4, 8, 11, 12])
def test_a_file_without_its_end_marker_is_a_picture(cut):
    drawn = photo(40, 30)
    body = saved(drawn, "PNG")[:-cut]
    assert decode(body, read_facts(body, Limits())).image.tobytes() == drawn.tobytes()


def test_a_file_without_pixels_is_none():
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    with pytest.raises(OriginalCorrupt):
        headers.read(body, Limits())


def test_the_colours_order_is_cicp_profile_srgb_gamma():
    every = [cicp(12, 13), icc(profile("prophoto")), chunk(b"sRGB", b"\0"),
             gamma(0.5) + chromaticities(*ADOBE)]  # fmt: skip
    by_cicp, by_profile, by_srgb, by_gamma = (
        headers.read(small(b"".join(every[first:])), Limits()) for first in range(4)
    )
    assert by_cicp.icc is None
    assert by_cicp.space
    assert by_cicp.space.name == "CICP 12/13"
    assert by_profile.icc == profile("prophoto")
    assert by_profile.space is None
    assert by_srgb.space is None
    assert by_gamma.space
    assert by_gamma.space.gamma == pytest.approx(2.0)
    assert by_gamma.space.primaries[1] == (0.21, 0.71)


@pytest.mark.parametrize(
    "chunks",
    [
        gamma(1 / 2.2) + chromaticities(*SRGB),
        gamma(1 / 2.2),
        chromaticities(*ADOBE),
        cicp(1, 13),
        cicp(2, 2),
        cicp(1, 1),
        gamma(0),
        gamma(1 / 2.2) + chunk(b"cHRM", bytes(32)),
        cicp(9, 16, matrix=9),
    ],
    ids=["as-srgb-says", "usual-gamma", "primaries-alone", "srgb", "unspecified", "television",
         "no-gamma", "no-primaries", "a-matrix"],
)  # fmt: skip
def test_what_says_srgb_or_nothing_converts_nothing(chunks):
    assert headers.read(small(chunks), Limits()).space is None


def test_colours_told_behind_the_pixels_are_passed_over_as_by_browsers():
    header = headers.read(small(after=icc(profile("adobe-rgb")) + cicp(9, 16)), Limits())
    assert header.icc is None
    assert header.space is None


def test_a_narrow_range_is_known():
    header = headers.read(small(cicp(9, 18, full=False)), Limits())
    assert header.narrow
    assert header.space
    assert header.space.transfer is Transfer.HLG


def test_a_grey_profile_belongs_to_grey():
    header = headers.read(small(icc(grey_profile(1.8)), kind=4), Limits())
    assert header.icc == grey_profile(1.8)
    assert np.all(header.mode == Mode.GREY)
