"""The coded streams in an ISO base media file: what those of its items and tracks say."""

from collections.abc import Iterator

from edge.errors import OriginalCorrupt
from edge.images import Size
from edge.rendering.source.headers import av1, hevc
from edge.rendering.source.headers.base import ReadBudget
from edge.rendering.source.headers.boxes import Items, Track

_DERIVED = (b"grid", b"iovl")
_DEEPEST = 4  # derived from derived, as far as that is looked through
_START = 2**20
"""Bytes of a derived picture's data that are looked at: an overlay of 65,535 parts has fewer."""


class Streams:
    """Reads streams on the file's one budget; all of them together are no longer than the file.

    `codes` are H.273's of primaries and transfer as the stream of the primary picture has them, or
    of the first tile that it is made of, and `bits` of its channels; known once `of_items` has been
    walked through.
    """

    def __init__(self, body: bytes, items: Items, budget: ReadBudget) -> None:
        self.budget = budget
        self.codes = (2, 2)
        self.bits = 8
        self._body = body
        self._view = memoryview(body)
        self._items = items
        self._left = len(body)
        self._main = items.primary
        for _ in range(_DEEPEST):
            if self._is_derived(self._main) and items.inputs.get(self._main):
                self._main = items.inputs[self._main][0]

    def of_items(self) -> Iterator[Size]:
        """Every size that an item's stream lets its decoder make room for."""
        for item, kind in self._items.kinds.items():
            if kind == b"av01":
                yield from self._av1(item)
            elif kind == b"hvc1":
                yield from self._hevc(item)

    def of_tracks(self, tracks: list[Track]) -> Iterator[Size]:
        """The same of the first sample of each track of AV1."""
        for track in tracks:
            if track.first and track.coding == b"av01":
                for sequence in av1.sequences(self._taken([track.first]), self.budget):
                    yield sequence.largest

    def start(self, item: int) -> bytes:
        """The start of a derived picture's data; nothing for any other."""
        if self._items.kinds.get(item) not in _DERIVED:
            return b""
        parts = self._items.extents.get(item, [])
        return b"".join(bytes(self._view[part][:_START]) for part in parts[:16])[:_START]

    def _av1(self, item: int) -> Iterator[Size]:
        for sequence in av1.sequences(self._data(item), self.budget):
            self._note(item, sequence)
            yield sequence.largest

    def _hevc(self, item: int) -> Iterator[Size]:
        width = 4
        for box in self._items.of(item):
            if box.name == b"hvcC":
                configuration = bytes(self._view[box.start : min(box.end, box.start + 2**16)])
                width = (configuration[21] & 3) + 1
                for known in hevc.configured(configuration, self.budget):
                    self._note(item, known)
                    yield known.size
        for known in hevc.streamed(self._data(item), width, self.budget):
            yield known.size

    def _note(self, item: int, declared: av1.Sequence | hevc.Parameters) -> None:
        if item == self._main:
            self.codes = (declared.primaries, declared.transfer)
            self.bits = declared.bits

    def _is_derived(self, item: int) -> bool:
        return self._items.kinds.get(item) in (*_DERIVED, b"iden")

    def _data(self, item: int) -> memoryview:
        return self._taken(self._items.extents.get(item, []))

    def _taken(self, extents: list[slice]) -> memoryview:
        """The data in those places; streams that share theirs could be read without end."""
        self._left -= sum(len(range(*part.indices(len(self._body)))) for part in extents)
        if self._left < 0:
            raise OriginalCorrupt("the file's items claim more bytes than the file has")
        if len(extents) == 1:
            return self._view[extents[0]]
        return memoryview(b"".join(self._view[part] for part in extents))
