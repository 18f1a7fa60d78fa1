"""TIFF: the first picture, how many there are, and the same file without all the others."""

import struct

from edge.errors import OriginalUnsupported
from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.facts import Mode, OriginalFormat
from edge.rendering.source.headers import tiff_pieces
from edge.rendering.source.headers.base import Header, check_frames, check_profile, check_size
from edge.rendering.source.headers.tiff_directory import PROFILE, Directory, Form
from edge.rendering.source.headers.tiff_pieces import BITS, HEIGHT, PHOTOMETRIC, SAMPLES, WIDTH

_MODES = {0: Mode.GREY, 1: Mode.GREY, 2: Mode.RGB, 3: Mode.PALETTE, 5: Mode.CMYK, 6: Mode.RGB,
          8: Mode.LAB}  # fmt: skip
_ORIENTATION, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _DNG_VERSION = 274, 338, 339, 50706
_MOST_SAMPLES = 32
"""Colours, alpha and saved selections of one pixel."""


_COLOURS = {2: 3, 5: 4, 6: 3, 8: 3}
"""Samples that are colour, by photometric interpretation; 1 for all others."""


def read(body: bytes, limits: Limits) -> Header:
    directory = Directory(body, Form.of(body))
    _check_raw(body, directory)
    size = Size(directory.first(WIDTH), directory.first(HEIGHT))
    check_size(size, limits)
    mode, bits, frames = _mode(directory), _bits(directory), _pages(body, directory, limits)
    if tile := tiff_pieces.tile(directory):
        check_size(tile, limits)
    tiff_pieces.check(body, directory, size)
    return Header(
        OriginalFormat.TIFF,
        size,
        orientation=_orientation(directory),
        mode=mode,
        bits=bits,
        alpha=_alpha(directory),
        frames=frames,
        icc=_profile(directory),
        inverted=directory.first(PHOTOMETRIC) == 0,
        parts=directory.alone(),
    )


def _check_raw(body: bytes, directory: Directory) -> None:
    """A camera's raw file looks like a TIFF whose first picture is a thumbnail."""
    if _DNG_VERSION in directory.known or body[8:10] == b"CR":
        raise OriginalUnsupported(
            "a camera's raw file is not read here", allowed="a developed TIFF"
        )


def _orientation(directory: Directory) -> int:
    value = directory.first(_ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def _mode(directory: Directory) -> Mode:
    photometric = directory.first(PHOTOMETRIC)
    if photometric not in _MODES:
        raise OriginalUnsupported(f"a TIFF of photometric kind {photometric} is not read here")
    return _MODES[photometric]


def _bits(directory: Directory) -> int:
    every, samples = directory.numbers(BITS, (1,)), directory.first(SAMPLES, 1)
    if not 1 <= samples <= _MOST_SAMPLES:
        raise OriginalUnsupported(
            f"a TIFF of {samples} channels is not read here", allowed=f"1 to {_MOST_SAMPLES}"
        )
    if len(set(every)) > 1:
        raise OriginalUnsupported("a TIFF whose channels differ in bits is not read here")
    whole = all(kind in (1, 4) for kind in directory.numbers(_SAMPLE_FORMAT, (1,)))
    if every[0] not in (1, 2, 4, 8, 16) or not whole:
        kind = "" if whole else ", signed or floating point,"
        raise OriginalUnsupported(
            f"a TIFF of {every[0]} bits{kind} is not read", allowed="whole numbers of 1 to 16 bits"
        )
    return every[0]


def _alpha(directory: Directory) -> bool:
    """One that is marked, or the first sample beyond the colours."""
    colours = _COLOURS.get(directory.first(PHOTOMETRIC), 1)
    more = directory.first(SAMPLES, 1) > colours
    extra = directory.numbers(_EXTRA_SAMPLES)
    undeclared = directory.first(PHOTOMETRIC) == 2 and directory.first(SAMPLES, 3) == 4
    return any(kind in (1, 2) for kind in extra) or (more and bool(extra)) or undeclared


def _pages(body: bytes, directory: Directory, limits: Limits) -> int:
    """How many pictures the file chains; where it leads back or nowhere, the chain ends."""
    visited: set[int] = set()
    at = directory.next
    while at and at not in visited:
        try:
            count, start = directory.form.entries(body, at)
            following = directory.form.following(body, start + count * directory.form.step)
        except (struct.error, OverflowError):
            break
        visited.add(at)
        check_frames(1 + len(visited), limits)
        at = following
    return 1 + len(visited)


def _profile(directory: Directory) -> bytes | None:
    profile = directory.content(PROFILE)
    if profile is not None:
        check_profile(len(profile))
    return profile or None
