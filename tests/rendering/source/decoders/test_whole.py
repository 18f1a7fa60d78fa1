"""Wholeness is judged by rows: half a picture with a proper end is refused, a whole one without is
read."""

import struct
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image

from edge.errors import OriginalCorrupt
from edge.limits import Limits
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering.originals import chunk, photo, png, saved

END = b"\xff\xd9"
JPEGS = {
    "baseline": ("RGB", {}),
    "progressive": ("RGB", {"progressive": True}),
    "grey": ("L", {}),
    "progressive grey": ("L", {"progressive": True}),
    "ink": ("CMYK", {}),
    "full chroma": ("RGB", {"subsampling": 0}),
    "restart markers": ("RGB", {"restart_marker_rows": 1}),
}
each_jpeg = pytest.mark.parametrize(("mode", "how"), JPEGS.values(), ids=JPEGS)


def decoded(body: bytes) -> Image.Image:
    return decode(body, read_facts(body, Limits())).image


def jpeg(mode: str = "RGB", **how: object) -> bytes:
    return saved(photo(200, 150, mode), "JPEG", quality=90, **how)


@each_jpeg
@pytest.mark.parametrize("kept", [0.5, 0.6, 0.9, 0.97])
def test_part_of_a_jpeg_with_an_end_marker_is_refused(mode, how, kept):
    body = jpeg(mode, **how)
    with pytest.raises(OriginalCorrupt, match="last"):
        decoded(body[: int(len(body) * kept)] + END)


@each_jpeg
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_its_end_marker_is_the_picture(mode, how, missing):
    body = jpeg(mode, **how)
    assert decoded(body[:-missing]).tobytes() == decoded(body).tobytes()


@each_jpeg
@pytest.mark.parametrize("behind", [bytes(100), b"\xff\xd8\xff\xe0 another"], ids=["zeros", "more"])
def test_what_lies_behind_the_end_changes_nothing(mode, how, behind):
    body = jpeg(mode, **how)
    assert decoded(body + behind).tobytes() == decoded(body).tobytes()


def test_a_progressive_jpeg_without_its_later_scans_is_refused():
    """All rows are there, each coarser than it should be."""
    body = jpeg(progressive=True)
    starts = [at for at in range(len(body)) if body[at : at + 2] == b"\xff\xda"]
    for start in starts[1:]:
        tables = body.rindex(b"\xff\xc4", 0, start)
        with pytest.raises(OriginalCorrupt, match="scans"):
            decoded(body[:tables] + END)


def with_stray_bytes(body: bytes) -> bytes:
    """A flaw that viewers pass over, near the start."""
    at = body.index(b"\xff\xd1")
    return body[:at] + b"\x11\x22\x33" + body[at:]


def test_a_small_flaw_within_a_jpeg_is_passed_over():
    assert decoded(with_stray_bytes(jpeg(restart_marker_rows=1))).size == (200, 150)


def test_a_small_flaw_does_not_hide_that_rows_are_missing():
    body = with_stray_bytes(jpeg(restart_marker_rows=1))
    with pytest.raises(OriginalCorrupt, match="last row"):
        decoded(body[: int(len(body) * 0.7)] + END)


