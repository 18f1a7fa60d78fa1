"""The part of the OpenAPI document that is about jobs and review."""

from dataclasses import fields
from typing import Any

from edge.jobs.model import ItemState, JobState, Options
from edge.jobs.review import VERDICTS

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_SECURED: list[dict[str, list[str]]] = [{"admin": []}]
_ABOUT = {
    "presets": "Made of each line that names none of its own; may be given several times.",
    "query": "Further parameters, as in a picture's URL.",
    "accept": "The class of client whose format is made where a preset leaves it open.",
    "base": "The beginning of the feed's URLs that stands for the origin; the rest is the path.",
    "label": "Whose job it is, for the ledger.",
    "webhook": "URL that is told of the job's end and of held items (Standard Webhooks).",
    "to": "A folder or s3://bucket/prefix that pictures are written to; .zip makes one file.",
    "pattern": "How files are named there: columns of the feed, preset, stem, ext, n, line.",
    "strict": "One bad line refuses the whole feed.",
    "format": "Of the feed, where its first bytes do not tell it: csv, jsonl, json or xml.",
}


def paths(failures: dict[str, Any]) -> dict[str, Any]:
    """The routes; `failures` are the answers that any of them may give."""
    job, index = _in_path("id", "The job's id."), _in_path("index", "The item's number.", _COUNT)
    return {
        "/-/jobs": {
            "post": _route("Submit a feed", failures, {
                "202": _json("The job, begun", "Job"),
                "200": _json("With dry_run=1: what it would take"),
            }, _submission(), _body()),
            "get": _route("The newest jobs", failures, {"200": _json("Jobs")}, _page()),
        },
        "/-/jobs/ledger": {
            "get": _route("What jobs have used up", failures, {"200": _json("Sums by preset")}, [
                _in_query("label", "Of the jobs of this label alone."),
            ]),
        },
        "/-/jobs/{id}": {
            "parameters": [job],
            "get": _route("How a job stands", failures, {"200": _json("The job", "Job")}),
            "delete": _route("Cancel a job, or remove one that is over", failures, {
                "202": _json("Cancelled", "Job"), "204": {"description": "Removed"},
            }),
        },
        "/-/jobs/{id}/items": {
            "parameters": [job],
            "get": _route("A job's items", failures, {"200": _json("Items, and the next cursor")}, [
                _in_query("status", "Only these.", {
                    **_TEXT, "enum": [*(state.value for state in ItemState), "refused"],
                }),
                *_page(),
            ]),
        },
        "/-/jobs/{id}/report.{form}": {
            "parameters": [job, _in_path("form", "", {**_TEXT, "enum": ["json", "csv", "html"]})],
            "get": _route("Every item of a job", failures, {"200": {
                "description": "The report",
                "content": {"application/json": {}, "text/csv": {}, "text/html": {}},
            }}),
        },
        **{
            f"/-/jobs/{{id}}/{verb}": {
                "parameters": [job],
                "post": _route(about, failures, {"202": _json("The job", "Job")}),
            }
            for verb, about in (
                ("pause", "Queue no more of a job"),
                ("resume", "Go on with a paused job"),
                ("retry", "Try failed items again, or go on with a cancelled job"),
                ("cancel", "End a job"),
            )
        },
        "/-/review": {"get": {
            "summary": "The page for a person",
            "responses": {"200": {"description": "The page", "content": {"text/html": {}}}},
        }},
        "/-/review/items": {
            "get": _route("What waits for a person", failures, {"200": _json("Items")}, _page()),
        },
        "/-/review/{job}/{index}": {
            "parameters": [_in_path("job", "The job's id."), index],
            "post": _route("Approve or reject", failures, {"200": _json("The item")}, [], {
                "required": True,
                "content": _json("", "Decision")["content"],
            }),
        },
        "/-/review/{job}/{index}/{which}": {
            "parameters": [
                _in_path("job", "The job's id."), index,
                _in_path("which", "", {**_TEXT, "enum": ["original", "result"]}),
            ],
            "get": _route("One of the two pictures", failures, {
                "200": {"description": "The picture", "content": {"image/*": {}}},
            }, [_in_query("side", "Longest side of the original, in pixels.", _COUNT)]),
        },
    }  # fmt: skip


