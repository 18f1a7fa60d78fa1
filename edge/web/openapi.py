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
from edge.web import openapi_parts as parts


def document(presets: Presets) -> dict[str, Any]:
    """The whole interface as OpenAPI 3.1."""
    path = {
        **parts.in_path("path", "The original's path; its extension names the default format."),
        "example": "sku/123.jpg",
    }
    exclude = {
        **parts.in_query("exclude", "Kinds of parts that are left out, separated by commas."),
        "example": "origins",
    }
    file = {"schema": {"type": "string", "format": "binary"}}
    explain = {"200": parts.answer("Transform, facts, analysis, plan, key")}
    what = "What would be done, without a picture"
    names = ", ".join(preset.name for preset in presets)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edge",
            "version": __version__,
            "description": f"One photo, any rendition by URL. Presets: {names}",
        },
        "paths": {
            "/{path}": {
                "parameters": [path],
                "get": _picture({f.content_type: file for f in Format}),
                "head": _picture({}),
            },
            "/-/explain/{path}": {
                "parameters": [path],
                "get": parts.route(what, explain, parameters=_parameters()),
            },
            "/-/purge": {"post": _purge()},
            "/-/healthz": {"get": _probe("The process runs.")},
            "/-/readyz": {
                "parameters": [exclude],
                "get": _probe("Every tier, origin and model answers.", "503"),
            },
            "/-/metrics": {"get": _probe("Prometheus metrics.", kind="text/plain")},
            **openapi_page.paths(),
            **openapi_jobs.paths(),
        },
        "components": {
            "schemas": {
                "Problem": _problem_schema(), **openapi_page.schemas(), **openapi_jobs.schemas()
            },
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


class OpenApi:
    """Serves the document."""

    def __init__(self, presets: Presets) -> None:
        self._presets = presets
        self._document = lru_cache(1)(document)

    async def get(self, request: Request) -> Response:
        described = self._document(self._presets.now)
        return JSONResponse(described, headers={"cache-control": "public, max-age=300"})


def _parameters() -> list[dict[str, Any]]:
    return [_parameter(row) for row in PARAMETERS]


def _parameter(row: Parameter) -> dict[str, Any]:
    also = f" Also written {', '.join(row.aliases)}." if row.aliases else ""
    about = f"{row.help} Allowed: {row.kind.allowed}. Default: {row.default}.{also}"
    schema: dict[str, Any] = {"type": row.kind.type}
    if row.kind.type != "string":
        bounds = {"minimum": row.kind.low, "maximum": row.kind.high}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    return {**parts.in_query(row.name, about, schema), "example": row.example}


def _picture(kinds: dict[str, Any]) -> dict[str, Any]:
    responses = {
        "200": {"description": "The rendition", "content": kinds},
        "304": {"description": "The client's copy is the current one"},
    }
    return parts.route("A rendition of an original", responses, parameters=_parameters())


def _purge() -> dict[str, Any]:
    names = {name: parts.TEXT for name in ("original", "tag", "preset", "key")}
    one = parts.record(names, minProperties=1, maxProperties=1, additionalProperties=False)
    responses = {
        "200": parts.answer("What was removed, by tier"),
        "207": parts.answer(
            "What was removed, and what was not reached yet: it is tried until it is"
        ),
        "503": parts.answer("What was removed, and what was not reached and is not tried again"),
    }
    what, body = "Remove renditions from every tier", parts.body(parts.content(one))
    return parts.route(what, responses, security=parts.SECURED, requestBody=body)


def _probe(summary: str, *statuses: str, kind: str = "application/json") -> dict[str, Any]:
    response = {"description": summary, "content": {kind: {}}}
    return {"summary": summary, "responses": dict.fromkeys(("200", *statuses), response)}


def _problem_schema() -> dict[str, Any]:
    names = ("type", "title", "status", "detail", "instance", "param", "allowed", "nearest")
    properties: dict[str, Any] = dict.fromkeys(names, parts.TEXT) | {
        "status": {"type": "integer"},
        "allowed": {"oneOf": [parts.TEXT, parts.array(parts.TEXT)]},
        "diagnostics": {"type": "object"},
    }
    required = ["type", "title", "status", "detail"]
    return parts.record(properties, required=required, description="RFC 9457")
