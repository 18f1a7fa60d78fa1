"""Cases: what makes a photo hard, under one name each, and so why a person should look."""

from edge.rendering.facts import Facts
from edge.rendering.look import Look

SMALL = 300
"""Pixels on the short side under which enlarging cannot bring back what was never there."""

UNSURE = "unsure"

_FLAGS = {
    "white-on-white": "white-on-white",
    "ground-coloured": "ground-coloured",
    "see-through": "see-through",
    "shadow": "shadow",
    "several": "several",
    "apart": "apart",
    "review": UNSURE,
}


def cases(look: Look | None, facts: Facts) -> tuple[str, ...]:
    """The names of all that may have gone wrong though every rule is held, in a fixed order.

    `white-on-white`, `ground-coloured` and `see-through`: the outline may be guessed; `shadow`: one
    may be left beside the product; `several`: more than one product; `apart`: something small stays
    beside it; `unsure`: the matte's confidence is low; `cut-by-edge`: the camera cut the subject;
    `small`: fewer than 300 pixels on the short side. What comes out adds `pale` (see `verify`).
    """
    flags = look.flags if look else ()
    found = [name for flag, name in _FLAGS.items() if flag in flags]
    if look and look.touches and look.cut_by:
        found.append("cut-by-edge")
    if facts.size.short < SMALL:
        found.append("small")
    return tuple(found)
