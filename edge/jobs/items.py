"""From a feed's lines to items: which original, which request, which file; the rest is refused.

They are taken into the store a chunk at a time.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from edge.errors import EdgeError, FeedRejected
from edge.jobs import naming
from edge.jobs.feeds import SKU_COLUMNS, URL_COLUMNS, Fields, Line, Read
from edge.jobs.model import Item, Options, Refusal
from edge.jobs.store import CHUNK, Store
from edge.kinds import nearest
from edge.variants import paths
from edge.variants.presets import Presets
from edge.variants.query import AcceptClass, ImageRequest, read

_LONGEST_SKU = 200
_MOST_PRESETS = 50


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads items as one server would read their URLs.

    Args:
        widths: as `EDGE_QUERY_WIDTHS`.
        origins: base URLs of HTTP origins, each with the prefix of the paths that it serves.
    """

    presets: Presets
    options: Options
    widths: tuple[int, ...] = ()
    origins: tuple[tuple[str, str], ...] = ()

    def check(self) -> None:
        """Raises `FeedRejected` where an option is wrong whatever the feed holds."""
        options = self.options
        for name in options.presets:
            self._check_preset(name)
        if options.accept not in tuple(AcceptClass):
            raise FeedRejected(
                f"accept={options.accept[:40]!r} is no class", param="accept",
                allowed=[str(one) for one in AcceptClass],
            )  # fmt: skip
        if options.to:
            naming.fields_of(options.pattern)
        for preset in options.presets or ("",):
            self._image_request(preset, options.query)

    def items(self, lines: Read) -> Iterator[Item | Refusal]:
        """Every item and every refused line, in the order of the feed.

        A line is refused whole: no picture of it is made where one of its presets is wrong.
        """
        index = 0
        for line in lines:
            if isinstance(line, Refusal):
                yield line
                continue
            try:
                found = list(self._of_line(line, index))
            except EdgeError as error:
                yield Refusal(line.number, error.param or "line", error.detail)
                continue
            index += len(found)
            yield from found

    def _of_line(self, line: Line, index: int) -> Iterator[Item]:
        columns = line.fields
        path, given = self._original(columns)
        sku = _text(columns, SKU_COLUMNS) or path.rpartition("/")[2].rpartition(".")[0] or path
        presets = self._presets(columns)
        query = _text(columns, ("query",)).lstrip("?") or self.options.query
        if not presets and not query:
            query = given
        for number, preset in enumerate(presets or ("",)):
            image_request = self._image_request(preset, query)
            whole = _query(preset, query)
            file = self._file(columns, line, sku, path, preset, image_request, index + number)
            yield Item(index + number, line.number, sku[:_LONGEST_SKU], path, preset, whole, file)

    def _original(self, columns: Fields) -> tuple[str, str]:
        """The path of the original, and the query that its URL came with."""
        for name in URL_COLUMNS:
            value = columns.get(name)
            if value is None or value == "":
                continue
            if not isinstance(value, str):
                raise FeedRejected(f"{name} is a text", param=name)
            return self._path_of(name, value.strip())
        raise FeedRejected("the line has no URL", param="url", allowed=URL_COLUMNS)

    def _path_of(self, name: str, value: str) -> tuple[str, str]:
        base = self.options.base
        if base and "://" in value:
            if not value.startswith(base):
                raise FeedRejected(f"{name} does not begin with {base}", param=name)
            return _clean(name, "/" + value[len(base) :].lstrip("/"))
        if "://" not in value:
            return _clean(name, value if value.startswith("/") else f"/{value}")
        for origin, prefix in self.origins:
            if value.startswith(f"{origin}/"):
                return _clean(name, f"{prefix}/{value[len(origin) + 1 :]}")
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https", "s3") or not parts.netloc:
            raise FeedRejected(f"{name} is no URL of a picture", param=name)
        return _clean(name, f"{parts.path}?{parts.query}" if parts.query else parts.path)

    def _presets(self, columns: Fields) -> tuple[str, ...]:
        own = columns.get("presets") or columns.get("preset")
        if not own:
            return self.options.presets
        presets = Options.of({"presets": own}).presets
        if len(presets) > _MOST_PRESETS:
            raise FeedRejected(f"more than {_MOST_PRESETS} presets", param="presets")
        for name in presets:
            self._check_preset(name)
        return presets

    def _check_preset(self, name: str) -> None:
        if name not in self.presets:
            raise FeedRejected(
                f"there is no preset {name[:60]!r}",
                param="presets",
                allowed=self.presets.names,
                nearest=nearest(name, frozenset(self.presets.names)),
            )

    def _image_request(self, preset: str, query: str) -> ImageRequest:
        return read(_query(preset, query), self.presets, strict=True, widths=self.widths)

    def _file(
        self,
        columns: Fields,
        line: Line,
        sku: str,
        path: str,
        preset: str,
        image_request: ImageRequest,
        index: int,
    ) -> str:
        if not self.options.to:
            return ""
        accept = AcceptClass(self.options.accept)
        format = image_request.resolve(accept, paths.extension(path)).format
        if format is None:
            detail = f"the format of {path}, which names its file, is known only once it is made"
            raise FeedRejected(detail, param="query", allowed="one that names it, such as fm=jpg")
        fields: Mapping[str, Any] = {
            "sku": sku,
            "n": "1",
            **columns,
            "preset": preset or "plain",
            "ext": format.value,
            "stem": path.rpartition("/")[2].rpartition(".")[0] or path,
            "line": line.number,
            "index": str(index),
        }
        return naming.file_name(self.options.pattern, fields, format)


