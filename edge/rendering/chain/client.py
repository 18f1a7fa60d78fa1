"""Renders by the product chain: the photo goes to Triton once, and comes back as its canvas.

Where the chain is not served, has another version, is late or fails, the caller runs the networks
one by one, with the same result in more time.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from edge import progress, tracing
from edge.breaker import Breaker
from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, EdgeError, ModelMissing
from edge.images import Size
from edge.limits import Limits
from edge.models.base import Chain, Models, ModelState
from edge.models.roles import CHAIN
from edge.rendering.chain.wire import ChainResult, ChainTask, most_bytes, name_of, unworded, wordy
from edge.rendering.matting import segment
from edge.rendering.matting.mattes import Segmentation, resolution
from edge.rendering.networks import of_chain
from edge.rendering.pixels.picture import Picture
from edge.rendering.prepare import Opened, Prepared
from edge.rendering.request import RenderRequest, Stopwatch
from edge.rendering.run import run
from edge.rendering.step import Tools
from edge.telemetry import Metrics
from edge.variants.transform import Transform

_log = logging.getLogger(__name__)

SHARE = 0.5
"""Of the time that is left, what the chain may take; the rest is for the networks one by one."""

REST_SECONDS = 10.0
"""Seconds from a failure to the next handshake."""

ABSENT_SECONDS = 30.0
"""The same where the chain is not served, or has another version."""

HANDSHAKE_SECONDS = 2.0


class ChainClient:
    """Sends renders to the chain, and keeps track of whether it is served.

    Args:
        version: of the renderer here.
        required: readiness fails where the chain is not served.
    """

    def __init__(
        self,
        chain: Chain,
        models: Models,
        version: str,
        limits: Limits,
        *,
        required: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        self._chain = chain
        self._models = models
        self._version = version
        self._limits = limits
        self._required = required
        self._count = (metrics or Metrics()).chain_pictures.labels
        self._graphs = False
        self._why = "it has not answered yet"
        # Renders that begin during a handshake go without: a hanging chain must not delay them all.
        self._breaker = Breaker(rest=HANDSHAKE_SECONDS)
        self._breaker.failed(0.0)

    async def state(self) -> ModelState:
        """The state by a handshake now; a chain that is absent but not required counts as ready."""
        if await self._handshake():
            where = "by graphs" if self._graphs else "on its host's processors"
            return ModelState(CHAIN, ready=True, detail=f"makes whole pictures {where}")
        detail = f"{self._why}; the networks run one by one"
        return ModelState(CHAIN, ready=not self._required, detail=detail)

    def described(self, opened: Opened, request: RenderRequest) -> str:
        """For a person: whether a picture is made by the chain, or why it is not."""
        if not self._fits(opened, request):
            return (
                "not by the product chain: more pixels than it takes, or fewer than the photo has"
            )
        return self._why if self._breaker.open else "by the product chain"

    async def begin(self, opened: Opened, request: RenderRequest) -> "ChainRender | None":
        """The chain's part in one render; None where it cannot serve it, or is not available."""
        if not self._fits(opened, request):
            return None
        if not await self._is_there():
            self._count("absent").inc()
            return None
        return ChainRender(self, opened)

    @staticmethod
    def _fits(opened: Opened, request: RenderRequest) -> bool:
        """Whether every pixel is there, the subject is looked for in these very pixels, and the
        request is one that the wire carries."""
        size = opened.facts.size
        whole = Size(*opened.decoded.image.size) == size == resolution(size)
        return (
            whole and not request.fallback and unworded(wordy(request.transform)) == _plain(request)
        )

    async def render(
        self,
        opened: Opened,
        segmentation: Segmentation | None,
        transform: Transform,
        tools: Tools,
    ) -> ChainResult | None:
        """What it makes of a picture; None where it cannot, for whatever reason."""
        deadline = tools.deadline.sooner(SHARE * tools.deadline.remaining)
        message = ChainTask(
            self._version,
            of_chain(self._models),
            transform,
            opened.facts,
            self._limits,
            opened.decoded.image,
            segmentation,
            deadline.remaining,
        )
        try:
            answered = await self._exchanged(message, tools, deadline)
        except (EdgeError, ValueError) as error:
            self._failed(error)
            return None
        self._count("made").inc()
        return answered

    async def _exchanged(self, message: ChainTask, tools: Tools, deadline: Deadline) -> ChainResult:
        words, parts = await tools.engine.run(message.packed)
        room = most_bytes(message.transform, message.facts.size, self._limits)
        answer, pixels = await self._chain.ask(
            words, parts, room, deadline=deadline, priority=tools.priority
        )
        if refused := _words(answer).get("refused"):
            raise ModelMissing(f"{CHAIN}: {refused}", param=CHAIN)
        return await tools.engine.run(ChainResult.unpacked, answer, pixels, message.facts.size)

    def _failed(self, error: EdgeError | ValueError) -> None:
        """After a failure no picture is sent until the next handshake succeeds."""
        absent = isinstance(error, ModelMissing)
        late = isinstance(error, DeadlineExceeded)
        self._count("absent" if absent else "late" if late else "failed").inc()
        self._why = _why(error)
        self._breaker.failed(ABSENT_SECONDS if absent else REST_SECONDS)
        _log.warning("pictures are made by separate networks for now: %s", self._why)

    async def _is_there(self) -> bool:
        """Whether it is there, of the same version and with the same networks."""
        if not self._breaker.open:
            return True
        return self._breaker.allows() and await self._handshake()

    async def _handshake(self) -> bool:
        """Whether it answers, with the version and networks of this side."""
        deadline = Deadline.after(HANDSHAKE_SECONDS)
        try:
            answer, _ = await self._chain.ask(b'{"handshake":1}', [], 1024, deadline=deadline)
            there = _words(answer)
            self._graphs = bool(there.get("graphs"))
            self._why = self._difference(there)
        except (EdgeError, ValueError) as error:
            self._why = _why(error)
        if self._why:
            self._breaker.failed(ABSENT_SECONDS)
        else:
            self._breaker.succeeded()
        return not self._why

    def _difference(self, there: dict[str, object]) -> str:
        here = {"version": self._version, "networks": [list(n) for n in of_chain(self._models)]}
        wrong = next((name for name, value in here.items() if there.get(name) != value), "")
        return wrong and f"{CHAIN}: another {wrong} there"


