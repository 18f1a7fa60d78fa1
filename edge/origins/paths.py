"""What else an original may be called: other extensions, and other spellings of its path."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import product
from typing import TypeVar
from unicodedata import normalize

from cachetools import TTLCache

from edge.errors import OriginalNotFound
from edge.variants.paths import clean

_Found = TypeVar("_Found")

EXTENSIONS = ("jpg", "jpeg", "png", "webp", "tif", "tiff", "avif", "heic", "heif", "gif")
"""Of pictures that are read here, in the order in which a neighbour is looked for."""

_REMEMBERED = 10_000
_REMEMBERED_SECONDS = 60.0


def split_extension(path: str) -> tuple[str, str]:
    """Path without its picture extension, and that extension (as written, empty if there is none).

    `a/shirt.v2` has none: what follows the last dot is an extension only where pictures have it.
    """
    stem, dot, extension = path.rpartition(".")
    if dot and extension.lower() in EXTENSIONS and not stem.endswith("/") and stem:
        return stem, extension
    return path, ""


def neighbours(path: str) -> list[str]:
    """What the same original may be called with another extension, likeliest first."""
    stem, extension = split_extension(path)
    lower = [f"{stem}.{other}" for other in EXTENSIONS if other != extension]
    upper = [f"{stem}.{other.upper()}" for other in EXTENSIONS if other.upper() != extension]
    return lower + upper


_MOST_SPELLED = 3
"""Segments beyond ASCII whose spellings are combined; of more, all are spelled one way."""


def spellings(path: str) -> list[str]:
    """How else Unicode spells the same path: composed, decomposed (as macOS writes names), and
    composed and decomposed segments mixed."""
    if path.isascii():
        return []
    segments = path.split("/")
    forms = [sorted({normalize("NFC", part), normalize("NFD", part)}) for part in segments]
    mixed = sum(len(form) > 1 for form in forms) <= _MOST_SPELLED
    whole = [normalize("NFC", path), normalize("NFD", path)]
    every = ["/".join(parts) for parts in product(*forms)] if mixed else []
    return [name for name in dict.fromkeys(whole + every) if name != path]


class Neighbours:
    """Finds an original under its own name, in whatever spelling, or under its neighbours' names.

    What was found is remembered for a minute, so that the fetch after a stamp asks once.

    Args:
        candidates: answers which neighbours of a name are worth a look. None: no neighbours.
    """

    def __init__(self, candidates: Callable[[str], Awaitable[list[str]]] | None) -> None:
        self._candidates = candidates
        self._remembered: TTLCache[str, str] = TTLCache(_REMEMBERED, _REMEMBERED_SECONDS)

    async def find(self, path: str, lookup: Callable[[str], Awaitable[_Found]]) -> _Found:
        """The first answer of `lookup(name)` that is not `OriginalNotFound`."""
        clean(path)
        if (known := self._remembered.get(path)) is not None:
            try:
                return await lookup(known)
            except OriginalNotFound:
                self._remembered.pop(path, None)
        async for name in self._names(path):
            try:
                found = await lookup(name)
            except OriginalNotFound:
                continue
            if name != path:
                self._remembered[path] = name
            return found
        raise OriginalNotFound("there is no such original")

    async def _names(self, path: str) -> AsyncIterator[str]:
        """What it may be called, likeliest first."""
        spelled = [path, *spellings(path)]
        for name in spelled:
            yield name
        if self._candidates is not None:
            for name in spelled[:_MOST_SPELLED]:
                for candidate in await self._candidates(name):
                    yield candidate
