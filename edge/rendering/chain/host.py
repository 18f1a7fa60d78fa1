"""The product chain's own side, in a process of the Triton host: one message, one whole picture.

It runs the very steps that a render runs, so the results are the same by construction; the networks
are asked beside it, and graphs do the pixel work where there is a GPU for them.
"""

import json
from itertools import takewhile

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import RequestError
from edge.models.base import Graphs, Models, joined
from edge.rendering.chain.graphed import on_graphs
from edge.rendering.chain.wire import ChainResult, ChainTask, name_of
from edge.rendering.engine.threads import Engine
from edge.rendering.matting import segment
from edge.rendering.matting.mattes import Segmentation
from edge.rendering.networks import of_chain
from edge.rendering.prepare import Opened, Prepared, fitted, prepare
from edge.rendering.request import RenderRequest, Stopwatch
from edge.rendering.run import run
from edge.rendering.source.decode import Decoded
from edge.rendering.step import Tools
from edge.rendering.tile_cache import TileCache


class ChainHost:
    """Answers messages; one for each process.

    Args:
        version: of the renderer here.
        graphs: where the pixel work's graphs run; None: nowhere, this processor does it.
        tile_cache: keeps what was enlarged for the next preset of a photo.
    """

    def __init__(
        self,
        version: str,
        models: Models,
        engine: Engine,
        graphs: Graphs | None = None,
        tile_cache: TileCache | None = None,
    ) -> None:
        self._version = version
        self._models = models
        self._engine = engine
        self._graphs = graphs
        self._tile_cache = tile_cache

    async def answer(self, message: bytes, photo: Tensor) -> tuple[bytes, Tensor]:
        """An answer in words, and the bytes that belong to it as uint8 [1, length].

        A handshake is answered with this side's version and networks. Where those of a task differ
        it is refused: edge would store the picture under a key of other networks.

        Raises:
            ModelError, DeadlineExceeded: a network cannot be used, or the time was over.
        """
        words = json.loads(message)
        here = {
            "version": self._version,
            "networks": of_chain(self._models),
            "graphs": self._graphs is not None,
        }
        if "handshake" in words:
            return json.dumps(here).encode(), joined([])
        there = {"version": words["version"], "networks": tuple(map(tuple, words["networks"]))}
        if differing := [name for name, value in there.items() if here[name] != value]:
            refused = {"refused": f"another {' and other '.join(differing)} here", **here}
            return json.dumps(refused).encode(), joined([])
        task = await self._engine.run(ChainTask.unpacked, words, photo)
        result = await self._rendered(task)
        packed, parts = await self._engine.run(result.packed)
        return packed, await self._engine.run(joined, parts)

    async def _rendered(self, task: ChainTask) -> ChainResult:
        watch, deadline = Stopwatch(), Deadline.after(task.seconds)
        tools = Tools(self._models, self._engine, deadline, tile_cache=self._tile_cache)
        segmentation = task.segmentation or await segment.search(task.image, tools, watch)
        found = None if task.segmentation else segmentation
        try:
            prepared = await self._engine.run(_prepared, task, segmentation, self._models, deadline)
        except RequestError:
            return ChainResult(found, None, timings=tuple(watch.timings))
        steps = tuple(takewhile(lambda step: not step.fetches, prepared.steps))  # no origin here
        carried = on_graphs(steps, self._graphs)
        picture, timings = await run(carried, prepared.picture, tools)
        return ChainResult(
            found,
            picture,
            name_of(prepared.plan, len(steps)),
            len(steps),
            self._graphs is not None,
            (*watch.timings, *timings),
        )


def _prepared(
    task: ChainTask, segmentation: Segmentation, models: Models, deadline: Deadline
) -> Prepared:
    """As a render prepares it, from pixels that have been decoded already."""
    request = RenderRequest(b"", task.transform, None, Stopwatch(), deadline)
    opened = Opened(task.facts, Decoded(task.image))
    opened = fitted(opened, segmentation, request, task.limits)
    return prepare(opened, request, models, task.limits)
