"""TIFF, by tifffile and the codecs of imagecodecs; every strip and tile in full, or not at all.

What the numbers mean is read here, for tifffile answers them as they are stored.

Sources: TIFF revision 6.0, Adobe 1992: sections 8 (baseline fields), 16 (CMYK), 18 (associated
alpha), 20 (Class Y), 23 (CIE L*a*b*); libtiff's `tiff.h` for compressions that came later.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from edge.arrays import Levels, Samples
from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.images import Size
from edge.rendering.engine import pillow, stock
from edge.rendering.source.decoders import jpeg
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.decoders.plain import plain, reduced

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3,
            _LAB: 3}  # fmt: skip
"""Samples of a pixel that are colour; what comes behind them is extra."""

_NONE, _OLD_JPEG, _JPEG = 1, 6, 7
_CODECS = frozenset({_NONE, 2, 3, 4, 5, _JPEG, 8, 32946, 32773, 34925, 50000})
"""None; CCITT of three kinds; LZW; JPEG; deflate of two; PackBits; LZMA; Zstandard."""

_ASSOCIATED, _UNASSOCIATED = 1, 2
_WHOLE = 65_535
_JPEG_TABLES = 347
_ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
"""The segment that says how three or four components mean colour; its last byte follows."""


def load(data: bytes, request: DecodeOptions) -> Loaded:
    """The first page, alpha unassociated. Where no extra sample says that it is alpha, the first
    is, as libvips and ImageMagick read it; the others are left out."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        request.check(page.imagewidth, page.imagelength)
        if page.compression == _OLD_JPEG or _is_packed_ycbcr(page):
            return _by_libtiff(data, request)
        if page.compression not in _CODECS:
            raise OriginalUnsupported(f"a TIFF of compression {page.compression} is not read here")
        return _loaded(_Kind.of(page), _samples(page), request)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the samples of a pixel mean colour; `alpha` is the place of the one that is alpha."""

    photometric: int
    bits: int
    palette: Samples | None
    alpha: int | None
    associated: bool

    @classmethod
    def of(cls, page: Any) -> "_Kind":
        photometric, extra = int(page.photometric), [int(kind) for kind in page.extrasamples]
        colours = _COLOURS[photometric]
        if photometric == _RGB and not extra and page.samplesperpixel == 4:
            extra = [_UNASSOCIATED]  # some writers forget to say so
        first = 0 if extra and page.samplesperpixel > colours else None
        place = next((at for at, kind in enumerate(extra) if kind in (1, 2)), first)
        if place is not None and colours + place >= page.samplesperpixel:
            raise OriginalCorrupt("the TIFF says of more samples than it has what they are")
        alpha = None if place is None else colours + place
        associated = place is not None and extra[place] == _ASSOCIATED
        associated &= photometric not in (_PALETTE, _LAB)
        return cls(photometric, page.bitspersample, page.colormap, alpha, associated)

    @property
    def weighted_finely(self) -> bool:
        """Whether colours are weighted by alpha, and have 16 bits to take the weight away from."""
        return self.associated and self.bits == 16

    @property
    def wanted(self) -> list[int]:
        """The samples that are needed, colour before alpha."""
        return [*range(_COLOURS[self.photometric])] + ([] if self.alpha is None else [self.alpha])


def _is_packed_ycbcr(page: Any) -> bool:
    return bool(page.photometric == _YCBCR and page.compression != _JPEG)


def _by_libtiff(data: bytes, request: DecodeOptions) -> Loaded:
    """What tifffile does not unpack: chroma of its own resolution, and the JPEG of TIFF 5."""
    stock.part("TiffImagePlugin")
    opened = stock.opened(data, "TIFF")
    request.check(*opened.size)
    opened.load()
    return plain(opened, request)


def _samples(page: Any) -> Levels:
    """The samples that are wanted, [H, W, C], 8 bits each, made so piece by piece; behind the
    three of RGB a fourth that is 255.

    Raises:
        OriginalCorrupt: a strip or tile is missing or holds less than its rows.
    """
    kind = _Kind.of(page)
    wanted = kind.wanted
    if page.samplesperpixel <= max(wanted):
        raise OriginalCorrupt("the TIFF has fewer samples than its colours need")
    channels = 4 if len(wanted) == 3 and kind.photometric in (_RGB, _YCBCR) else len(wanted)
    picture = np.zeros((page.imagelength, page.imagewidth, channels), np.uint8)
    picture[..., len(wanted) :] = 255  # the engine keeps RGB in four bytes
    for index, at, shape in _pieces(page):
        plane, top, left = at[0], at[2], at[3]
        if page.planarconfig == 2 and plane not in wanted:
            continue
        rows = min(shape[1], page.imagelength - top)
        columns = min(shape[2], page.imagewidth - left)
        piece = _piece(page, index, shape)
        if piece.shape[0] < rows or piece.shape[1] < columns:
            raise OriginalCorrupt("a strip or tile of the TIFF holds less than its rows")
        piece = piece[:rows, :columns]
        weight = _weight(page, kind, piece, index, shape)
        into = picture[top : top + rows, left : left + columns]
        if page.planarconfig == 2:
            into[..., wanted.index(plane)] = _levels(piece[..., 0], kind, plane, weight)
        else:
            for place, sample in enumerate(wanted):
                into[..., place] = _levels(piece[..., sample], kind, sample, weight)
    return picture


def _weight(
    page: Any, kind: _Kind, piece: Samples, index: int, shape: tuple[int, ...]
) -> Samples | None:
    """What the colours of a strip or tile are weighted by, uint16 [h, w], where that is taken away
    at 16 bits: of 8 those of faint pixels have few levels left."""
    if not kind.weighted_finely:
        return None
    assert kind.alpha is not None
    if page.planarconfig == 1:
        return np.maximum(piece[..., kind.alpha], 1)
    each = len(page.dataoffsets) // page.samplesperpixel
    alpha = _piece(page, kind.alpha * each + index % each, shape)
    return np.maximum(alpha[: piece.shape[0], : piece.shape[1], 0], 1)


def _pieces(page: Any) -> Any:
    """Number, place (plane, depth, row, column, sample) and shape of every strip or tile."""
    down, across = _piece_size(page)
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    samples = 1 if page.planarconfig == 2 else page.samplesperpixel
    number = 0
    for plane in range(planes):
        for top in range(0, page.imagelength, down):
            for left in range(0, page.imagewidth, across):
                high = down if page.is_tiled else min(down, page.imagelength - top)
                yield number, (plane, 0, top, left, 0), (1, high, across, samples)
                number += 1
    if number > min(len(page.dataoffsets), len(page.databytecounts)):
        raise OriginalCorrupt("the TIFF has fewer strips or tiles than its picture needs")


def _piece_size(page: Any) -> tuple[int, int]:
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return max(1, min(page.rowsperstrip, page.imagelength)), page.imagewidth


def _piece(page: Any, number: int, shape: tuple[int, ...]) -> Samples:
    """One strip or tile as numbers, [H, W, S]."""
    offset, length = page.dataoffsets[number], page.databytecounts[number]
    file = page.parent.filehandle
    file.seek(offset)
    packed = file.read(length)
    if not length or len(packed) < length:
        raise OriginalCorrupt("the TIFF ends within its picture")
    if page.compression == _JPEG:
        return _from_jpeg(page, packed, Size(shape[2], shape[1]), shape[3])
    numbers = _unpacked(page, packed, number, shape[1])
    if numbers is None:
        raise OriginalCorrupt("a strip or tile of the TIFF is empty")
    piece: Samples = numbers[0]
    return piece


def _unpacked(page: Any, packed: bytes, number: int, rows: int) -> Any:
    """Some writers fill the last strip up to the rows of the others."""
    try:
        return page.decode(packed, number)[0]
    except Exception:  # a codec has errors of its own
        if rows == _piece_size(page)[0]:
            raise
        return page.decode(packed, 0)[0]


def _from_jpeg(page: Any, packed: bytes, size: Size, samples: int) -> Samples:
    """A strip or tile that is a JPEG of its own, with the tables that all of them share."""
    if page.bitspersample != 8 or samples not in (1, 3, 4):
        raise OriginalUnsupported("a TIFF of JPEGs other than of 8 bits is not read here")
    tables = page.tags.get(_JPEG_TABLES)
    shared = tables.value[2:-2] if tables else b""
    marker = _ADOBE + (b"\1" if page.photometric == _YCBCR else b"\0") if samples > 1 else b""
    colours = {1: "GRAY", 3: "RGBA", 4: "CMYK"}[samples]
    width, height, _ = jpeg.shape(packed[:2] + marker + shared + packed[2:])
    if width < size.width or height > _piece_size(page)[0]:
        raise OriginalCorrupt("a strip or tile of the TIFF is of another size than the file says")
    return jpeg.decoded(packed[:2] + marker + shared + packed[2:], colours, Size(width, height))


def _levels(numbers: Samples, kind: _Kind, sample: int, weight: Samples | None) -> Levels:
    """One sample's numbers as 8 bits; of a palette, the index as it is."""
    if weight is not None and sample != kind.alpha:
        numbers = np.multiply(numbers, _WHOLE, dtype=np.uint32)
        numbers //= weight
        np.minimum(numbers, _WHOLE, out=numbers)
    if kind.photometric == _PALETTE and sample == 0:
        return numbers.astype(np.uint8)
    if kind.photometric == _LAB and sample in (1, 2):
        return _signed(numbers, kind.bits)
    if kind.bits == 16:
        return _HALVED[kind.photometric in (0, 1, _LAB)](numbers)
    if kind.bits == 8:
        return np.asarray(numbers, np.uint8)
    return np.asarray(numbers.astype(np.uint16) * 255 // (2**kind.bits - 1), np.uint8)


def _rounded(numbers: Samples) -> Levels:
    levels: Levels = ((numbers.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)
    return levels


def _upper(numbers: Samples) -> Levels:
    return np.asarray(numbers >> 8, np.uint8)


_HALVED: dict[bool, Callable[[Samples], Levels]] = {True: _rounded, False: _upper}
"""Sixteen bits to eight: grey and lightness to the nearest level; colours as Pillow reads those of
a PNG too, by their upper byte."""


def _signed(numbers: Samples, bits: int) -> Levels:
    """a* and b*, two's complement, 256 to the unit at 16 bits; as 8 bits of the same kind."""
    if bits == 16:
        units = numbers.astype(np.uint16).view(np.int16).astype(np.int32)
        rounded: Levels = np.clip((units + 128) >> 8, -128, 127).astype(np.int8).view(np.uint8)
        return rounded
    return np.asarray(numbers, np.uint8)


def _loaded(kind: _Kind, samples: Levels, request: DecodeOptions) -> Loaded:
    """The image of samples whose colours come first, then alpha where there is one."""
    count = _COLOURS[kind.photometric]
    alpha = samples[..., count] if kind.alpha is not None else None
    if kind.associated and alpha is not None and not kind.weighted_finely:
        samples[..., :count] = _unassociated(samples[..., :count], alpha)
    if kind.photometric in (_RGB, _YCBCR):
        mode = "RGB" if alpha is None else "RGBA"
        return Loaded(reduced(pillow.image_on(samples, mode), request.least))
    clear = None if alpha is None else _plane(alpha)
    if kind.photometric == _PALETTE:
        image = Image.fromarray(_looked_up(kind, samples[..., 0]))
        if clear:
            image.putalpha(clear)
        return Loaded(image)
    if kind.photometric == _LAB:
        height, width = samples.shape[:2]
        return Loaded(Image.frombytes("LAB", (width, height), samples[..., :3].tobytes()), clear)
    if kind.photometric == _CMYK:
        image = pillow.image_on(np.ascontiguousarray(samples[..., :4]), "CMYK")
    else:
        grey = samples[..., 0]
        image = _plane(255 - grey if kind.photometric == _WHITE_IS_ZERO else grey)
    return Loaded(image if clear else reduced(image, request.least), clear)


def _plane(levels: Levels) -> Image.Image:
    return pillow.image_on(np.ascontiguousarray(levels)[..., None], "L")


def _unassociated(colours: Levels, alpha: Levels) -> Levels:
    """Colours that were weighted by alpha, as they are; ink counts from white."""
    weight = np.maximum(alpha, 1).astype(np.uint16)[..., None]
    return np.asarray(np.minimum(255, colours.astype(np.uint16) * 255 // weight), np.uint8)


def _looked_up(kind: _Kind, indices: Levels) -> Levels:
    """Colours [H, W, 3] by the file's table of 16 bits; some writers fill it with 8."""
    if kind.palette is None:
        raise OriginalCorrupt("the TIFF has no colours for its palette")
    table = np.asarray(kind.palette)
    table = table if table.max(initial=0) < 256 else table >> 8
    if indices.max(initial=0) >= table.shape[1]:
        raise OriginalCorrupt("the TIFF's palette is shorter than its pixels need")
    return np.ascontiguousarray(table.astype(np.uint8).T[indices])
