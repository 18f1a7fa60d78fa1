"""What would cost a server its memory or its time is refused from the header, quickly and typed."""

import ctypes
import gc
import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageFile

from edge.errors import OriginalCorrupt, OriginalError, OriginalTooLarge, OriginalUnsupported
from edge.limits import Limits
from edge.rendering.engine import pillow
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering.costs import costs_at_most
from tests.rendering.originals import (
    GIF_FRAME,
    box,
    canvas,
    chunk,
    gif,
    heif,
    long,
    photo,
    png,
    riff,
    riff_chunk,
    saved,
    segment,
    short,
    tiff,
    with_segments,
)

MILLION = 1_000_000
STEPS = 300_000
"""Of plain Python, which no refusal takes longer than, but for those below."""
MEMORY = 12 * 2**20  # over and above the file itself, which the origin's limit bounds


def big_png() -> bytes:
    return png(50_000, 50_000)


def animated_png() -> bytes:
    return png(8, 8, before=chunk(b"acTL", struct.pack(">II", 10_000, 0)))


def text_png(name: bytes, head: bytes) -> bytes:
    packed = zlib.compress(bytes(100 * MILLION), 9)
    return png(8, 8, before=chunk(name, head + packed))


def many_texts_png() -> bytes:
    """Each below any bound of its own."""
    one = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(900_000), 9))
    return png(8, 8, before=one * 500)


def profile_png() -> bytes:
    return png(8, 8, before=chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(20 * MILLION), 9)))


def crumbled_png() -> bytes:
    return png(8, 8, before=chunk(b"tEXt", b"") * 70_000)


def profile_jpeg() -> bytes:
    parts = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([index, 255]) + bytes(65_000))
        for index in range(1, 256)
    ]
    return with_segments(saved(photo(), "JPEG"), *parts)


def big_jpeg() -> bytes:
    body = saved(photo(16, 16), "JPEG")
    frame = body.index(b"\xff\xc0")
    return body[: frame + 5] + struct.pack(">HH", 65_500, 65_500) + body[frame + 9 :]


def crumbled_jpeg() -> bytes:
    return with_segments(saved(photo(), "JPEG"), segment(0xFE, b"") * 70_000)


def scans_jpeg() -> bytes:
    body = saved(photo(16, 16), "JPEG", progressive=True)
    start = body.rindex(b"\xff\xda")
    return body[:start] + body[start:-2] * 5_000 + body[-2:]


def exif_jpeg() -> bytes:
    """Tags that share their bytes: read one by one, this kilobyte of tags is a gigabyte."""
    tags = b"".join(struct.pack("<HHII", 40_000 + i, 7, 60_000, 10) for i in range(4_000))
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 4_000) + tags
    parts = [segment(0xE1, block[:65_000])]
    return with_segments(saved(photo(16, 16), "JPEG"), *parts)


def gif_of_crumbs() -> bytes:
    head = gif(0)[:-1]
    return head + GIF_FRAME[:-4] + b"\x01\x00" * 2 * MILLION + b"\0" + b"\x3b"


def gif_of_comments() -> bytes:
    return gif(0)[:-1] + b"\x21\xfe\x01a\0" * 70_000 + GIF_FRAME + b"\x3b"


def gif_frame_beyond_its_screen() -> bytes:
    frame = b"\x2c\0\0\0\0" + struct.pack("<HH", 60_000, 60_000) + b"\0\x02\x02\x44\x01\0"
    return gif(0)[:-1] + frame + b"\x3b"


def animated_webp() -> bytes:
    return riff(canvas(8, 8, 2), riff_chunk(b"ANMF", bytes(16)) * 10_000)


def profile_webp() -> bytes:
    return riff(canvas(8, 8, 0x20), riff_chunk(b"ICCP", bytes(5 * MILLION)))


def big_tiff() -> bytes:
    return tiff({256: long(100_000), 257: long(100_000), 262: short(2)})


def tiff_of_one_huge_tile() -> bytes:
    return tiff({256: long(16), 257: long(16), 262: short(2), 322: long(2**20), 323: long(2**20)})


def tiff_of_many_pages() -> bytes:
    start, pages = 8 + 2 + 3 * 12 + 4, 10_000
    chain = b"".join(struct.pack("<HI", 0, start + 6 * (i + 1)) for i in range(pages))
    first = tiff({256: long(16), 257: long(16), 262: short(2)})
    return first[:-4] + struct.pack("<I", start) + chain + bytes(6)


