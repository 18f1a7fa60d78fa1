"""Pictures that are put together from others in the file: HEIF's grids and overlays.

They say a third time how large the whole is, in data of their own that a decoder relies on.

Source: ISO/IEC 23008-12:2022, sections 6.6.2.3.2 (grid) and 6.6.2.4 (overlay).
"""

from dataclasses import dataclass

from edge.errors import OriginalCorrupt
from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.headers.base import ReadBudget, check_size

GRID, OVERLAY, IDENTITY = b"grid", b"iovl", b"iden"
_DEEPEST = 4
"""Derived from derived from derived: an overlay of grids in an identity is three."""


@dataclass(frozen=True, slots=True)
class HeifItem:
    """One item: its type, the size in its properties, the start of its data if it is derived, and
    the numbers of those that it is put together from."""

    kind: bytes
    size: Size | None
    data: bytes
    inputs: tuple[int, ...]


def check(items: dict[int, HeifItem], limits: Limits, budget: ReadBudget) -> None:
    """Hold every derived picture against its own size, its parts' and the limits.

    Raises:
        OriginalCorrupt: the sizes contradict each other, or items are derived in a circle.
        OriginalTooLarge: what is decoded for it has more pixels than the setting allows.
    """
    for number, item in items.items():
        if item.kind in (GRID, OVERLAY, IDENTITY):
            check_size(_Check(items, budget).cost(number, 0), limits)


class _Check:
    def __init__(self, items: dict[int, HeifItem], budget: ReadBudget) -> None:
        self._items = items
        self._budget = budget

    def cost(self, number: int, depth: int) -> Size:
        """What is decoded for an item, as a picture of so many pixels."""
        self._budget.take()
        item = self._items.get(number)
        if depth > _DEEPEST:
            raise OriginalCorrupt(f"the file derives pictures more than {_DEEPEST} deep")
        if item is None or item.kind not in (GRID, OVERLAY, IDENTITY):
            return (item and item.size) or Size(1, 1)
        if item.kind == GRID:
            self._check_grid(item)
        elif item.kind == OVERLAY:
            self._check_overlay(item)
        parts = sum(self.cost(part, depth + 1).pixels for part in item.inputs)
        own = item.size or Size(1, 1)
        # A grid's tiles stand over its edges by less than one of them, and are no copies.
        return own if item.kind == GRID else Size(max(own.pixels, parts), 1)

    def _check_grid(self, item: HeifItem) -> None:
        data = item.data
        size = _stated(data, 4, wide=bool(data[1] & 1))
        rows, columns = data[2] + 1, data[3] + 1
        _check_same(item, size)
        if len(item.inputs) != rows * columns:
            raise OriginalCorrupt(
                f"a grid of {rows} by {columns} tiles is made of {len(item.inputs)}"
            )
        for number in set(item.inputs):
            tile = self._items.get(number)
            if tile and tile.size:
                _check_tile(tile.size, rows, columns, size)

    def _check_overlay(self, item: HeifItem) -> None:
        wide = bool(item.data[1] & 1)
        _check_same(item, _stated(item.data, 10, wide=wide))
        if len(item.data) < 10 + (8 if wide else 4) * (1 + len(item.inputs)):
            raise OriginalCorrupt("an overlay does not say where its parts lie")


def _stated(data: bytes, at: int, *, wide: bool) -> Size:
    step = 4 if wide else 2
    if len(data) < at + 2 * step:
        raise OriginalCorrupt("a derived picture does not say how large it is")
    numbers = (data[at : at + step], data[at + step : at + 2 * step])
    return Size(*(int.from_bytes(number, "big") for number in numbers))


def _check_same(item: HeifItem, stated: Size) -> None:
    if item.size != stated:
        raise OriginalCorrupt(
            f"a picture of kind {item.kind.decode()} says {stated}, the file {item.size}"
        )


def _check_tile(tile: Size, rows: int, columns: int, whole: Size) -> None:
    """Tiles cover the whole, and none lies beside it."""
    for side, count, total in (
        (tile.width, columns, whole.width),
        (tile.height, rows, whole.height),
    ):
        if not (count - 1) * side < total <= count * side:
            raise OriginalCorrupt(
                f"{rows} by {columns} tiles of {tile} do not make a picture of {whole}"
            )
