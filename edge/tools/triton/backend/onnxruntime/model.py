"""ONNX Runtime as a Python-based backend of Triton, for a server that lacks the native one.

`edge triton` copies this file into its backend folder as `onnxruntime/model.py`. There it runs in
an environment of its own and imports nothing of edge. Triton hands over all the requests that its
batcher joined; they become one run of the network, which is what makes batching pay.
"""

import json
import os
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]

if int(np.__version__.partition(".")[0]) > 1:
    # Triton 2.51 hands out and takes back empty tensors under numpy 2, without a word.
    raise ImportError(f"this backend needs numpy 1, found {np.__version__} in {np.__file__}")


class TritonPythonModel:
    """One instance of one model."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:
        """The configs are complete; nothing is guessed."""
        return auto_complete_model_config

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self._session = onnxruntime.InferenceSession(
            path, _options(), providers=["CPUExecutionProvider"]
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        alive = [request for request in requests if not request.is_cancelled()]
        answers = iter(self._answers(alive) if alive else ())
        kept = set(map(id, alive))
        return [next(answers) if id(r) in kept else _refusal("cancelled") for r in requests]

    def finalize(self) -> None:
        self._session = None

    def _answers(self, requests: list[Any]) -> list[Any]:
        try:
            batches = [self._tensors(request) for request in requests]
            joined = {
                name: np.concatenate([batch[name] for batch in batches]) for name in self._inputs
            }
            arrays = self._session.run(self._outputs, joined)
        except Exception as error:
            return [_refusal(f"the network failed: {error}") for _ in requests]
        ends = np.cumsum([len(batch[self._inputs[0]]) for batch in batches])[:-1]
        pieces = zip(*(np.split(array, ends) for array in arrays), strict=True)
        return [self._response(piece) for piece in pieces]

    def _tensors(self, request: Any) -> dict[str, Any]:
        return {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self._inputs
        }

    def _response(self, arrays: tuple[Any, ...]) -> Any:
        named = zip(self._outputs, arrays, strict=True)
        tensors = [pb_utils.Tensor(name, array) for name, array in named]
        return pb_utils.InferenceResponse(output_tensors=tensors)


def _refusal(reason: str) -> Any:
    return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(reason))


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("EDGE_TRITON_THREADS", "0"))
    options.inter_op_num_threads = 1
    # The arena keeps its largest batch for ever; without it memory falls back after each run.
    options.enable_cpu_mem_arena = False
    # Every model is a process of its own; threads that spin between runs take each other's cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options
