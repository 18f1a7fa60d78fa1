"""The part of the OpenAPI document that is about jobs and review."""

from dataclasses import fields
from typing import Any

from edge.jobs.model import ItemState, JobState, Options
from edge.jobs.review import VERDICTS
from edge.web.openapi_parts import (
    COUNT,
    NUMBER,
    SECURED,
    TEXT,
    answer,
    array,
    body,
    content,
    in_path,
    in_query,
    named,
    record,
    route,
)

_ABOUT = {
    "presets": "Made of each line that names none of its own; may be given several times.",
    "query": "Further parameters, as in a picture's URL.",
    "accept": "The class of client whose format is made where a preset leaves it open.",
    "base": "The beginning of the feed's URLs that stands for the origin; the rest is the path.",
    "label": "Whose job it is, for the ledger.",
    "webhook": "URL that is notified of the job's end and of held items (Standard Webhooks).",
    "to": "A folder or s3://bucket/prefix that pictures are written to; .zip makes one file.",
    "pattern": "How files are named there: columns of the feed, preset, stem, ext, n, line.",
    "strict": "One bad line refuses the whole feed.",
    "format": "Of the feed, where its first bytes do not show it: csv, jsonl, json or xml.",
}


def paths() -> dict[str, Any]:
    """The routes."""
    job, index = in_path("id", "The job's id."), in_path("index", "The item's number.", COUNT)
    one = {"200": answer("The job", "Job")}
    states = [*(state.value for state in ItemState), "refused"]
    label = in_query("label", "Of the jobs of this label alone.")
    status = in_query("status", "Only these.", {**TEXT, "enum": states})
    side = in_query("side", "Longest side of the original, in pixels.", COUNT)
    report: dict[str, Any] = {"application/json": {}, "text/csv": {}, "text/html": {}}
    reviewed = [in_path("job", "The job's id."), index]
    which = in_path("which", "", {**TEXT, "enum": ["original", "result"]})
    return {
        "/-/jobs": {
            "post": _secured("Submit a feed", {
                "202": answer("The job, begun", "Job"),
                "200": answer("With dry_run=1: what it would take"),
            }, _submission(), requestBody=_body()),
            "get": _secured("The newest jobs", {"200": answer("Jobs")}, _page()),
        },
        "/-/jobs/ledger": {
            "get": _secured("What jobs have used up", {"200": answer("Sums by preset")}, [label]),
        },
        "/-/jobs/{id}": {
            "parameters": [job],
            "get": _secured("The state of a job", one),
            "delete": _secured("Cancel a job, or remove one that is over", {
                "202": answer("Cancelled", "Job"), "204": {"description": "Removed"},
            }),
        },
        "/-/jobs/{id}/items": {
            "parameters": [job],
            "get": _secured("A job's items", {"200": answer("Items, and the next cursor")},
                            [status, *_page()]),
        },
        "/-/jobs/{id}/report.{form}": {
            "parameters": [job, in_path("form", "", {**TEXT, "enum": ["json", "csv", "html"]})],
            "get": _secured("Every item of a job",
                            {"200": {"description": "The report", "content": report}}),
        },
        **{
            f"/-/jobs/{{id}}/{verb}": {
                "parameters": [job],
                "post": _secured(about, {"202": answer("The job", "Job")}),
            }
            for verb, about in (
                ("pause", "Queue no more of a job"),
                ("resume", "Go on with a paused job"),
                ("retry", "Retry failed items, or resume a cancelled job"),
                ("cancel", "End a job"),
            )
        },
        "/-/review": {"get": {
            "summary": "The page for a person",
            "responses": {"200": {"description": "The page", "content": {"text/html": {}}}},
        }},
        "/-/review/items": {
            "get": _secured("What waits for a person", {"200": answer("Items")}, _page()),
        },
        "/-/review/{job}/{index}": {
            "parameters": reviewed,
            "post": _secured("Approve or reject", {"200": answer("The item")},
                             requestBody=body(content(named("Decision")))),
        },
        "/-/review/{job}/{index}/{which}": {
            "parameters": [*reviewed, which],
            "get": _secured("One of the two pictures", {
                "200": {"description": "The picture", "content": {"image/*": {}}},
            }, [side]),
        },
    }  # fmt: skip


def schemas() -> dict[str, Any]:
    """The values that the routes name."""
    options = {info.name: _option(info.name) for info in fields(Options)}
    item = record(
        {name: TEXT for name in ("sku", "path", "url", "query")} | {"presets": array(TEXT)}
    )
    time = {"type": ["number", "null"]}
    return {
        "Submission": record(
            {"items": array(item), "feed": {**TEXT, "format": "uri"}, **options},
            additionalProperties=False,
        ),
        "Job": record({
            "id": TEXT, "label": TEXT,
            "status": {**TEXT, "enum": [state.value for state in JobState]},
            "total": COUNT, "done": COUNT, "refused": COUNT, "cached": COUNT,
            "counts": {"type": "object", "additionalProperties": COUNT},
            "rate": NUMBER, "time_left": time,
            "created": NUMBER, "started": time, "finished": time,
            "options": record(options),
            "cost": {"type": "object"}, "links": {"type": "object"},
            "refusals": array({"type": "object"}),
        }),
        "Decision": record({
            "verdict": {**TEXT, "enum": list(VERDICTS)},
            "query": {**TEXT, "description": "Approve with these parameters instead."},
            "by": TEXT, "note": TEXT,
        }, required=["verdict"], additionalProperties=False),
    }  # fmt: skip


def _submission() -> list[dict[str, Any]]:
    about = "The same key again is the same job, for a day."
    return [
        {"name": "Idempotency-Key", "in": "header", "schema": TEXT, "description": about},
        in_query("feed", "URL of the feed, in the place of a body.", {**TEXT, "format": "uri"}),
        in_query("dry_run", "1: begin nothing, and estimate the job.", COUNT),
        in_query("samples", "Pictures made for that of each preset without a history.", COUNT),
        in_query("workers", "That there are, for the same.", COUNT),
        *(in_query(info.name, _ABOUT[info.name], _option(info.name)) for info in fields(Options)),
    ]


def _option(name: str) -> dict[str, Any]:
    if name == "presets":
        return array(TEXT)
    kind = {"type": "boolean"} if name == "strict" else TEXT
    return {**kind, "description": _ABOUT[name]}


def _body() -> dict[str, Any]:
    feeds = ("application/x-ndjson", "text/csv", "application/xml")
    return {"content": content(named("Submission")) | {kind: {"schema": TEXT} for kind in feeds}}


def _page() -> list[dict[str, Any]]:
    return [
        in_query("limit", "At most so many.", {**COUNT, "maximum": 1000, "default": 100}),
        in_query("cursor", "Where the page before ended."),
    ]


def _secured(
    summary: str, responses: dict[str, Any], parameters: Any = (), **more: Any
) -> dict[str, Any]:
    if parameters:
        more["parameters"] = parameters
    return route(summary, responses, security=SECURED, **more)
