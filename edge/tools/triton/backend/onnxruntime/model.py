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

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
ANY = 0
"""The session for batches of any size, where it is the only one."""


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
        providers = _providers(args)
        session = onnxruntime.InferenceSession(path, _options(), providers=providers)
        self._sessions = {ANY: session}
        if providers == [CPU]:
            return
        if session.get_providers()[0] == CPU:
            _warn(args, "CUDA or cuDNN cannot be loaded, ONNX Runtime says above which")
            return
        print(f"{args['model_name']}: CUDA on GPU {args['model_instance_device_id']}", flush=True)
        shapes = _shapes(config)
        if shapes:
            # A session for each size: cuDNN plans anew whenever the shapes of a session change.
            self._sessions = {
                size: onnxruntime.InferenceSession(path, _options(), providers=providers)
                for size in _sizes(int(config["max_batch_size"]))
            }
            self._warm_up(shapes)

    def execute(self, requests: list[Any]) -> list[Any]:
        alive = [request for request in requests if not request.is_cancelled()]
        answers = iter(self._answers(alive) if alive else ())
        kept = set(map(id, alive))
        return [next(answers) if id(r) in kept else _refusal("cancelled") for r in requests]

    def finalize(self) -> None:
        self._sessions = {}

    def _answers(self, requests: list[Any]) -> list[Any]:
        try:
            batches = [self._tensors(request) for request in requests]
            joined = {
                name: np.concatenate([batch[name] for batch in batches]) for name in self._inputs
            }
            arrays = self._run(joined)
        except Exception as error:
            return [_refusal(f"the network failed: {error}") for _ in requests]
        ends = np.cumsum([len(batch[self._inputs[0]]) for batch in batches])[:-1]
        pieces = zip(*(np.split(array, ends) for array in arrays), strict=True)
        return [self._response(piece) for piece in pieces]

    def _run(self, joined: dict[str, Any]) -> list[Any]:
        if ANY in self._sessions:
            return list(self._sessions[ANY].run(self._outputs, joined))
        number = len(joined[self._inputs[0]])
        size = min(size for size in self._sessions if size >= number)
        filled = {name: _filled_up(array, size) for name, array in joined.items()}
        return [array[:number] for array in self._sessions[size].run(self._outputs, filled)]

    def _warm_up(self, shapes: dict[str, tuple[list[int], Any]]) -> None:
        for size, session in self._sessions.items():
            tiles = {
                name: np.zeros((size, *shape), dtype) for name, (shape, dtype) in shapes.items()
            }
            session.run(self._outputs, tiles)

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


def _providers(args: dict[str, str]) -> list[Any]:
    """CUDA where Triton has put this instance on a GPU and this ONNX Runtime is built for one."""
    if args["model_instance_kind"] != "GPU":
        return [CPU]
    if CUDA not in onnxruntime.get_available_providers():
        _warn(args, "this ONNX Runtime is built without CUDA; `edge triton --gpu on` has one")
        return [CPU]
    return [(CUDA, {
        "device_id": args["model_instance_device_id"],
        # EXHAUSTIVE, the default, tries every algorithm of each convolution for seconds at start.
        "cudnn_conv_algo_search": "HEURISTIC",
        # In powers of two it would hold up to twice what the network needs, in each process.
        "arena_extend_strategy": "kSameAsRequested",
    }), CPU]  # fmt: skip


def _shapes(config: dict[str, Any]) -> dict[str, tuple[list[int], Any]]:
    """Of one tile, by input; none where tiles have no one size or are not joined."""
    dims = {tensor["name"]: [int(side) for side in tensor["dims"]] for tensor in config["input"]}
    if not int(config["max_batch_size"]) or any(min(shape) < 0 for shape in dims.values()):
        return {}
    kinds = {tensor["name"]: tensor["data_type"] for tensor in config["input"]}
    return {
        name: (shape, pb_utils.triton_string_to_numpy(kinds[name])) for name, shape in dims.items()
    }


def _sizes(most: int) -> list[int]:
    """The powers of two, and the largest batch."""
    return sorted({most} | {1 << power for power in range(most.bit_length())})


def _filled_up(array: Any, size: int) -> Any:
    if len(array) == size:
        return array
    return np.concatenate([array, np.zeros((size - len(array), *array.shape[1:]), array.dtype)])


def _warn(args: dict[str, str], why: str) -> None:
    pb_utils.Logger.log_warn(f"{args['model_name']}: on processors, though here is a GPU: {why}")


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