def big_heif(brand: bytes) -> bytes:
    return heif(brand, 60_000, 60_000)


def heif_of_one_huge_part() -> bytes:
    """The picture is small, and a tile that it is put together from is not."""
    return heif(b"heic", 64, 64, box(b"ispe", struct.pack(">III", 0, 60_000, 60_000)))


def avif_sequence() -> bytes:
    table = box(b"stsz", struct.pack(">III", 0, 10, 100_000))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))
    return heif(b"avis", 8, 8) + box(b"moov", track)


TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "png-50k-by-50k": big_png,
    "png-10k-frames": animated_png,
    "png-ztxt": lambda: text_png(b"zTXt", b"k\0\0"),
    "png-itxt": lambda: text_png(b"iTXt", b"k\0\1\0\0\0"),
    "png-many-ztxt": many_texts_png,
    "png-huge-profile": profile_png,
    "png-70k-chunks": crumbled_png,
    "jpeg-65k-by-65k": big_jpeg,
    "jpeg-huge-profile": profile_jpeg,
    "jpeg-70k-segments": crumbled_jpeg,
    "jpeg-5k-scans": scans_jpeg,
    "gif-10k-frames": lambda: gif(10_000),
    "gif-50k-by-50k": lambda: gif(1, 50_000, 50_000),
    "gif-frame-beyond-screen": gif_frame_beyond_its_screen,
    "gif-2m-blocks": gif_of_crumbs,
    "gif-70k-comments": gif_of_comments,
    "webp-16k-by-16k": lambda: riff(canvas(16_384, 16_384)),
    "webp-10k-frames": animated_webp,
    "webp-huge-profile": profile_webp,
    "tiff-100k-by-100k": big_tiff,
    "tiff-huge-tile": tiff_of_one_huge_tile,
    "tiff-10k-pages": tiff_of_many_pages,
    "avif-60k-by-60k": lambda: big_heif(b"avif"),
    "avif-100k-frames": avif_sequence,
    "heic-60k-by-60k": lambda: big_heif(b"heic"),
    "heic-huge-tile": heif_of_one_huge_part,
}
OTHER_STEPS = {
    "png-ztxt": 600_000,  # these unpack as much as one file may
    "png-itxt": 600_000,
    "png-many-ztxt": 600_000,
    "png-70k-chunks": 150_000,
    "jpeg-70k-segments": 100_000,
}
"""About twice what each takes: reading that becomes three times as slow is noticed."""


def tiff_of_too_many_strips() -> bytes:
    """The same rows a thousand times over."""
    tags = {256: long(64), 257: long(64), 258: short(8), 262: short(1), 278: long(32),
            273: (4, 1000, struct.pack("<I", 8 + 2 + 6 * 12 + 4))}  # fmt: skip
    return tiff(tags, bytes(4000))


CORRUPT: dict[str, Callable[[], bytes]] = {
    "tiff-too-many-strips": tiff_of_too_many_strips,
    "png-of-nothing": lambda: png(0, 10),
    "jpeg-start-only": lambda: b"\xff\xd8\xff\xe0\0\x10JFIF",
    "gif-without-frames": lambda: gif(0),
    "webp-without-picture": lambda: riff(riff_chunk(b"EXIF", b"")),
    "heic-without-size": lambda: heif(b"heic", 0, 0),
}
STRANGERS: dict[str, bytes] = {
    "a FITS file": b"SIMPLE  =                    T" + bytes(2880),
    "a Photoshop file": b"8BPS\0\1" + bytes(200),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n",
    "a PDF": b"%PDF-1.7\n",
    "a BMP": b"BM" + bytes(100),
    "an icon": b"\0\0\1\0\1\0" + bytes(30),
    "a web page": b"\n <!DOCTYPE html><html><body>404",
    "an SVG or other XML": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a JPEG XL": b"\0\0\0\x0cJXL \r\n\x87\n",
    "no picture that is known here": b"hello, this is text",
    "empty": b"",
}


def assert_cheap(body: bytes, error: type[OriginalError], steps: int = STEPS) -> OriginalError:
    """The refusal takes a fraction of a render's processor time and no memory to speak of."""
    tracemalloc.start()
    try:
        raised = refused(body, error)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak / 2**20:.1f} MiB"
    assert costs_at_most(steps, lambda: refused(body, error))
    return raised


