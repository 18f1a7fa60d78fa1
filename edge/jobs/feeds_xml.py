"""Product feeds in XML: Google Merchant's RSS and Atom, and sitemaps with images.

Sources: Google's product data specification (https://support.google.com/merchants/answer/7052112)
and image sitemaps (https://developers.google.com/search/docs/crawling-indexing/sitemaps/image-sitemaps).
No tree is built, entities and DTDs are refused, and an entry's text, number and depth are bounded.
"""

import io
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from edge.errors import FeedRejected

_PIECE = 64 * 1024
_LONGEST_TEXT = 16 * 1024
_DEEPEST = 24
_MOST_FIELDS = 400
_LONGEST_TAG = 4 * _PIECE
"""Bytes without any event: a tag with its attributes, which the parser holds until it ends."""
_ENTRIES = {"rss": "item", "RDF": "item", "feed": "entry", "urlset": "url"}
_GOOGLE = "{http://base.google.com/ns/1.0}"
_IMAGES = ("image_link", "additional_image_link", "image_loc")
_KEPT = frozenset(
    {"id", "title", "mpn", "gtin", "brand", "item_group_id", "color", "size", "loc", *_IMAGES}
)

Entry = tuple[int, dict[str, Any]]


def entries(whole: io.BufferedReader) -> Iterator[Entry]:
    """Each picture of each entry: its line in the file, and its columns with `url` and `n`.

    An entry without a picture comes as well, without `url`.

    Raises:
        FeedRejected: no XML, of another kind, or with a DTD, an entity or absurd bounds.
    """
    target = _Target()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    target.line = lambda: parser.parser.CurrentLineNumber
    try:
        since, events = 0, 0
        while piece := whole.read(_PIECE):
            parser.feed(piece)
            since = since + len(piece) if target.events == events else 0
            events = target.events
            if since > _LONGEST_TAG:
                raise FeedRejected(f"a tag is over {_LONGEST_TAG:,} bytes long", param="feed")
            yield from target.taken()
        parser.close()
        yield from target.taken()
    except ParseError as error:
        line = error.position[0]
        raise FeedRejected(
            f"the feed is no XML: {error}", param="feed", diagnostics={"line": line}
        ) from error
    except DefusedXmlException as error:
        raise FeedRejected("the feed has a DTD or declares an entity", param="feed") from error


class _Target:
    """Gathers the leaves of one entry at a time."""

    def __init__(self) -> None:
        self.line: Any = lambda: 0
        self._path: list[str] = []
        self._entry = ""
        self._fields: dict[str, list[str]] = {}
        self._text: list[str] = []
        self._begun = 0
        self._length = 0
        self._done: list[Entry] = []
        self.events = 0

    def taken(self) -> list[Entry]:
        taken, self._done = self._done, []
        return taken

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self.events += 1
        if not self._path:
            self._entry = self._kind(name)
        if len(self._path) >= _DEEPEST:
            raise FeedRejected("the feed is nested too deep", param="feed")
        self._path.append(name)
        self._text, self._length = [], 0
        if name == self._entry:
            self._begun, self._fields = self.line(), {}

    def data(self, text: str) -> None:
        self.events += 1
        self._length += len(text)
        if self._length <= _LONGEST_TEXT:
            self._text.append(text)

    def end(self, tag: str) -> None:
        name = self._path.pop()
        if name == self._entry:
            self._done += _pictures(self._begun, self._fields)
            self._fields = {}
            return
        key = f"image_{name}" if self._path and self._path[-1] == "image" else name
        if key in _KEPT and sum(map(len, self._fields.values())) < _MOST_FIELDS:
            found = self._fields.setdefault(key, [])
            own = key not in _IMAGES and tag.startswith(_GOOGLE)  # before Atom's own id and title
            found.insert(0 if own else len(found), "".join(self._text).strip())
        self._text = []

    def close(self) -> None:
        return None

    def _kind(self, root: str) -> str:
        if root == "sitemapindex":
            raise FeedRejected(
                "this is an index of sitemaps; give one of the sitemaps that it names", param="feed"
            )
        if root not in _ENTRIES:
            raise FeedRejected(
                f"<{root[:40]}> is no product feed", param="feed",
                allowed="rss, feed (Atom) or urlset (sitemap)",
            )  # fmt: skip
        return _ENTRIES[root]


def _pictures(line: int, fields: dict[str, list[str]]) -> Iterator[Entry]:
    images = [url for name in _IMAGES for url in fields.get(name, ()) if url]
    plain = {name: found[0] for name, found in fields.items() if name not in _IMAGES}
    page = plain.pop("loc", "")
    if not images:
        yield line, plain
    for n, url in enumerate(images, 1):
        yield line, plain | {"url": url, "n": str(n)} | ({"page": page} if page else {})
