"""GIF: the blocks, how many frames they make, and the first of them on its own."""

from edge.errors import OriginalCorrupt, OriginalTooLarge
from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.facts import Mode, OriginalFormat
from edge.rendering.source.headers.base import Header, ReadBudget, check_frames, check_size, number

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL = 0xF9
_MAX_BLOCKS = 400_000  # data blocks of up to 255 bytes: 100 MB of well-formed GIF, 30 ms to walk


class _Walker:
    """A place in the file that moves on, and what the first frame needs so far."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.screen = Size(number(body, 6, "<H"), number(body, 8, "<H"))
        self.at = 13 + _table_length(body[10])
        self.parts: list[slice | bytes] = [slice(0, self.at)]
        self.frames = 0
        self.blocks = 0
        self.alpha = False
        self._control = slice(0, 0)

    def extension(self) -> None:
        start = self.at
        label = self.body[start + 1]
        self.at += 2
        self._skip_data()
        if label == _GRAPHIC_CONTROL and not self.frames:
            self._control = slice(start, self.at)

    def image(self) -> None:
        start = self.at
        flags = self.body[start + 9]
        self.at += 10 + _table_length(flags) + 1
        self._skip_data()
        self.frames += 1
        if self.frames == 1:
            self._first_frame(start)

    def _first_frame(self, start: int) -> None:
        left, top, width, height = (number(self.body, start + i, "<H") for i in (1, 3, 5, 7))
        covered = (left, top) == (0, 0) and Size(width, height) == self.screen
        control = self.body[self._control]
        see_through = len(control) > 3 and bool(control[3] & 1)
        self.alpha = see_through or not covered
        self.screen = Size(
            max(self.screen.width, left + width), max(self.screen.height, top + height)
        )
        self.parts += [self._control, slice(start, self.at), b"\x3b"]

    def _skip_data(self) -> None:
        """To the end of a chain of data blocks, each led by its length, closed by a zero."""
        body, at, blocks = self.body, self.at, self.blocks
        while length := body[at]:
            at += length + 1
            blocks += 1
            if blocks > _MAX_BLOCKS:
                raise OriginalTooLarge(f"the GIF has more than {_MAX_BLOCKS} data blocks")
        self.at, self.blocks = at + 1, blocks


def read(body: bytes, limits: Limits) -> Header:
    walker = _Walker(body)
    budget = ReadBudget()
    try:
        while walker.at < len(body) and (block := body[walker.at]) != _TRAILER:
            if block == _EXTENSION:
                walker.extension()
            elif block == _IMAGE:
                walker.image()
                check_frames(walker.frames, limits)
            else:
                walker.at += 1  # padding between blocks, which some writers leave
            budget.take()
    except IndexError:
        raise OriginalCorrupt("the GIF ends within a block") from None
    if not walker.frames:
        raise OriginalCorrupt("the GIF has no frame")
    check_size(walker.screen, limits)
    return Header(
        OriginalFormat.GIF,
        walker.screen,
        mode=Mode.PALETTE,
        alpha=walker.alpha,
        frames=walker.frames,
        parts=tuple(walker.parts),
    )


def _table_length(flags: int) -> int:
    """Bytes of a colour table, from the flags of the screen or of a frame."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