def _text(columns: Fields, names: tuple[str, ...]) -> str:
    for name in names:
        if (value := columns.get(name)) not in (None, ""):
            if not isinstance(value, str | int | float):
                raise FeedRejected(f"{name} is a text", param=name)
            return str(value).strip()
    return ""


def _clean(name: str, url: str) -> tuple[str, str]:
    """Path and query of a URL's rest; blanks and letters of other scripts are taken as they are."""
    path, _, query = url.partition("?")
    try:
        if path.isascii() and " " not in path:
            return paths.read(path), query
        return paths.clean(path.lstrip("/")), query
    except EdgeError as error:
        raise FeedRejected(f"{name}: {error.detail}", param=name, allowed=error.allowed) from error


def _query(preset: str, query: str) -> str:
    """The whole request: a preset's name, and what is asked beside it."""
    query = query.lstrip("?")
    if not preset:
        return query
    named = "preset" if query.startswith("fmt=") or "&fmt=" in query else "fmt"
    return f"{named}={preset}&{query}" if query else f"{named}={preset}"


class Names:
    """Finds two items that would be written to one file; eight bytes an item."""

    def __init__(self) -> None:
        self._digests: list[np.ndarray] = []
        self._page: list[int] = []

    def add(self, file: str) -> None:
        self._page.append(digest(file))
        if len(self._page) >= 65_536:
            self._turn()

    def twice(self) -> frozenset[int]:
        """The digests of names that were added more than once."""
        self._turn()
        if not self._digests:
            return frozenset()
        found, times = np.unique(np.concatenate(self._digests), return_counts=True)
        return frozenset(found[times > 1].tolist())

    def _turn(self) -> None:
        if self._page:
            self._digests.append(np.array(self._page, np.int64))
            self._page = []


def digest(file: str) -> int:
    """A file's name in 64 bits."""
    # case-folded: many file systems take Chair.jpg and chair.jpg for one
    return int.from_bytes(
        hashlib.blake2b(file.casefold().encode(), digest_size=8).digest(), "big", signed=True
    )


def collision(alike: Iterable[Item]) -> FeedRejected | None:
    """The error that names the first two lines of one file; None: only their digests are one."""
    by_name: dict[str, Item] = {}
    for item in alike:
        other = by_name.setdefault(item.file.casefold(), item)
        if other is not item:
            return FeedRejected(
                f"lines {other.line} and {item.line} would both be written to {item.file}",
                param="pattern",
                allowed="a pattern that tells them apart, with {n}, {line} or another column",
                diagnostics={
                    "line": item.line, "field": "pattern", "file": item.file,
                    "lines": [other.line, item.line],
                },
            )  # fmt: skip
    return None


REFUSALS_SHOWN = 100
"""Refused lines that are shown at once; the store has all."""


class Intake:
    """Takes a feed's lines into the store, a chunk at a time."""

    def __init__(self, store: Store, job: str, most: int) -> None:
        self._store = store
        self._job = job
        self._most = most
        self._page: list[Item] = []
        self._chunk = 0
        self.names = Names()
        self.total = 0
        self.refused = 0
        self.refusals: list[Refusal] = []

    async def add(self, found: Sequence[Item | Refusal]) -> None:
        bad = [one for one in found if isinstance(one, Refusal)]
        for item in (one for one in found if isinstance(one, Item)):
            self._page.append(item)
            self.total += 1
            if item.file:
                self.names.add(item.file)
            if len(self._page) == CHUNK:
                await self.flush()
        if self.total > self._most:
            raise FeedRejected(f"the feed has more than {self._most:,} pictures", param="feed")
        if bad:
            self.refused += len(bad)
            self.refusals += bad[: REFUSALS_SHOWN - len(self.refusals)]
            await self._store.add_refusals(self._job, bad)

    async def flush(self) -> None:
        if self._page:
            await self._store.add_items(self._job, self._chunk, self._page)
            self._page, self._chunk = [], self._chunk + 1


def refused(intake: Intake) -> FeedRejected:
    """The error of a feed that is refused for its lines; the first one is named."""
    first = intake.refusals[0]
    return FeedRejected(
        f"line {first.line}: {first.detail}",
        param=first.field,
        diagnostics={
            "line": first.line, "field": first.field, "refused": intake.refused,
            "problems": [one.as_facts() for one in intake.refusals],
        },
    )  # fmt: skip
