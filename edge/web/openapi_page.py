"""The part of the OpenAPI document with the API of the page at `/`."""

from typing import Any

from edge.web import openapi_parts as parts


def paths() -> dict[str, Any]:
    """The routes."""
    progress = parts.in_path(
        "name",
        "As the picture's request names itself in X-Edge-Progress.",
        {**parts.TEXT, "pattern": "^[A-Za-z0-9-]{8,64}$"},
    )
    limit = {**parts.COUNT, "minimum": 1, "maximum": 200, "default": 60}
    start = {**parts.COUNT, "maximum": 10_000_000, "default": 0}
    listing = [
        parts.in_query("search", "Words that the path holds.", {**parts.TEXT, "maxLength": 100}),
        parts.in_query("start", "How many to pass over.", start),
        parts.in_query("limit", "At most so many.", limit),
    ]
    return {
        "/-/pictures": {"get": parts.route(
            "Paths of originals, where origins can be listed",
            {"200": parts.answer("One page of paths", "Pictures")},
            description="Where URLs must be signed, for a token with the role explain.",
            security=[{}, *parts.SECURED],
            parameters=listing,
        )},
        "/-/sign": {"post": parts.route(
            "URLs with signatures, for a token with the role sign",
            {"200": parts.answer("The same URLs, signed", "Signed")},
            security=parts.SECURED,
            requestBody=parts.body(parts.content(parts.named("ToSign"))),
        )},
        "/-/progress/{name}": {
            "parameters": [progress],
            "get": {
                "summary": "The stage of a picture that is being made",
                "responses": {"200": parts.answer("The stage", "Stage")},
            },
        },
    }  # fmt: skip


def schemas() -> dict[str, Any]:
    """The values that the routes name."""
    urls = {**parts.array(parts.TEXT), "minItems": 1, "maxItems": 200}
    until, stage = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
    expires = {"description": "Seconds from now; without it they hold for ever."}
    return {
        "Pictures": parts.whole({
            "pictures": parts.array(parts.TEXT),
            "matches": parts.COUNT,
            "next": {**until, "description": "Where the next page starts."},
            "complete": {"type": "boolean",
                         "description": "Whether all of the origins was looked at."},
            "lists": {"type": "boolean", "description": "Whether some origin can be listed."},
        }),
        "ToSign": parts.record(
            {"urls": urls, "expires": {**parts.COUNT, "minimum": 1, **expires}},
            required=["urls"],
            additionalProperties=False,
        ),
        "Signed": parts.whole({
            "urls": urls,
            "until": {**until, "description": "Unix time when they expire."},
        }),
        "Stage": parts.whole({"stage": {
            **stage,
            "description": "As in Server-Timing; null where this process makes none so named.",
        }}),
    }  # fmt: skip
