"""Render: from an original and a transform to a rendition; also what would be done, for `explain`.

facts -> decode -> analysis -> segmentation -> plan -> run -> encode -> verify. Pixel work goes in
one hop to an engine thread; steps that wait for a network return to the event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from edge.admission import Cost
from edge.deadline import Deadline
from edge.images import Original, Rendition
from edge.limits import Limits
from edge.models.base import Models, Priority, digests
from edge.rendering import networks
from edge.rendering.chain.client import ChainClient, ChainRender
from edge.rendering.compliance.attempts import Done, reframed, verify_file
from edge.rendering.compliance.report import Report
from edge.rendering.compliance.review import notes, review
from edge.rendering.drawing import Drawing, DrawingInProcesses, Rendered
from edge.rendering.engine.processes import RenderProcesses
from edge.rendering.engine.threads import Engine
from edge.rendering.inspection import Inspector, record_of
from edge.rendering.matting import segment
from edge.rendering.matting.store import MatteSource, MatteStore
from edge.rendering.memory import Peak, peak
from edge.rendering.output.blurhash import blurhash
from edge.rendering.pixels.picture import Picture
from edge.rendering.prepare import Opened, Prepared, fitted, open_named, prepare, to_cut_out
from edge.rendering.request import RenderRequest, Stopwatch
from edge.rendering.run import run
from edge.rendering.source.facts import Facts
from edge.rendering.source.probe import read_facts
from edge.rendering.step import SceneFacts, SceneFetch, Tools
from edge.rendering.tile_cache import TileCache
from edge.reported import Compliance
from edge.variants.presets import Preset, Presets
from edge.variants.transform import Transform
from edge.variants.values import BackgroundKind

RENDER_VERSION = "43"
"""Part of every cache key, of mattes as well: raised whenever the same request yields another
picture than before."""


class Renderer:
    """Makes renditions; state beyond one render is kept by `mattes` and `tile_cache`.

    Args:
        engine: threads for pixel work.
        models: the networks.
        limits: of originals and of renditions.
        scene: brings the background picture of `bg=scene:<name>`.
        presets: whose rules finished renditions are held against; without, none are verified.
        mattes: where cut-outs come from; without, each render makes its own.
        tile_cache: where enlarged tiles are kept; without, each render makes its own.
        metadata: whether edited pictures say so within the file: `never`, `auto`, `always`.
        scene_facts: what the header of that background picture says; without, it is not counted.
        chain: makes whole pictures elsewhere, where it can.
        processes: make pictures for which no network counts; without, threads make these, too.
    """

    def __init__(
        self,
        engine: Engine,
        models: Models,
        limits: Limits,
        scene: SceneFetch | None = None,
        presets: Presets | None = None,
        *,
        mattes: MatteStore | None = None,
        tile_cache: TileCache | None = None,
        metadata: str = "auto",
        scene_facts: SceneFacts | None = None,
        chain: ChainClient | None = None,
        processes: RenderProcesses | None = None,
    ) -> None:
        self._scene_facts = scene_facts
        self._chain = chain
        self._mattes = mattes or MatteStore(engine, models, RENDER_VERSION)
        self._tile_cache = tile_cache
        self._drawing = Drawing(models, limits, metadata)
        self._apart = DrawingInProcesses(processes, limits, metadata) if processes else None
        self._engine = engine
        self._inspector = Inspector(engine, models, limits)
        self._models = models
        self._limits = limits
        self._scene = scene
        self._presets = presets

    async def render(
        self,
        original: Original,
        transform: Transform,
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
        tags: tuple[str, ...] = (),
        fallback: bool = False,
    ) -> Rendered:
        """One rendition, in the transform's format. Where that names none: PNG if something of the
        picture is see-through, else JPEG.

        A `fallback` one has the same canvas and waits for no network: it is enlarged by Lanczos,
        and a subject that only a network could cut out stays on its background as shot.

        Raises:
            OriginalError: the original cannot be read, or is over a limit.
            RequestError: the request does not fit this original or this server.
            ModelError: a network that the plan needs cannot be used.
            DeadlineExceeded: between two stages.
        """
        watch = Stopwatch()
        tile_cache = self._tile_cache
        tools = Tools(self._models, self._engine, deadline, priority, self._scene, tile_cache, tags)
        request = RenderRequest(
            original.body, transform, self._preset(transform), watch, deadline, fallback
        )
        if self._apart and self._apart.can(request):
            apart = await self._engine.run(self._apart.draw, request, tags)
            if apart is not None:
                return apart
        chain: ChainRender | None = None
        if transform.needs_segmentation:
            opened, name = await self._engine.run(open_named, request, self._limits)
            chain = await self._chain.begin(opened, request) if self._chain else None
            opened, _ = await self._cut_out(opened, name, request, tools, tags, chain)
            chain = chain and replace(chain, opened=opened)
            begin: Callable[[RenderRequest], tuple[Prepared, Done | None]] = partial(
                self._drawing.begin, opened
            )
        else:
            begin = self._drawing.at_once
        prepared, done = await self._executed(begin, request, tools, chain)
        if larger := reframed(done, request):
            prepared, done = await self._executed(
                begin, replace(request, transform=larger), tools, chain
            )
        return Rendered.of(done, prepared, tuple(watch.timings), tags)

    async def explain(
        self,
        original: Original,
        transform: Transform,
        *,
        deadline: Deadline,
        tags: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Facts, analysis and plan as JSON-able values; the same errors as `render` before its
        first step. A matte that was not there is made, for the plan depends on it, and kept."""
        request = RenderRequest(original.body, transform, None, Stopwatch(), deadline)
        opened, name = await self._engine.run(open_named, request, self._limits)
        source = None
        if transform.needs_segmentation:
            tools = Tools(self._models, self._engine, deadline)
            opened, source = await self._cut_out(opened, name, request, tools, tags)
        prepared = await self._engine.run(prepare, opened, request, self._models, self._limits)
        decoded = prepared.picture.size
        return {
            "transform": transform.canonical(),
            "facts": prepared.facts.as_dict(),
            "decoded": {"size": [decoded.width, decoded.height], "notes": list(prepared.notes)},
            "analysis": prepared.analysis.as_facts() if prepared.analysis else None,
            "review": list(review(prepared.analysis)),
            "notes": list(notes(prepared.analysis, prepared.facts)),
            "blurhash": await self._engine.run(blurhash, opened.decoded.image),
            "matte": source and {"cached": None if source in ("made", "joined") else source},
            "plan": prepared.plan.as_facts(),
            "chain": source and self._chain and self._chain.described(opened, request),
        }

    async def peak(self, original: Original, transform: Transform, deadline: Deadline) -> Peak:
        """Bytes that this render may hold; the same errors as `render` where headers tell."""
        background, scene = transform.background, None
        if background and background.kind is BackgroundKind.SCENE and self._scene_facts:
            scene = await self._scene_facts(background.scene, deadline)
        return await self._engine.run(self._peak, original.body, transform, scene)

    def _peak(self, body: bytes, transform: Transform, scene: Facts | None) -> Peak:
        return peak(read_facts(body, self._limits), transform, self._limits, scene)

    def cost(self, transform: Transform) -> Cost:
        """The admission class, before anything of the original is known."""
        return Cost.NETWORK if networks.of(transform) else Cost.CLASSICAL

    def lacks_network(self, transform: Transform) -> bool:
        """Whether one that it cannot do without, if its original needs it, is not installed."""
        return not all(segment.has(self._models, name) for name in networks.needed(transform))

    def model_digests(self, transform: Transform) -> tuple[tuple[str, str], ...]:
        """Name and digest of each network that may have a part in it and is in the repository."""
        preset = self._preset(transform)
        names = networks.of(transform, preset.rules if preset else None)
        return digests(self._models, names)  # of one that is missing, the render says so if need be

    def verified(self, rendition: Rendition, transform: Transform) -> Report | None:
        """The verification of a finished rendition; None where it has no rules."""
        preset = self._preset(transform)
        record = record_of(rendition.reported)
        return verify_file(rendition.body, preset, self._limits, record) if preset else None

    async def verify(
        self, body: bytes, preset: Preset, deadline: Deadline, reported: Compliance | None = None
    ) -> Report:
        """Verify any finished picture against a preset's rules.

        Args:
            reported: the verdict of when these very bytes were made here, if that is known; it
                counts where it is by this version of this preset.

        Raises:
            OriginalUnsupported, OriginalCorrupt, OriginalTooLarge: the bytes cannot be read.
        """
        return await self._inspector.verify(body, preset, deadline, reported)

    def require_compliance(self, rendition: Rendition, transform: Transform) -> None:
        """Raises `NotCompliant`, with every broken rule, unless a rendition meets them all."""
        report = self.verified(rendition, transform)
        if report:
            report.require_compliance()

    def _preset(self, transform: Transform) -> Preset | None:
        """The preset whose rules count for this request."""
        named = transform.preset, transform.preset_version
        preset = self._presets.revision(*named) if self._presets else None
        return preset if preset and preset.rules else None

    async def _cut_out(
        self,
        opened: Opened,
        name: str,
        request: RenderRequest,
        tools: Tools,
        tags: tuple[str, ...],
        chain: ChainRender | None = None,
    ) -> tuple[Opened, str]:
        """With the segmentation, and its source (see `Sourced`)."""
        picture = partial(to_cut_out, opened, request)
        matte_source = MatteSource(name, opened.facts.size, tags, picture)
        segmentation, source = await self._mattes.of(
            matte_source,
            tools,
            request.watch,
            fallback=request.fallback,
            search=chain.search(request.transform) if chain else segment.search,
        )
        if chain:
            chain.segmentation = segmentation
        opened = await self._engine.run(fitted, opened, segmentation, request, self._limits)
        if opened.segmentation and not request.fallback:
            segment.require_matte(opened.segmentation.found, request.transform, self._models)
        return opened, source

    async def _executed(
        self,
        begin: Callable[[RenderRequest], tuple[Prepared, Done | None]],
        request: RenderRequest,
        tools: Tools,
        chain: ChainRender | None,
    ) -> tuple[Prepared, Done]:
        """What the picture was prepared from, and the result of all steps; a picture that takes
        networks to make is inspected while it is encoded."""
        if chain and (rendered := await self._by_chain(chain, request, tools)):
            prepared, picture = rendered
            return prepared, await self._encoded(picture, prepared, request, tools)
        prepared, done = await self._engine.run(begin, request)
        if done is not None:
            return prepared, await self._inspector.complete(done, request, tools)
        picture, timings = await run(prepared.steps, prepared.picture, tools)
        request.watch.timings += timings
        return prepared, await self._encoded(picture, prepared, request, tools)

    async def _by_chain(
        self, chain: ChainRender, request: RenderRequest, tools: Tools
    ) -> tuple[Prepared, Picture] | None:
        """The same by the product chain; None where that did not make it."""
        prepared = await self._engine.run(
            prepare, chain.opened, request, self._models, self._limits
        )
        picture = await chain.picture(prepared, request, tools)
        return None if picture is None else (prepared, picture)

    async def _encoded(
        self, picture: Picture, prepared: Prepared, request: RenderRequest, tools: Tools
    ) -> Done:
        inspection = asyncio.ensure_future(self._inspector.inspect_render(picture, request, tools))
        try:
            done = await self._engine.run(self._drawing.finish, picture, request, prepared)
            return await self._inspector.complete(done, request, tools, (picture, inspection))
        finally:
            inspection.cancel()
