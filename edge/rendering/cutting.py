"""Cutting out: which way leads to the matte, and what is told of it.

An original that is see-through already brings its matte. A plain studio ground is unmixed
analytically. Where that abstains or is unsure, the networks are asked.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from edge.errors import ModelMissing, OriginalUnsupported
from edge.images import Box, Size
from edge.models import matting, roles
from edge.models.base import Models
from edge.rendering.area import Area
from edge.rendering.look import Look
from edge.rendering.matte import HALF, bounds, touched
from edge.rendering.plain_ground import Abstained, cut_out
from edge.rendering.step import Tools
from edge.rendering.studio import Pixels
from edge.variants.transform import Transform
from edge.variants.values import Matte

PREFERRED = 0.88
"""From this confidence on no network is asked: it would be slower and not better there."""

LOOKED_AT = 1000
"""Pixels on the long side that an outline is found on; larger mattes are made of that."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A matte and where it came from.

    `matte` (mode L) has the decoded picture's size or less; `subject` is in fractions of it;
    `by` is `alpha`, `plain-ground` or `network`; `confidence` runs from 0 to 1; `flags` names what
    makes this photo hard, `review` among them where a person should look.
    """

    matte: Image.Image = field(repr=False)
    subject: Area
    by: str
    confidence: float
    flags: tuple[str, ...] = ()


def told(look: Look, found: Cut | Abstained) -> Look:
    """The look with the subject's exact box, or with why it could not be found."""
    if isinstance(found, Abstained):
        return replace(look, flags=tuple(dict.fromkeys((*look.flags, *found.flags))))
    guessed = (flag for flag in look.flags if flag not in _MENDED)
    return replace(
        look,
        subject=found.subject,
        touches=touched(np.asarray(found.matte)),
        flags=tuple(dict.fromkeys((*guessed, *found.flags))),
        cut_by=found.by,
        confidence=found.confidence,
    )


_MENDED = frozenset(
    {"no-subject", "touches-edge"}
)  # of the look's guesses, those that a matte ends


def wanted(transform: Transform) -> bool:
    """Whether this wish needs a matte at all."""
    if transform.matte is Matte.AUTO:
        return transform.background is not None
    return transform.matte is Matte.ON


def must(transform: Transform) -> bool:
    """Whether a picture as shot would break the wish: then a missing network is an error."""
    return transform.matte is Matte.ON or bool(transform.preset)


def at_hand(image: Image.Image) -> Cut | Abstained:
    """The cut that needs no network."""
    if image.mode == "RGBA":
        return _by_alpha(image)
    found = cut_out(image)
    if isinstance(found, Abstained):
        return found
    flags = found.flags if found.confidence >= PREFERRED else (*found.flags, "review")
    return _cut(found.matte, found.box, "plain-ground", found.confidence, flags)


def settled(found: Cut | Abstained, models: Models) -> bool:
    """Whether no network needs to be asked, or none could be that would know better."""
    if isinstance(found, Abstained):
        return False
    return found.confidence >= PREFERRED or not _has(models, roles.MATTING)


async def by_network(image: Image.Image, transform: Transform, tools: Tools) -> Cut | None:
    """The subject as the networks see it; None where the wish can do without.

    Raises:
        ModelMissing: there is no network, and the wish cannot do without.
        OriginalUnsupported: the networks see no subject, and the wish cannot do without.
        ModelUnavailable, ModelContractBroken, DeadlineExceeded: from the models.
    """
    try:
        tools.models.spec(roles.MATTING)
    except ModelMissing:
        if must(transform):
            raise
        return None
    pixels = await tools.engine.run(lambda: np.asarray(image.convert("RGB")))
    alpha = await matting.coarse_matte(tools.models, pixels, tools.deadline, tools.priority)
    if _has(tools.models, roles.MATTING_REFINE):
        alpha = await matting.refine(tools.models, pixels, alpha, tools.deadline, tools.priority)
    return await tools.engine.run(_judged, alpha, must(transform))


def _judged(alpha: Pixels, needed: bool) -> Cut | None:
    """The network's matte with a confidence: how little of it is neither subject nor ground."""
    box = bounds(alpha >= HALF)
    if box is None:
        if needed:
            raise OriginalUnsupported("no subject is found that could be cut out", param="matte")
        return None
    sure = np.count_nonzero(alpha >= 230)
    unsure = np.count_nonzero((alpha > 25) & (alpha < 230))
    confidence = round(sure / (sure + unsure), 3)
    flags = [f"touches-{side}" for side in touched(alpha)]
    if confidence < PREFERRED:
        flags.append("review")
    return _cut(alpha, box, "network", confidence, tuple(flags))


def _by_alpha(image: Image.Image) -> Cut | Abstained:
    alpha = np.asarray(image.getchannel("A"))
    box = bounds(alpha >= HALF)
    if box is None:
        return Abstained("the original is see-through everywhere", ("no-subject",))
    return _cut(alpha, box, "alpha", 1.0, ())


def _cut(alpha: Pixels, box: Box, by: str, confidence: float, flags: tuple[str, ...]) -> Cut:
    size = Size(alpha.shape[1], alpha.shape[0])
    subject = Area.of(box).scaled(1 / size.width, 1 / size.height)
    return Cut(Image.fromarray(alpha), subject, by, confidence, flags)


def _has(models: Models, name: str) -> bool:
    try:
        models.spec(name)
    except ModelMissing:
        return False
    return True
