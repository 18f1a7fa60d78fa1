"""The segmentation of a photo: its matte, or why there is none."""

from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from edge.images import Size
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.pixels.geometry import Area, sides_touched
from edge.rendering.pixels.levels import LEVELS, edges

FINEST = 2500
"""Pixels: the long side up to which a matte has all of the original's; a larger original is reduced
first. On a plain background 4000 pixels take three times as long, and few presets are larger."""


def resolution(original: Size) -> Size:
    """The size of the matte of an upright original."""
    return original.scaled(min(1.0, FINEST / original.long))


@dataclass(frozen=True, slots=True)
class Matte:
    """A matte and how it was found.

    `matte` (mode L) covers the whole upright original; `subject` is in fractions of it; `by` is
    `alpha`, `plain-background` or `network`; `doubt` (0 to 1) is the probability that a person
    would reject it; `flags` says what is special about this photo: `touches-left` and its like,
    `several`, `detail`; `doubted`, in fractions too, is all that hangs together with the subject by
    the network's least trace, where the matte is doubtful or its background is a scene; `networks`
    names the networks that looked.
    """

    matte: Image.Image = field(repr=False)
    subject: Area
    by: str
    doubt: float
    flags: tuple[str, ...] = ()
    doubted: Area | None = None
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoMatte:
    """Why no matte was made, in words, and as flags: `tiny`, `no-subject`, `not-plain`."""

    reason: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The segmentation of one original: the analysis, and the matte or why there is none."""

    analysis: Analysis
    found: Matte | NoMatte

    @property
    def refined(self) -> Analysis:
        """The analysis with the subject's exact box, or with why it could not be found."""
        analysis, found = self.analysis, self.found
        if isinstance(found, NoMatte):
            return replace(analysis, flags=tuple(dict.fromkeys((*analysis.flags, *found.flags))))
        guessed = (flag for flag in analysis.flags if flag != "no-subject")
        lines, size = edges(np.asarray(found.matte)), Size(*found.matte.size)
        return replace(
            analysis,
            subject=found.subject,
            touches=sides_touched(found.subject.scaled(size.width, size.height), size),
            covered=tuple(round(float(np.mean(line >= LEVELS.half)), 3) for line in lines),
            flags=tuple(dict.fromkeys((*guessed, *found.flags))),
            cut_by=found.by,
            doubt=found.doubt,
            doubted=found.doubted,
            networks=found.networks,
        )
