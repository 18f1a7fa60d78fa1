"""`/-/explain/...`: what a URL means and how its picture would be made, as JSON."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.delivery import Delivery
from edge.web.image import ImageRoute

_PREFIX = b"/-/explain"


class Explain:
    """Reads the URL exactly as the picture's route does, signature included."""

    def __init__(self, delivery: Delivery, image: ImageRoute) -> None:
        self._delivery = delivery
        self._image = image

    async def get(self, request: Request) -> Response:
        scope = dict(request.scope)
        scope["raw_path"] = scope["raw_path"].removeprefix(_PREFIX)
        asked = self._image.asked(scope)
        explained = await self._delivery.explain(self._image.ask(asked))
        wish = {
            "canonical": asked.transform.canonical(),
            "negotiates": asked.wish.negotiates,
            "ignored": list(asked.wish.ignored),
        }
        return JSONResponse({"path": asked.path, **wish, **explained}, headers=_UNCACHED)


_UNCACHED = {"cache-control": "no-store"}
