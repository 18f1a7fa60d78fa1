"""A TIFF is refused where its pieces do not make its picture, and read where only its notes are
broken."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.limits import Limits
from edge.rendering.source import headers
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering.originals import long, photo, saved, short, tiff

WIDTH, HEIGHT = 32, 24
ROWS = WIDTH * HEIGHT
HEAD = 8  # bytes before the directory


def plain(rest: bytes | None = None, **changed: tuple[int, int, bytes]) -> bytes:
    """Grey, one strip without compression; `t273=...` changes a tag."""
    tags = {256: long(WIDTH), 257: long(HEIGHT), 258: short(8), 259: short(1), 262: short(1),
            273: long(0), 277: short(1), 278: long(HEIGHT), 279: long(ROWS)}  # fmt: skip
    tags |= {int(name[1:]): tag for name, tag in changed.items()}
    if 273 in tags and "t273" not in changed:
        tags[273] = long(HEAD + 2 + 12 * len(tags) + 4)
    return tiff(tags, bytes(range(256)) * 3 if rest is None else rest)


def entry(number: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", number, kind, count, value)


def with_entry(body: bytes, more: bytes, *, following: int = 0) -> bytes:
    """The same TIFF with one more entry, its directory moved to the end."""
    at = struct.unpack_from("<I", body, 4)[0]
    count = struct.unpack_from("<H", body, at)[0]
    entries = [body[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    entries = sorted([*entries, *([more] if more else [])], key=lambda e: e[:2][::-1])
    body += b"\0" * (len(body) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
    return body[:4] + struct.pack("<I", len(body)) + body[8:] + directory


def refusal(body: bytes) -> str:
    with pytest.raises(OriginalCorrupt) as raised:
        headers.read(body, Limits())
    return raised.value.detail


def test_a_strip_as_long_as_its_rows_is_a_picture():
    body = plain()
    pixels = np.asarray(decode(body, read_facts(body, Limits())).image)[..., 0]
    assert pixels.tobytes() == bytes(range(256)) * 3


@pytest.mark.parametrize("number", [256, 259, 273, 277, 279, 270, 34_665])
def test_a_tag_that_stands_twice_is_refused_whichever_it_is(number):
    body = with_entry(plain(), entry(number, 4, 1, 3))
    if number not in (270, 34_665):
        assert f"tag {number} twice" in refusal(body)
    assert f"tag {number} twice" in refusal(with_entry(body, entry(number, 4, 1, 4)))


@pytest.mark.parametrize(
    "body",
    [
        plain(t279=long(ROWS - 1)),
        plain(bytes(ROWS - 1)),
        plain(t277=short(3), t258=short(8), t262=short(2)),
        plain(t258=short(16)),
        plain(t278=long(HEIGHT // 2)),
        plain(t273=long(10**6)),
        plain(t259=short(8), t279=long(0)),
        plain(t259=short(5), t279=long(0)),
        plain(t259=short(32_773), t279=long(ROWS // 64 - 1)),
        plain(t256=long(10_000), t257=long(9_000), t278=long(9_000), t259=short(8)),
        plain(t256=long(10_000), t257=long(9_000), t278=long(9_000), t259=short(5)),
        plain(t262=short(6), t277=short(3), t279=long(ROWS)),
    ],
    ids=[
        "says-less", "file-ends", "three-channels", "sixteen-bits", "one-strip-of-two",
        "beyond-the-file", "empty-deflate", "empty-lzw", "packbits", "deflate-of-90-MB",
        "lzw-of-90-MB", "subsampled",
    ],
)  # fmt: skip
def test_a_strip_shorter_than_its_rows_is_refused(body):
    assert "piece" in refusal(body)


def test_a_tile_shorter_than_its_rows_is_refused():
    body = _tiled(16 * 16)
    assert headers.read(body, Limits()).stored.width == WIDTH
    assert "too few" in refusal(_tiled(16 * 16 - 1))


def _tiled(length: int) -> bytes:
    tags = {256: long(WIDTH), 257: long(16), 258: short(8), 259: short(1), 262: short(1),
            277: short(1), 322: long(16), 323: long(16)}  # fmt: skip
    behind = HEAD + 2 + 12 * (len(tags) + 2) + 4
    tags |= {324: (4, 2, struct.pack("<I", behind)), 325: (4, 2, struct.pack("<I", behind + 8))}
    places = struct.pack("<4I", behind + 16, behind + 16 + 256, length, length)
    return tiff(tags, places + bytes(512))


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT - 1), (WIDTH - 8, HEIGHT), (8, 8)])
def test_a_jpeg_within_that_is_smaller_than_its_strip_is_refused(size):
    """Its decoder would leave the rest of the strip as it found it."""
    whole = _jpeg_within((WIDTH, HEIGHT))
    assert decode(whole, read_facts(whole, Limits())).image.size == (WIDTH, HEIGHT)
    assert "instead of" in refusal(_jpeg_within(size))


def _jpeg_within(size: tuple[int, int]) -> bytes:
    inner = saved(photo(*size, "L"), "JPEG")
    return plain(inner, t259=short(7), t279=long(len(inner)))


def test_strips_and_tiles_at_once_are_refused():
    assert "at once" in refusal(plain(t322=long(16), t323=long(16), t324=long(8), t325=long(256)))


def test_channels_of_different_bits_are_refused():
    body = plain(bytes(3 * ROWS), t277=short(2), t258=(3, 2, struct.pack("<HH", 8, 16)))
    with pytest.raises(OriginalUnsupported, match="differ in bits"):
        headers.read(body, Limits())


@pytest.mark.parametrize("number", [256, 273, 277, 279])
def test_a_number_written_as_something_else_is_refused(number):
    """One reader would take its default and another the number."""
    assert "whole numbers" in refusal(plain(**{f"t{number}": (9, 1, struct.pack("<i", 32))}))


BROKEN = {
    "exif-beyond-the-file": (entry(34_665, 4, 1, 2**31 - 256), 0),
    "gps-in-the-pixels": (entry(34_853, 4, 1, 20), 0),
    "exif-in-itself": (entry(34_665, 4, 1, 8), 0),
    "notes-beyond-the-file": (entry(37_500, 7, 2**31, 2**31), 0),
    "text-beyond-the-file": (entry(270, 2, 4_000_000, 16), 0),
    "no-such-kind": (entry(305, 99, 5, 7), 0),
    "next-page-beyond-the-file": (b"", 2**32 - 2),
    "next-page-in-the-pixels": (b"", 200),
}


@pytest.mark.parametrize(("more", "following"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_damage_beside_the_picture_is_no_reason_to_refuse(more, following, compression):
    drawn = photo(WIDTH, HEIGHT)
    body = saved(drawn, "TIFF", compression=compression)
    body = with_entry(body, more, following=following)
    answer = decode(body, read_facts(body, Limits()))
    assert answer.image.tobytes() == drawn.tobytes()


def test_no_decoder_is_shown_what_is_beside_the_picture():
    """Neither notes nor further pages are in the directory that it is given."""
    frames = [photo(WIDTH, HEIGHT, seed=seed) for seed in range(3)]
    body = saved(
        frames[0], "TIFF", save_all=True, append_images=frames[1:], description="a shoe"
    )  # fmt: skip
    header = headers.read(body, Limits())
    assert header.frames == 3
    with Image.open(io.BytesIO(header.picture(body))) as seen:
        assert seen.n_frames == 1
        assert 270 not in seen.tag_v2
        assert seen.convert("RGB").tobytes() == frames[0].tobytes()


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_every_form_of_the_file_keeps_its_picture(order, big):
    """Either byte order, and BigTIFF."""
    pixels = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    body = _grey(pixels.tobytes(), order, big=big)
    answer = decode(body, read_facts(body, Limits()))
    assert np.array_equal(np.asarray(answer.image)[..., 0], pixels)


def _grey(rows: bytes, order: str, *, big: bool) -> bytes:
    place, tags = 16, {256: WIDTH, 257: HEIGHT, 258: 8, 259: 1, 262: 1, 273: 16, 277: 1,
                       278: HEIGHT, 279: ROWS}  # fmt: skip
    letters, pointer = ("HHQQ", "Q") if big else ("HHII", "I")
    entries = b"".join(
        struct.pack(order + letters, number, 16 if big else 4, 1, value)
        for number, value in tags.items()
    )
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0) if big else (42,)),
                              place + len(rows))  # fmt: skip
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    return head.ljust(place, b"\0") + rows + count + entries + struct.pack(order + pointer, 0)


def test_tags_that_share_their_bytes_are_never_unpacked():
    """Read one by one, these kilobytes of tags are half a gigabyte."""
    body = with_entry(plain(), b"")
    at = struct.unpack_from("<I", body, 4)[0]
    count = struct.unpack_from("<H", body, at)[0]
    shared = b"".join(entry(40_000 + i, 7, 500_000, 8) for i in range(900))
    body = body[:at] + struct.pack("<H", count + 900) + body[at + 2 : -4] + shared + bytes(600_000)
    tracemalloc.start()
    try:
        image = decode(body, read_facts(body, Limits())).image
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image.size == (WIDTH, HEIGHT)
    assert peak < 12 * 2**20
