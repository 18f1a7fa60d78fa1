"""One deadline per request, handed on to origin, admission control and model."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Self, TypeVar

from edge.errors import DeadlineExceeded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock (seconds)."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def check(self, stage: str) -> None:
        """Raise `DeadlineExceeded`, naming the stage, once the moment has passed."""
        if self.remaining <= 0:
            raise DeadlineExceeded(f"the request ran out of time before {stage}")

    async def bound(self, work: Awaitable[T], stage: str) -> T:
        """The result of `work`, or `DeadlineExceeded` naming what was not reached."""
        try:
            async with asyncio.timeout(self.remaining):
                return await work
        except TimeoutError as error:
            raise DeadlineExceeded(f"the request ran out of time before {stage}") from error

    def sooner(self, seconds: float) -> "Deadline":
        """This deadline or `seconds` from now, whichever comes first."""
        return Deadline(min(self.at, time.monotonic() + seconds))
