"""What the parts of the OpenAPI document are put together from."""

from typing import Any

from edge.web.failures import PROBLEM_JSON, ROWS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECURED: list[dict[str, list[str]]] = [{"admin": []}]
"""Asked for with a token."""


def named(name: str) -> Schema:
    """One of the document's own schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def record(properties: Schema, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, **more}


def whole(properties: Schema) -> Schema:
    """An object that has all of these."""
    return record(properties, required=[*properties])


def content(schema: Schema, kind: str = "application/json") -> Schema:
    return {kind: {"schema": schema}}


def answer(about: str, schema: str = "") -> Schema:
    """An answer in JSON, of one of the document's own schemas or any object."""
    found = named(schema) if schema else {"type": "object"}
    return {"description": about, "content": content(found)}


def body(kinds: Schema) -> Schema:
    return {"required": True, "content": kinds}


def in_path(name: str, about: str, schema: Schema | None = None) -> Schema:
    found = {"name": name, "in": "path", "required": True, "description": about}
    return {**found, "schema": schema or TEXT}


def in_query(name: str, about: str, schema: Schema | None = None) -> Schema:
    return {"name": name, "in": "query", "description": about, "schema": schema or TEXT}


def route(summary: str, responses: Schema, **more: Any) -> Schema:
    """One method of a path, with the failures that any of them may answer."""
    return {"summary": summary, "responses": {**failures(), **responses}, **more}


def failures() -> Schema:
    """The answers to what fails, by status."""
    titles: dict[str, list[str]] = {}
    for row in ROWS.values():
        titles.setdefault(str(row.status), []).append(row.title)
    problem = content(named("Problem"), PROBLEM_JSON)
    return {
        status: {"description": "; ".join(dict.fromkeys(names)), "content": problem}
        for status, names in sorted(titles.items())
    }
