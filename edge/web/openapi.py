"""The OpenAPI document, generated from the table of parameters and the table of failures."""

from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge import __version__
from edge.images import Format
from edge.variants.parameters import PARAMETERS, Parameter
from edge.variants.presets import Presets
from edge.web import openapi_jobs, openapi_page
from edge.web.failures import PROBLEM_JSON, ROWS


def document(presets: Presets) -> dict[str, Any]:
    """The whole interface as OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edge",
            "version": __version__,
            "description": "One photo, any rendition by URL. Presets: "
            + ", ".join(preset.name for preset in presets),
        },
        "paths": {
            "/{path}": {"parameters": [_path()], "get": _picture(), "head": _picture(head=True)},
            "/-/explain/{path}": {"parameters": [_path()], "get": _explain()},
            "/-/purge": {"post": _purge()},
            "/-/healthz": {"get": _probe("The process runs.")},
            "/-/readyz": {
                "parameters": [_exclude()],
                "get": _probe("Every tier, origin and model answers.", "503"),
            },
            "/-/metrics": {"get": _probe("Prometheus metrics.", kind="text/plain")},
            **openapi_page.paths(_failures()),
            **openapi_jobs.paths(_failures()),
        },
        "components": {
            "schemas": {
                "Problem": _problem_schema(),
                **openapi_page.schemas(),
                **openapi_jobs.schemas(),
            },
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
        },
    }


class OpenApi:
    """Serves the document."""

    def __init__(self, presets: Presets) -> None:
        self._presets = presets
        self._document = lru_cache(1)(document)

    async def get(self, request: Request) -> Response:
        described = self._document(self._presets.now)
        return JSONResponse(described, headers={"cache-control": "public, max-age=300"})


def _path() -> dict[str, Any]:
    return {
        "name": "path",
        "in": "path",
        "required": True,
        "description": "The original's path; its extension names the default format.",
        "schema": {"type": "string"},
        "example": "sku/123.jpg",
    }


def _parameters() -> list[dict[str, Any]]:
    return [_parameter(row) for row in PARAMETERS]


def _parameter(row: Parameter) -> dict[str, Any]:
    also = f" Also written {', '.join(row.aliases)}." if row.aliases else ""
    schema: dict[str, Any] = {"type": row.kind.type}
    if row.kind.type != "string":
        schema |= {
            name: value
            for name, value in (("minimum", row.kind.low), ("maximum", row.kind.high))
            if value is not None
        }
    return {
        "name": row.name,
        "in": "query",
        "description": f"{row.help} Allowed: {row.kind.allowed}. Default: {row.default}.{also}",
        "schema": schema,
        "example": row.example,
    }


def _picture(head: bool = False) -> dict[str, Any]:
    content = {} if head else {
        f.content_type: {"schema": {"type": "string", "format": "binary"}} for f in Format
    }  # fmt: skip
    return {
        "summary": "A rendition of an original",
        "parameters": _parameters(),
        "responses": {
            "200": {"description": "The rendition", "content": content},
            "304": {"description": "The client's copy is the current one"},
            **_failures(),
        },
    }


def _explain() -> dict[str, Any]:
    return {
        "summary": "What would be done, without a picture",
        "parameters": _parameters(),
        "responses": {"200": _json("Transform, facts, analysis, plan, key"), **_failures()},
    }


def _purge() -> dict[str, Any]:
    names = {name: {"type": "string"} for name in ("original", "tag", "preset", "key")}
    return {
        "summary": "Remove renditions from every tier",
        "security": [{"admin": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": names,
                        "minProperties": 1,
                        "maxProperties": 1,
                        "additionalProperties": False,
                    }
                }
            },
        },
        "responses": {
            "200": _json("What was removed, by tier"),
            "207": _json("What was removed, and what was not reached yet: it is tried until it is"),
            "503": _json("What was removed, and what was not reached and is not tried again"),
            **{status: told for status, told in _failures().items() if status != "503"},
        },
    }


def _probe(summary: str, *statuses: str, kind: str = "application/json") -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {
            status: {"description": summary, "content": {kind: {}}} for status in ("200", *statuses)
        },
    }


def _exclude() -> dict[str, Any]:
    return {
        "name": "exclude",
        "in": "query",
        "description": "Kinds of parts that are not asked, separated by commas.",
        "schema": {"type": "string"},
        "example": "origins",
    }


def _json(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }


def _failures() -> dict[str, Any]:
    titles: dict[str, list[str]] = {}
    for row in ROWS.values():
        titles.setdefault(str(row.status), []).append(row.title)
    return {
        status: {
            "description": "; ".join(dict.fromkeys(names)),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, names in sorted(titles.items())
    }


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "description": "RFC 9457",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "instance": text,
            "param": text,
            "allowed": {"oneOf": [text, {"type": "array", "items": text}]},
            "nearest": text,
            "diagnostics": {"type": "object"},
        },
    }
