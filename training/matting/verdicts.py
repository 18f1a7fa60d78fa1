"""Verdicts over shop photos, and what becomes of these photos by a doubt.

`verdicts.tsv` says of each photo which of its cuts a person would sell: by the first network, by
its mean with its own close-up pass, by the mean of two networks, by the second, by the median of
three, and by the third; judged by eye on sheets.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge.rendering.matting.doubt import DOUBT_NUMBERS

VERDICTS = Path(__file__).with_suffix(".tsv")
THRESHOLDS = (0.07, 0.08, 0.1, 0.12, 0.15, DOUBT_NUMBERS.review, 0.2, 0.3, 0.5)

Key = tuple[str, str]
"""A photo's name and a cut's."""

LATER = (("first", "close_up"), ("mean", "second"), ("median", "third"))
"""Which cuts are tried after the pass of one network, and where a second and a third run."""


def verdicts() -> dict[Key, bool]:
    """Whether a person would reject a cut."""
    head, *lines = [line.split("\t") for line in VERDICTS.read_text().splitlines()]
    return {
        (name, cut): said == "reject"
        for name, *row in lines
        for cut, said in zip(head[1:], row, strict=True)
    }


def cascade(doubts: Mapping[Key, float], photo: str, networks: int) -> tuple[Key | None, int]:
    """The cut that is delivered of a photo, and how many passes it took, as in `passes.combined`;
    None where it is a detail."""
    best, passes = (photo, "first"), 1
    for cuts in LATER[1:networks] if networks > 1 else LATER[:1]:
        if doubts.get(best, 1.0) < DOUBT_NUMBERS.again:
            break
        if passes == 1 and (photo, cuts[0]) not in doubts:
            return None, 2
        tried = [(photo, cut) for cut in cuts if (photo, cut) in doubts]
        best, passes = min([best] * (passes > 1) + tried, key=doubts.__getitem__), passes + 1
    return best, passes


def table(doubts: Mapping[Key, float], networks: int) -> None:
    """Print what becomes of the photos, and what thresholds would doubt and find."""
    rejected = verdicts()
    photos = sorted({photo for photo, _ in rejected})
    last = [cascade(doubts, photo, networks) for photo in photos]
    doubt = np.array([doubts[key] for key, _ in last if key])
    bad = np.array([rejected[key] for key, _ in last if key])
    kept, whole = (is_so(doubt, DOUBT_NUMBERS.whole) for is_so in (np.less, np.greater_equal))
    unseen = doubt < DOUBT_NUMBERS.review
    again = ", ".join(f"{np.mean([passes > n for _, passes in last]):.0%}" for n in (1, 2))
    print(
        f"{networks} network{'s'[: networks > 1]}, photos with a second and a third pass: {again}"
    )
    print(f"would be sold {(~bad & kept).sum()}")
    print(f"would not, and delivered {(bad & kept).sum()}, undoubted {(bad & kept & unseen).sum()}")
    print(f"whole {whole.sum()}, of which could have been sold {(~bad & whole).sum()}")
    print(f"details, and photos without a subject {len(photos) - len(doubt)}")
    for least in THRESHOLDS:
        found = (bad & (doubt >= least)).sum() / bad.sum()
        print(
            f"from {least:.2f}: doubts {np.mean(doubt >= least):.0%}, {found:.0%} of the rejected"
        )
