"""All tiers as one: asked nearest first, finds copied to the nearer ones, no failure let out."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge import tracing
from edge.background_tasks import BackgroundTasks
from edge.breaker import Breaker
from edge.cache.base import InProcess, Prompt, Purges, Reach, Recalling, Tier, Usage, key_tag
from edge.cache.epochs import Epochs
from edge.cache.owed import OwedPurges
from edge.errors import EdgeError, TierError
from edge.images import Rendition

_log = logging.getLogger(__name__)

_BEFORE_PUT_RETURNS = frozenset({Reach.PROCESS, Reach.REPLICAS})
"""Quick; and replicas that wait for the result find it there."""

_BEFORE_GET_RETURNS = frozenset({Reach.PROCESS})

_OWN = frozenset({Reach.PROCESS, Reach.MACHINE})
"""Not shared, so each replica purges its own when it hears of another's purge."""

_WRITE_TIMEOUTS = 5
"""A write may take so many times as long as a look-up: nobody waits for it."""

_RECALL_TIMEOUTS = 5
"""It takes several look-ups, and who waits for it has nothing else to serve."""

_PURGE_SECONDS = 30.0
_SETTLE_SECONDS = 1.0

REPLICAS = "replicas"
"""The name, beside those of the tiers, of what a purge has to reach."""


Found = tuple[Rendition, str]
"""A rendition and the name of the tier that has it."""


class Observer(Protocol):
    """Counts what the tiers do."""

    def looked_up(self, tier: str, outcome: str) -> None:
        """Outcome: `hit`, `miss`, `error`, or `skipped` while the tier rests from a failure."""
        ...

    def wrote(self, tier: str, outcome: str) -> None:
        """Outcome: `ok`, `error`, or `skipped` (the tier rests, or the entry was purged)."""
        ...

    def purged(self, tier: str, entries: int) -> None: ...


class Unobserved:
    """Counts nothing."""

    def looked_up(self, tier: str, outcome: str) -> None:
        return None

    def wrote(self, tier: str, outcome: str) -> None:
        return None

    def purged(self, tier: str, entries: int) -> None:
        return None


@dataclass(frozen=True, slots=True)
class TierState:
    """Whether one tier answers, for readiness."""

    name: str
    ready: bool
    detail: str = ""
    private: str = ""
    """What only the log may say."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of a purge.

    `removed` is how many entries went from each tier; `unreached` what went wrong at a tier or at
    telling the `replicas`; `kept` whether that is tried again until it is done.
    """

    removed: Mapping[str, int]
    unreached: Mapping[str, str]
    kept: bool


class _Rung:
    """A tier, and whether it may be asked and written now."""

    __slots__ = ("prompt", "reading", "server", "tier", "writing")

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self.prompt = tier if isinstance(tier, Prompt) else None
        self.server: Breaker | None = getattr(tier, "server", None)
        self.reading = Breaker()
        self.writing = Breaker()

    @property
    def answers(self) -> bool:
        """Whether its server does, as far as is known."""
        return self.server is None or self.server.allows()


class _Look:
    """One look-up without a task, ended by the tier or by the clock."""

    __slots__ = ("_asked", "_key", "_rung", "_tiers", "_timer", "_told")

    def __init__(
        self,
        tiers: "Tiers",
        rung: _Rung,
        key: str,
        timeout: float,
        told: Callable[[Found | None], None],
    ) -> None:
        self._tiers = tiers
        self._rung = rung
        self._key = key
        self._told: Callable[[Found | None], None] | None = told
        self._asked = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(timeout, self.answered, TimeoutError())

    def answered(self, answer: Rendition | Exception | None) -> None:
        told, self._told = self._told, None
        if told is None:
            return
        self._timer.cancel()
        if isinstance(answer, Rendition):
            if self._tiers.looked(self._rung, self._key, answer, self._asked):
                return told((answer, self._rung.tier.name))
        elif answer is not None:
            self._tiers.failed(self._rung, answer)
        told(None)


