"""AVIF and HEIC: the primary picture of an ISO base media file."""

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.images import Box, Size
from edge.limits import Limits
from edge.rendering.source.facts import OriginalFormat
from edge.rendering.source.headers import cicp, derived
from edge.rendering.source.headers.base import (
    Header,
    check_frames,
    check_profile,
    check_size,
    number,
)
from edge.rendering.source.headers.boxes import IsoBox, Items, Walker
from edge.rendering.source.headers.cicp import ColourSpace
from edge.rendering.source.headers.streams import Streams

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
    top = walker.named(0, len(body))
    if b"meta" not in top:
        raise OriginalUnsupported(f"{format.value} without a still picture is not read here")
    items = walker.items(top[b"meta"])
    tracks = list(walker.tracks(top[b"moov"])) if b"moov" in top else []
    streams = Streams(body, items, walker.budget)
    _check_sizes(body, items, streams, limits)
    for size in streams.of_tracks(tracks):
        check_size(size, limits)
    frames = max([1, *(track.samples for track in tracks)])
    check_frames(frames, limits)
    return _header(body, format, items, streams, frames)


def _check_sizes(body: bytes, items: Items, streams: Streams, limits: Limits) -> None:
    """Every size that a decoder may make room for: of the whole, its parts, and their streams."""
    for box in items.properties:
        if box.name == b"ispe":
            check_size(_extent(body, box), limits)
    for size in streams.of_items():
        check_size(size, limits)
    parts = {
        number: derived.HeifItem(
            kind,
            next((_extent(body, box) for box in items.of(number) if box.name == b"ispe"), None),
            streams.start(number),
            tuple(items.inputs.get(number, ())),
        )
        for number, kind in items.kinds.items()
    }
    derived.check(parts, limits, streams.budget)


def _header(
    body: bytes, format: OriginalFormat, items: Items, streams: Streams, frames: int
) -> Header:
    own = items.of(items.primary)
    extent = next((box for box in own if box.name == b"ispe"), None)
    if extent is None:
        raise OriginalCorrupt(f"the {format.value} does not say how large it is")
    size = _extent(body, extent)
    aperture = next((_aperture(body, box, size) for box in own if box.name == b"clap"), None)
    shown = aperture.size if aperture else size
    profile = _profile(body, own)
    # The decoder of HEIC answers the clean aperture alone; that of AVIF passes it over.
    cropped = format is OriginalFormat.HEIC or aperture is None
    return Header(
        format,
        shown,
        orientation=_orientation(body, own),
        bits=_bits(body, own, streams),
        alpha=any(_is_alpha(body, box) for box in items.properties),
        frames=frames,
        icc=profile,
        space=None if profile else _space(body, own, streams),
        aperture=None if cropped else aperture,
        coded=None if cropped else size,
        parts=_without(body, items.metadata),
    )


def _bits(body: bytes, own: list[IsoBox], streams: Streams) -> int:
    """Of a channel; neither coding has more than 16."""
    bits = max([streams.bits, *(body[box.start + 5] for box in own if box.name == b"pixi")])
    if bits > 16:
        raise OriginalCorrupt(f"the file says that its channels have {bits} bits")
    return bits


def _extent(body: bytes, box: IsoBox) -> Size:
    return Size(number(body, box.start + 4, ">I"), number(body, box.start + 8, ">I"))


def _aperture(body: bytes, box: IsoBox, size: Size) -> Box:
    """The part that is shown (ISO/IEC 14496-12, section 12.1.4.1), in whole pixels of the coded
    picture. It is cut out before the picture is turned."""
    numbers = [
        (number(body, box.start + at, ">i"), number(body, box.start + at + 4, ">I"))
        for at in (0, 8, 16, 24)
    ]
    if not all(under for _, under in numbers) or min(numbers[0][0], numbers[1][0]) < 1:
        raise OriginalCorrupt("the picture's clean aperture is broken")
    width, height, across, down = (over / under for over, under in numbers)
    left, top = (size.width - width) / 2 + across, (size.height - height) / 2 + down
    wide, high = max(1, round(width)), max(1, round(height))
    region = Box(round(left), round(top), round(left) + wide, round(top) + high)
    if region != region.clamped(size):
        raise OriginalCorrupt("the picture's clean aperture lies beyond its edge")
    return region


def _orientation(body: bytes, own: list[IsoBox]) -> int:
    turned = next((body[box.start] & 3 for box in own if box.name == b"irot"), 0)
    mirrored = next((body[box.start] & 1 for box in own if box.name == b"imir"), None)
    return _ORIENTATIONS[turned, mirrored]


def _is_alpha(body: bytes, box: IsoBox) -> bool:
    return box.name == b"auxC" and body[box.start + 4 : box.end].startswith(_ALPHA_NAMES)


def _profile(body: bytes, own: list[IsoBox]) -> bytes | None:
    found = [
        box
        for box in own
        if box.name == b"colr" and body[box.start : box.start + 4] in (b"prof", b"rICC")
    ]
    if len(found) > 1:
        raise OriginalCorrupt("the picture has two colour profiles")
    for box in found:
        check_profile(box.end - box.start - 4)
        return body[box.start + 4 : box.end] or None
    return None


def _space(body: bytes, own: list[IsoBox], streams: Streams) -> ColourSpace | None:
    """What the boxes say of the colours; where they are silent, what the stream says."""
    codes = streams.codes
    for box in own:
        if box.name == b"colr" and body[box.start : box.start + 4] == b"nclx":
            codes = (number(body, box.start + 4, ">H"), number(body, box.start + 6, ">H"))
            break
    space = cicp.of_codes(*codes)
    return None if space.srgb else space


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
