"""TIFF: the first directory, and whether its tags and those behind it are of an honest size."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.images import Size
from edge.rendering.headers.base import (
    Header,
    Mode,
    OriginalFormat,
    check_frames,
    check_pieces,
    check_profile,
    check_size,
)
from edge.settings import Limits

_KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
               16: 8, 17: 8, 18: 8}  # fmt: skip
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_MODES = {0: Mode.GREY, 1: Mode.GREY, 2: Mode.RGB, 3: Mode.PALETTE, 5: Mode.CMYK, 6: Mode.RGB,
          8: Mode.LAB}  # fmt: skip
_MAX_TAGS = 1024
_MAX_VALUES = 16  # of one tag: nothing that is wanted here has more

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES = 256, 257, 258, 262, 274, 277
_TILE_WIDTH, _TILE_HEIGHT, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 322, 323, 338, 339
_STRIPS, _ROWS_PER_STRIP, _TILES = 273, 278, 324
_PROFILE, _DNG_VERSION = 34675, 50706
_SUB_DIRECTORIES = (34665, 34853, 40965)  # EXIF, GPS, interoperability: engines follow these


@dataclass(frozen=True, slots=True)
class _Form:
    """How this file writes a directory: byte order, and 4 or 8 byte offsets (BigTIFF)."""

    order: str
    big: bool

    @classmethod
    def of(cls, body: bytes) -> "_Form":
        order = "<" if body[:2] == b"II" else ">"
        return cls(order, struct.unpack_from(order + "H", body, 2)[0] == 43)

    def first(self, body: bytes) -> int:
        return self._unpack("Q", body, 8) if self.big else self._unpack("I", body, 4)

    def entries(self, body: bytes, at: int) -> tuple[int, int]:
        """How many tags a directory has and where they start."""
        if self.big:
            return self._unpack("Q", body, at), at + 8
        return self._unpack("H", body, at), at + 2

    def following(self, body: bytes, at: int) -> int:
        return self._unpack("Q" if self.big else "I", body, at)

    @property
    def step(self) -> int:
        return 20 if self.big else 12

    def _unpack(self, letter: str, body: bytes, at: int) -> int:
        value: int = struct.unpack_from(self.order + letter, body, at)[0]
        return value


@dataclass(frozen=True, slots=True)
class _Tag:
    kind: int
    count: int
    place: slice


class _Directory:
    """The tags of one directory; none is unpacked before it is asked for."""

    def __init__(self, body: bytes, at: int, form: _Form) -> None:
        count, start = form.entries(body, at)
        if count > _MAX_TAGS:
            raise OriginalCorrupt(f"the TIFF has {count} tags in one directory")
        self.form = form
        self.body = body
        self.next = form.following(body, start + count * form.step)
        self.tags: dict[int, _Tag] = {}
        total = 0
        for index in range(count):
            number, tag = _tag(body, start + index * form.step, form)
            self.tags.setdefault(number, tag)
            total += tag.place.stop - tag.place.start
            if total > len(body):  # tags that share their bytes: small file, endless reading
                raise OriginalCorrupt("the TIFF's tags claim more bytes than the file has")

    def numbers(self, number: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        tag = self.tags.get(number)
        letter = tag and _WHOLE_NUMBERS.get(tag.kind)
        if tag is None or letter is None:
            return default
        count = min(tag.count, _MAX_VALUES)
        return struct.unpack_from(f"{self.form.order}{count}{letter}", self.body, tag.place.start)

    def count(self, number: int) -> int:
        tag = self.tags.get(number)
        return tag.count if tag else 0

    def bytes(self, number: int) -> bytes | None:
        tag = self.tags.get(number)
        return self.body[tag.place] if tag else None

    def first(self, number: int, default: int = 0) -> int:
        values = self.numbers(number)
        return values[0] if values else default


def _tag(body: bytes, at: int, form: _Form) -> tuple[int, _Tag]:
    head = form.order + ("HHQ" if form.big else "HHI")
    number, kind, count = struct.unpack_from(head, body, at)
    place, room = at + struct.calcsize(head), 8 if form.big else 4
    length = count * _KIND_BYTES.get(kind, 0)
    if length > room:
        place = struct.unpack_from(form.order + ("Q" if form.big else "I"), body, place)[0]
    if place + length > len(body):
        raise OriginalCorrupt(f"the TIFF ends within its tag {number}")
    return number, _Tag(kind, count, slice(place, place + length))


def read(body: bytes, limits: Limits) -> Header:
    form = _Form.of(body)
    directory = _Directory(body, form.first(body), form)
    _check_raw(body, directory)
    size = Size(directory.first(_WIDTH), directory.first(_HEIGHT))
    check_size(size, limits)
    _check_tile(directory, limits)
    _check_pieces_of_picture(directory, size)
    for pointer in _sub_directories(directory):
        for deeper in _sub_directories(_Directory(body, pointer, form)):
            _Directory(body, deeper, form)
    return Header(
        OriginalFormat.TIFF,
        size,
        orientation=_orientation(directory),
        mode=_mode(directory),
        bits=_bits(directory),
        alpha=_alpha(directory),
        frames=_pages(body, directory, limits),
        icc=_profile(directory),
        inverted=directory.first(_PHOTOMETRIC) == 0,
    )


def _check_raw(body: bytes, directory: _Directory) -> None:
    """A camera's raw file looks like a TIFF whose first picture is a thumbnail."""
    if _DNG_VERSION in directory.tags or body[8:10] == b"CR":
        raise OriginalUnsupported(
            "a camera's raw file is not read here", allowed="a developed TIFF"
        )


