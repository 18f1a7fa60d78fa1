"""Runs edge's product chain within Triton's Python backend (BLS).

Where edge is, EDGE_CHAIN_PATH says: folders that go onto the module path, separated by colons.
`edge triton` sets it. Where edge is not there this model is not loaded, and edge asks the networks
one by one.
"""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]

if hasattr(np, "_set_promotion_state"):
    # edge is written for numpy 2; Triton's own is 1.26, which knows NEP 50 by this switch alone.
    np._set_promotion_state("weak")

sys.path[:0] = [folder for folder in os.environ.get("EDGE_CHAIN_PATH", "").split(":") if folder]


class TritonPythonModel:
    """One instance: a process that answers a batch of messages at a time, all of them at once."""

    def initialize(self, args: dict[str, str]) -> None:
        from edge import freed_memory
        from edge.models.bls import BlsGraphs, BlsModels
        from edge.rendering.chain.graphed import OUTPUTS
        from edge.rendering.chain.host import ChainHost
        from edge.rendering.engine.threads import EngineThreads
        from edge.rendering.render import RENDER_VERSION
        from edge.rendering.tile_cache import TileCache

        freed_memory.keep()
        threading.Thread(target=freed_memory.give_back_for_ever, daemon=True).start()
        words = json.loads(args["model_config"])["parameters"]
        graphs = words["graphs"]["string_value"]
        on_gpu = args["model_instance_kind"] == "GPU"
        threads = int(os.environ.get("EDGE_TRITON_THREADS", "0"))
        by_graphs = graphs == "on" or (graphs == "auto" and on_gpu)
        self._host = ChainHost(
            RENDER_VERSION,
            BlsModels(pb_utils, Path(args["model_repository"]).parent),
            EngineThreads(threads),
            BlsGraphs(pb_utils, OUTPUTS) if by_graphs else None,
            TileCache(int(words["tile_cache_mb"]["string_value"]) * 2**20),
        )

    async def execute(self, requests: list[Any]) -> list[Any]:
        return list(await asyncio.gather(*(self._answer(request) for request in requests)))

    async def _answer(self, request: Any) -> Any:
        if request.is_cancelled():
            return _refusal("cancelled")
        try:
            told, picture = await self._host.answer(
                _given(request, "message").tobytes(), _given(request, "photo")
            )
        except Exception as error:
            return _refusal(f"{type(error).__name__}: {error}")
        words = np.frombuffer(told, np.uint8)[None]
        tensors = [pb_utils.Tensor("answer", words), pb_utils.Tensor("picture", picture)]
        return pb_utils.InferenceResponse(output_tensors=tensors)


def _given(request: Any, name: str) -> Any:
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()[0]


def _refusal(reason: str) -> Any:
    return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(reason))
