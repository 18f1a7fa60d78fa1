"""Probe: an original's header is read, and held against the limits, before anything is decoded."""

from edge.limits import Limits
from edge.rendering.source import headers
from edge.rendering.source.facts import Facts
from edge.rendering.source.headers.base import Header
from edge.rendering.source.headers.cicp import description


def read_facts(body: bytes, limits: Limits) -> Facts:
    """Read a header, in flat memory, and hold it against the limits; nothing is decoded.

    Raises:
        OriginalUnsupported: the first bytes are of no format that is read here.
        OriginalCorrupt: the header contradicts itself or the file ends too early.
        OriginalTooLarge: over a limit of pixels, frames, profile, text or pieces.
    """
    header = headers.read(body, limits)
    return Facts(
        header.format,
        header.size,
        header.stored,
        orientation=header.orientation,
        mode=header.mode,
        bits=header.bits,
        alpha=header.alpha,
        frames=header.frames,
        profile=_profile(header),
        quality=header.quality,
    )


def _profile(header: Header) -> str | None:
    if header.icc is not None:
        return description(header.icc)
    return header.space.name if header.space else None
