"""A small inference with a known answer: how a model proves that it serves.

The question is one picture drawn by arithmetic: a shaded disc, over it stripes and grain, in which
two networks of the same shape differ. The answer is kept as means of 8x8 fields, of its values and
of the steps between neighbours. bfloat16 moves the shipped networks' by at most 0.3 levels; their
twins for degraded photos are 5.7 and 7.2 away. So an empty, dead or exchanged network is found.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from edge.arrays import Doubles, Tensor
from edge.deadline import Deadline
from edge.errors import EdgeError, ModelContractBroken
from edge.models.base import Models, ModelSpec, ModelState
from edge.models.repository import Repository

Shape = tuple[int, ...]

FIELDS = 8
FILE = "reference.json"
REFERENCE_LEVELS = 2.0
"""Largest distance of a field's mean from the stored one, in levels of 255."""
MASK_LEVELS = 6.0
"""The same of a mask, whose outlines bfloat16 moves further: U2-Net-p's by 3.1 on Emerald Rapids,
by less than 2 on Sapphire Rapids. A dead network is 100 and more away."""
FAITHFUL_LEVELS = 12.0
"""An upscaler without a stored answer: farthest that a field may move from its source."""
_CONTRAST = 24
"""Of stripes and grain, in levels to each side."""

ALIVE_LEVELS = 32.0
"""Another network without a stored answer: least spread of its answer over a disc on a
background."""


