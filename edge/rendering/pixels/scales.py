"""Sizes that several rooms share: the grids on which they look, and how far is beside."""

from dataclasses import dataclass

from edge.rendering.numbers import tuned


@dataclass(frozen=True)
class ScaleNumbers:
    """Grids and lengths."""

    coarse: int = tuned(
        160,
        "cells",
        "long side of the grid for what is smooth: a background's surface, the colours of areas",
    )
    fine: int = tuned(
        640, "cells", "long side of the grid for outlines: guided filter, soft mattes, shadows"
    )
    air: float = tuned(
        0.05, "share of the longer side", "around a subject that is seen whole, if there is as much"
    )
    beside: int = tuned(
        8, "pixels", "beside a subject, from which the colours at its outline are known"
    )
    small: int = tuned(
        300,
        "pixels",
        "short side under which enlarging cannot bring back what was never there",
    )
    worth: float = tuned(
        1.1,
        "ratio",
        "change of size that shows: from there `up=auto` runs a network, `sharp=auto` sharpens, "
        "and a stretched matte is solved anew",
    )


SCALES = ScaleNumbers()
