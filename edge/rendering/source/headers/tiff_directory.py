"""The first directory of a TIFF: its tags, and a copy without those that no picture needs.

Source: TIFF Revision 6.0 (Adobe 1992), section 2; BigTIFF as libtiff describes it.
"""

import struct
from dataclasses import dataclass

from edge.errors import OriginalCorrupt

_KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
               16: 8, 17: 8, 18: 8}  # fmt: skip
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_MAX_TAGS = 1024

PROFILE, ORIENTATION = 34675, 274
_FOR_THE_DECODER = frozenset(
    {254, *range(256, 260), 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323,
     324, 325, 332, 334, 338, 339, 347, *range(512, 522), *range(529, 533)}
)  # fmt: skip
"""Size, packing, places and meaning of the pixels; no EXIF, GPS, maker's notes, other pictures."""


@dataclass(frozen=True, slots=True)
class Form:
    """How this file writes a directory: byte order, and 4 or 8 byte offsets (BigTIFF)."""

    order: str
    big: bool

    @classmethod
    def of(cls, body: bytes) -> "Form":
        order = "<" if body[:2] == b"II" else ">"
        return cls(order, struct.unpack_from(order + "H", body, 2)[0] == 43)

    @property
    def step(self) -> int:
        return 20 if self.big else 12

    @property
    def head(self) -> int:
        """Bytes of the file before anything else may stand there."""
        return 16 if self.big else 8

    def first(self, body: bytes) -> int:
        return self._unpack("Q", body, 8) if self.big else self._unpack("I", body, 4)

    def entries(self, body: bytes, at: int) -> tuple[int, int]:
        """How many tags a directory has and where they start."""
        if self.big:
            return self._unpack("Q", body, at), at + 8
        return self._unpack("H", body, at), at + 2

    def following(self, body: bytes, at: int) -> int:
        return self._unpack("Q" if self.big else "I", body, at)

    def pointer(self, at: int) -> bytes:
        return struct.pack(self.order + ("Q" if self.big else "I"), at)

    def packed(self, entries: list[bytes]) -> bytes:
        """A directory of these, that is the last."""
        count = struct.pack(self.order + ("Q" if self.big else "H"), len(entries))
        return count + b"".join(entries) + self.pointer(0)

    def _unpack(self, letter: str, body: bytes, at: int) -> int:
        value: int = struct.unpack_from(self.order + letter, body, at)[0]
        return value


@dataclass(frozen=True, slots=True)
class _Tag:
    kind: int
    count: int
    place: slice
    entry: slice


class Directory:
    """The tags that a picture is made of; none is unpacked before it is asked for.

    `known` are the numbers of all tags. `next` is where the next directory lies, 0 without one.

    Raises:
        OriginalCorrupt: a tag stands twice, or one that is needed lies beyond the file's end.
    """

    def __init__(self, body: bytes, form: Form) -> None:
        count, start = form.entries(body, form.first(body))
        if count > _MAX_TAGS:
            raise OriginalCorrupt(f"the TIFF has {count} tags in one directory")
        self.form = form
        self.body = body
        self.known: set[int] = set()
        self._tags: dict[int, _Tag] = {}
        for index in range(count):
            self._read(start + index * form.step)
        end = start + count * form.step
        self.next = form.following(body, end) if end + form.step <= len(body) else 0

    def _read(self, at: int) -> None:
        form = self.form
        head = form.order + ("HHQ" if form.big else "HHI")
        number, kind, count = struct.unpack_from(head, self.body, at)
        if number in self.known:
            raise OriginalCorrupt(f"the TIFF has its tag {number} twice")
        self.known.add(number)
        if number not in _FOR_THE_DECODER and number != PROFILE:
            return
        entry = slice(at, at + form.step)
        place, room = at + struct.calcsize(head), 8 if form.big else 4
        length = count * _KIND_BYTES.get(kind, 0)
        if length > room:
            place = form.following(self.body, place)
        if not length or place + length > len(self.body) or entry.stop > len(self.body):
            raise OriginalCorrupt(f"the TIFF ends within its tag {number}, or that is empty")
        self._tags[number] = _Tag(kind, count, slice(place, place + length), entry)

    def __contains__(self, number: int) -> bool:
        return number in self._tags

    def numbers(self, number: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """All values of a tag of whole numbers; raises `OriginalCorrupt` where it has others."""
        tag = self._tags.get(number)
        if tag is None:
            return default
        letter = _WHOLE_NUMBERS.get(tag.kind)
        if letter is None:
            raise OriginalCorrupt(f"the TIFF's tag {number} holds no whole numbers")
        form = f"{self.form.order}{tag.count}{letter}"
        return struct.unpack_from(form, self.body, tag.place.start)

    def first(self, number: int, default: int = 0) -> int:
        return self.numbers(number, (default,))[0]

    def count(self, number: int) -> int:
        tag = self._tags.get(number)
        return tag.count if tag else 0

    def content(self, number: int) -> bytes | None:
        tag = self._tags.get(number)
        return self.body[tag.place] if tag else None

    def alone(self) -> tuple[slice | bytes, ...]:
        """The file with a directory of what a decoder needs, and no other; where the pixels lie
        stays as it was."""
        form, end = self.form, len(self.body) + len(self.body) % 2
        kept = sorted(self._tags.keys() - {PROFILE, ORIENTATION})
        directory = form.packed([self.body[self._tags[number].entry] for number in kept])
        head = slice(0, form.head - len(form.pointer(0)))
        rest = slice(form.head, len(self.body))
        return head, form.pointer(end), rest, bytes(len(self.body) % 2), directory
