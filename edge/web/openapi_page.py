"""The part of the OpenAPI document that is about what the page at `/` asks for."""

from typing import Any

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_SECURED: list[dict[str, list[str]]] = [{"admin": []}]


def paths(failures: dict[str, Any]) -> dict[str, Any]:
    """The routes; `failures` are the answers that any of them may give."""
    name = {
        "name": "name", "in": "path", "required": True,
        "description": "As the picture's request names itself in X-Edge-Progress.",
        "schema": {**_TEXT, "pattern": "^[A-Za-z0-9-]{8,64}$"},
    }  # fmt: skip
    return {
        "/-/pictures": {"get": {
            "summary": "Paths of originals, where origins can be listed",
            "description": "Where URLs must be signed, for a token with the role explain.",
            "security": [{}, *_SECURED],
            "parameters": _listing(),
            "responses": {**failures, "200": _answer("One page of paths", "Pictures")},
        }},
        "/-/sign": {"post": {
            "summary": "URLs with signatures, for a token with the role sign",
            "security": _SECURED,
            "requestBody": {"required": True, "content": _content("ToSign")},
            "responses": {**failures, "200": _answer("The same URLs, signed", "Signed")},
        }},
        "/-/progress/{name}": {
            "parameters": [name],
            "get": {
                "summary": "The stage of a picture that is being made",
                "responses": {"200": _answer("The stage", "Stage")},
            },
        },
    }  # fmt: skip


def schemas() -> dict[str, Any]:
    """The values that the routes name."""
    urls = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 200}
    return {
        "Pictures": _object(
            pictures={"type": "array", "items": _TEXT},
            matches=_COUNT,
            next={"type": ["integer", "null"], "description": "Where the next page starts."},
            complete={
                "type": "boolean",
                "description": "Whether all of the origins was looked at.",
            },
            lists={"type": "boolean", "description": "Whether some origin can be listed."},
        ),
        "ToSign": {
            "type": "object",
            "required": ["urls"],
            "additionalProperties": False,
            "properties": {
                "urls": urls,
                "expires": {
                    **_COUNT,
                    "minimum": 1,
                    "description": "Seconds from now; without it they hold for ever.",
                },
            },
        },
        "Signed": _object(
            urls=urls,
            until={"type": ["integer", "null"], "description": "Unix time when they expire."},
        ),
        "Stage": _object(
            stage={
                "type": ["string", "null"],
                "description": "As in Server-Timing; null where this process makes none so named.",
            }
        ),
    }


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [*properties], "properties": properties}


def _listing() -> list[dict[str, Any]]:
    rows = (
        ("search", "Words that the path holds.", {**_TEXT, "maxLength": 100}),
        ("start", "How many to pass over.", {**_COUNT, "maximum": 10_000_000, "default": 0}),
        ("limit", "At most so many.", {**_COUNT, "minimum": 1, "maximum": 200, "default": 60}),
    )
    return [
        {"name": name, "in": "query", "description": about, "schema": schema}
        for name, about, schema in rows
    ]


def _answer(about: str, schema: str) -> dict[str, Any]:
    return {"description": about, "content": _content(schema)}


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
