"""Surveys of the state of each kind of parts, refreshed in the background.

A network's self-test queues like other work, so under load a survey takes seconds. A readiness
request waits only for a moment, and then gets the last known state.
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
"""Seconds that a request waits for a new survey: enough for parts that answer at once."""

_KEPT = 60.0
"""Seconds for which a survey is valid. Each request starts a new one, so a state is older than ten
seconds only where none was requested."""


Survey = Callable[[], Awaitable[Sequence[ModelState | TierState]]]
"""Surveys every part of one kind."""

Part = dict[str, dict[str, Any]]
Parts = dict[str, Part]
"""By kind and name of each part, whether it is `ready`, with a `detail`."""


@dataclass(frozen=True, slots=True)
class _Known:
    part: Part
    until: float


class Surveys:
    """The kinds of parts, and the last survey of each.

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
        """The state of these kinds: a new survey where it comes within a moment, else the last one.
        Kinds without a survey are waited for."""
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
        """Stop surveying; pending requests get the last survey, or "not ready" where there is
        none."""
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
