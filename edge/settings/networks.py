"""Where networks run, and where they lie."""

import os
from dataclasses import dataclass

from edge.kinds import COUNT, TEXT, setting
from edge.settings.kinds import BUNDLED_NETWORKS, FLAG, cache_home


@dataclass(frozen=True, slots=True)
class TritonSettings:
    url: str = setting(
        "", TEXT, "grpc://host:8001 runs the networks on Triton. Empty: in this process."
    )
    shared_memory: bool = setting(
        False, FLAG, "Pass tensors to a Triton on the same host through shared memory."
    )
    in_flight: int = setting(32, COUNT, "Requests to Triton at once.", low=1, high=4096)
    chain: str = setting(
        "auto",
        TEXT,
        "Whole pictures by product_chain, so that a photo crosses to Triton once. auto: where "
        "Triton serves it; on: readiness is degraded where it does not; off: never.",
        choices=("auto", "on", "off"),
    )


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    folder: str = setting(BUNDLED_NETWORKS, TEXT, "The Triton model repository.")
    fetched: str = setting(
        "auto",
        TEXT,
        "Folder of the networks that `edge models fetch` downloads, which take precedence over "
        "those of EDGE_MODELS_FOLDER. auto: edge/models in the cache folder (~/.cache, or "
        "XDG_CACHE_HOME), as long as EDGE_MODELS_FOLDER is the bundled one. Empty: none.",
    )
    threads: int = setting(
        0, COUNT, "Threads of all embedded networks together; 0: one per core.", low=0, high=256
    )
    backend: str = setting(
        "auto",
        TEXT,
        "What runs embedded networks: onnxruntime, openvino (the extra edge[openvino]), or auto: "
        "the one that is quicker at a tile when the server starts.",
        choices=("auto", "onnxruntime", "openvino"),
    )
    precision: str = setting(
        "auto",
        TEXT,
        "f32: no embedded network computes in bfloat16. auto: those may whose answers it hardly "
        "moves, where OpenVINO runs them quicker so.",
        choices=("auto", "f32"),
    )

    @property
    def fetched_folder(self) -> str:
        """Where fetched networks go."""
        if self.fetched == "auto":
            return os.path.join(cache_home(), "edge", "models")
        return self.fetched

    @property
    def folders(self) -> tuple[str, ...]:
        """The model repositories, of which the first that has a network counts."""
        away = self.fetched == "auto" and self.folder != BUNDLED_NETWORKS
        over = "" if away else self.fetched_folder
        return (over, self.folder) if over else (self.folder,)
