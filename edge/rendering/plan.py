"""Plan: the ordered steps for a transform, from facts and analysis alone; no pixels.

The order of the whole product is the column `ORDER`. Decoding, turning upright and bringing to sRGB
come before it, encoding and verifying after it.

`crop`, `trim`, `rot` and `flip` speak of the original as a person sees it, so they come first and
in that order: crop numbers are pixels of the upright original, trim looks at the border of what the
crop left, the angle turns what the trim left, and `w`, `h`, `ar`, `fit` and `g` speak of the result
of all four.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from edge.admission import Cost
from edge.images import Size
from edge.limits import Limits
from edge.models.base import Models
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.ops import (
    background,
    blur,
    crop,
    decontaminate,
    extend,
    flatten,
    flip,
    frame,
    matte,
    pad,
    resize,
    rotate,
    shadow,
    sharpen,
    trim,
    upscale,
)
from edge.rendering.pixels.geometry import Area
from edge.rendering.source.facts import Facts
from edge.rendering.step import Framing, PixelStep, PlanContext, PlanState, Step
from edge.variants.transform import Transform
from edge.variants.values import Fit, MatteMode

ORDER: tuple[Callable[[Transform, PlanContext], Step | None], ...] = (
    crop.plan,
    trim.plan,
    rotate.plan,
    flip.plan,
    frame.plan,
    upscale.plan,
    decontaminate.plan,
    resize.plan,
    matte.plan,
    sharpen.plan,
    blur.plan,
    extend.plan,
    pad.plan,
    background.plan,
    shadow.plan,
    flatten.plan,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a render, and the size of its result.

    `source` is the size of the whole upright original, in whose pixels the steps count. `decode`
    is the least size in which it is needed, None for every pixel. `canvas` is the size of the
    rendition, `alpha` says that it may have see-through pixels.
    """

    source: Size
    steps: tuple[Step, ...]
    decode: Size | None
    canvas: Size
    alpha: bool
    notes: tuple[str, ...] = field(default=())

    @property
    def models(self) -> tuple[str, ...]:
        """The networks that will run, by name."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.models))

    @property
    def framing(self) -> Framing:
        """Where the picture sits in the canvas: its region is in pixels of the original after
        `turns`."""
        return next(step.framing for step in self.steps if step.framing)

    @property
    def turns(self) -> tuple[PixelStep, ...]:
        """The steps that turn or mirror the whole picture; they come before the framing."""
        return tuple(step for step in self.steps if not step.waits and step.turns)

    @property
    def shown(self) -> Area:
        """The region that is kept, in shares of the upright original."""
        state = PlanState.first(self.source)
        for turn in self.turns:
            state = turn.after(state)
        state = state.narrowed(self.framing.region)
        for turn in reversed(self.turns):
            state = turn.undone.after(state)
        return state.view.scaled(1 / state.size.width, 1 / state.size.height)

    @property
    def cost(self) -> Cost:
        """The admission class, now that the plan is known."""
        return Cost.NETWORK if self.models else Cost.CLASSICAL

    def settled(self, models: Models | None) -> "Plan":
        """With each step as these networks can do it; None: as it can be done without any."""
        return replace(self, steps=tuple(step.settled(models) for step in self.steps))

    def steps_for(self, decoded: Size) -> tuple[Step, ...]:
        """The steps, with the numbers of those before the resize brought to a smaller decode."""
        factors = decoded.width / self.source.width, decoded.height / self.source.height
        steps = []
        for step in self.steps:
            steps.append(step.scaled(*factors))
            factors = step.factors_after(*factors)
        return tuple(steps)

    def as_facts(self) -> dict[str, Any]:
        """JSON-able, for `explain`."""
        return {
            "steps": [step.facts() for step in self.steps],
            "decode": _pair(self.decode or self.source),
            "canvas": _pair(self.canvas),
            "alpha": self.alpha,
            "models": list(self.models),
            "cost": self.cost.value,
            "notes": list(self.notes),
        }


def plan(transform: Transform, facts: Facts, analysis: Analysis | None, limits: Limits) -> Plan:
    """Ask every op in order.

    Raises:
        OutputTooLarge: the canvas, or what a network would make for it, is over a limit.
        InvalidParameter: a number does not fit this original, such as a crop outside of it.
    """
    size = facts.size
    matted = analysis is not None and analysis.cut_by is not None and transform.cuts_out
    subject = None
    if analysis is not None:
        subject = analysis.subject_in(size) if matted else analysis.kept_in(size)
    state = replace(PlanState.first(size, subject, alpha=facts.alpha), matted=matted)
    steps = []
    for wanted in ORDER:
        step = wanted(transform, PlanContext(facts, analysis, limits, state))
        if step is not None:
            steps.append(step)
            state = step.after(state)
    notes = tuple(note for step in steps for note in step.notes)
    return Plan(
        size,
        tuple(steps),
        _least_decode(size, steps),
        state.size,
        state.alpha,
        (*_shortfall(transform, state.size), *notes),
    )


def needs_analysis(transform: Transform) -> bool:
    """Whether the plan depends on what the picture shows."""
    return bool(
        transform.gravity.subject
        or transform.fit is Fit.PRODUCT
        or transform.matte is not MatteMode.OFF
        or transform.trim
        or (transform.fit is Fit.PAD and transform.background is None)
    )


def _least_decode(size: Size, steps: list[Step]) -> Size | None:
    """Fewer pixels do where a step reduces the picture and none needs them all."""
    scales = [step.resize_scale for step in steps if step.resize_scale is not None]
    if not scales or scales[-1] >= 1 or any(step.needs_full_decode for step in steps):
        return None
    return Size(math.ceil(size.width * scales[-1]), math.ceil(size.height * scales[-1]))


def _shortfall(transform: Transform, canvas: Size) -> tuple[str, ...]:
    """Why the rendition is smaller than requested."""
    requested = (
        (transform.width, canvas.width),
        (transform.height, canvas.height),
        (transform.long_side, canvas.long),
    )
    sides = [(wanted, actual) for wanted, actual in requested if wanted is not None]
    if not sides or any(actual >= wanted for wanted, actual in sides):
        return ()
    return (f"the original has too few pixels, so it came out {canvas}: up=auto enlarges",)


def _pair(size: Size) -> list[int]:
    return [size.width, size.height]
