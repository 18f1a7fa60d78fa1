"""What operators ask: is the process alive, can it serve, what has it done."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.access import Role
from edge.errors import InvalidParameter
from edge.telemetry import Metrics
from edge.web.tokens import Tokens


class State(Protocol):
    """Whether one part answers."""

    @property
    def name(self) -> str: ...

    @property
    def ready(self) -> bool: ...

    @property
    def detail(self) -> str: ...


Survey = Callable[[], Awaitable[Sequence[State]]]
"""Asks every part of one kind to answer for itself."""

Part = dict[str, dict[str, Any]]
Parts = dict[str, Part]
"""Each kind of parts, each part of it by name, and whether that is `ready`, with a `detail`."""

_LONGEST = 10.0
_UNCACHED = {"cache-control": "no-store"}


class Probes:
    """`healthz`, `readyz` and `metrics`.

    Args:
        surveys: the kinds of parts (`tiers`, `origins`, `scenes`, `models`) and how each is asked.
        needed: the kinds of which at least one must answer, for without any nothing can be served;
            all else only degrades.
        facts: shown with readiness: version, imaging engine, runtime; no address, bucket or folder.
        refresh: brings gauges up to date before the metrics are read.
        tokens: asked for the role `metrics` before anything but a status is told; None: all is
            told to everybody.
    """

    def __init__(
        self,
        surveys: Mapping[str, Survey],
        needed: frozenset[str],
        facts: Mapping[str, Any],
        metrics: Metrics,
        refresh: Callable[[], Awaitable[None]],
        tokens: Tokens | None = None,
    ) -> None:
        self._surveys = surveys
        self._needed = needed
        self._facts = facts
        self._metrics = metrics
        self._refresh = refresh
        self._tokens = tokens
        self.draining = False

    async def healthz(self, request: Request) -> Response:
        """The process runs and its loop turns; nothing else is asked."""
        return JSONResponse({"status": "ok"}, headers=_UNCACHED)

    async def readyz(self, request: Request) -> Response:
        """Each tier, origin and model answers for itself, all at once, in at most ten seconds.

        `exclude=origins`, as the Kubernetes API server has it, leaves a kind of parts unasked.

        Raises:
            InvalidParameter: there is no such kind.
        """
        kinds = self._asked(request)
        parts = await self._ask(kinds)
        reasons = list(_reasons(parts))
        served = all(_any_ready(parts[kind]) for kind in self._needed & set(kinds))
        ready = served and not self.draining
        answer: dict[str, Any] = {"status": self._word(ready, whole=not reasons)}
        if self._tokens is None or self._tokens.allows(request, Role.METRICS):
            answer |= {"reasons": reasons, **self._facts, **parts}
        return JSONResponse(
            answer,
            status_code=200 if ready else 503,
            headers=_UNCACHED if ready else _UNCACHED | {"retry-after": "1"},
        )

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format.

        Raises:
            TokenWrong, RoleMissing: a token is asked for, and this request carries no such one.
        """
        if self._tokens is not None:
            self._tokens.require(request, Role.METRICS)
        await self._refresh()
        return Response(
            self._metrics.exposition(),
            media_type="text/plain; version=0.0.4; charset=utf-8",
            headers=_UNCACHED,
        )

    def _asked(self, request: Request) -> list[str]:
        given = request.query_params.getlist("exclude")
        excluded = {word for text in given for word in text.split(",") if word}
        if unknown := excluded - set(self._surveys):
            raise InvalidParameter(
                f"exclude={sorted(unknown)[0]!r} names nothing that readiness asks",
                param="exclude",
                allowed=tuple(self._surveys),
            )
        return [kind for kind in self._surveys if kind not in excluded]

    async def _ask(self, kinds: Sequence[str]) -> "Parts":
        answers = await asyncio.gather(*(self._survey(kind) for kind in kinds))
        return dict(zip(kinds, answers, strict=True))

    def _word(self, ready: bool, *, whole: bool) -> str:
        if self.draining:
            return "draining"
        return ("ready" if whole else "degraded") if ready else "not ready"

    async def _survey(self, kind: str) -> "Part":
        try:
            async with asyncio.timeout(_LONGEST):
                states = await self._surveys[kind]()
        except TimeoutError:
            return {kind: {"ready": False, "detail": f"no answer in {_LONGEST:g} s"}}
        return {
            state.name: {"ready": state.ready} | ({"detail": state.detail} if state.detail else {})
            for state in states
        }


def _any_ready(parts: Part) -> bool:
    return any(part["ready"] for part in parts.values())


def _reasons(parts: Parts) -> Iterator[str]:
    for kind, named in parts.items():
        for name, part in named.items():
            if not part["ready"]:
                yield f"{kind}: {name}: {part.get('detail') or 'not ready'}"