@dataclass(frozen=True, slots=True)
class ReferenceAnswer:
    """The stored answer of the network with that digest: output name -> [8, 8, C] field means, of
    its values and of the steps between neighbours in a row."""

    digest: str
    fields: Mapping[str, Doubles]
    steps: Mapping[str, Doubles]

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """None where nothing, or nothing readable, is stored. What has no steps is the answer to
        `picture`, which once was the question."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            fields, steps = (
                {name: np.array(rows, float) for name, rows in stored.get(kind, {}).items()}
                for kind in ("fields", "steps")
            )
            return cls(stored["digest"], fields, steps)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    @classmethod
    def of(cls, spec: ModelSpec, answer: Mapping[str, Tensor]) -> Self:
        """What a network answers, of arrays uint8 [N, H, W, C] the first piece."""
        images = {name: array[0] for name, array in answer.items()}
        return cls(
            spec.digest,
            {name: fields_of(image) for name, image in images.items()},
            {name: steps_of(image) for name, image in images.items()},
        )

    def store(self, path: Path) -> None:
        kinds = {
            kind: {name: np.round(field, 2).tolist() for name, field in fields.items()}
            for kind, fields in (("fields", self.fields), ("steps", self.steps))
        }
        path.write_text(json.dumps({"digest": self.digest, **kinds}) + "\n", "utf-8")

    def distance(self, other: "ReferenceAnswer") -> float:
        """Levels of 255 between the two that are the farthest apart."""
        return max(
            _distance(theirs[name], kept) if name in theirs else 255.0
            for ours, theirs in ((self.fields, other.fields), (self.steps, other.steps))
            for name, kept in ours.items()
        )


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
        reference = ReferenceAnswer.load(repository.place(name) / FILE)
        inputs = probe(spec, question if reference is None or reference.steps else picture)
        answer = await models.infer(name, inputs, deadline=Deadline.after(seconds))
        taken = time.perf_counter() - start
        _demand_digest(spec, await models.served_digest(name))
        how = judge(spec, answer, reference)
    except EdgeError as error:
        return ModelState(name, ready=False, detail=error.detail)
    return ModelState(
        name,
        ready=True,
        detail=how,
        facts={"digest": spec.digest, "runtime": models.runtime, "seconds": round(taken, 4)},
    )


def judge(spec: ModelSpec, answer: Mapping[str, Tensor], reference: ReferenceAnswer | None) -> str:
    """Which known answer was met by arrays uint8 [N, H, W, C], in words.

    Raises:
        ModelContractBroken: the answer is not the known one.
    """
    if reference is not None and reference.digest == spec.digest:
        distance = reference.distance(ReferenceAnswer.of(spec, answer))
        most = REFERENCE_LEVELS if spec.scale > 1 else MASK_LEVELS
        _demand(spec, distance <= most, f"{distance:.1f} levels from the stored answer")
        return "equals its stored answer"
    output = answer[spec.outputs[0].name][0]
    if output.shape[2] == 3:
        rim = int(spec.overlap > 0)  # what needs more of the picture is made up, and never kept
        kept = np.s_[rim : FIELDS - rim, rim : FIELDS - rim]
        source = question(spec.inputs[0].shape)
        distance = _distance(fields_of(output)[kept], fields_of(source)[kept])
        _demand(spec, distance <= FAITHFUL_LEVELS, f"{distance:.1f} levels from its source")
        return "equals its source; no answer of this network is stored"
    spread = float(np.ptp(fields_of(output)))
    _demand(spec, spread >= ALIVE_LEVELS, f"nearly flat: a spread of {spread:.1f} levels")
    return "tells subject from background; no answer of this network is stored"


async def record(models: Models, repository: Repository, name: str) -> Path:
    """Store what the model answers now as its known answer, and the digest of its network in its
    config, where a server can be asked for it; say where the answer is."""
    spec = models.spec(name)
    answer = await models.infer(name, probe(spec), deadline=Deadline.after(60))
    path = repository.place(name) / FILE
    ReferenceAnswer.of(spec, answer).store(path)
    repository.state_digest(name)
    return path


def probe(spec: ModelSpec, draw: Callable[[Shape], Tensor] | None = None) -> Mapping[str, Tensor]:
    """For each input one picture, or one alpha where it has a single channel, uint8 [1, H, W, C];
    `question` where `draw` says nothing else."""
    return {tensor.name: (draw or question)(tensor.shape)[None] for tensor in spec.inputs}


def question(shape: Shape) -> Tensor:
    """uint8 [H, W, C] of a shape (H, W, C): `picture`, where it has colours with stripes (2 to 16
    pixels wide) and grain in fields by turns, drawn in whole numbers as well."""
    plain = picture(shape)
    height, width, channels = shape
    if channels == 1:
        return plain
    y, x = np.mgrid[:height, :width].astype(np.int64)
    stripes = np.where(x // (1 + y * FIELDS // height) % 2, -_CONTRAST, _CONTRAST)
    hashed = (x * 73_856_093) ^ (y * 19_349_663)  # Teschner et al., "Optimized Spatial Hashing"
    grain = (hashed >> 3) % (2 * _CONTRAST + 1) - _CONTRAST
    texture = np.where(x * FIELDS // width % 2, grain, stripes)[..., None]
    return np.clip(plain + texture, 0, 255).astype(np.uint8)


def picture(shape: Shape) -> Tensor:
    """uint8 [H, W, C] of a shape (H, W, C), C 1 or 3: a shaded disc on a light background, or its
    alpha (0 or 255), drawn in whole numbers: the same on every machine."""
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


def fields_of(image: Tensor) -> Doubles:
    """Means of an 8x8 grid of fields, in levels: [H, W, C] -> [8, 8, C]."""
    rows, columns = (np.arange(FIELDS) * size // FIELDS for size in image.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.int64), rows, 0), columns, 1)
    heights = np.diff([*rows, image.shape[0]])[:, None, None]
    widths = np.diff([*columns, image.shape[1]])[None, :, None]
    means: Doubles = sums / (heights * widths)
    return means


def steps_of(image: Tensor) -> Doubles:
    """The same in levels, [H, W, C] -> [8, 8, C], of the steps between neighbours in a row: how
    much detail there is."""
    padded = np.diff(image.astype(np.int64), axis=1, append=image[:, -1:])
    return fields_of(np.abs(padded))


def _distance(found: Doubles, wanted: Any) -> float:
    if found.shape != wanted.shape:
        return 255.0
    return float(np.abs(found - wanted).max())


def _demand_digest(spec: ModelSpec, served: str | None) -> None:
    """Raise `ModelContractBroken` where the digest in the config of the server that runs it, or in
    that of this repository, is not that of this repository's network."""
    for where, named in (("the server's", served), ("its", spec.stated)):
        if named and named != spec.digest:
            raise ModelContractBroken(
                f"{spec.name}: {where} config.pbtxt is that of the network {named}, the model.onnx "
                f"here is {spec.digest}",
                param=spec.name,
                allowed="the network of that config, or a config.pbtxt without parameter digest",
            )


def _demand(spec: ModelSpec, met: bool, found: str) -> None:
    if not met:
        raise ModelContractBroken(
            f"{spec.name}: its answer to a known picture is {found}", param=spec.name
        )
