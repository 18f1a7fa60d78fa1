"""The boxes of ISO base media files: what they say of the items and tracks in the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.rendering.source.headers.base import ReadBudget, cut, number

_T = TypeVar("_T")

METADATA_ITEMS = frozenset({b"Exif", b"mime"})
_ONCE = frozenset({b"meta", b"moov", b"pitm", b"iinf", b"iprp", b"iref", b"iloc", b"idat"})
"""Of two of these one reader might use the first, and another the last."""

_DEEPEST = 8
"""Boxes within boxes: in a well-formed track there are four."""


@dataclass(frozen=True, slots=True)
class IsoBox:
    """One box: its name and where its content lies in the file."""

    name: bytes
    start: int
    end: int


@dataclass(slots=True)
class Items:
    """What the `meta` box says of each item, by its number.

    `properties` are all there are, `belongings` which of them each item has, counted from 1;
    `extents` where the data of each lies. `kinds` are the items' types, `inputs` the items that a
    derived one is put together from, `metadata` the places in the file where the type of an item of
    EXIF or XMP is written.
    """

    primary: int = 0
    properties: list[IsoBox] = field(default_factory=list)
    belongings: dict[int, list[int]] = field(default_factory=dict)
    extents: dict[int, list[slice]] = field(default_factory=dict)
    kinds: dict[int, bytes] = field(default_factory=dict)
    inputs: dict[int, list[int]] = field(default_factory=dict)
    metadata: list[int] = field(default_factory=list)

    def of(self, item: int) -> list[IsoBox]:
        """One item's properties."""
        return [
            self.properties[index - 1]
            for index in self.belongings.get(item, [])
            if 0 < index <= len(self.properties)
        ]


@dataclass(slots=True)
class Track:
    """What a track of a sequence says: how they are coded, how many samples it has, and where the
    first one lies."""

    coding: bytes = b"av01"
    samples: int = 0
    first_length: int = 0
    first_place: int | None = None

    @property
    def first(self) -> slice | None:
        if self.first_place is None:
            return None
        return slice(self.first_place, self.first_place + self.first_length)


