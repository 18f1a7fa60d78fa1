"""How many bytes a render may hold at its peak, from the header and the request; nothing is
decoded.

The figures were measured as the growth of resident memory over a render, of the server and its
worker together, on pictures of 24 and 100 megapixels, and are rounded up.
"""

from dataclasses import dataclass

from edge.errors import OriginalTooLarge
from edge.images import Format, Size
from edge.limits import Limits
from edge.rendering.matting.mattes import resolution
from edge.rendering.plan import needs_analysis, plan
from edge.rendering.source.decode import decoded_size
from edge.rendering.source.facts import Facts, OriginalFormat
from edge.variants.transform import Transform

_DECODED = 4
"""Bytes of a pixel that is decoded: all but grey is kept in four."""

_DECODER = {
    OriginalFormat.JPEG: 3.5,  # a progressive one keeps every coefficient
    OriginalFormat.PNG: 5,
    OriginalFormat.WEBP: 13,
    OriginalFormat.GIF: 12,
    OriginalFormat.AVIF: 12,
    OriginalFormat.HEIC: 14,
    OriginalFormat.TIFF: 18,
}
"""What the decoder takes for each pixel of the original beside."""

_OUTPUT = {Format.AVIF: 36.0}
_ANY_OUTPUT = 14.0
"""For each pixel of the rendition: the canvas, what it was, the encoder, and reading it again."""

_CUT = 280
"""For each pixel that a subject is looked for in: planes of floating point, and the networks'."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes: what only decoding takes, and the most that the whole render does."""

    decoding: int
    total: int

    def admitted(self, budget: int) -> int:
        """The bytes to request of the budget.

        Raises:
            OriginalTooLarge: the render alone would take more than all may take together.
        """
        for count, work in ((self.decoding, "decode"), (self.total, "render like this")):
            if count > budget:
                raise OriginalTooLarge(
                    f"the original needs {count / 2**20:.0f} MiB to {work}",
                    allowed=f"at most {budget / 2**20:.0f} MiB (EDGE_LIMITS_MEMORY_BYTES)",
                )
        return self.total


def peak(facts: Facts, transform: Transform, limits: Limits, scene: Facts | None = None) -> Peak:
    """Of a render; `scene`: of the picture that becomes its background.

    Raises: RequestError, as `plan` does.
    """
    planned = plan(transform, facts, None, limits)
    least = None if needs_analysis(transform) or transform.needs_segmentation else planned.decode
    decoding = _decoding(facts, least)
    beside = planned.canvas.pixels * _OUTPUT.get(transform.format or Format.JPEG, _ANY_OUTPUT)
    if transform.needs_segmentation:
        beside += resolution(facts.size).pixels * _CUT
    if scene:
        beside += _decoding(scene, None)
    return Peak(decoding, round(decoding + beside))


def rereading(size: Size) -> int:
    """Bytes that verifying a finished rendition may take."""
    return round(size.pixels * _ANY_OUTPUT)


def _decoding(facts: Facts, least: Size | None) -> int:
    kept = decoded_size(facts, least).pixels
    return round(facts.stored.pixels * _DECODER[facts.format] + kept * _DECODED)