def refused(
    body: bytes, error: type[OriginalError] = OriginalTooLarge, limits: Limits | None = None
) -> OriginalError:
    with pytest.raises(error) as raised:
        read_facts(body, limits or Limits())
    return raised.value


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_bomb_is_refused_as_too_large(name):
    steps = OTHER_STEPS.get(name, STEPS)
    assert assert_cheap(TOO_LARGE[name](), OriginalTooLarge, steps).detail


@pytest.mark.parametrize("make", CORRUPT.values(), ids=CORRUPT)
def test_a_header_that_cannot_be_is_refused_as_corrupt(make):
    assert_cheap(make(), OriginalCorrupt)


@pytest.mark.parametrize(("name", "body"), STRANGERS.items(), ids=STRANGERS)
def test_what_is_no_picture_of_ours_is_named(name, body):
    """The bytes decide: a PDF named photo.jpg is told to be a PDF."""
    error = assert_cheap(body, OriginalUnsupported)
    assert name in error.detail
    assert "JPEG" in str(error.allowed)


def test_shared_exif_tags_are_never_unpacked():
    """The picture is fine, so it is served; nobody reads the tags that would fill the memory."""
    body = exif_jpeg()
    tracemalloc.start()
    try:
        image = decode(body, read_facts(body, Limits())).image
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image.size == (16, 16)
    assert peak < MEMORY


def test_a_camera_raw_file_is_not_mistaken_for_its_thumbnail():
    body = tiff({256: long(160), 257: long(120), 262: short(2), 50_706: long(0x0401)})
    assert "raw" in assert_cheap(body, OriginalUnsupported).detail


@pytest.mark.parametrize("still", [True, False], ids=["still", "sequence"])
def test_an_avif_cannot_hide_its_size_from_the_limits(still):
    """The boxes say 30x20 and the stream 1200x800: the decoder would make room for the latter."""
    more = {} if still else {"save_all": True, "append_images": [photo(1200, 800, seed=2)]}
    body = saved(photo(1200, 800), "AVIF", quality=20, speed=10, **more)
    assert read_facts(body, Limits()).size.pixels == 960_000
    hidden = body.replace(struct.pack(">II", 1200, 800), struct.pack(">II", 30, 20))
    assert hidden != body
    error = refused(hidden, limits=Limits(pixels=500_000))
    assert "1200x800" in error.detail or "2048x1024" in error.detail


def test_items_that_share_their_data_are_corrupt():
    """Ten items of AV1, each all of the file a thousand times."""
    count = 10
    kinds = b"".join(
        box(b"infe", struct.pack(">IHH4sB", 2 << 24, item, 0, b"av01", 0)) for item in range(count)
    )
    places = b"".join(
        struct.pack(">HHHH", item, 0, 0, 1000) + struct.pack(">II", 0, 0) * 1000
        for item in range(count)
    )
    inner = box(b"iinf", struct.pack(">IH", 0, count) + kinds)
    inner += box(b"iloc", struct.pack(">IHH", 1 << 24, 0x4400, count) + places)
    body = box(b"ftyp", b"avif\0\0\0\0avif") + box(b"meta", bytes(4) + inner)
    assert_cheap(body, OriginalCorrupt)


def test_the_limits_are_the_settings():
    body = saved(photo(100, 50), "PNG")
    assert read_facts(body, Limits(pixels=5_000)).size.pixels == 5_000
    with pytest.raises(OriginalTooLarge, match="100x50"):
        read_facts(body, Limits(pixels=4_999))
    assert read_facts(gif(12), Limits(frames=12)).frames == 12
    with pytest.raises(OriginalTooLarge, match="12 frames"):
        read_facts(gif(13), Limits(frames=12))


def test_the_engine_warns_of_nothing_that_the_settings_allow():
    """Its own bound of 89 megapixels would turn a warning into an error here."""
    image = Image.new("1", (12_000, 9_000))
    body = saved(image, "PNG")
    facts = read_facts(body, Limits(pixels=200_000_000))
    assert pillow.open_as(io.BytesIO(body), "PNG").size == (12_000, 9_000)
    assert facts.size.pixels == 108_000_000


def test_half_pictures_never_pass():
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_memory_stays_flat_over_many_bombs():
    """Resident memory after ninety refusals is what it was after fifteen."""
    bodies = [big_png(), animated_webp(), gif(10_000), text_png(b"zTXt", b"k\0\0"), big_tiff()]

    def refuse(times: int) -> None:
        for _ in range(times):
            for body in bodies:
                with pytest.raises(OriginalTooLarge):
                    read_facts(body, Limits())

    refuse(3)
    before = resident()
    refuse(15)
    assert resident() - before < 16 * 2**20


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
