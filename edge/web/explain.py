"""`/-/explain/...`: what a URL means and how its picture would be made, as JSON."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.access import Role
from edge.delivery.delivery import Delivery
from edge.errors import EdgeError
from edge.variants.effects import effects
from edge.variants.presets import Presets
from edge.web.tokens import Tokens
from edge.web.urls import Urls

_PREFIX = b"/-/explain"


class Explain:
    """Reads the URL exactly as the picture's route does, but for the signature.

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
        return JSONResponse({"path": url.path, **image_request, **explained}, headers=_UNCACHED)

    def _words(self, query: str) -> list[dict[str, Any]]:
        """What each word does beside the others; of a URL in other words, nothing."""
        try:
            return [effect.as_facts() for effect in effects(query, self._presets)]
        except EdgeError:
            return []


_UNCACHED = {"cache-control": "no-store"}
