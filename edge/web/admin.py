"""The routes for purging and explaining, which need a token with that role."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.access import Role
from edge.cache.purging import Purged
from edge.delivery.delivery import Delivery
from edge.errors import EdgeError, UploadRejected
from edge.kinds import shown
from edge.variants import paths
from edge.variants.effects import effects
from edge.variants.presets import Presets
from edge.variants.variant import original_tag, preset_tag
from edge.web.bodies import UNCACHED, json_object
from edge.web.failures import public
from edge.web.tokens import Tokens
from edge.web.urls import Urls

_PREFIX = b"/-/explain"
_LARGEST_BODY = 10_000
_RETRY_AFTER = "5"
_SHOWN = 80
_NAMES = ("original", "tag", "preset", "key")


class Explain:
    """Reads the URL exactly as the route of pictures does, except for the signature.

    Args:
        needs_token: ask for a token with the role `explain` instead of a signature; a URL that was
            signed for a customer tells the customer nothing but its picture.
    """

    def __init__(
        self, delivery: Delivery, urls: Urls, tokens: Tokens, presets: Presets, *, needs_token: bool
    ) -> None:
        self._delivery = delivery
        self._urls = urls
        self._tokens = tokens
        self._presets = presets
        self._needs_token = needs_token

    async def get(self, request: Request) -> Response:
        scope = dict(request.scope)
        scope["raw_path"] = scope["raw_path"].removeprefix(_PREFIX)
        if self._needs_token:
            self._tokens.require(request, Role.EXPLAIN)
        url = self._urls.parse(scope, needs_signature=False)
        explained = await self._delivery.explain(self._urls.delivery_request(url))
        image_request = {
            "canonical": url.transform.canonical(),
            "negotiates": url.image_request.negotiates,
            "ignored": list(url.image_request.ignored),
            "words": self._words(scope["query_string"].decode("latin-1")),
        }
        return JSONResponse({"path": url.path, **image_request, **explained}, headers=UNCACHED)

    def _words(self, query: str) -> list[dict[str, Any]]:
        """The effect of each word beside the others; empty for a URL in another dialect."""
        try:
            return [effect.as_facts() for effect in effects(query, self._presets)]
        except EdgeError:
            return []


class AdminRoutes:
    """`POST /-/purge` with one of original, tag, preset or key."""

    def __init__(self, delivery: Delivery, tokens: Tokens, presets: Presets) -> None:
        self._delivery = delivery
        self._presets = presets
        self._tokens = tokens

    async def purge(self, request: Request) -> Response:
        """Answers how many entries each tier removed, and which parts failed: 207 where those are
        retried, 503 where they are not.

        Raises:
            TokenWrong, RoleMissing: the request carries no token that may purge.
            UploadRejected: the body is not a JSON object with exactly one of the four names, or
                there is no such preset.
        """
        self._tokens.require(request, Role.PURGE)
        name, value = _requested(await json_object(request, _LARGEST_BODY, _NAMES))
        if name == "preset" and value not in self._presets:
            raise UploadRejected(
                f"preset={shown(value)} is not known; what one made that was removed goes by "
                f"its tag, {preset_tag(value[:_SHOWN])}",
                param="preset",
                allowed=self._presets.names,
            )
        purged = await self._purge(name, value)
        answer: dict[str, Any] = {name: value, "removed": purged.removed}
        status, headers = 200, dict(UNCACHED)
        if purged.unreached:
            unreached = {part: public(why) for part, why in purged.unreached.items()}
            answer |= {"unreached": unreached, "kept": purged.kept}
            status = 207 if purged.kept else 503
        if not purged.kept:
            headers["retry-after"] = _RETRY_AFTER
        return JSONResponse(answer, status, headers)

    async def _purge(self, name: str, value: str) -> Purged:
        if name == "key":
            return await self._delivery.purge_key(value)
        if name == "original":
            return await self._delivery.purge(original_tag(paths.clean(value.removeprefix("/"))))
        return await self._delivery.purge(preset_tag(value) if name == "preset" else value)


def _requested(body: dict[str, Any]) -> tuple[str, str]:
    """The one name and its value."""
    if len(body) != 1 or next(iter(body)) not in _NAMES:
        raise UploadRejected("give exactly one of original, tag, preset or key", allowed=_NAMES)
    [(name, value)] = body.items()
    if not isinstance(value, str) or not value or len(value) > 2000:
        raise UploadRejected("it must be a text of 1 to 2000 characters", param=name)
    return name, value
