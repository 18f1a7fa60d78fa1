"""HEIC and AVIF whose boxes, derived pictures and streams contradict each other are refused from
the header."""

import struct

import numpy as np
import pytest

from edge.errors import OriginalCorrupt, OriginalError, OriginalTooLarge, OriginalUnsupported
from edge.images import Box
from edge.limits import Limits
from edge.rendering.source import headers
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering.costs import costs_at_most
from tests.rendering.originals import box, photo, saved

SIDE = 64
STEPS = 300_000  # of plain Python, where a render takes longer


def full(name: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, bytes([version]) + flags.to_bytes(3, "big") + content)


def extent(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def derived(
    kind: bytes,
    data: bytes,
    inputs: list[int],
    *,
    whole: tuple[int, int] = (SIDE, SIDE),
    part: tuple[int, int] = (SIDE, SIDE),
    brand: bytes = b"heic",
    more: bytes = b"",
    references: bytes = b"",
) -> bytes:
    """Item 1 of `part` pixels, item 2 derived from `inputs`, its data in the file's meta box."""
    refs = struct.pack(f">HH{len(inputs)}H", 2, len(inputs), *inputs)
    infe = b"".join(
        full(b"infe", struct.pack(">HH4sB", number, 0, name, 0), 2)
        for number, name in ((1, b"jpeg"), (2, kind))
    )
    belongings = struct.pack(">I", 2) + struct.pack(">HBB HBB".replace(" ", ""), 1, 1, 1, 2, 1, 2)
    places = struct.pack(">HH", 0x4400, 1) + struct.pack(">HHHHII", 2, 1, 0, 1, 0, len(data))
    content = (
        full(b"pitm", struct.pack(">H", 2))
        + full(b"iinf", struct.pack(">H", 2) + infe)
        + full(b"iref", box(b"dimg", refs) + references)
        + box(b"iprp", box(b"ipco", extent(*part) + extent(*whole)) + full(b"ipma", belongings))
        + full(b"iloc", places, 1)
        + box(b"idat", data)
        + more
    )
    return box(b"ftyp", brand + b"\0\0\0\0mif1" + brand) + full(b"meta", content)


def grid(rows: int, columns: int, width: int, height: int, *, wide: bool = False) -> bytes:
    sides = struct.pack(">II" if wide else ">HH", width, height)
    return bytes([0, wide, rows - 1, columns - 1]) + sides


def overlay(width: int, height: int, parts: int = 1, *, wide: bool = False) -> bytes:
    form = ">II" if wide else ">HH"
    return (
        bytes([0, wide])
        + bytes(8)
        + struct.pack(form, width, height)
        + bytes((8 if wide else 4) * parts)
    )


def refused(body: bytes, error: type[OriginalError] = OriginalCorrupt) -> str:
    """The reason; given soon."""

    def read() -> str:
        with pytest.raises(error) as raised:
            headers.read(body, Limits())
        return raised.value.detail

    assert costs_at_most(STEPS, read)
    return read()


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
@pytest.mark.parametrize("wide", [False, True], ids=["16 bits", "32 bits"])
def test_an_honest_grid_or_overlay_is_read(brand, wide):
    for kind, data, inputs in (
        (b"grid", grid(2, 2, SIDE * 2 - 3, SIDE * 2, wide=wide), [1, 1, 1, 1]),
        (b"iovl", overlay(SIDE * 2 - 3, SIDE * 2, 2, wide=wide), [1, 1]),
    ):
        whole = (SIDE * 2 - 3, SIDE * 2)
        body = derived(kind, data, inputs, whole=whole, brand=brand)
        assert headers.read(body, Limits()).stored == (headers.read(body, Limits()).size)
        assert headers.read(body, Limits()).size.width == whole[0]


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
@pytest.mark.parametrize("wide", [False, True], ids=["16 bits", "32 bits"])
@pytest.mark.parametrize(
    ("kind", "data"), [(b"grid", lambda **k: grid(1, 1, 30_000, 30_000, **k)),
                       (b"iovl", lambda **k: overlay(30_000, 30_000, **k)),
                       (b"grid", lambda **k: grid(1, 1, SIDE, SIDE - 1, **k)),
                       (b"iovl", lambda **k: overlay(SIDE - 1, SIDE, **k))],
)  # fmt: skip
def test_a_derived_picture_that_lies_about_its_size_is_refused(kind, data, brand, wide):
    body = derived(kind, data(wide=wide), [1], brand=brand)
    assert f"the file {SIDE}x{SIDE}" in refused(body)


@pytest.mark.parametrize(
    "body",
    [
        derived(b"grid", grid(2, 2, SIDE, SIDE), [1]),
        derived(b"grid", grid(1, 2, SIDE, SIDE), [1, 1]),
        derived(b"grid", grid(2, 1, SIDE, SIDE), [1, 1]),
        derived(b"grid", grid(1, 1, SIDE, SIDE), [1], part=(SIDE - 1, SIDE)),
        derived(b"grid", b"\0\0\0\0", [1]),
        derived(b"iovl", overlay(SIDE, SIDE, 1), [1, 1]),
        derived(b"iovl", b"\0\0", [1]),
        derived(b"iovl", overlay(SIDE, SIDE), [2]),
        derived(b"iden", b"", [2]),
    ],
    ids=[
        "too-few-tiles", "a-tile-beside", "a-tile-below", "tile-too-small", "no-size",
        "no-place-for-one", "empty", "overlay-of-itself", "identity-of-itself",
    ],
)  # fmt: skip
def test_a_derived_picture_that_its_parts_do_not_make_is_refused(body):
    assert refused(body)


def test_the_parts_of_an_overlay_together_are_held_against_the_limit():
    """Each is legal, and a decoder decodes all thousand of them."""
    inputs = [1] * 1000
    body = derived(b"iovl", overlay(SIDE, SIDE, 1000), inputs, part=(8000, 8000))
    assert "megapixels" in refused(body, OriginalTooLarge)


def test_overlays_of_overlays_of_overlays_cannot_grow_without_end():
    """Thirty items, each twice the one before: a billion pictures."""
    count = 30
    infe = full(b"infe", struct.pack(">HH4sB", 1, 0, b"jpeg", 0), 2) + b"".join(
        full(b"infe", struct.pack(">HH4sB", n, 0, b"iovl", 0), 2) for n in range(2, count)
    )
    refs = b"".join(box(b"dimg", struct.pack(">HHHH", n, 2, n - 1, n - 1)) for n in range(2, count))
    belongings = struct.pack(">I", count - 1) + b"".join(
        struct.pack(">HBB", n, 1, 1) for n in range(1, count)
    )
    places = struct.pack(">HH", 0x4400, count - 2) + b"".join(
        struct.pack(">HHHHII", n, 1, 0, 1, 0, 22) for n in range(2, count)
    )
    content = (
        full(b"pitm", struct.pack(">H", count - 1))
        + full(b"iinf", struct.pack(">H", count - 1) + infe)
        + full(b"iref", refs)
        + box(b"iprp", box(b"ipco", extent(SIDE, SIDE)) + full(b"ipma", belongings))
        + full(b"iloc", places, 1)
        + box(b"idat", overlay(SIDE, SIDE, 2))
    )
    assert "deep" in refused(box(b"ftyp", b"heic\0\0\0\0mif1heic") + full(b"meta", content))


@pytest.mark.parametrize("name", [b"mdia", b"minf", b"stbl"])
def test_boxes_nested_without_end_are_refused(name):
    """Every level costs its reader a frame of its stack."""
    nested = b""
    for _ in range(3_000):
        nested = box(name, nested)
    body = derived(b"iovl", overlay(SIDE, SIDE), [1]) + box(b"moov", box(b"trak", nested))
    assert "deep" in refused(body)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (full(b"iinf", struct.pack(">H", 0)), "two iinf"),
        (full(b"iloc", struct.pack(">HH", 0, 0)), "two iloc"),
        (box(b"idat", b""), "two idat"),
        (full(b"pitm", struct.pack(">H", 1)), "two pitm"),
    ],
)
def test_boxes_that_two_readers_might_read_differently_are_refused(more, said):
    assert said in refused(derived(b"iovl", overlay(SIDE, SIDE), [1], more=more))


