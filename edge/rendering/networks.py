"""The networks that a rendition may need, by its request alone; by name."""

from edge.models import roles
from edge.models.base import Models, digests
from edge.variants.presets import Rules
from edge.variants.transform import Transform
from edge.variants.values import Fit, MatteMode, UpscaleMode

_LOOKING = {"no_text": roles.TEXT_DETECTION, "no_head": roles.FACE_DETECTION}
"""The networks that rules need."""


def needed(transform: Transform) -> tuple[str, ...]:
    """The networks without which it cannot be made, if its original needs them."""
    cut = (roles.MATTING,) if transform.requires_matte else ()
    factor = transform.upscale.factor
    return (*cut, roles.UPSCALE[factor]) if factor else cut


def of(transform: Transform, rules: Rules | None = None) -> tuple[str, ...]:
    """All networks that may run, with those that inspect the result where it has rules."""
    names: list[str] = []
    factor = transform.upscale.factor
    if factor:
        names += (roles.UPSCALE[factor], roles.UPSCALE_DEGRADED[factor])
    elif transform.upscale is UpscaleMode.AUTO and transform.has_size:
        names += (*roles.UPSCALE.values(), *roles.UPSCALE_DEGRADED.values())
    if (
        transform.matte is not MatteMode.OFF
        or transform.fit is Fit.PRODUCT
        or transform.needs_segmentation
    ):
        names += roles.MATTERS
    return (*names, *(_LOOKING[word] for word in (rules.networks if rules else ())))


def of_chain(models: Models) -> tuple[tuple[str, str], ...]:
    """Name and digest of those that may have a part in any picture before it is inspected, as far
    as they are there."""
    names = (*roles.MATTERS, *roles.UPSCALE.values(), *roles.UPSCALE_DEGRADED.values())
    return digests(models, names)
