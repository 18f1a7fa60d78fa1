"""Sizes that several rooms share: grids for analysis, margins, shares."""

from dataclasses import dataclass

from edge.rendering.numbers import tuned


@dataclass(frozen=True)
class ScaleNumbers:
    """Grids and lengths."""

    coarse: int = tuned(
        160,
        "cells",
        "long side of the grid for what is smooth: a background beyond an edge, colours of areas; "
        "half of that on which a guided filter is fitted, a quarter of that for outlines",
        "along outlines of 12 composites alpha is off by 12.3 levels; 12.1 with half of it, 12.3 "
        "with twice",
    )
    air: float = tuned(
        0.05,
        "share of the longer side",
        "around a subject that is seen whole, if there is as much, and left beside it by the "
        "largest frame; what is kept around it of a background that will be replaced, for the "
        "outline needs a neighbourhood; twice, on each side of it in a close-up pass; depth of the "
        "strip at an edge whose grain and, twice, whose scene or inside is continued",
        "boxes of 49 photographs, guessed by one pass, are off by 43 %; by as much with half of "
        "it, by 46 with twice",
    )
    rim: float = tuned(
        0.02,
        "share of a side",
        "around an outline that is touched by it: nothing there counts as background that could be "
        "continued; share of an edge's cells that may be other than background where it goes on; "
        "sigma of a scene's light on a subject's rim, and of a background out of focus",
        "hidden borders of 22 photographs come back within 9.1 levels; 9.0 with half of it, 8.8 "
        "with twice",
    )
    beside: int = tuned(
        8,
        "pixels",
        "beside a subject, from which the colours at its outline are known",
        "along outlines of 35 composites alpha is off by 13.8 levels, with half of it and with "
        "twice as well",
    )
    small: int = tuned(
        300,
        "pixels",
        "short side under which enlarging cannot bring back what was never there",
        "promised in docs/presets.md: by 4, the most that networks enlarge by, it makes 1,200 "
        "pixels, and marketplaces ask for 1,000 and more",
    )
    large: float = tuned(
        0.25,
        "share",
        "of the largest part's area, from which another is the product's too",
        "by eye: half as long; of 710 drawn pictures none gets another view with half or twice",
    )
    worth: float = tuned(
        1.1,
        "ratio",
        "change of size that shows: from there `up=auto` runs a network, `sharp=auto` sharpens, "
        "and a stretched matte is solved anew",
        "7 photographs enlarged by it: the network is 2.0 dB better than Lanczos; 2.0 by 1.54, 1.5 "
        "by 2.2",
    )

    @property
    def guided(self) -> int:
        """Cells on the long side of the grid on which a guided filter is fitted."""
        return 2 * self.coarse

    @property
    def fine(self) -> int:
        """The same of the grid for outlines: soft mattes, shadows."""
        return 2 * self.guided


SCALES = ScaleNumbers()

MAD = 1.48
"""Standard deviations of normal noise in its median absolute deviation, 1 / 0.6745."""