def test_an_item_described_twice_is_refused():
    again = box(b"dimg", struct.pack(">HHH", 2, 1, 1))
    assert "twice" in refused(derived(b"iovl", overlay(SIDE, SIDE), [1], references=again))


def test_data_within_other_items_is_not_read():
    body = derived(b"iovl", overlay(SIDE, SIDE), [1])
    at = body.index(b"iloc") + 4 + 4 + 4 + 3
    body = body[:at] + b"\2" + body[at + 1 :]
    assert "other items" in refused(body, OriginalUnsupported)


def test_a_heic_cannot_hide_its_size_from_the_limits():
    """The boxes say 30x20 and the stream 1200x800: the decoder would make room for the latter."""
    body = saved(photo(1200, 800), "HEIF", quality=20)
    assert headers.read(body, Limits()).size.pixels == 960_000
    hidden = body.replace(struct.pack(">II", 1200, 800), struct.pack(">II", 30, 20))
    assert hidden != body
    with pytest.raises(OriginalTooLarge, match="1200x800"):
        headers.read(hidden, Limits(pixels=500_000))


def sequence_headers(count: int) -> bytes:
    """An AV1 stream of sequence headers whose timing is a number of very many zeros."""
    return (b"\x0a\xff\x01" + b"\0" * 255) * count


def test_many_sequence_headers_are_one_budget():
    """Each takes the time of sixty boxes, and a thousand items may each have thousands."""
    body = saved(photo(SIDE, SIDE), "AVIF")
    stream = sequence_headers(4000)
    start = body.index(b"mdat") - 4
    head, tail = body[:start], box(b"mdat", stream)
    at = head.index(b"iloc") + 4
    place = struct.unpack_from(">I", head, head.index(b"iloc") - 4 + 8 + 4 + 2 + 2 + 2 + 2 + 2)[0]
    assert body[place : place + 2] == body[start + 8 : start + 10], "the item's place was found"
    length_at = at + 4 + 2 + 2 + 2 + 2 + 2 + 4
    head = head[:length_at] + struct.pack(">I", len(stream)) + head[length_at + 4 :]
    assert refused(head + tail, OriginalError)


