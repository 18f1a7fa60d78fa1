"""Edits: what a plan makes of a photo, in the words of its provenance."""

from edge.images import digest
from edge.models.base import Models, digests
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.plan import Plan
from edge.rendering.provenance import COMPOSITE, ENHANCED, GENERATED, Provenance
from edge.rendering.request import RenderRequest
from edge.variants.values import BackgroundKind

_SHORT = 8  # hexadecimal digits of a model's digest
_ORIGINAL = 16  # and of an original's
_WEIGHT = (ENHANCED, COMPOSITE, GENERATED)

_ADDING = frozenset({"extend"})
"""Ops that draw what the photo does not show."""


def provenance_of(
    job: RenderRequest, plan: Plan, analysis: Analysis | None, models: Models
) -> Provenance:
    """What this plan makes of the job's original. Takes a hash of it: work for a thread."""
    transform = job.transform
    edits = _edits(plan, analysis, job)
    return Provenance(
        digest(job.body)[:_ORIGINAL],
        f"{transform.preset}@{transform.preset_version}" if transform.preset else "",
        _named(models, (*_cutters(plan, analysis), *plan.models)),
        max((term for term, _ in edits), key=_WEIGHT.index, default=""),
        tuple(words for _, words in edits),
    )


def _edits(plan: Plan, analysis: Analysis | None, job: RenderRequest) -> list[tuple[str, str]]:
    """Each edit as its source type and in words, in the order of the plan."""
    cut_by = analysis.cut_by if analysis else None
    whole = analysis is not None and analysis.whole
    found = []
    for step in plan.steps:
        if step.op == "upscale":
            found.append((ENHANCED, f"enlarged {getattr(step, 'factor', '')} times by a network"))
        elif step.op == "matte" and cut_by:
            found.append((ENHANCED, "cut out of its background"))
        elif step.op == "background" and cut_by:
            found += _backgrounds(job, whole=whole)
        elif step.op == "shadow":
            found.append((COMPOSITE, "a shadow drawn under it"))
        elif step.op in _ADDING:
            found.append((GENERATED if step.models else COMPOSITE, "its background extended"))
    return found


def _backgrounds(job: RenderRequest, *, whole: bool) -> list[tuple[str, str]]:
    """Beside a photo that is delivered `whole` a colour is a margin."""
    background = job.transform.background
    if background is None or background.kind is BackgroundKind.TRANSPARENT:
        return []
    if whole and background.kind is not BackgroundKind.SCENE:
        return []
    return [(COMPOSITE, f"set on another background ({background})")]


def _cutters(plan: Plan, analysis: Analysis | None) -> tuple[str, ...]:
    """The networks that looked for the subject, where the plan needs it cut out."""
    cuts = any(step.op == "matte" for step in plan.steps)
    return analysis.asked if analysis and cuts else ()


def _named(models: Models, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}@{digest[:_SHORT]}" for name, digest in digests(models, names))
