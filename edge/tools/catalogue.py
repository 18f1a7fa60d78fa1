"""What `edge models list`, `check` and `bench` say, as frozen rows; printing is the caller's."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.deadline import Deadline
from edge.errors import EdgeError, ModelError
from edge.models import roles, selftest
from edge.models.base import Models, ModelSpec, ModelState, Priority
from edge.models.repository import Folders, Repository

_RUN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of the repository, or a role that none fills.

    `inputs` and `outputs` are words such as `image 224x224x3`; `problem` is empty where all is
    well; `bytes` is the size of model.onnx.
    """

    name: str
    digest: str = ""
    bytes: int = 0
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    max_batch_size: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Timed:
    """Median and slowest time of one request of `batch` pieces, in seconds."""

    name: str
    runtime: str
    batch: int
    median: float
    slowest: float

    @property
    def per_piece(self) -> float:
        return self.median / self.batch


def list(folders: Folders) -> tuple[Listed, ...]:
    """Every model in the folder and every role; a missing or broken one says so in `problem`."""
    repository = Repository(folders)
    names = dict.fromkeys((*roles.ROLES, *repository.names()))
    return tuple(_listed(repository, name) for name in names)


async def check(models: Models, folders: Folders) -> tuple[ModelState, ...]:
    """Ask each model of the folder its known question; failures are rows, not errors."""
    repository = Repository(folders)
    return tuple([await _checked(models, repository, name) for name in repository.names()])


async def record(models: Models, folders: Folders, names: Sequence[str] = ()) -> tuple[Path, ...]:
    """Store what the models answer now as their known answers (after a training, for instance).

    Raises:
        ModelError, DeadlineExceeded: a model could not be run.
    """
    repository = Repository(folders)
    wanted = names or repository.names()
    return tuple([await selftest.record(models, repository, name) for name in wanted])


async def bench(
    models: Models, folders: Folders, names: Sequence[str] = (), *, runs: int = 5
) -> tuple[Timed, ...]:
    """Time each model with one piece and with its largest batch, one request at a time.

    Raises:
        ModelError, DeadlineExceeded: a model could not be run.
    """
    rows = []
    for name in names or Repository(folders).names():
        spec = models.spec(name)
        for batch in sorted({1, spec.max_batch_size}):
            rows.append(await _timed(models, spec, batch, runs))
    return tuple(rows)


def _listed(repository: Repository, name: str) -> Listed:
    try:
        spec = repository.spec(name)
        size = repository.network(name).stat().st_size
    except ModelError as error:
        return Listed(name, problem=error.detail)
    try:
        roles.check(spec)
        problem = ""
    except ModelError as error:
        problem = error.detail
    return Listed(
        name=name,
        digest=spec.digest,
        bytes=size,
        inputs=tuple(f"{t.name} {'x'.join(map(str, t.shape))}" for t in spec.inputs),
        outputs=tuple(f"{t.name} {'x'.join(map(str, t.shape))}" for t in spec.outputs),
        max_batch_size=spec.max_batch_size,
        problem=problem,
    )


async def _checked(models: Models, repository: Repository, name: str) -> ModelState:
    try:
        roles.check(repository.spec(name))
    except EdgeError as error:
        return ModelState(name, ready=False, detail=error.detail)
    return await selftest.examine(models, repository, name, seconds=_RUN_SECONDS)


async def _timed(models: Models, spec: ModelSpec, batch: int, runs: int) -> Timed:
    inputs = {key: array.repeat(batch, 0) for key, array in selftest.probe(spec).items()}
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        await models.infer(
            spec.name, inputs, deadline=Deadline.after(_RUN_SECONDS), priority=Priority.PREWARM
        )
        times.append(time.perf_counter() - start)
    warm = times[1:]  # the first one loads the network
    return Timed(spec.name, models.runtime, batch, statistics.median(warm), max(warm))
