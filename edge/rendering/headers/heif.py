"""AVIF and HEIC: the primary picture of an ISO base media file."""

from collections.abc import Iterator

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.images import Size
from edge.rendering.headers import av1
from edge.rendering.headers.base import (
    Header,
    OriginalFormat,
    check_frames,
    check_profile,
    check_size,
    number,
)
from edge.rendering.headers.boxes import Box, Items, Track, Walker
from edge.settings import Limits

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"})
_ALPHA_NAMES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")

_ORIENTATIONS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
}  # fmt: skip
"""EXIF's number for: turned left by so many quarters, then mirrored (1 left-right, 0 up-down)."""


def format_of(body: bytes) -> OriginalFormat | None:
    """AVIF or HEIC by the brands of the first box; None for any other kind of media file."""
    length = min(number(body, 0, ">I"), 256)
    brands = {body[8:12], *(body[at : at + 4] for at in range(16, length - 3, 4))}
    if brands & _AVIF_BRANDS:
        return OriginalFormat.AVIF
    return OriginalFormat.HEIC if brands & _HEIC_BRANDS else None


def read(body: bytes, limits: Limits) -> Header:
    format = format_of(body)
    if format is None:
        raise OriginalUnsupported("a media file of this brand is not read here")
    walker = Walker(body)
    top = {box.name: box for box in walker.boxes(0, len(body))}
    if b"meta" not in top:
        raise OriginalUnsupported(f"{format.value} without a still picture is not read here")
    items = walker.items(top[b"meta"])
    tracks = list(walker.tracks(top[b"moov"])) if b"moov" in top else []
    for size in _sizes(body, items, tracks):
        check_size(size, limits)
    frames = max([1, *(track.samples for track in tracks)])
    check_frames(frames, limits)
    return _header(body, format, items, frames)


def _sizes(body: bytes, items: Items, tracks: list[Track]) -> Iterator[Size]:
    """Every size that a decoder may make room for: of the whole, its parts, and their streams."""
    for box in items.properties:
        if box.name == b"ispe":
            yield _extent(body, box)
    left = len(body)
    for item in items.coded:
        data = _data(body, items.extents.get(item, []), left)
        left -= len(data)
        yield from av1.largest_frames(data)
    for track in tracks:
        if track.first:
            yield from av1.largest_frames(body[track.first])


def _data(body: bytes, extents: list[slice], most: int) -> bytes:
    """One item's data; items that share theirs could be put together without end."""
    if sum(len(range(*part.indices(len(body)))) for part in extents) > most:
        raise OriginalCorrupt("the file's items claim more bytes than the file has")
    return b"".join(body[part] for part in extents)


def _header(body: bytes, format: OriginalFormat, items: Items, frames: int) -> Header:
    own = items.of_primary()
    extent = next((box for box in own if box.name == b"ispe"), None)
    if extent is None:
        raise OriginalCorrupt(f"the {format.value} does not say how large it is")
    size = _extent(body, extent)
    if format is OriginalFormat.HEIC:  # the AVIF decoder passes the clean aperture over
        size = next((_aperture(body, box) for box in own if box.name == b"clap"), size)
    return Header(
        format,
        size,
        orientation=_orientation(body, own),
        bits=max([8, *(body[box.start + 5] for box in own if box.name == b"pixi")]),
        alpha=any(_is_alpha(body, box) for box in items.properties),
        frames=frames,
        icc=next((profile for box in own if (profile := _profile(body, box))), None),
        parts=_without(body, items.metadata),
    )


def _extent(body: bytes, box: Box) -> Size:
    return Size(number(body, box.start + 4, ">I"), number(body, box.start + 8, ">I"))


def _aperture(body: bytes, box: Box) -> Size:
    width, across, height, down = (number(body, box.start + at, ">I") for at in (0, 4, 8, 12))
    if not across or not down:
        raise OriginalCorrupt("the picture's clean aperture is broken")
    return Size(max(1, round(width / across)), max(1, round(height / down)))


def _orientation(body: bytes, own: list[Box]) -> int:
    turned = next((body[box.start] & 3 for box in own if box.name == b"irot"), 0)
    mirrored = next((body[box.start] & 1 for box in own if box.name == b"imir"), None)
    return _ORIENTATIONS[turned, mirrored]


def _is_alpha(body: bytes, box: Box) -> bool:
    return box.name == b"auxC" and body[box.start + 4 : box.end].startswith(_ALPHA_NAMES)


def _profile(body: bytes, box: Box) -> bytes | None:
    if box.name != b"colr" or body[box.start : box.start + 4] not in (b"prof", b"rICC"):
        return None
    check_profile(box.end - box.start - 4)
    return body[box.start + 4 : box.end] or None


def _without(body: bytes, places: list[int]) -> tuple[slice | bytes, ...] | None:
    """The file with those items renamed, so that no decoder unpacks them."""
    if not places:
        return None
    parts: list[slice | bytes] = []
    start = 0
    for place in sorted(places):
        parts += [slice(start, place), b"skip"]
        start = place + 4
    return (*parts, slice(start, len(body)))
