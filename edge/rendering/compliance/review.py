"""Reasons for a review, and notes about a photo."""

from edge.rendering.analysis.analysis import DETAIL, Analysis
from edge.rendering.matting.doubt import DOUBT_NUMBERS
from edge.rendering.pixels.scales import SCALES
from edge.rendering.source.facts import Facts

DOUBT = "doubt"


def review(analysis: Analysis | None) -> tuple[str, ...]:
    """`doubt` where a person would reject the cut too probably, or there was none to make, else
    nothing."""
    doubted = analysis and (analysis.whole or (analysis.doubt or 0.0) >= DOUBT_NUMBERS.review)
    return (DOUBT,) if doubted else ()


def notes(analysis: Analysis | None, facts: Facts) -> tuple[str, ...]:
    """Facts about the photo, in a fixed order; a preset may forbid one by a rule.

    `detail`: a part of the product fills the frame, or every cut is too unsure, and the photo is
    delivered whole; `several`: more than one product;
    `cut-by-edge`: the camera cut the product; `small`: fewer than 300 pixels on the short side.
    """
    found = [flag for flag in (DETAIL, "several") if analysis and flag in analysis.flags]
    if analysis and analysis.touches and analysis.cut_by and not analysis.whole:
        found.append("cut-by-edge")
    if facts.size.short < SCALES.small:
        found.append("small")
    return tuple(found)
