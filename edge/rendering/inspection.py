"""Inspect a finished picture for what its rules want to know, by networks too."""

import asyncio
import time
from dataclasses import replace

from PIL import Image

from edge import tracing
from edge.deadline import Deadline
from edge.limits import Limits
from edge.models.base import Models, Priority
from edge.rendering.analysis.detection import Detected, Detections, detect
from edge.rendering.compliance.attempts import Done, verify_file
from edge.rendering.compliance.checks import RenderRecord
from edge.rendering.compliance.report import Report
from edge.rendering.compliance.verify import as_reported, with_detected
from edge.rendering.engine.threads import Engine
from edge.rendering.pixels.picture import Picture
from edge.rendering.request import RenderRequest
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from edge.rendering.step import Tools
from edge.reported import Compliance, Reported, Synthesized
from edge.variants.presets import Preset, Rules

Inspection = tuple[Detections, Detected]
"""The parts of a finished picture that are inspected, and what networks detected there."""


class Inspector:
    """Looks for letters, faces and second views."""

    def __init__(self, engine: Engine, models: Models, limits: Limits) -> None:
        self._engine = engine
        self._models = models
        self._limits = limits

    async def verify(
        self, body: bytes, preset: Preset, deadline: Deadline, reported: Compliance | None
    ) -> Report:
        """Hold any finished picture's bytes against a preset's rules; see `Renderer.verify`."""
        if reported and reported.of_preset(preset.name, preset.version):
            record = RenderRecord(
                broken=frozenset(reported.broken), notes=frozenset(reported.notes)
            )
            report = await self._engine.run(verify_file, body, preset, self._limits, record)
            return as_reported(report, reported)
        report = await self._engine.run(verify_file, body, preset, self._limits)
        if not preset.rules.needs_analysis:
            return report
        image = (await self._engine.run(decode, body, read_facts(body, self._limits))).image
        found = await self.inspect(image, preset.rules, deadline)
        return with_detected(report, preset.rules, *found)

    async def complete(
        self,
        done: Done,
        request: RenderRequest,
        tools: Tools,
        begun: tuple[Picture, "asyncio.Future[Inspection | None]"] | None = None,
    ) -> Done:
        """With what was detected in its report; an inspection that has `begun` counts if its
        picture was encoded, not one that was corrected."""
        picture, report = done.picture, done.report
        if picture is None or report is None:
            return replace(done, picture=None)
        if begun and begun[0] is picture:
            found = await begun[1]
        else:
            found = await self.inspect_render(picture, request, tools)
        if found is None or request.preset is None:
            return replace(done, picture=None)
        return replace(
            done, picture=None, report=with_detected(report, request.preset.rules, *found)
        )

    async def inspect_render(
        self, picture: Picture, request: RenderRequest, tools: Tools
    ) -> Inspection | None:
        """What is detected on a picture; None where no rule wants to know."""
        rules = request.preset.rules if request.preset else None
        if rules is None or not rules.needs_analysis or request.fallback:
            return None
        start = time.perf_counter()
        with tracing.span("inspection"):
            found = await self.inspect(
                picture.image, rules, tools.deadline, tools.priority, picture.matte
            )
        request.watch.timings.append(("inspection", time.perf_counter() - start))
        return found

    async def inspect(
        self,
        image: Image.Image,
        rules: Rules,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
        matte: Image.Image | None = None,
    ) -> Inspection:
        """What is detected on any finished picture that these rules want to know of."""
        background = rules.background.color if rules.background else None
        detections = await self._engine.run(Detections.at, image, background, matte)
        found = await detect(
            detections, text=rules.no_text, heads=rules.no_head, models=self._models,
            engine=self._engine, deadline=deadline, priority=priority,
        )  # fmt: skip
        return detections, found


def record_of(reported: Reported) -> RenderRecord:
    """What is known of a picture beside its bytes."""
    compliance, synthesized = reported.compliance, reported.synthesized or Synthesized(0.0)
    if compliance is None:
        return RenderRecord(synthesized)
    return RenderRecord(
        synthesized, broken=frozenset(compliance.broken), notes=frozenset(compliance.notes)
    )
