"""The outcomes of a job's items as rows: for the report, the manifest, and the command line."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from edge.jobs.ledger import Prices
from edge.jobs.model import Job, Refusal
from edge.jobs.store import ItemRow, Store
from edge.reported import Compliance
from edge.variants import paths

_PAGE = 500

COLUMNS = (
    "line", "sku", "preset", "state", "url", "file", "format", "width", "height", "bytes", "sha256",
    "compliance", "review", "notes", "decision", "source", "tries", "seconds", "cpu_seconds",
    "network_seconds", "cost", "time", "field", "error",
)  # fmt: skip

UrlOf = Callable[[str, str], str]
"""The URL of a path and a query, signed where this server asks for that."""


def plain_url(path: str, query: str) -> str:
    return paths.encoded(path) + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes rows of items.

    Attributes:
        compliance_line: what is reported of a rendition's rules, as one line of text.
    """

    prices: Prices
    compliance_line: Callable[[Compliance], str]
    url_of: UrlOf = plain_url

    def facts(self, row: ItemRow) -> dict[str, Any]:
        """One item, by the names of `COLUMNS`; what is not known is left out."""
        item, outcome = row.item, row.outcome
        fields: dict[str, Any] = {
            "index": item.index,
            "line": item.line,
            "sku": item.sku,
            "preset": item.preset,
            "state": row.state.value,
            "url": self.url_of(item.path, (outcome.query if outcome else "") or item.query),
            "file": item.file,
        }
        if outcome is None:
            return _full(fields)
        compliance = outcome.compliance
        fields |= {
            "file": outcome.written or ("" if outcome.key else item.file),
            "key": outcome.key,
            "format": outcome.format,
            "width": outcome.width or None,
            "height": outcome.height or None,
            "bytes": outcome.bytes or None,
            "sha256": outcome.sha256,
            "compliance": self.compliance_line(compliance) if compliance else "",
            "review": ",".join(compliance.review) if compliance else "",
            "notes": ",".join(compliance.notes) if compliance else "",
            "decision": compliance.decision if compliance else "",
            "source": outcome.source,
            "tries": outcome.tries,
            "seconds": round(outcome.seconds, 3),
            "cpu_seconds": round(outcome.cpu, 3),
            "network_seconds": round(sum(outcome.networks.values()), 3),
            "cost": round(self.prices.of_outcome(outcome), 6),
            "time": datetime.fromtimestamp(outcome.at, UTC).isoformat(timespec="milliseconds"),
            "error": outcome.error.get("detail", ""),
            "field": outcome.error.get("param", ""),
            "error_type": outcome.error.get("type", ""),
        }
        return _full(fields)

    async def rows_of(self, store: Store, job: Job) -> AsyncIterator[dict[str, Any]]:
        """Every item in the feed's order, then every refused line; some at a time are in memory."""
        cursor: int | None = 0
        while cursor is not None:
            page, cursor = await store.rows(job.id, None, cursor, _PAGE)
            for row in page:
                yield self.facts(row)
        offset = 0
        while refused := await store.refusals(job.id, offset, _PAGE):
            for refusal in refused:
                yield refusal_facts(refusal)
            offset += len(refused)


def refusal_facts(refusal: Refusal) -> dict[str, Any]:
    """One line that was no item, by the same names."""
    return {
        "line": refusal.line,
        "state": "refused",
        "field": refusal.field,
        "error": refusal.detail,
    }


def _full(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", None)}


async def as_csv(rows: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """RFC 4180, UTF-8, with a head."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    async for row in rows:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
        if text.tell() > 60_000:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


async def as_json_lines(rows: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    async for row in rows:
        yield json.dumps(dict(row)).encode() + b"\n"


async def as_json(
    head: Mapping[str, Any], rows: AsyncIterator[Mapping[str, Any]]
) -> AsyncIterator[bytes]:
    """One object: the job, and its `items`."""
    yield json.dumps(dict(head))[:-1].encode() + b', "items": ['
    separator = b""
    async for row in rows:
        yield separator + json.dumps(dict(row)).encode()
        separator = b",\n"
    yield b"]}\n"


_SHOWN = (
    "line", "sku", "preset", "state", "url", "format", "width", "height", "bytes", "compliance",
    "source", "tries", "seconds", "cost", "error",
)  # fmt: skip


async def as_html(
    head: Mapping[str, Any], rows: AsyncIterator[Mapping[str, Any]], page: tuple[str, str]
) -> AsyncIterator[bytes]:
    """A page to read and to print; `page` is what stands before and after the rows."""
    before, after = page
    counts = "".join(
        f"<li><b>{count:,}</b> {escape(state)}</li>"
        for state, count in head["counts"].items()
        if count
    )
    columns = "".join(f"<th>{name}</th>" for name in _SHOWN)
    yield (
        before.replace("$id", escape(head["id"]))
        .replace("$label", escape(head["label"]))
        .replace("$status", escape(head["status"]))
        .replace("$counts", counts)
        .replace("$cost", escape(f"{head['cost']['cost']:.4f} {head['cost']['currency']}"))
        .replace("$columns", columns)
    ).encode()
    async for row in rows:
        cells = "".join(f"<td>{_cell(name, row.get(name, ''))}</td>" for name in _SHOWN)
        yield f'<tr class="{escape(str(row["state"]))}">{cells}</tr>\n'.encode()
    yield after.encode()


def _cell(name: str, value: Any) -> str:
    text = escape(str(value))
    return f'<a href="{text}">{text}</a>' if name == "url" and text else text


def _harmless(value: Any) -> Any:
    """A spreadsheet runs a text that begins so as a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t"):
        return f"'{value}"
    return value