def png_parts(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(body):
        length, name = struct.unpack_from(">I4s", body, at)
        yield name, body[at + 8 : at + 8 + length]
        at += 12 + length


def short_png(body: bytes, share: float) -> bytes:
    """A valid file whose rows end early; stream, chunk and file end as they should."""
    parts = list(png_parts(body))
    rows = zlib.decompress(b"".join(content for name, content in parts if name == b"IDAT"))
    packed = zlib.compress(rows[: int(len(rows) * share)])
    head = [chunk(*part) for part in parts if part[0] not in (b"IDAT", b"IEND")]
    return b"".join((body[:8], *head, chunk(b"IDAT", packed), chunk(b"IEND", b"")))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_a_png_of_too_few_rows_is_refused(mode, share):
    body = saved(_in(mode), "PNG")
    assert decoded(body).size == (200, 150)
    with pytest.raises(OriginalCorrupt, match="last row"):
        decoded(short_png(body, share))


def _in(mode: str) -> Image.Image:
    image = photo(200, 150, "RGB" if mode in ("P", "I;16") else mode)
    if mode == "I;16":
        return image.convert("I").convert("I;16")
    return image.quantize(32) if mode == "P" else image


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip


def interlaced(width: int, height: int, passes: int) -> bytes:
    """Grey, 8 bits, of so many of the seven passes."""
    rows = b""
    for left, top, across, down in ADAM7[:passes]:
        for y in range(top, height, down):
            rows += b"\0" + bytes((x + y) % 256 for x in range(left, width, across))
    body = png(width, height, kind=0, rows=rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return body.replace(body[8 : 8 + 25], chunk(b"IHDR", head))


def test_an_interlaced_png_needs_all_its_passes():
    image = decoded(interlaced(40, 30, 7))
    assert [image.getpixel((x, 11))[0] for x in (0, 7, 39)] == [11, 18, 50]
    for passes in (1, 4, 6):
        with pytest.raises(OriginalCorrupt, match="last row"):
            decoded(interlaced(40, 30, passes))


@pytest.mark.parametrize("missing", [12, 14, 16, 18, 20])
def test_a_png_that_ends_behind_its_rows_is_the_picture(missing):
    """Without the end's chunk, without the last check, without the stream's."""
    body = saved(photo(200, 150), "PNG")
    assert decoded(body[:-missing]).tobytes() == decoded(body).tobytes()


def gif(pixels: int) -> bytes:
    """100 x 80, whose packed stream says its end after so many pixels."""
    bits, count, packed = 0, 0, bytearray()
    codes = [
        code for i in range(pixels) for code in ((256, i % 256) if i % 200 == 0 else (i % 256,))
    ]
    for code in (*codes, 257):
        bits |= code << count
        count += 9
        while count >= 8:
            packed.append(bits & 255)
            bits, count = bits >> 8, count - 8
    packed.append(bits & 255)
    blocks = b"".join(
        bytes([len(part)]) + part
        for part in (bytes(packed[at : at + 255]) for at in range(0, len(packed), 255))
    )
    head = b"GIF89a" + struct.pack("<HHBBB", 100, 80, 0xF7, 0, 0) + bytes(range(256)) * 3
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 100, 80, 0)
    return head + frame + b"\x08" + blocks + b"\0\x3b"


def test_a_gif_of_too_few_rows_is_refused():
    assert decoded(gif(8000)).size == (100, 80)
    for pixels in (2400, 4800, 7950):
        with pytest.raises(OriginalCorrupt, match="last row"):
            decoded(gif(pixels))


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.95])
def test_part_of_a_webp_that_says_its_own_length_is_refused(lossless, share):
    body = saved(photo(200, 150), "WEBP", lossless=lossless)
    data = body[20 : int(len(body) * share)]
    data += b"\0" * (len(data) % 2)
    head = body[8:16] + struct.pack("<I", len(data))
    with pytest.raises(OriginalCorrupt):
        decoded(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_png_whose_rows_are_not_what_was_checked_is_refused(share):
    """Zeros in the place of what never arrived unpack to as many rows as the picture has."""
    body = saved(Image.new("RGB", (120, 96), (5, 6, 7)), "PNG", compress_level=0)
    start, end = body.index(b"IDAT") + 4, len(body) - 16
    cut = start + int((end - start) * share)
    with pytest.raises(OriginalCorrupt, match="damaged within its IDAT"):
        decoded(body[:cut] + bytes(end - cut) + body[end:])


def test_a_png_whose_palette_is_damaged_is_refused():
    body = bytearray(saved(photo().quantize(32), "PNG"))
    body[body.index(b"PLTE") + 6] ^= 64
    with pytest.raises(OriginalCorrupt, match="damaged within its PLTE"):
        decoded(bytes(body))


def test_small_pngs_of_any_depth_are_read_whatever_their_packing_ends_with():
    """In some streams the last bytes come out only with the checksum behind them."""
    for bits, kind in ((1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (8, 6)):
        for wide, high in ((2, 2), (3, 7), (8, 1), (16, 23), (37, 23), (64, 64)):
            length = (wide * bits * {0: 1, 2: 3, 6: 4}[kind] + 7) // 8
            for row in (bytes(length), bytes(at * 7 % 256 for at in range(length))):
                body = png(wide, high, bits=bits, kind=kind, rows=(b"\0" + row) * high)
                assert decoded(body).size == (wide, high)