class Tiers:
    """The tiers, nearest first.

    Args:
        tiers: nearest first.
        timeout: seconds that a look-up in one tier may take; later counts as a miss.
        background tasks: take the writes that nobody waits for. None: `put` and `get` wait for
            them.
        purges: tell the other replicas, and hear from them once `start` was called.
        owed: keeps purges that did not reach everybody; tried again once `start` was called.
    """

    def __init__(
        self,
        tiers: Sequence[Tier],
        timeout: float,
        *,
        background_tasks: BackgroundTasks | None = None,
        purges: Purges | None = None,
        observer: Observer | None = None,
        owed: OwedPurges | None = None,
    ) -> None:
        self._owed = owed or OwedPurges()
        self._settling: asyncio.Task[None] | None = None
        self._rungs = tuple(_Rung(tier) for tier in tiers)
        self._memory = next((t for t in tiers[:1] if isinstance(t, InProcess)), None)
        nearest = self._rungs[1:2] if self._memory is not None else self._rungs[:1]
        self._prompt = next((rung for rung in nearest if rung.prompt), None)
        self._timeout = timeout
        self._background_tasks = background_tasks
        self._purges = purges
        self._observer = observer or Unobserved()
        self._epochs = Epochs()
        self._listeners: list[Callable[[str], None]] = []

    def on_purge(self, listener: Callable[[str], None]) -> None:
        """Call `listener(tag)` for every purge, of this replica or another: before the tiers drop
        what carries the tag, and once more when they have."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to hear of other replicas' purges, and open the tiers' connections.

        A tier that does not answer is told in the log and used once it does.
        """
        for tag in await asyncio.to_thread(self._owed.load):
            self._purging(tag)
            self._epochs.hold(tag)
        self._settling = asyncio.create_task(self._settle(), name="owed purges")
        if self._purges is not None:
            await self._purges.subscribe(self.purged_elsewhere)
        for state in await self.states():
            if not state.ready:
                _log.warning("tier not ready", extra={"tier": state.name, "why": state.private})

    async def get(self, key: str) -> Found | None:
        """The rendition and the name of the nearest tier that has it."""
        asked = time.monotonic()
        for place, rung in enumerate(self._rungs):
            found = await self._ask(rung, key)
            if found is not None:
                if place:
                    await self._write(self._rungs[:place], key, found, asked, _BEFORE_GET_RETURNS)
                return found, rung.tier.name
        return None

    def memory_hit(self, key: str) -> Rendition | None:
        """What the nearest tier holds, where that is this process's memory. A miss is not counted:
        `get` follows it."""
        if self._memory is None or (found := self._memory.peek(key)) is None:
            return None
        self._observer.looked_up(self._memory.name, "hit")
        return found

    def soon(self, key: str, told: Callable[[Found | None], None]) -> bool:
        """Ask the tier behind this process's memory, where that takes no task.

        True: `told` is called once, later, as `get` would have answered; None says that `get` has
        to be asked, so a miss is not counted. False: `told` is never called.
        """
        rung = self._prompt
        if rung is None or rung.prompt is None or not (rung.answers and rung.reading.allows()):
            return False
        look = _Look(self, rung, key, self._timeout, told)
        rung.prompt.ask(key, look.answered)
        return True

    def looked(self, rung: _Rung, key: str, found: Rendition, asked: float) -> bool:
        """Whether what a tier has found may be served; then the nearer ones get a copy."""
        rung.reading.succeeded()
        if self._epochs.since_made(key, found):
            return False
        if self._memory is not None:
            self._observer.looked_up(self._memory.name, "miss")
            if not self._epochs.since(asked, key, found):
                self._memory.keep(key, found)
                self._observer.wrote(self._memory.name, "ok")
        self._observer.looked_up(rung.tier.name, "hit")
        return True

    def failed(self, rung: _Rung, error: Exception) -> None:
        """A tier failed at a look-up."""
        self._broke(rung, rung.reading, error)
        self._observer.looked_up(rung.tier.name, "error")

    async def put(self, key: str, rendition: Rendition, started: float) -> None:
        """Store a rendition whose making began at `started` on the monotonic clock.

        Tiers that are quick are written when this returns, the durable ones behind it. Nothing
        is kept where one of its tags was purged since `started`.
        """
        await self._write(self._rungs, key, rendition, started, _BEFORE_PUT_RETURNS)

    async def purge(self, tag: str) -> Purged:
        """Remove what carries the tag from all tiers and replicas.

        What is not reached now is tried again every second until it is; until then, nothing that
        was made before the purge is served from a tier that still has it.
        """
        self._purging(tag)
        untold = await self._publish(tag)
        answers = await self._purge(self._rungs, tag)
        removed = {name: answer for name, answer in answers.items() if isinstance(answer, int)}
        unreached = {name: why for name, why in answers.items() if isinstance(why, str)}
        if untold is not None:
            unreached[REPLICAS] = untold
        return Purged(removed, unreached, kept=not unreached or await self._keep(tag, unreached))

    async def _publish(self, tag: str) -> str | None:
        """Tell the other replicas; what went wrong, None where nothing did."""
        if self._purges is None:
            return None
        try:
            async with asyncio.timeout(_PURGE_SECONDS):
                await self._purges.publish(tag)
        except (TierError, TimeoutError) as error:
            return _why(error)
        return None

    async def _keep(self, tag: str, parts: Iterable[str]) -> bool:
        if not self._owed.add(tag, parts):
            return False
        self._epochs.hold(tag)
        await asyncio.to_thread(self._owed.save)
        return True

    async def _settle(self) -> None:
        """Reach what earlier purges did not, for as long as the process lives."""
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            if len(self._owed):
                await self._settle_once()
                await asyncio.to_thread(self._owed.save)

    async def _settle_once(self) -> None:
        failed: set[str] = set()
        for tag, parts in self._owed.all():
            for part in sorted(parts - failed, key=REPLICAS.__eq__):  # replicas are told last
                if not await self._reach(part, tag):
                    failed.add(part)
                elif self._owed.settle(tag, (part,)):
                    self._epochs.release(tag)
                    _log.info("a purge has reached all", extra={"tag": tag})

    async def _reach(self, part: str, tag: str) -> bool:
        if part == REPLICAS:
            return await self._publish(tag) is None
        rungs = [rung for rung in self._rungs if rung.tier.name == part]
        answers = await self._purge(rungs, tag)
        return not any(isinstance(answer, str) for answer in answers.values())

    async def purged_elsewhere(self, tag: str) -> None:
        """Another replica has purged the tag from the shared tiers; now from our own."""
        self._purging(tag)
        await self._purge([rung for rung in self._rungs if rung.tier.reach in _OWN], tag)

    async def recall(self, tag: str) -> tuple[Rendition, ...]:
        """What the nearest tier that outlives this process knows of entries that carry the tag,
        without their bodies, the latest made first; at most some ten, none where no tier has any.

        For times when nobody else can be asked: it may cost a tier several look-ups.
        """
        for rung in self._rungs:
            if isinstance(rung.tier, Recalling):
                found = [
                    entry
                    for entry in await self._recalled(rung, rung.tier, tag)
                    if not self._epochs.since_made("", entry)
                ]
                if found:
                    return tuple(sorted(found, key=lambda entry: entry.made, reverse=True))
        return ()

    async def states(self) -> tuple[TierState, ...]:
        """Each tier answers for itself."""
        return tuple(await asyncio.gather(*(self._state(rung.tier) for rung in self._rungs)))

    async def usage(self) -> Mapping[str, Usage]:
        """What each tier holds; a tier that does not answer is left out."""
        usages = await asyncio.gather(*(self._usage(rung) for rung in self._rungs))
        named = zip((rung.tier.name for rung in self._rungs), usages, strict=True)
        return {name: usage for name, usage in named if usage is not None}

    async def close(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait((self._settling,))
            await asyncio.to_thread(self._owed.save)
        closing: list[Awaitable[None]] = [rung.tier.close() for rung in self._rungs]
        if self._purges is not None:
            closing.append(self._purges.close())
        for outcome in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(outcome, BaseException):
                _log.warning("a tier did not close", extra={"why": _whole(outcome)})

    async def _ask(self, rung: _Rung, key: str) -> Rendition | None:
        with tracing.span(f"tier {rung.tier.name}", {"edge.operation": "get"}) as span:
            found = await self._look(rung, key)
            span.set("edge.found", found is not None)
            return found

    async def _look(self, rung: _Rung, key: str) -> Rendition | None:
        tier = rung.tier
        if tier.reach is Reach.PROCESS:  # the way of every hot request: no timer, no breaker
            found = await tier.get(key)
        elif not (rung.answers and rung.reading.allows()):
            self._observer.looked_up(tier.name, "skipped")
            return None
        else:
            try:
                async with asyncio.timeout(self._timeout):
                    found = await tier.get(key)
            except Exception as error:
                self.failed(rung, error)
                return None
            rung.reading.succeeded()
            if found is not None and self._epochs.since_made(key, found):
                found = None
        self._observer.looked_up(tier.name, "miss" if found is None else "hit")
        return found

    async def _write(
        self,
        rungs: Iterable[_Rung],
        key: str,
        rendition: Rendition,
        started: float,
        at_once: frozenset[Reach],
    ) -> None:
        """Write the tiers of reach `at_once`, and leave the others to background tasks."""
        for rung in rungs:
            work = self._write_one(rung, key, rendition, started)
            if rung.tier.reach in at_once or self._background_tasks is None:
                await work
            elif not self._background_tasks.run(f"write to {rung.tier.name}", work):
                self._observer.wrote(rung.tier.name, "skipped")

    async def _write_one(self, rung: _Rung, key: str, rendition: Rendition, started: float) -> None:
        tier = rung.tier
        free = rung.answers and rung.writing.allows()
        if not free or self._epochs.since(started, key, rendition):
            self._observer.wrote(tier.name, "skipped")
            return
        try:
            with tracing.span(f"tier {tier.name}", {"edge.operation": "put"}):
                async with asyncio.timeout(self._timeout * _WRITE_TIMEOUTS):
                    await tier.put(key, rendition)
                    if self._epochs.since(started, key, rendition):  # purged while it was written
                        await tier.purge(key_tag(key))
        except Exception as error:
            self._broke(rung, rung.writing, error)
            self._observer.wrote(tier.name, "error")
            return
        rung.writing.succeeded()
        self._observer.wrote(tier.name, "ok")

    async def _recalled(self, rung: _Rung, tier: Recalling, tag: str) -> Sequence[Rendition]:
        if not (rung.answers and rung.reading.allows()):
            return ()
        try:
            async with asyncio.timeout(self._timeout * _RECALL_TIMEOUTS):
                return await tier.recall(tag)
        except Exception as error:
            self._broke(rung, rung.reading, error)
            return ()

    def _purging(self, tag: str) -> None:
        self._epochs.note(tag)
        self._tell(tag)

    def _tell(self, tag: str) -> None:
        for listener in self._listeners:
            listener(tag)

    async def _purge(self, rungs: Sequence[_Rung], tag: str) -> dict[str, int | str]:
        answers = await asyncio.gather(*(self._purge_one(rung, tag) for rung in rungs))
        self._tell(tag)
        return {rung.tier.name: answer for rung, answer in zip(rungs, answers, strict=True)}

    async def _purge_one(self, rung: _Rung, tag: str) -> int | str:
        tier = rung.tier
        if not rung.answers:
            return "its server does not answer"
        try:
            async with asyncio.timeout(_PURGE_SECONDS):
                entries = await tier.purge(tag)
        except Exception as error:
            self._broke(rung, rung.writing, error)
            return _why(error)
        self._observer.purged(tier.name, entries)
        return entries

    async def _state(self, tier: Tier) -> TierState:
        try:
            async with asyncio.timeout(self._timeout):
                await tier.ping()
        except Exception as error:
            return TierState(tier.name, False, _why(error), _whole(error))
        return TierState(tier.name, True)

    async def _usage(self, rung: _Rung) -> Usage | None:
        if not rung.answers:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await rung.tier.usage()
        except Exception:
            return None

    def _broke(self, rung: _Rung, breaker: Breaker, error: Exception) -> None:
        away = isinstance(error, TimeoutError) or (isinstance(error, TierError) and error.away)
        if away and rung.server is not None:
            rung.server.failed()
        else:
            breaker.failed()
        expected = isinstance(error, TierError | TimeoutError)
        _log.warning(
            "tier failed",
            extra={"tier": rung.tier.name, "why": _whole(error)},
            exc_info=None if expected else error,
        )


def _why(error: BaseException) -> str:
    """What went wrong, without addresses and paths."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.detail if isinstance(error, TierError) else type(error).__name__


def _whole(error: BaseException) -> str:
    """What went wrong, for the log."""
    private = error.private if isinstance(error, EdgeError) else str(error)
    return f"{_why(error)}: {private}" if private else _why(error)
