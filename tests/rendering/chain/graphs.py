"""The product chain's graphs, run by ONNX Runtime in this process."""

from pathlib import Path

import onnxruntime

from edge.arrays import Arrays
from edge.rendering.chain.graphed import OUTPUTS

SHIPPED = Path(__file__).parents[3] / "triton_models"


class LocalGraphs:
    """As Triton runs them; `asked` counts what was."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}

    async def run(self, name: str, inputs: Arrays) -> Arrays:
        self.asked.append(name)
        if name not in self._sessions:
            path = SHIPPED / name / "1" / "model.onnx"
            self._sessions[name] = onnxruntime.InferenceSession(
                path, providers=["CPUExecutionProvider"]
            )
        names = OUTPUTS[name]
        return dict(zip(names, self._sessions[name].run(list(names), dict(inputs)), strict=True))
