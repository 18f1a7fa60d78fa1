"""A small inference with a known answer: how a model proves that it serves.

The question is one picture drawn by arithmetic; the answer is kept as the means of 8x8 fields.
Rounding in half precision hardly moves them; an empty, dead or exchanged network does not hit them.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge.deadline import Deadline
from edge.errors import EdgeError, ModelContractBroken
from edge.models.base import Models, ModelSpec, ModelState, Tensor
from edge.models.repository import Repository

Fields = npt.NDArray[np.float64]

FIELDS = 8
FILE = "reference.json"
REFERENCE_LEVELS = 2.0
"""Largest distance of a field's mean from the stored one, in levels of 255."""
FAITHFUL_LEVELS = 12.0
"""An upscaler without a stored answer: farthest that a field may move from its source."""
ALIVE_LEVELS = 32.0
"""Another network without a stored answer: least spread of its answer over a disc on a
background."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The stored answer of the network with that digest: output name -> [8, 8, C] field means."""

    digest: str
    fields: Mapping[str, Fields]

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """None where nothing, or nothing readable, is stored."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            fields = {name: np.array(rows, float) for name, rows in stored["fields"].items()}
            return cls(stored["digest"], fields)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def store(self, path: Path) -> None:
        rounded = {name: np.round(field, 2).tolist() for name, field in self.fields.items()}
        path.write_text(json.dumps({"digest": self.digest, "fields": rounded}) + "\n", "utf-8")


class Examiner:
    """Asks every model of a repository for its known answer; remembers good news for a while."""

    def __init__(self, models: Models, repository: Repository, *, remember: float = 10.0) -> None:
        self._models = models
        self._repository = repository
        self._remember = remember
        self._lock = asyncio.Lock()
        self._known: dict[str, tuple[float, ModelState]] = {}

    async def states(self) -> tuple[ModelState, ...]:
        """One state per model; concurrent callers share one round of inferences."""
        async with self._lock:
            return tuple([await self._state(name) for name in self._repository.names()])

    async def _state(self, name: str) -> ModelState:
        until, state = self._known.get(name, (0.0, None))
        if state is None or not state.ready or time.monotonic() > until:
            state = await examine(self._models, self._repository, name)
            self._known[name] = (time.monotonic() + self._remember, state)
        return state


async def examine(
    models: Models, repository: Repository, name: str, *, seconds: float = 10.0
) -> ModelState:
    """Run the probe through one model and judge its answer; failures become the state's detail."""
    try:
        spec = models.spec(name)
        start = time.perf_counter()
        answer = await models.infer(name, probe(spec), deadline=Deadline.after(seconds))
        taken = time.perf_counter() - start
        reference = Reference.load(repository.place(name) / FILE)
        how = judge(spec, answer, reference)
    except EdgeError as error:
        return ModelState(name, ready=False, detail=error.detail)
    return ModelState(
        name,
        ready=True,
        detail=how,
        facts={"digest": spec.digest, "runtime": models.runtime, "seconds": round(taken, 4)},
    )


def judge(spec: ModelSpec, answer: Mapping[str, Tensor], reference: Reference | None) -> str:
    """Which known answer was met, in words.

    Raises:
        ModelContractBroken: the answer is not the known one.
    """
    if reference is not None and reference.digest == spec.digest:
        distance = max(
            (
                _distance(fields_of(answer[name][0]), kept)
                for name, kept in reference.fields.items()
            ),
        )
        _demand(spec, distance <= REFERENCE_LEVELS, f"{distance:.1f} levels from the stored answer")
        return "equals its stored answer"
    output = answer[spec.outputs[0].name][0]
    if output.shape[2] == 3:
        distance = _distance(fields_of(output), fields_of(picture(spec.inputs[0].shape)))
        _demand(spec, distance <= FAITHFUL_LEVELS, f"{distance:.1f} levels from its source")
        return "equals its source; no answer of this network is stored"
    spread = float(np.ptp(fields_of(output)))
    _demand(spec, spread >= ALIVE_LEVELS, f"nearly flat: a spread of {spread:.1f} levels")
    return "tells subject from background; no answer of this network is stored"


async def record(models: Models, repository: Repository, name: str) -> Path:
    """Store what the model answers now as its known answer, and say where."""
    spec = models.spec(name)
    answer = await models.infer(name, probe(spec), deadline=Deadline.after(60))
    path = repository.place(name) / FILE
    Reference(spec.digest, {key: fields_of(array[0]) for key, array in answer.items()}).store(path)
    return path


def probe(spec: ModelSpec) -> Mapping[str, Tensor]:
    """The question: for each input one picture, or one alpha where it has a single channel."""
    return {tensor.name: picture(tensor.shape)[None] for tensor in spec.inputs}


def picture(shape: tuple[int, ...]) -> Tensor:
    """A shaded disc on a light background, drawn in whole numbers: the same on every machine."""
    height, width, channels = shape
    y, x = np.mgrid[:height, :width]
    away = (2 * x - width) ** 2 + (2 * y - height) ** 2
    inside = away < (min(height, width) * 6 // 10) ** 2
    if channels == 1:
        return np.where(inside, 255, 0).astype(np.uint8)[..., None]
    shade = 40 + 120 * x // width
    subject = [shade, 60 + 90 * y // height, 200 - shade]
    planes = [np.where(inside, plane, 235 - 20 * y // height) for plane in subject]
    return np.stack(planes, axis=-1).astype(np.uint8)


def fields_of(image: Tensor) -> Fields:
    """Means of an 8x8 grid of fields: [H, W, C] -> [8, 8, C]."""
    rows, columns = (np.arange(FIELDS) * size // FIELDS for size in image.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.int64), rows, 0), columns, 1)
    heights = np.diff([*rows, image.shape[0]])[:, None, None]
    widths = np.diff([*columns, image.shape[1]])[None, :, None]
    means: Fields = sums / (heights * widths)
    return means


def _distance(found: Fields, wanted: Any) -> float:
    if found.shape != wanted.shape:
        return 255.0
    return float(np.abs(found - wanted).max())


def _demand(spec: ModelSpec, met: bool, found: str) -> None:
    if not met:
        raise ModelContractBroken(
            f"{spec.name}: its answer to a known picture is {found}", param=spec.name
        )
