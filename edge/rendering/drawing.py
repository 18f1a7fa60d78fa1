"""Renders without networks: from an original's bytes to a finished file, pixel work in one go.

It needs no state of one process, so it can run in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from edge import tracing
from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import ModelMissing
from edge.images import Rendition
from edge.limits import Limits
from edge.models.base import Models, ModelSpec, ModelState, Priority
from edge.rendering import networks
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.compliance.attempts import Done, finish
from edge.rendering.compliance.reference import reference
from edge.rendering.compliance.report import Report
from edge.rendering.compliance.review import notes, review
from edge.rendering.compliance.verify import PALE
from edge.rendering.engine.processes import RenderProcesses
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import Plan
from edge.rendering.prepare import Opened, Prepared, open_original, prepare
from edge.rendering.provenance import embedded, provenance_of
from edge.rendering.request import RenderRequest
from edge.rendering.run import Timings, apply_all
from edge.rendering.source import libraries
from edge.rendering.source.facts import Facts
from edge.rendering.source.probe import read_facts
from edge.variants.values import BackgroundKind


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendition and how it was made; `timings` are in seconds by stage, in order.

    `report` says how it holds its preset's rules, None where it has none.
    """

    rendition: Rendition
    plan: Plan
    facts: Facts
    analysis: Analysis | None
    timings: Timings
    quality: int | None
    report: Report | None = None

    @classmethod
    def of(cls, done: Done, prepared: Prepared, timings: Timings, tags: tuple[str, ...]) -> Self:
        """What a render has made of an original with these tags."""
        rendition = Rendition.of(
            done.body, done.format, done.size, tags=tags, reported=done.reported
        )
        inputs = prepared.plan, prepared.facts, prepared.analysis
        return cls(rendition, *inputs, timings, done.quality, done.report)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What every render has in common.

    Attributes:
        models: the networks that are there; none of them is run here.
        metadata: whether edited pictures say so within the file: `never`, `auto`, `always`.
    """

    models: Models
    limits: Limits
    metadata: str

    def at_once(self, request: RenderRequest) -> tuple[Prepared, Done | None]:
        """`begin`, from the original's bytes on."""
        return self.begin(open_original(request, self.limits), request)

    def begin(self, opened: Opened, request: RenderRequest) -> tuple[Prepared, Done | None]:
        """Prepare; if no step waits, apply all steps and finish, else None in place of the
        result."""
        prepared = prepare(opened, request, self.models, self.limits)
        if any(step.waits for step in prepared.steps):
            return prepared, None
        picture, timings = apply_all(prepared.steps, prepared.picture, request.deadline)
        request.watch.timings += timings
        return prepared, self.finish(picture, request, prepared)

    def finish(self, picture: Picture, request: RenderRequest, prepared: Prepared) -> Done:
        """The file of a picture after all steps, held against the rules."""
        provenance = provenance_of(request, prepared.plan.steps, prepared.analysis, self.models)
        xmp = embedded(provenance, request, self.metadata)
        doubted, facts = review(prepared.analysis), notes(prepared.analysis, prepared.facts)
        known = None
        if request.preset:
            known = request.watch.time(
                "colours", reference, prepared.picture.image, prepared.plan, picture
            )
        done = finish(picture, request, xmp, unsure=bool(doubted), notes=facts, reference=known)
        report = done.report
        if report:
            report = replace(report, review=doubted, notes=facts + (PALE,) * report.pale)
        return replace(done, provenance=provenance, report=report)


def drawn(
    limits: Limits, metadata: str, request: RenderRequest, tags: tuple[str, ...]
) -> Rendered | None:
    """A render for which no network counts; None where it turns out that something has to be
    waited for.

    Raises:
        OriginalError, RequestError, DeadlineExceeded: as `Renderer.render` does.
    """
    prepared, done = Drawing(_NO_MODELS, limits, metadata).at_once(request)
    if done is None:
        return None
    return Rendered.of(done, prepared, tuple(request.watch.timings), tags)


class DrawingInProcesses:
    """Draws pictures that need no network in processes of their own.

    Args:
        metadata: as `Drawing` takes it.
    """

    def __init__(self, processes: RenderProcesses, limits: Limits, metadata: str) -> None:
        self._processes = processes
        self._limits = limits
        self._metadata = metadata

    def can(self, request: RenderRequest) -> bool:
        """Whether a render process can make it, as far as the request shows."""
        if networks.of(request.transform):
            return False
        background = request.transform.background
        scene = background is not None and background.kind is BackgroundKind.SCENE
        return not (scene or (request.preset and request.preset.rules.needs_analysis))

    def draw(self, request: RenderRequest, tags: tuple[str, ...]) -> Rendered | None:
        """By a render process; None where its decoder is a process already, where none lives, or
        where something turned out to be waited for."""
        facts = request.watch.time("facts", read_facts, request.body, self._limits)
        if libraries.stays(facts):
            return None
        with tracing.span("render process"):
            arguments = self._limits, self._metadata, request, tags
            before = len(request.watch.timings)
            (rendered,) = self._processes.run(request.deadline, drawn, *arguments) or (None,)
            tracing.stages(rendered.timings[before:] if rendered else ())
        return rendered


class _NoModels:
    """Where no network counts, none is there."""

    runtime = "none"

    def spec(self, name: str) -> ModelSpec:
        raise ModelMissing(f"{name} is not asked here", param=name)

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        raise ModelMissing(f"{name} is not asked here", param=name)

    async def served_digest(self, name: str) -> str | None:
        return None

    async def states(self) -> tuple[ModelState, ...]:
        return ()

    async def close(self) -> None:
        return None


_NO_MODELS = _NoModels()
