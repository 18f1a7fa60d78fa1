"""What a person is told of a photo: whether to look at the cut, and facts that may matter."""

from edge.rendering.doubt import REVIEW
from edge.rendering.facts import Facts
from edge.rendering.look import Look

SMALL = 300
"""Pixels on the short side under which enlarging cannot bring back what was never there."""

DOUBT = "doubt"

DETAIL = "detail"
"""The note on a photo that shows a part of the product only."""


def review(look: Look | None) -> tuple[str, ...]:
    """`doubt` where a person would reject the cut too probably, else nothing."""
    return (DOUBT,) if look and (look.doubt or 0.0) >= REVIEW else ()


def notes(look: Look | None, facts: Facts) -> tuple[str, ...]:
    """Facts about the photo, in a fixed order; a preset may forbid one by a rule.

    `detail`: a part of the product fills the frame; `several`: more than one product;
    `cut-by-edge`: the camera cut the product; `small`: fewer than 300 pixels on the short side.
    """
    found = [flag for flag in (DETAIL, "several") if look and flag in look.flags]
    if look and look.touches and look.cut_by:
        found.append("cut-by-edge")
    if facts.size.short < SMALL:
        found.append("small")
    return tuple(found)
