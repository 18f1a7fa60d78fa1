"""What a decoder is given, what it returns, and the errors that its failures become."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from edge.errors import EdgeError, OriginalCorrupt, OriginalTooLarge, OriginalUnsupported
from edge.images import Box, Size
from edge.rendering.source.facts import OriginalFormat
from edge.rendering.source.headers.base import Header
from edge.rendering.source.headers.cicp import ColourSpace, Transfer


@contextmanager
def translated(format: OriginalFormat) -> Iterator[None]:
    """Whatever a decoder raises on hostile bytes is the original's fault."""
    try:
        yield
    except EdgeError:
        raise
    except MemoryError as error:
        raise OriginalTooLarge("the original needs more memory than there is") from error
    except Exception as error:
        if type(error).__name__ == "UnidentifiedImageError":  # of either Pillow
            raise OriginalUnsupported(
                f"a {format.value} of this kind is not read here, or it is damaged"
            ) from error
        if "truncated" in str(error):
            raise OriginalCorrupt("the original ends before its last row") from error
        raise OriginalCorrupt(f"the original cannot be decoded as {format.value}") from error


UPRIGHT_ALREADY = frozenset({OriginalFormat.HEIC})
"""Formats whose decoder turns the picture itself."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What the header has found out, as far as a decoder needs to know.

    `size` is what it must answer: as stored, or upright where the decoder turns the picture.
    `inverted`: grey whose zero is white.
    `aperture` is the part of the picture that is meant to be seen.
    `hdr` is the space of a picture of high dynamic range and of more than 8 bits, which is
    tone-mapped to sRGB from all its bits; None: leave the colours as they are. `narrow` as there.
    `least`: the size that is enough; fewer pixels may be decoded, never fewer than these.
    """

    format: OriginalFormat
    size: Size
    bits: int = 8
    inverted: bool = False
    least: Size | None = None
    aperture: Box | None = None
    hdr: ColourSpace | None = None
    narrow: bool = False

    @classmethod
    def of(cls, header: Header, least: Size | None) -> "DecodeOptions":
        size = header.size if header.format in UPRIGHT_ALREADY else header.decoded
        deep = header.space and header.space.hdr and header.bits > 8
        return cls(
            header.format,
            size,
            header.bits,
            header.inverted,
            least,
            header.aperture,
            header.space if deep else None,
            header.narrow,
        )

    def check(self, width: int, height: int) -> None:
        """What was held against the limits, and what plans are made from, is what there is."""
        if (width, height) != (self.size.width, self.size.height):
            raise OriginalCorrupt(
                f"the header says {self.size}, the picture is {Size(width, height)}"
            )

    def as_json(self) -> dict[str, Any]:
        return {
            "format": self.format.value,
            "size": [self.size.width, self.size.height],
            "bits": self.bits,
            "inverted": self.inverted,
            "least": self.least and [self.least.width, self.least.height],
            "aperture": self.aperture and self.aperture.as_tuple(),
            "hdr": self.hdr and [self.hdr.primaries, self.hdr.transfer.value],
            "narrow": self.narrow,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "DecodeOptions":
        least, aperture, hdr = values["least"], values["aperture"], values["hdr"]
        return cls(
            OriginalFormat(values["format"]),
            Size(*values["size"]),
            values["bits"],
            values["inverted"],
            least and Size(*least),
            aperture and Box(*aperture),
            hdr and ColourSpace(hdr[0], Transfer(hdr[1])),
            values["narrow"],
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture as it is stored: not turned, in the colours of its own profile.

    `image` is of mode L, RGB, RGBA, CMYK (255 is full ink) or LAB, 8 bits each. `alpha`, mode L and
    of the same size, goes with L, CMYK and LAB where the picture has one.
    """

    image: Image.Image = field(repr=False)
    alpha: Image.Image | None = field(default=None, repr=False)
