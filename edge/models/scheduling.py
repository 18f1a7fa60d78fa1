"""When requests to networks run: the more urgent first, few at a time, large ones in batches."""

import asyncio
import heapq
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from itertools import count
from typing import TypeVar

import numpy as np

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import ModelLate
from edge.models.base import ModelSpec, Priority, answer_of, batch_of
from edge.models.repository import Folders, Repository

T = TypeVar("T")


class PrioritySemaphore:
    """A fixed number of places; those who wait are served by priority, then by arrival.

    Who needs several places waits until so many are free at once, and those behind wait with it:
    else a stream of small runs would keep it waiting for ever.
    """

    def __init__(self, places: int) -> None:
        self._places = self._free = places
        self._arrival = count()
        self._queue: list[tuple[int, int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        return sum(not waiter.done() for *_, waiter in self._queue)

    async def acquire(self, priority: int, deadline: Deadline, places: int = 1) -> None:
        """Take some places, at most all that there are; `release` of as many must follow.

        Raises:
            ModelLate: they did not come free in time.
        """
        if places > self._places:
            raise ValueError(f"{places} of {self._places} places")
        if self._free >= places and not self.waiting:
            self._free -= places
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (priority, next(self._arrival), places, waiter))
        self._hand_over()  # a more urgent small one may fit where a large one waits
        try:
            async with asyncio.timeout(deadline.remaining):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self.release(places)  # they were handed over in the same moment
            waiter.cancel()
            self._hand_over()  # those behind a large one that gave up may fit
            if isinstance(error, TimeoutError):
                raise ModelLate(
                    "the request ran out of time while it waited for a network"
                ) from error
            raise

    def release(self, places: int = 1) -> None:
        """Hand the places to the next in line."""
        self._free += places
        self._hand_over()

    def _hand_over(self) -> None:
        while self._queue:
            *_, places, waiter = self._queue[0]
            if not waiter.done():
                if places > self._free:
                    return
                self._free -= places
                waiter.set_result(None)
            heapq.heappop(self._queue)


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int) -> None:
    """Do `work` for every item, at most `at_once` at a time; the first failure stops the rest."""
    remaining = iter(items)

    async def worker() -> None:
        for item in remaining:
            await work(item)

    workers = [asyncio.ensure_future(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def in_batches(
    spec: ModelSpec,
    inputs: Mapping[str, Tensor],
    run: Callable[[Mapping[str, Tensor]], Awaitable[Mapping[str, Tensor]]],
) -> Mapping[str, Tensor]:
    """What `run` answers for the inputs, uint8 [N, *shape] in and out, given in pieces of
    `spec.max_batch_size` at most.

    Raises:
        ModelContractBroken: inputs or outputs are not what the spec says.
    """
    batch, step = batch_of(spec, inputs), spec.max_batch_size
    if batch <= step:
        return answer_of(spec, batch, await run(inputs))
    answers = [
        await run({name: array[start : start + step] for name, array in inputs.items()})
        for start in range(0, batch, step)
    ]
    joined = {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
    return answer_of(spec, batch, joined)


class RepositoryModels(ABC):
    """Networks of a repository; a request goes to its runtime in batches, by `_in_turn`."""

    def __init__(self, folders: Folders) -> None:
        self._repository = Repository(folders)

    def names(self) -> tuple[str, ...]:
        return self._repository.names()

    def spec(self, name: str) -> ModelSpec:
        return self._repository.spec(name)

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        """Run one batch, uint8 [N, *shape] in and out; one larger than max_batch_size goes in
        pieces. Answers may be read-only.

        Raises:
            ModelMissing: the folder does not have the model, or the server never served it.
            ModelContractBroken: the tensors, or the answer, are not what the config says.
            ModelUnavailable: the network failed, or its server is down or its queue full.
            ModelLate, DeadlineExceeded: the time was over before the (next) run began, or in it.
        """
        spec = self.spec(name)
        return await in_batches(spec, inputs, partial(self._in_turn, spec, deadline, priority))

    @abstractmethod
    async def _in_turn(
        self, spec: ModelSpec, deadline: Deadline, priority: Priority, inputs: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """What one batch is answered, once it is its turn."""
