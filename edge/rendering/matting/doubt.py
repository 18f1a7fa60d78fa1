"""Doubt: how probable it is that a person would reject a cut, from 0 to 1.

One logistic regression on what `fusion` saw, fitted by `training/matting/doubt.py` on verdicts over
shop photos and cross-validated there; `docs/matting.md` gives its measured accuracy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge.rendering.numbers import tuned


@dataclass(frozen=True, slots=True)
class Evidence:
    """The inputs of the doubt, each as a share of the product's area unless it says otherwise.

    `unsure`: where the network is unsure or contradicts the cut, away from outlines; `traces`:
    where the first pass answers little, but not zero; `pale`: of the product, what has the
    background's colour; `even`: of what surrounds the product, what has one colour; `scene`: 1
    where the background is not plain, else 0; `close_up`: where the close-up pass is unsure or
    contradicts the cut, away from outlines.
    """

    unsure: float = 0.0
    traces: float = 0.0
    pale: float = 0.0
    even: float = 0.0
    scene: float = 0.0
    close_up: float = 0.0


@dataclass(frozen=True)
class DoubtNumbers:
    """What is done about doubt."""

    again: float = tuned(
        0.06,
        "probability",
        "from which another network is run",
        "chosen from the table of thresholds in docs/matting.md",
    )
    whole: float = tuned(
        0.4,
        "probability",
        "from which the photo stays whole without `matte=on`: the cut is too unsure to be used",
        "chosen from the table of thresholds in docs/matting.md",
    )
    review: float = tuned(
        0.17,
        "probability",
        "from which a person is to review the cut",
        "chosen from the table of thresholds in docs/matting.md",
    )


DOUBT_NUMBERS = DoubtNumbers()

RARER, AROUND = 0.75, 0.25
"""How much rarer a pale colour is on the product than around it, and how deep that is, in radii of
the product. The weights were fitted on evidence measured so: over 100 shop photos squared doubt is
off by 0.181; with half of either 0.177 and 0.179, with twice 0.187 and 0.183."""

BIAS = -2.12
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "unsure": 5.02,
        "traces": 9.36,
        "pale": 6.49,
        "even": -3.62,
        "scene": 0.95,
        "close_up": 2.62,
    }
)
"""Of the square root of each share: fitted, not chosen."""


def doubt_of(evidence: Evidence) -> float:
    """The probability that a person would reject the cut."""
    score = BIAS + sum(
        weight * math.sqrt(min(1.0, getattr(evidence, name))) for name, weight in WEIGHTS.items()
    )
    return round(1 / (1 + math.exp(-score)), 3)