def schemas() -> dict[str, Any]:
    """The values that the routes name."""
    options = {info.name: _option(info.name) for info in fields(Options)}
    items = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "sku": _TEXT, "path": _TEXT, "url": _TEXT, "query": _TEXT,
                "presets": {"type": "array", "items": _TEXT},
            },
        },
    }  # fmt: skip
    return {
        "Submission": {
            "type": "object",
            "properties": {"items": items, "feed": {**_TEXT, "format": "uri"}, **options},
            "additionalProperties": False,
        },
        "Job": {
            "type": "object",
            "properties": {
                "id": _TEXT, "label": _TEXT,
                "status": {**_TEXT, "enum": [state.value for state in JobState]},
                "total": _COUNT, "done": _COUNT, "refused": _COUNT, "cached": _COUNT,
                "counts": {"type": "object", "additionalProperties": _COUNT},
                "rate": _NUMBER, "time_left": {"type": ["number", "null"]},
                "created": _NUMBER, "started": {"type": ["number", "null"]},
                "finished": {"type": ["number", "null"]},
                "options": {"type": "object", "properties": options},
                "cost": {"type": "object"}, "links": {"type": "object"},
                "refusals": {"type": "array", "items": {"type": "object"}},
            },
        },
        "Decision": {
            "type": "object",
            "required": ["verdict"],
            "properties": {
                "verdict": {**_TEXT, "enum": list(VERDICTS)},
                "query": {**_TEXT, "description": "Approve with these parameters instead."},
                "by": _TEXT, "note": _TEXT,
            },
            "additionalProperties": False,
        },
    }  # fmt: skip


def _submission() -> list[dict[str, Any]]:
    key = {
        "name": "Idempotency-Key", "in": "header", "schema": _TEXT,
        "description": "The same key again is the same job, for a day.",
    }  # fmt: skip
    return [
        key,
        _in_query("feed", "URL of the feed, in the place of a body.", {**_TEXT, "format": "uri"}),
        _in_query("dry_run", "1: begin nothing, and tell what it would take.", _COUNT),
        _in_query("samples", "Pictures made for that of each preset without a history.", _COUNT),
        _in_query("workers", "That there are, for the same.", _COUNT),
        *(_in_query(info.name, _ABOUT[info.name], _option(info.name)) for info in fields(Options)),
    ]


def _option(name: str) -> dict[str, Any]:
    if name == "presets":
        return {"type": "array", "items": _TEXT}
    kind = {"type": "boolean"} if name == "strict" else dict(_TEXT)
    return {**kind, "description": _ABOUT[name]}


def _body() -> dict[str, Any]:
    feed = {"schema": _TEXT}
    return {
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Submission"}},
            "application/x-ndjson": feed,
            "text/csv": feed,
            "application/xml": feed,
        }
    }


def _page() -> list[dict[str, Any]]:
    return [
        _in_query("limit", "At most so many.", {**_COUNT, "maximum": 1000, "default": 100}),
        _in_query("cursor", "Where the page before ended."),
    ]


def _route(
    summary: str,
    failures: dict[str, Any],
    responses: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    told: dict[str, Any] = {"summary": summary, "security": _SECURED}
    if parameters:
        told["parameters"] = parameters
    if body:
        told["requestBody"] = body
    return {**told, "responses": {**failures, **responses}}


def _in_path(name: str, about: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name, "in": "path", "required": True, "description": about,
        "schema": schema or _TEXT,
    }  # fmt: skip


def _in_query(name: str, about: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": schema or _TEXT}


def _json(about: str, schema: str = "") -> dict[str, Any]:
    of = {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}
    return {"description": about, "content": {"application/json": {"schema": of}}}
