"""What every kind of parts last said of itself, brought up to date behind those who ask.

A network that proves itself waits for its turn like any other work, so under load a survey takes
seconds. Who asks for readiness waits for news only for a moment, and is told what is known.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.cache.guarded import TierState
from edge.models.base import ModelState

_log = logging.getLogger(__name__)

_LONGEST = 10.0
_MOMENT = 0.02
"""Seconds that one who asks waits for news: as long as parts that answer at once may take."""

_KEPT = 60.0
"""Seconds for which an answer may be told. Who asks brings it up to date, so it is older than ten
seconds only where nobody asked, and then says nothing of now."""


Survey = Callable[[], Awaitable[Sequence[ModelState | TierState]]]
"""Asks every part of one kind to answer for itself."""

Part = dict[str, dict[str, Any]]
Parts = dict[str, Part]
"""Each kind of parts, each part of it by name, and whether that is `ready`, with a `detail`."""


@dataclass(frozen=True, slots=True)
class _Known:
    part: Part
    until: float


class Surveys:
    """The kinds of parts, and what is known of each.

    Args:
        surveys: each kind, and how its parts are asked.
        moment: seconds that one who asks waits for news where something is known.
        longest: seconds after which a kind that has not answered counts as not ready.
    """

    def __init__(
        self, surveys: Mapping[str, Survey], *, moment: float = _MOMENT, longest: float = _LONGEST
    ) -> None:
        self._surveys = surveys
        self._moment = moment
        self._longest = longest
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._surveys)

    async def of(self, kinds: Sequence[str]) -> Parts:
        """What is known of these kinds: their news where they answer in a moment, else what they
        said the last time. Only of what is not known yet news is waited for."""
        news = {kind: self._ask(kind) for kind in kinds}
        if news:
            await asyncio.wait(news.values(), timeout=self._moment)
        now = time.monotonic()
        unknown = [
            task
            for kind, task in news.items()
            if not task.done() and (kind not in self._known or self._known[kind].until < now)
        ]
        if unknown:
            await asyncio.wait(unknown)
        return {
            kind: known.part
            if (known := self._known.get(kind))
            else _silent(kind, "no longer asked")
            for kind in kinds
        }

    def close(self) -> None:
        """Ask no more; who waits is told what is known, and of what is not that it is not ready."""
        for task in self._asking.values():
            task.cancel()

    def _ask(self, kind: str) -> "asyncio.Task[None]":
        """The survey under way, or a new one; it goes on when nobody waits any more."""
        task = self._asking.get(kind)
        if task is None or task.done():
            task = self._asking[kind] = asyncio.create_task(self._survey(kind))
        return task

    async def _survey(self, kind: str) -> None:
        part = await self._part(kind)
        self._known[kind] = _Known(part, time.monotonic() + _KEPT)

    async def _part(self, kind: str) -> Part:
        try:
            async with asyncio.timeout(self._longest):
                states = await self._surveys[kind]()
        except TimeoutError:
            return _silent(kind, f"no answer in {self._longest:g} s")
        except Exception:  # a fault of ours; whoever asks has to hear that something is wrong
            _log.exception("a survey failed", extra={"kind": kind})
            return _silent(kind, "cannot be asked")
        return {
            state.name: {"ready": state.ready} | ({"detail": state.detail} if state.detail else {})
            for state in states
        }


def _silent(kind: str, why: str) -> Part:
    return {kind: {"ready": False, "detail": why}}
