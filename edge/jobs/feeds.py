"""Reading a feed line by line: CSV, JSON lines, JSON, a Google Merchant feed, a product sitemap.

A feed is untrusted and may be large: it is read in pieces, never held whole (but for JSON, which is
bounded more narrowly), and what is wrong with one line is said of that line.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from edge.errors import FeedRejected
from edge.jobs.model import Refusal

FORMATS = ("csv", "jsonl", "json", "xml")
"""What `format` may name; xml is RSS, Atom or a sitemap, as its first element tells."""

_BY_TYPE = {
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/jsonlines": "jsonl",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/rss+xml": "xml",
    "application/atom+xml": "xml",
}
LONGEST_LINE = 64 * 1024
_MOST_COLUMNS = 1000
_LARGEST_JSON = 16 * 2**20
_PIECE = 64 * 1024
_GZIP = b"\x1f\x8b"

URL_COLUMNS = ("path", "url", "image_link", "image_url", "image", "loc")
SKU_COLUMNS = ("sku", "id", "asin", "product_id", "offer_id", "mpn", "gtin")

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, and its columns; the names in lower case."""

    number: int
    fields: Fields


Read = Iterator[Line | Refusal]


class Bounded(io.RawIOBase):
    """A source of which at most `limit` bytes can be read; raises `FeedRejected` beyond."""

    def __init__(self, source: BinaryIO, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        try:
            piece = self._source.read(len(into))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FeedRejected("the gzipped feed is damaged", param="feed") from error
        self._read += len(piece)
        if self._read > self._limit:
            raise FeedRejected(f"the feed is over {self._limit:,} bytes", param="feed")
        into[: len(piece)] = piece
        return len(piece)


def read_feed(source: BinaryIO, limit: int, kind: str = "", content_type: str = "") -> Read:
    """The lines of a feed, and those that are none.

    Args:
        source: the bytes, plain or gzipped.
        limit: most bytes, once unpacked.
        kind: one of `FORMATS`; empty: by the content type, else by the first bytes.

    Raises:
        FeedRejected: at once or in the course of reading: this is no feed, or it is too large.
    """
    if kind and kind not in FORMATS:
        raise FeedRejected(f"there is no feed format {kind!r}", param="format", allowed=FORMATS)
    whole: io.BufferedReader = _buffered(source, limit)
    if whole.peek(2)[:2] == _GZIP:
        unpacked: Any = gzip.GzipFile(fileobj=whole)
        whole = _buffered(unpacked, limit)
    if not whole.peek(1):
        raise FeedRejected("the feed is empty", param="feed")
    kind = kind or _BY_TYPE.get(content_type.partition(";")[0].strip().lower(), "")
    return _READERS[kind or _sniffed(whole)](whole)


def _buffered(source: Any, limit: int) -> io.BufferedReader:
    bounded: Any = Bounded(source, limit)
    return io.BufferedReader(bounded, _PIECE)


def _sniffed(whole: io.BufferedReader) -> str:
    start = whole.peek(_PIECE)[:_PIECE].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise FeedRejected("the feed is empty", param="feed")
    if start[:1] == b"<":
        return "xml"
    if start[:1] == b"[":
        return "json"
    if start[:1] == b"{":
        first, newline, _ = start.partition(b"\n")
        return "jsonl" if _is_object(first) and (newline or b'"items"' not in first) else "json"
    if b"\0" in start.partition(b"\n")[0]:
        raise FeedRejected(
            "this is no feed", param="feed",
            allowed="CSV, JSON lines, JSON, a Google Merchant feed (RSS, Atom) or a sitemap",
        )  # fmt: skip
    return "csv"


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


class _TextLines:
    """Text lines with their numbers; `refused` are those that are too long or no UTF-8."""

    def __init__(self, whole: io.BufferedReader) -> None:
        self._whole = whole
        self.number = 0
        self.refused: list[Refusal] = []

    def __iter__(self) -> Iterator[str]:
        while line := self._whole.readline(LONGEST_LINE + 1):
            self.number += 1
            if self.number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            yield self._text(line)

    def taken(self) -> list[Refusal]:
        taken, self.refused = self.refused, []
        return taken

    def _text(self, line: bytes) -> str:
        if len(line) > LONGEST_LINE:
            while line and not line.endswith(b"\n"):
                line = self._whole.readline(LONGEST_LINE)
            return self._refuse(f"the line is longer than {LONGEST_LINE:,} bytes")
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return self._refuse("the line is not UTF-8")
        return self._refuse("the line holds a NUL") if "\0" in text else text

    def _refuse(self, detail: str) -> str:
        self.refused.append(Refusal(self.number, "line", detail))
        return "\n"


def _csv(whole: io.BufferedReader) -> Read:
    lines = _TextLines(whole)
    source = iter(lines)
    head = next(source, "")
    reader = csv.reader([head], delimiter=_delimiter(head))
    if lines.refused:
        raise FeedRejected(f"the feed's first line: {lines.refused[0].detail}", param="feed")
    names = [name.strip().lower().removeprefix("g:").replace(" ", "_") for name in next(reader, [])]
    _check_head(names)
    rows = csv.reader(source, delimiter=_delimiter(head), strict=True)
    while True:
        first = lines.number + 1
        try:
            row = next(rows)
        except StopIteration:
            yield from lines.taken()
            return
        except csv.Error as error:
            yield from lines.taken()
            yield Refusal(first, "line", f"this is no line of CSV: {error}")
            continue
        yield from lines.taken()
        if len(row) == len(names):
            yield Line(first, dict(zip(names, row, strict=True)))
        elif row and any(row):
            yield Refusal(first, "line", f"{len(row)} columns, and the head has {len(names)}")


def _delimiter(head: str) -> str:
    return max(",;\t|", key=head.count)


def _check_head(names: list[str]) -> None:
    if not set(names) & set(URL_COLUMNS):
        raise FeedRejected(
            "the feed's first line names no column with the picture's URL",
            param="url",
            allowed=URL_COLUMNS,
            diagnostics={"line": 1, "field": "url", "columns": names[:50]},
        )
    for name in names:
        if name and names.count(name) > 1:
            raise FeedRejected(
                f"the feed's first line names {name} twice", param=name,
                diagnostics={"line": 1, "field": name},
            )  # fmt: skip


def _jsonl(whole: io.BufferedReader) -> Read:
    lines = _TextLines(whole)
    for text in lines:
        yield from lines.taken()
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            yield Refusal(lines.number, "line", "this is no JSON")
            continue
        yield _object(lines.number, found)


def _json(whole: io.BufferedReader) -> Read:
    document = json_document(whole, "feed")
    yield from items_of(document.get("items") if isinstance(document, dict) else document)


def json_document(whole: BinaryIO, what: str) -> Any:
    """A JSON document, which is held whole; `what` it is, for whoever sent it.

    Raises:
        FeedRejected: it is too large, or no JSON.
    """
    body = whole.read(_LARGEST_JSON + 1)
    if len(body) > _LARGEST_JSON:
        raise FeedRejected(
            f"a JSON document is over {_LARGEST_JSON:,} bytes", param="feed",
            allowed="longer feeds as JSON lines or CSV",
        )  # fmt: skip
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FeedRejected(f"the {what} is no JSON", param="feed") from error


def items_of(items: Any) -> Read:
    """The lines of a JSON document's list of items."""
    if not isinstance(items, list):
        raise FeedRejected("items is a list of objects", param="items")
    for number, found in enumerate(items, 1):
        yield _object(number, found)


def _object(number: int, found: Any) -> Line | Refusal:
    if not isinstance(found, dict):
        return Refusal(number, "line", "this is no JSON object")
    if len(found) > _MOST_COLUMNS:
        return Refusal(number, "line", f"more than {_MOST_COLUMNS:,} columns")
    return Line(number, {str(name).strip().lower(): value for name, value in found.items()})


def _xml(whole: io.BufferedReader) -> Read:
    try:
        from edge.jobs import feeds_xml  # its library is of the extra `jobs`
    except ImportError as error:
        raise FeedRejected(
            "this server reads no XML: its edge[jobs] is not installed",
            param="feed",
            allowed=("csv", "jsonl", "json"),
        ) from error

    for number, fields in feeds_xml.entries(whole):
        yield Line(number, fields)


_READERS = {"csv": _csv, "jsonl": _jsonl, "json": _json, "xml": _xml}
