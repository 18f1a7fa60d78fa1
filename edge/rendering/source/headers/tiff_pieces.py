"""The strips or tiles of a TIFF: all there, and each long enough for its rows.

Where one is too short, a decoder that does not look answers what its memory held before.

Source: TIFF Revision 6.0 (Adobe 1992), sections 3, 7 to 11, 15, 21 and 22.
"""

from dataclasses import dataclass

from edge.errors import OriginalCorrupt
from edge.images import Size
from edge.rendering.source.headers import jpeg
from edge.rendering.source.headers.base import DENSEST_DEFLATE, ReadBudget
from edge.rendering.source.headers.tiff_directory import Directory

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
SAMPLES, PLANES, SUBSAMPLING, TABLES = 277, 284, 530, 347
_STRIPS, _ROWS_PER_STRIP, _STRIP_LENGTHS = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_LENGTHS = 322, 323, 324, 325
_PLAIN, _JPEG, _SEPARATE, _YCBCR = 1, 7, 2, 6
_FAX = frozenset({2, 3, 4})

_DENSEST = {
    _PLAIN: 1,
    5: 2731,  # LZW: a code of 12 bits is a string of up to 4,096 bytes
    8: DENSEST_DEFLATE,
    32946: DENSEST_DEFLATE,
    32773: 64,  # PackBits: two bytes are up to 128
}
"""Bytes that one packed byte can stand for, by compression. Others are known to their decoders."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the picture is cut: `piece` is the size of a strip or tile, `across` and `down` how many
    there are in each of `planes`."""

    whole: Size
    piece: Size
    tiled: bool
    planes: int

    @property
    def across(self) -> int:
        return -(-self.whole.width // self.piece.width)

    @property
    def down(self) -> int:
        return -(-self.whole.height // self.piece.height)

    def size(self, index: int) -> Size:
        """Of one piece: tiles are all alike, and the last strip ends with the picture."""
        if self.tiled:
            return self.piece
        row = index % self.down
        rows = min(self.piece.height, self.whole.height - row * self.piece.height)
        return Size(self.whole.width, rows)


def tile(directory: Directory) -> Size | None:
    """The size of a tile; None where the picture is cut into strips."""
    if _TILE_WIDTH not in directory and _TILE_HEIGHT not in directory:
        return None
    return Size(directory.first(_TILE_WIDTH), directory.first(_TILE_HEIGHT))


def check(body: bytes, directory: Directory, size: Size) -> None:
    """Hold the pieces against the picture's size.

    Raises:
        OriginalCorrupt: too many or too few pieces, or one with fewer bytes or rows than it says.
        OriginalTooLarge: so many that walking them takes the time of a render.
    """
    layout = _layout(directory, size)
    budget = ReadBudget()
    places = directory.numbers(_TILES if layout.tiled else _STRIPS)
    lengths = directory.numbers(_TILE_LENGTHS if layout.tiled else _STRIP_LENGTHS)
    budget.take(max(len(places), len(lengths)))
    room = layout.across * layout.down * layout.planes
    if len(places) != room or len(lengths) not in (0, room):
        raise OriginalCorrupt(f"the TIFF has {len(places)} pieces where {room} make the picture")
    _check_lengths(body, directory, layout, places, lengths or (None,) * room)
    if directory.first(COMPRESSION, _PLAIN) == _JPEG:
        _check_frames(body, directory, layout, places, budget)


def _layout(directory: Directory, size: Size) -> _Layout:
    if _STRIPS in directory and _TILES in directory:
        raise OriginalCorrupt("the TIFF has strips and tiles at once")
    separate = directory.first(PLANES, 1) == _SEPARATE
    planes = directory.first(SAMPLES, 1) if separate else 1
    piece = tile(directory)
    if piece:
        return _Layout(size, piece, True, planes)
    rows = min(directory.first(_ROWS_PER_STRIP, size.height), size.height)
    if not rows:
        raise OriginalCorrupt("the TIFF's strips have no rows")
    return _Layout(size, Size(size.width, rows), False, planes)


def _check_lengths(
    body: bytes,
    directory: Directory,
    layout: _Layout,
    places: tuple[int, ...],
    lengths: tuple[int | None, ...],
) -> None:
    compression = directory.first(COMPRESSION, _PLAIN)
    needs: dict[tuple[Size, bool], int] = {}
    for index, (place, length) in enumerate(zip(places, lengths, strict=True)):
        size, first = layout.size(index), index < layout.across * layout.down
        if (size, first) not in needs:
            needs[size, first] = _least(directory, layout, size, compression, first=first)
        need = needs[size, first]
        there = len(body) - place
        if length is None or compression == _PLAIN:
            length = there if length is None else min(length, there)
        if length > there or length < need:
            raise OriginalCorrupt(
                f"a piece of the TIFF has {max(0, min(length, there))} bytes,"
                f" too few for its {size} pixels"
            )


def _least(
    directory: Directory, layout: _Layout, size: Size, compression: int, *, first: bool
) -> int:
    """How many bytes a piece of so many pixels has at least."""
    if compression in _FAX:
        return max(1, size.height // 8 if compression == 4 else 1)
    return max(1, -(-_unpacked(directory, layout, size, first) // _DENSEST.get(compression, 2**40)))


def _unpacked(directory: Directory, layout: _Layout, size: Size, first: bool) -> int:
    """Bytes of a piece's rows."""
    bits, samples = directory.first(BITS, 1), directory.first(SAMPLES, 1)
    if directory.first(PHOTOMETRIC) == _YCBCR:
        across, down = _subsampling(directory)
        if layout.planes == 1:
            units = -(-size.width // across) * -(-size.height // down)
            return units * (across * down + samples - 1) * bits // 8
        if not first:
            size = Size(-(-size.width // across), -(-size.height // down))
    row = size.width * bits * (1 if layout.planes > 1 else samples)
    return -(-row // 8) * size.height


def _subsampling(directory: Directory) -> tuple[int, int]:
    across, down = (*directory.numbers(SUBSAMPLING, (2, 2)), 1)[:2]
    if across not in (1, 2, 4) or down not in (1, 2, 4):
        raise OriginalCorrupt("the TIFF's chrominance is subsampled as it cannot be")
    return across, down


def _check_frames(
    body: bytes, directory: Directory, layout: _Layout, places: tuple[int, ...], budget: ReadBudget
) -> None:
    """Each piece is a JPEG that says how large it is."""
    across, down = 1, 1
    if layout.planes > 1 and directory.first(PHOTOMETRIC) == _YCBCR:
        across, down = _subsampling(directory)
    for index, place in enumerate(places):
        size = layout.size(index)
        if index >= layout.across * layout.down:
            size = Size(-(-size.width // across), -(-size.height // down))
        stated = jpeg.frame(body, place, budget)
        if stated.width < size.width or stated.height < size.height:
            raise OriginalCorrupt(f"a piece of the TIFF has {stated} pixels instead of {size}")
        if stated.width > layout.piece.width or stated.height > layout.piece.height:
            raise OriginalCorrupt(f"a piece of the TIFF has {stated} pixels instead of {size}")
