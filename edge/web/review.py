"""The page at `/-/review`, and its routes."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from edge.access import Role
from edge.errors import JobNotFound
from edge.jobs.opening import JobProcessing
from edge.jobs.review import Decision
from edge.kinds import whole
from edge.web import pages
from edge.web.bodies import UNCACHED, json_object, query_value
from edge.web.jobs import CURSOR, LIMIT, PAGE
from edge.web.tokens import Tokens

_PAGE = pages.text_of("review.html")
_POLICY = pages.policy(_PAGE, images="'self' blob: data:", connect="'self'")
_LARGEST_BODY = 20_000
_NAMES = ("verdict", "query", "by", "note")
_PICTURES = ("original", "result")
_SIDE = whole(1, 4000)


class ReviewRoutes:
    """The page contains no data; everything it shows is requested with a token of the role
    `review`."""

    def __init__(self, processing: JobProcessing, tokens: Tokens) -> None:
        self._reviewing = processing.reviewing
        self._tokens = tokens

    def routes(self) -> list[Route]:
        read = ["GET", "HEAD"]
        return [
            Route("/-/review", self.page, methods=read),
            Route("/-/review/items", self.items, methods=read),
            Route("/-/review/{job}/{index:int}", self.decide, methods=["POST"]),
            Route("/-/review/{job}/{index:int}/{which}", self.picture, methods=read),
        ]

    async def page(self, request: Request) -> Response:
        headers = {"content-security-policy": _POLICY, "cache-control": "no-cache"}
        return HTMLResponse(_PAGE, headers=headers)

    async def items(self, request: Request) -> Response:
        """The held items, oldest first."""
        self._tokens.require(request, Role.REVIEW)
        limit, offset = (
            query_value(request, "limit", LIMIT, PAGE),
            query_value(request, "cursor", CURSOR, 0),
        )
        held = await self._reviewing.held(limit, offset)
        return JSONResponse({"items": held}, headers=UNCACHED)

    async def picture(self, request: Request) -> Response:
        """The original (`side` pixels at most) or the result."""
        self._tokens.require(request, Role.REVIEW)
        words = request.path_params
        if words["which"] not in _PICTURES:
            raise JobNotFound("there is no such picture", param="which", allowed=_PICTURES)
        side = query_value(request, "side", _SIDE, 800)
        rendition = await self._reviewing.picture(
            words["job"], words["index"], words["which"], side
        )
        return Response(rendition.body, media_type=rendition.content_type, headers=UNCACHED)

    async def decide(self, request: Request) -> Response:
        """Approve, reject, or approve with other parameters.

        Raises:
            FeedRejected: there is no such verdict, or a member is wrong.
            JobConflict: the item is not one that is looked at.
        """
        self._tokens.require(request, Role.REVIEW)
        decision = Decision.of(await json_object(request, _LARGEST_BODY, _NAMES))
        words = request.path_params
        facts = await self._reviewing.decide(words["job"], words["index"], decision)
        return JSONResponse(facts, headers=UNCACHED)