def test_tracks_that_share_one_sample_are_not_walked_again_and_again():
    table = full(b"stsz", struct.pack(">II", 0, 1) + struct.pack(">I", 900_000))
    table += full(b"stco", struct.pack(">II", 1, 0))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))
    body = derived(b"iovl", overlay(SIDE, SIDE), [1], brand=b"avif")
    body += box(b"moov", track * 2_000)
    body += box(b"free", b"\x12\x00" * (900_000 // 2))
    assert refused(body, OriginalError)


def aperture(width: int, height: int, across: float = 0, down: float = 0) -> bytes:
    """A clean aperture of whole pixels, its middle moved by halves."""
    numbers = [width, 1, height, 1, round(2 * across), 2, round(2 * down), 2]
    return box(b"clap", struct.pack(">iIiIiIiI", *numbers))


def with_property(body: bytes, content: bytes) -> bytes:
    """A file of an encoder with one more property of its picture; what lies behind moves."""
    grown = _insert(body, b"ipco", content)
    at = grown.index(b"ipma") + 4
    count = grown[at + 10]
    index = _properties(grown)
    grown = _insert(grown, b"ipma", bytes([0x80 | index]))
    return grown[: at + 10] + bytes([count + 1]) + grown[at + 11 :]


def _properties(body: bytes) -> int:
    at, count = body.index(b"ipco") + 4, 0
    end = at - 8 + struct.unpack_from(">I", body, at - 8)[0]
    while at < end:
        at += struct.unpack_from(">I", body, at)[0]
        count += 1
    return count


def _insert(body: bytes, name: bytes, content: bytes) -> bytes:
    """At the end of a box, those around it grown, and the places of items moved."""
    at = body.index(name) - 4
    end = at + struct.unpack_from(">I", body, at)[0]
    around = {b"ipco": (b"ipco", b"iprp", b"meta"), b"ipma": (b"ipma", b"iprp", b"meta")}[name]
    new = bytearray(body[:end] + content + body[end:])
    for outer in around:
        place = new.index(outer) - 4
        struct.pack_into(">I", new, place, struct.unpack_from(">I", new, place)[0] + len(content))
    place = new.index(b"iloc") + 4
    version, sizes = new[place], struct.unpack_from(">H", new, place + 4)[0]
    base, count = sizes >> 4 & 15, struct.unpack_from(">H", new, place + 6)[0]
    assert sizes >> 8 == 0x44
    place += 8
    for _ in range(count):
        place += 2 + (2 if version else 0) + 2
        moved = place if base else place + 2
        struct.pack_into(">I", new, moved, struct.unpack_from(">I", new, moved)[0] + len(content))
        place += base + 2 + 8
    return bytes(new)


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("part", "left", "top"),
    [((40, 30, 0, 0), 28, 17), ((32, 24, -16, -10), 16, 10), ((96, 64, 0, 0), 0, 0)],
)
def test_the_clean_aperture_is_what_is_shown(format, part, left, top):
    """As HEIF has it: cut out of the coded picture, in AVIF as in HEIC."""
    drawn = photo(96, 64)
    options = {"subsampling": "4:4:4"} if format == "AVIF" else {"chroma": 444}
    whole = saved(drawn, format, quality=95, **options)
    body = with_property(whole, aperture(*part))
    facts = read_facts(body, Limits())
    assert (facts.size.width, facts.size.height) == part[:2]
    shown = np.asarray(decode(body, facts).image, dtype=int)
    full_picture = decode(whole, read_facts(whole, Limits())).image
    inside = Box(left, top, left + part[0], top + part[1]).as_tuple()
    assert np.abs(shown - np.asarray(full_picture.crop(inside), dtype=int)).max() <= 1


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
@pytest.mark.parametrize("part", [(200, 30), (40, 30, 60), (0, 10), (40, 30, 0, -40)])
def test_an_aperture_beyond_the_picture_is_refused(format, part):
    body = with_property(saved(photo(96, 64), format), aperture(*part))
    assert "aperture" in refused(body)


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
@pytest.mark.parametrize("bits", [17, 27, 255])
def test_channels_of_more_bits_than_there_can_be_are_refused(format, bits):
    """A table of what each level means would take the memory of a server."""
    body = saved(photo(96, 64), format)
    at = body.index(b"pixi") + 4 + 4 + 1
    assert f"{bits} bits" in refused(body[:at] + bytes([bits]) + body[at + 1 :])


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_two_profiles_of_one_picture_are_refused(format):
    one = box(b"colr", b"prof" + bytes(200))
    body = with_property(saved(photo(96, 64), format), one)
    assert headers.read(body, Limits()).icc
    assert "two colour profiles" in refused(with_property(body, one))