def _check_tile(directory: _Directory, limits: Limits) -> None:
    if _TILE_WIDTH in directory.tags:
        check_size(Size(directory.first(_TILE_WIDTH), directory.first(_TILE_HEIGHT)), limits)


def _check_pieces_of_picture(directory: _Directory, size: Size) -> None:
    """More strips or tiles than the picture has room for would be decoded over each other."""
    wide, high = directory.first(_TILE_WIDTH), directory.first(_TILE_HEIGHT)
    if not wide or not high:
        wide, high = size.width, directory.first(_ROWS_PER_STRIP, 1)
    room = -(-size.width // wide) * -(-size.height // max(1, high))
    pieces = max(directory.count(_STRIPS), directory.count(_TILES))
    check_pieces(pieces)
    if pieces > room * max(1, directory.first(_SAMPLES, 1)):
        raise OriginalCorrupt(f"the TIFF has {pieces} pieces where {room} make the picture")


def _sub_directories(directory: _Directory) -> Iterator[int]:
    for number in _SUB_DIRECTORIES:
        yield from directory.numbers(number)[:1]


def _orientation(directory: _Directory) -> int:
    value = directory.first(_ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def _mode(directory: _Directory) -> Mode:
    photometric = directory.first(_PHOTOMETRIC)
    if photometric not in _MODES:
        raise OriginalUnsupported(f"a TIFF of photometric kind {photometric} is not read here")
    return _MODES[photometric]


def _bits(directory: _Directory) -> int:
    bits = directory.first(_BITS, 1)
    whole = all(kind in (1, 4) for kind in directory.numbers(_SAMPLE_FORMAT, (1,)))
    if bits not in (1, 2, 4, 8, 16) or not whole:
        raise OriginalUnsupported(
            f"a TIFF of {bits} bits{'' if whole else ', signed or floating point,'} is not read",
            allowed="whole numbers of 1 to 16 bits",
        )
    return bits


def _alpha(directory: _Directory) -> bool:
    extra = directory.numbers(_EXTRA_SAMPLES)
    undeclared = directory.first(_PHOTOMETRIC) == 2 and directory.first(_SAMPLES, 3) == 4
    return any(kind in (1, 2) for kind in extra) or (undeclared and not extra)


def _pages(body: bytes, directory: _Directory, limits: Limits) -> int:
    """How many pictures the file chains; a chain that bites its tail ends there."""
    seen: set[int] = set()
    at = directory.next
    while at and at not in seen:
        seen.add(at)
        check_frames(1 + len(seen), limits)
        count, start = directory.form.entries(body, at)
        at = directory.form.following(body, start + count * directory.form.step)
    return 1 + len(seen)


def _profile(directory: _Directory) -> bytes | None:
    profile = directory.bytes(_PROFILE)
    if profile is not None:
        check_profile(len(profile))
    return profile or None
