"""The networks as a model within Triton asks for them: its business logic scripting (BLS).

Runs in the process of Triton's Python backend, whose module comes as an argument: it exists nowhere
else. https://github.com/triton-inference-server/python_backend#business-logic-scripting
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge.arrays import Arrays, Tensor
from edge.deadline import Deadline
from edge.errors import ModelUnavailable
from edge.models.base import ModelSpec, ModelState, Priority
from edge.models.scheduling import RepositoryModels


class BlsModels(RepositoryModels):
    """The networks beside the asking model, in the same server; no bytes leave the machine.

    Args:
        utils: `triton_python_backend_utils`.
        folder: the model repository that the server has loaded.
    """

    runtime = "triton"

    def __init__(self, utils: Any, folder: Path) -> None:
        super().__init__(folder)
        self._utils = utils

    async def states(self) -> tuple[ModelState, ...]:
        """Nobody asks within the server."""
        return ()

    async def close(self) -> None:
        """Nothing is held."""

    async def _in_turn(
        self, spec: ModelSpec, deadline: Deadline, priority: Priority, inputs: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """In the network's queue it has the default priority: BLS has no word for it."""
        deadline.check(f"{spec.name} could run")
        names = [tensor.name for tensor in spec.outputs]
        micros = max(1, int(deadline.remaining * 1e6))
        return await _ask(self._utils, spec.name, inputs, names, timeout=micros)


class BlsGraphs:
    """The graphs beside the asking model."""

    def __init__(self, utils: Any, outputs: Mapping[str, tuple[str, ...]]) -> None:
        self._utils = utils
        self._outputs = outputs

    async def run(self, name: str, inputs: Arrays) -> Arrays:
        """What a graph makes of arrays [...] of any shape and dtype: its outputs by name, copied.

        Raises:
            ModelUnavailable: it is not served, or failed.
        """
        return await _ask(self._utils, name, inputs, self._outputs[name])


async def _ask(
    utils: Any, name: str, inputs: Arrays, outputs: Any, **more: Any
) -> Mapping[str, Any]:
    tensors = [utils.Tensor(word, np.ascontiguousarray(array)) for word, array in inputs.items()]
    # A network on a GPU would leave its answer there; the next step may be numpy's.
    memory = utils.PreferredMemory(utils.TRITONSERVER_MEMORY_CPU)
    request = utils.InferenceRequest(
        model_name=name,
        inputs=tensors,
        requested_output_names=list(outputs),
        preferred_memory=memory,
        **more,
    )
    response = await request.async_exec()
    if response.has_error():
        raise ModelUnavailable(f"{name}: {response.error().message()}", param=name)
    return {
        word: utils.get_output_tensor_by_name(response, word).as_numpy().copy() for word in outputs
    }
