"""The routes for operators: liveness, readiness, metrics."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.access import Role
from edge.errors import InvalidParameter
from edge.kinds import listed
from edge.telemetry import Metrics
from edge.web.bodies import UNCACHED
from edge.web.surveys import Part, Parts, Surveys
from edge.web.tokens import Tokens


class Probes:
    """`healthz`, `readyz` and `metrics`.

    Args:
        surveys: the kinds of parts (`tiers`, `origins`, `scenes`, `models`) and what is known of
            each.
        needed: the kinds of which at least one must answer, for without any nothing can be served;
            all else only degrades.
        facts: shown with readiness: version, imaging engine, runtime; no address, bucket or folder.
        refresh: brings gauges up to date before the metrics are read.
        tokens: asked for the role `metrics` before anything but a status is told; None: all is
            told to everybody.
    """

    def __init__(
        self,
        surveys: Surveys,
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
        """200 as long as the event loop runs; checks nothing else."""
        return JSONResponse({"status": "ok"}, headers=UNCACHED)

    async def readyz(self, request: Request) -> Response:
        """The state of each tier, origin and model: a new one where it comes within a moment, else
        the last one. Only the first request, and the first within a minute, wait for slow parts, at
        most ten seconds.

        `exclude=origins`, as in the Kubernetes API server, leaves a kind of parts out.

        Raises:
            InvalidParameter: there is no such kind.
        """
        kinds = self._wanted(request)
        parts = await self._surveys.of(kinds)
        reasons = list(_reasons(parts))
        served = all(_any_ready(parts[kind]) for kind in self._needed & set(kinds))
        ready = served and not self.draining
        answer: dict[str, Any] = {"status": self._word(ready, whole=not reasons)}
        if self._tokens is None or self._tokens.allows(request, Role.METRICS):
            answer |= {"reasons": reasons, **self._facts, **parts}
        return JSONResponse(
            answer,
            status_code=200 if ready else 503,
            headers=UNCACHED if ready else UNCACHED | {"retry-after": "1"},
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
            headers=UNCACHED,
        )

    def _wanted(self, request: Request) -> list[str]:
        given = request.query_params.getlist("exclude")
        excluded = {word for text in given for word in listed(text)}
        if unknown := excluded - set(self._surveys.kinds):
            raise InvalidParameter(
                f"exclude={sorted(unknown)[0]!r} names no part of readiness",
                param="exclude",
                allowed=self._surveys.kinds,
            )
        return [kind for kind in self._surveys.kinds if kind not in excluded]

    def _word(self, ready: bool, *, whole: bool) -> str:
        if self.draining:
            return "draining"
        return ("ready" if whole else "degraded") if ready else "not ready"


def _any_ready(parts: Part) -> bool:
    return any(part["ready"] for part in parts.values())


def _reasons(parts: Parts) -> Iterator[str]:
    for kind, named in parts.items():
        for name, part in named.items():
            if not part["ready"]:
                yield f"{kind}: {name}: {part.get('detail') or 'not ready'}"
