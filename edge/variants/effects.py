"""What each word of a query does to the picture beside the others, so that a page can say so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.errors import EdgeError
from edge.variants.decoding import words_of
from edge.variants.links import link
from edge.variants.parameters import BY_NAME, Group
from edge.variants.presets import Presets
from edge.variants.query import read
from edge.variants.transform import Transform

_SHAPING = frozenset({Group.REQUEST, Group.SIZE, Group.CHANGE, Group.SUBJECT, Group.FILE})


@dataclass(frozen=True, slots=True)
class Effect:
    """One word as it was given; `counts` says whether the request would be another without it, `by`
    which other word overrules it, where one does."""

    word: str
    given: str
    counts: bool
    by: str | None = None

    def as_facts(self) -> dict[str, Any]:
        """JSON-able, for `explain`."""
        facts = {"word": self.word, "given": self.given, "counts": self.counts}
        return facts | ({"by": self.by} if self.by else {})


def effects(raw_query: str, presets: Presets) -> tuple[Effect, ...]:
    """The words of a query that shape the picture, each held against the query without it.

    Raises:
        RequestError: the query as a whole cannot be read.
    """
    words, _ = words_of(raw_query, False)
    shaping = [name for name in words if BY_NAME[name].group in _SHAPING]
    requested = _reader(presets)
    whole = requested(words)
    return tuple(_effect(name, words, shaping, whole, requested) for name in shaping)


_Reader = Callable[[Mapping[str, str]], Transform | None]


def _reader(presets: Presets) -> _Reader:
    def requested(words: Mapping[str, str]) -> Transform | None:
        """None where these words cannot stand together."""
        try:
            return read(link("", "x", words).partition("?")[2], presets).transform
        except EdgeError:
            return None

    return requested


def _effect(
    name: str,
    words: Mapping[str, str],
    shaping: list[str],
    whole: Transform | None,
    requested: _Reader,
) -> Effect:
    rest = _without(words, name)
    if requested(rest) != whole:
        return Effect(name, words[name], True)
    others = (other for other in shaping if other != name)
    by = next(
        (o for o in others if requested(_without(rest, o)) != requested(_without(words, o))), None
    )
    return Effect(name, words[name], False, by)


def _without(words: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in words.items() if key != name}