@dataclass(slots=True)
class ChainRender:
    """The chain's part in one render: finds the subject, and makes the picture meanwhile."""

    client: ChainClient
    opened: Opened
    segmentation: Segmentation | None = None
    _results: dict[str, ChainResult | None] = field(default_factory=dict)

    def search(
        self, transform: Transform
    ) -> Callable[[Image.Image, Tools, Stopwatch], Awaitable[Segmentation]]:
        """What a store of mattes asks where it has none: the picture is made in the same go."""

        async def found(image: Image.Image, tools: Tools, watch: Stopwatch) -> Segmentation:
            answered = await self._answered(None, transform, tools, watch)
            if answered is None or answered.segmentation is None:
                return await segment.search(image, tools, watch)
            return answered.segmentation

        return found

    async def picture(
        self, prepared: Prepared, request: RenderRequest, tools: Tools
    ) -> Picture | None:
        """The picture after all steps of the plan; None: the caller has to carry them out."""
        known = request.transform.canonical() in self._results
        if not known and not prepared.plan.models:
            return None  # where the subject is known and nothing is enlarged, sending costs more
        answered = await self._answered(self.segmentation, request.transform, tools, request.watch)
        if answered is None or answered.picture is None:
            return None
        if answered.plan != name_of(prepared.plan, answered.steps):
            _log.error("the product chain carried out another plan than this one")
            return None
        picture, timings = await run(prepared.steps[answered.steps :], answered.picture, tools)
        request.watch.timings += timings
        return picture

    async def _answered(
        self, known: Segmentation | None, transform: Transform, tools: Tools, watch: Stopwatch
    ) -> ChainResult | None:
        name = transform.canonical()
        if name not in self._results:
            progress.entered("chain")
            start = time.perf_counter()
            with tracing.span("chain"):
                answered = await self.client.render(self.opened, known, transform, tools)
            self._results[name] = answered
            watch.timings.append(("chain", time.perf_counter() - start))
        return self._results[name]


def _words(answer: bytes) -> dict[str, Any]:
    """The words of an answer. Raises `ValueError`."""
    words = json.loads(answer)
    if not isinstance(words, dict):
        raise ValueError(f"{type(words).__name__} is no object")
    return words


def _why(error: EdgeError | ValueError) -> str:
    return error.detail if isinstance(error, EdgeError) else f"{CHAIN}: not understood: {error}"


def _plain(request: RenderRequest) -> Transform:
    """The transform as the wire carries it."""
    return replace(request.transform, preset="")
