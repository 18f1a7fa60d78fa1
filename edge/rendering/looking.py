"""Looking over a finished picture for what its rules want to know, by networks too."""

import asyncio
import time
from dataclasses import replace

from PIL import Image

from edge import tracing
from edge.deadline import Deadline
from edge.models.base import Models, Priority
from edge.rendering.analysis.detection import Detected, Detections, detect
from edge.rendering.compliance.attempts import Done
from edge.rendering.compliance.checks import Own
from edge.rendering.compliance.report import Report
from edge.rendering.compliance.verify import as_made, verify_file, with_seen
from edge.rendering.engine.threads import Engine
from edge.rendering.pixels.picture import Picture
from edge.rendering.request import RenderRequest
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from edge.rendering.step import Tools
from edge.reported import Compliance, Reported, Synthesized
from edge.settings.limits import Limits
from edge.variants.presets import Preset, Rules

Seen = tuple[Detections, Detected]
"""What of a finished picture was looked at, and what networks saw there."""


class Looking:
    """Looks for letters, faces and second views."""

    def __init__(self, engine: Engine, models: Models, limits: Limits) -> None:
        self._engine = engine
        self._models = models
        self._limits = limits

    async def verify(
        self, body: bytes, preset: Preset, deadline: Deadline, told: Compliance | None
    ) -> Report:
        """Hold any finished picture's bytes against a preset's rules; see `Renderer.verify`."""
        if told and told.of_preset(preset.name, preset.version):
            own = Own(broken=frozenset(told.broken), notes=frozenset(told.notes))
            report = await self._engine.run(verify_file, body, preset, self._limits, own)
            return as_made(report, told)
        report = await self._engine.run(verify_file, body, preset, self._limits)
        if not preset.rules.needs_analysis:
            return report
        image = (await self._engine.run(decode, body, read_facts(body, self._limits))).image
        seen = await self.seen(image, preset.rules, deadline)
        return with_seen(report, preset.rules, *seen)

    async def at(
        self,
        done: Done,
        job: RenderRequest,
        tools: Tools,
        begun: tuple[Picture, "asyncio.Future[Seen | None]"] | None = None,
    ) -> Done:
        """With what was seen in its report; what has `begun` counts if that picture was encoded,
        not one that was mended."""
        picture, report = done.picture, done.report
        if picture is None or report is None:
            return replace(done, picture=None)
        if begun and begun[0] is picture:
            seen = await begun[1]
        else:
            seen = await self.over(picture, job, tools)
        if seen is None or job.preset is None:
            return replace(done, picture=None)
        return replace(done, picture=None, report=with_seen(report, job.preset.rules, *seen))

    async def over(self, picture: Picture, job: RenderRequest, tools: Tools) -> Seen | None:
        """What is seen on a picture; None where no rule wants to know."""
        rules = job.preset.rules if job.preset else None
        if rules is None or not rules.needs_analysis or job.fallback:
            return None
        start = time.perf_counter()
        with tracing.span("look over"):
            seen = await self.seen(
                picture.image, rules, tools.deadline, tools.priority, picture.matte
            )
        job.watch.timings.append(("look over", time.perf_counter() - start))
        return seen

    async def seen(
        self,
        image: Image.Image,
        rules: Rules,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
        matte: Image.Image | None = None,
    ) -> Seen:
        """What is seen on any finished picture that these rules want to know of."""
        background = rules.background.color if rules.background else None
        detections = await self._engine.run(Detections.at, image, background, matte)
        seen = await detect(
            detections, text=rules.no_text, heads=rules.no_head, models=self._models,
            engine=self._engine, deadline=deadline, priority=priority,
        )  # fmt: skip
        return detections, seen


def own_of(reported: Reported) -> Own:
    """What is known of a picture beside its bytes."""
    compliance, made = reported.compliance, reported.synthesized or Synthesized(0.0)
    if compliance is None:
        return Own(made)
    return Own(made, broken=frozenset(compliance.broken), notes=frozenset(compliance.notes))
