"""Facts: what an original's header says, as a value."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge.images import Size


class OriginalFormat(StrEnum):
    """A file format that is read here; decided by the first bytes, never by the name."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    HEIC = "heic"


class Mode(StrEnum):
    """How the stored numbers mean colour."""

    GREY = "grey"
    RGB = "rgb"
    PALETTE = "palette"
    CMYK = "cmyk"
    LAB = "lab"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header says; no pixel has been decoded.

    `size` is upright, `stored` is as the file holds it, `orientation` is EXIF's 1 to 8. `bits` are
    per channel. `alpha`: pixels may be see-through. `frames` is 1 for a still. `profile` is the
    embedded ICC profile's own description ("" where it has none), or what the file says of its
    colours by numbers; None where they are sRGB for lack of either.
    `quality` is that of a JPEG or a lossy WebP, 1 to 100, estimated from its quantisation.
    `noise`, the one value that pixels tell, is grain in levels of 255, where it was asked for.
    """

    format: OriginalFormat
    size: Size
    stored: Size
    orientation: int = 1
    mode: Mode = Mode.RGB
    bits: int = 8
    alpha: bool = False
    frames: int = 1
    profile: str | None = None
    quality: int | None = None
    noise: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, for `explain`."""
        return {
            "format": self.format.value,
            "size": [self.size.width, self.size.height],
            "stored": [self.stored.width, self.stored.height],
            "orientation": self.orientation,
            "mode": self.mode.value,
            "bits": self.bits,
            "alpha": self.alpha,
            "frames": self.frames,
            "profile": self.profile,
            "quality": self.quality,
            "noise": self.noise,
        }