class Walker:
    """Walks boxes, on the file's one budget."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.budget = ReadBudget()

    def boxes(self, start: int, end: int) -> Iterator[IsoBox]:
        while start + 8 <= end:
            length, name = number(self.body, start, ">I"), self.body[start + 4 : start + 8]
            head = 8
            if length == 1:
                length, head = number(self.body, start + 8, ">Q"), 16
            elif length == 0:
                length = end - start
            if length < head or start + length > end:
                raise OriginalCorrupt(f"the file ends within its {name!r} box")
            self.budget.take()
            yield IsoBox(name, start + head, start + length)
            start += length

    def named(self, start: int, end: int) -> dict[bytes, IsoBox]:
        """The boxes there by their names; of those that are read here there is one each."""
        found: dict[bytes, IsoBox] = {}
        for box in self.boxes(start, end):
            if box.name in found and box.name in _ONCE:
                raise OriginalCorrupt(f"the file has two {box.name.decode()} boxes")
            found.setdefault(box.name, box)
        return found

    def items(self, meta: IsoBox) -> Items:
        found = Items()
        children = self.named(meta.start + 4, meta.end)
        inner = children[b"idat"].start if b"idat" in children else 0
        if box := children.get(b"pitm"):
            found.primary = self._fields(box).take(4 if self.body[box.start] else 2)
        if box := children.get(b"iinf"):
            self._kinds(box, found)
        if box := children.get(b"iprp"):
            self._properties(box, found)
        if box := children.get(b"iref"):
            self._references(box, found)
        if box := children.get(b"iloc"):
            self._locations(box, inner, found)
        return found

    def tracks(self, movie: IsoBox) -> Iterator[Track]:
        for box in self.boxes(movie.start, movie.end):
            if box.name == b"trak":
                yield self._track(box, Track(), 0)

    def _track(self, box: IsoBox, found: Track, depth: int) -> Track:
        if depth > _DEEPEST:
            raise OriginalCorrupt(f"the file nests boxes more than {_DEEPEST} deep")
        for child in self.boxes(box.start, box.end):
            if child.name in (b"mdia", b"minf", b"stbl"):
                self._track(child, found, depth + 1)
            elif child.name == b"stsd":
                found.coding = self.body[child.start + 12 : child.start + 16]
            elif child.name == b"stsz":
                fields = self._fields(child)
                length, found.samples = fields.take(4), fields.take(4)
                found.first_length = length or (fields.take(4) if found.samples else 0)
            elif child.name in (b"stco", b"co64"):
                fields = self._fields(child)
                if fields.take(4):
                    found.first_place = fields.take(8 if child.name == b"co64" else 4)
        return found

    def _kinds(self, box: IsoBox, found: Items) -> None:
        start = box.start + (8 if self.body[box.start] else 6)
        for child in self.boxes(start, box.end):
            version, fields = self.body[child.start], self._fields(child)
            item = fields.take(4 if version == 3 else 2)
            fields.take(2)
            kind = self.body[fields.at : fields.at + 4]
            if version >= 2 and kind in METADATA_ITEMS:
                found.metadata.append(fields.at)
            if version >= 2:
                _keep(found.kinds, item, kind)

    def _properties(self, box: IsoBox, found: Items) -> None:
        for child in self.boxes(box.start, box.end):
            if child.name == b"ipco":
                found.properties = list(self.boxes(child.start, child.end))
            elif child.name == b"ipma":
                self._belongings(child, found)

    def _references(self, box: IsoBox, found: Items) -> None:
        """Which items a derived one is put together from; other references are nothing here."""
        width = 4 if self.body[box.start] else 2
        for child in self.boxes(box.start + 4, box.end):
            if child.name == b"dimg":
                fields = _Fields(self.body, child.start)
                item, count = fields.take(width), fields.take(2)
                self.budget.take(count)
                _keep(found.inputs, item, [fields.take(width) for _ in range(count)])

    def _belongings(self, box: IsoBox, found: Items) -> None:
        version, wide = self.body[box.start], self.body[box.start + 3] & 1
        step, mask = (2, 0x7FFF) if wide else (1, 0x7F)
        fields = self._fields(box)
        for _ in range(fields.take(4)):
            item = fields.take(4 if version else 2)
            count = fields.take(1)
            self.budget.take(1 + count)
            _keep(found.belongings, item, [fields.take(step) & mask for _ in range(count)])

    def _locations(self, box: IsoBox, inner: int, found: Items) -> None:
        version, fields = self.body[box.start], self._fields(box)
        sizes = fields.take(2)
        widths = (sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15 if version else 0)
        for _ in range(fields.take(4 if version == 2 else 2)):
            item = fields.take(4 if version == 2 else 2)
            method = fields.take(2) & 15 if version else 0
            if method > 1:
                raise OriginalUnsupported("items whose data lies in other items are not read here")
            fields.take(2)
            base = fields.take(widths[2]) + (inner if method else 0)
            count = fields.take(2)
            self.budget.take(1 + count)
            _keep(found.extents, item, [self._extent(fields, base, widths) for _ in range(count)])

    def _extent(self, fields: "_Fields", base: int, widths: tuple[int, ...]) -> slice:
        fields.take(widths[3])
        start = base + fields.take(widths[0])
        length = fields.take(widths[1])
        return slice(start, start + length if length else len(self.body))

    def _fields(self, box: IsoBox) -> "_Fields":
        """The numbers of a box after its version and flags."""
        return _Fields(self.body, box.start + 4)


def _keep(table: dict[int, _T], item: int, value: _T) -> None:
    if item in table:
        raise OriginalCorrupt(f"the file describes its item {item} twice")
    table[item] = value


class _Fields:
    """Reads big-endian numbers of 0 to 15 bytes one after the other."""

    def __init__(self, body: bytes, at: int) -> None:
        self.body = body
        self.at = at

    def take(self, width: int) -> int:
        value = int.from_bytes(cut(self.body, self.at, width), "big")
        self.at += width
        return value
