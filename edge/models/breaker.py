"""Spares a dead server and its callers: after a few failures in a row nobody asks for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from edge.errors import ModelUnavailable


class Breaker:
    """Closed, every caller passes. Open, they are refused at once; then it is asked if it lives.

    Args:
        failures: so many in a row open it.
        rest: seconds before the server is asked again.
        clock: seconds, monotonic.
    """

    def __init__(
        self, failures: int = 3, rest: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._rest = rest
        self._clock = clock
        self._failed = 0
        self._until = 0.0
        self._question: asyncio.Task[bool] | None = None

    @property
    def open(self) -> bool:
        return self._failed >= self._limit

    def succeeded(self) -> None:
        """The server answered, be it with a refusal."""
        self._failed = 0

    def failed(self) -> None:
        """The server could not be reached, or stayed silent."""
        self._failed += 1
        self._until = self._clock() + self._rest

    async def admit(self, alive: Callable[[], Awaitable[bool]], model: str | None = None) -> None:
        """Pass, or raise, naming the `model`. After the rest all who come wait for one answer,
        whether it is `alive`.

        Raises:
            ModelUnavailable: the breaker is open.
        """
        if not self.open:
            return
        if self._question is None:
            if self._clock() < self._until:
                raise ModelUnavailable(
                    "the model server does not answer; it is left alone for now", param=model
                )
            self._question = asyncio.create_task(self._ask(alive))
        # The tiles of one picture come together, and the first to fail takes the others along: one
        # refused while another asks would end the question, and the breaker would never close.
        if not await asyncio.shield(self._question):
            raise ModelUnavailable("the model server still does not answer", param=model)

    async def _ask(self, alive: Callable[[], Awaitable[bool]]) -> bool:
        try:
            lives = await alive()
            self.succeeded() if lives else self.failed()
            return lives
        finally:
            self._question = None
