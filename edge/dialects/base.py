"""What a dialect is: another image service's URL, read into a path and words of our own."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from edge.errors import InvalidParameter, UnknownParameter
from edge.kinds import shown

FORMATS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "jpg": {"fm": "jpg"},
        "jpeg": {"fm": "jpg"},
        "png": {"fm": "png"},
        "webp": {"fm": "webp"},
        "avif": {"fm": "avif"},
    }
)
"""What most services call the formats that are made here."""

AUTO_OR_FORMATS: Mapping[str, Mapping[str, str]] = MappingProxyType({"auto": {}, **FORMATS})

OWN = frozenset(
    {"sig", "kid", "exp", "v", "up", "preset", "fmt", "strict", "wait", "matte", "frame"}
)
"""Words of ours that pass through every dialect that does not use them itself: signatures, and what
no other service has."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A URL in our own words.

    Attributes:
        path: of the original, percent-encoded, with its leading slash; or its URL, until `local`
            has taken the host off.
        words: our parameters, decoded.
        ignored: the service's words that have no equal here and were passed over.
    """

    path: str
    words: Mapping[str, str]
    ignored: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        """The words as a query string, percent-encoded."""
        return "&".join(f"{quote(n, safe='')}={quote(v, safe=',:')}" for n, v in self.words.items())


@dataclass(slots=True)
class Reading:
    """The words of one URL while they are read.

    `strict`: a word without an equal is an error; else it is passed over and told.
    """

    service: str
    strict: bool
    words: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def set(self, **words: str | None) -> None:
        """Set words of ours; None leaves a word as it is."""
        self.words.update({name: text for name, text in words.items() if text is not None})

    def default(self, **words: str) -> None:
        """Set words that nothing has set yet."""
        self.words = {**words, **self.words}

    def without_equal(self, word: str, nearest: str | None = None) -> None:
        """A word, or its value, has no equal here.

        Raises:
            UnknownParameter: the reading is strict.
        """
        if self.strict:
            raise UnknownParameter(
                f"{self.service}'s {shown(word)} has no equal here",
                param=word.partition("=")[0],
                nearest=nearest,
                allowed=nearest and f"nearest: {nearest}",
            )
        self.ignored.append(word[:80] + (f" (nearest: {nearest})" if nearest else ""))

    def choose(self, word: str, value: str, choices: Mapping[str, Mapping[str, str]]) -> None:
        """Set the words that one of the service's values stands for.

        Raises:
            InvalidParameter: the service has no such value.
        """
        known = choices.get(value.lower())
        if known is None:
            raise InvalidParameter(
                f"{self.service}'s {word}={shown(value)} is not read here",
                param=word,
                allowed=tuple(choices),
            )
        self.words.update(known)

    def read(self, words: Mapping[str, "Word"], word: str, value: str, whole: str) -> None:
        """Read a word by its row of the table; one that has none has no equal, `whole` as it is."""
        if row := words.get(word):
            row.read(self, value)
        else:
            self.without_equal(whole)

    def done(self, path: str) -> Translation:
        return Translation(path, MappingProxyType(self.words), tuple(self.ignored))


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a service: how it is read, and what it means in ours, for the docs."""

    read: Callable[[Reading, str], None]
    means: str


class Dialect(Protocol):
    """One service's URLs.

    Attributes:
        name: in `EDGE_DIALECTS`, and the prefix of its paths.
        title: the service, for people.
        shape: of its URLs, for the docs.
        recognisable: its paths can be told from ours, so that it needs neither prefix nor host.
        words: its words by name.
    """

    name: str
    title: str
    shape: str
    recognisable: bool
    words: Mapping[str, Word]

    def translate(
        self, path: str, query: str, *, strict: bool, certain: bool
    ) -> Translation | None:
        """Read a URL; None where it is none of this service's.

        Args:
            path: percent-encoded, with its leading slash, without the dialect's prefix.
            query: as it stands in the URL.
            certain: the prefix or the host says that it is this service's.

        Raises:
            InvalidParameter, UnknownParameter, InvalidPath.
        """
        ...


def pairs(query: str) -> Iterator[tuple[str, str]]:
    """Names and values of a query, decoded; + is a space."""
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield unquote(name.replace("+", " ")), unquote(value.replace("+", " "))


def read_pairs(
    reading: Reading, given: Iterator[tuple[str, str]], words: Mapping[str, Word]
) -> None:
    """Read each word by its row of the table; ours pass, unknown ones have no equal."""
    for name, value in given:
        if row := words.get(name):
            row.read(reading, value)
        elif name in OWN:
            reading.set(**{name: value})
        else:
            reading.without_equal(f"{name}={value}" if value else name)


def own_words(reading: Reading, query: str, ignored: frozenset[str] = frozenset()) -> None:
    """Read what stands behind the question mark of a service that has its words in the path."""
    for name, value in pairs(query):
        if name in OWN:
            reading.set(**{name: value})
        elif name not in ignored:
            reading.without_equal(name)


def renamed(name: str) -> Word:
    """A word that has another name here, or the same, and equal values."""
    return Word(lambda reading, value: reading.set(**{name: value}), f"`{name}`")


def setting(**words: str) -> Word:
    """A word that sets words of ours, whatever its value."""
    meaning = " ".join(f"`{name}={value}`" for name, value in words.items())
    return Word(lambda reading, value: reading.set(**words), meaning)


def table(rows: Mapping[str, Word], short: Mapping[str, str] | None = None) -> Mapping[str, Word]:
    """A service's words by name; `short` are further names of some, with the long ones."""
    return MappingProxyType({**rows, **{name: rows[long] for name, long in (short or {}).items()}})


def chosen(word: str, choices: Mapping[str, Mapping[str, str]]) -> Word:
    """A word of which each value stands for words of ours."""
    meaning = ", ".join(
        f"`{value}` {' '.join(f'`{n}={v}`' for n, v in ours.items()) or 'nothing'}"
        for value, ours in choices.items()
    )
    return Word(lambda reading, value: reading.choose(word, value, choices), meaning)


def passed(why: str) -> Word:
    """A word that needs no equal: what it asks for is so anyway, or is not the picture's."""
    return Word(lambda reading, value: None, why)


def lacking(word: str, nearest: str | None = None, *, joined: str = "=") -> Word:
    """A word without an equal here; `joined` stands between it and its value."""
    return Word(
        lambda reading, value: reading.without_equal(f"{word}{joined}{value}", nearest),
        f"has no equal; nearest `{nearest}`" if nearest else "has no equal",
    )


def source(text: str) -> str:
    """The source that a service names: a path, percent-encoded, or a URL as it stands."""
    parts = urlsplit(text)
    if parts.netloc or parts.scheme in ("http", "https"):
        return text
    return "/" + quote(unquote(parts.path.lstrip("/")), safe="/")


def local(found: Translation, service: str, hosts: Collection[str]) -> Translation:
    """The same with a path of this server's originals, where the source was named by URL.

    Raises:
        InvalidParameter: it is on a host that is not among `hosts`.
    """
    parts = urlsplit(found.path)
    if not parts.netloc:
        return found
    if parts.hostname not in hosts:
        raise InvalidParameter(
            f"{service} URLs name a path of this server's originals, or a URL on a host of "
            "EDGE_QUERY_SOURCES",
            param="url",
            allowed="a path such as /sku/123.jpg",
        )
    return replace(found, path="/" + quote(unquote(parts.path.lstrip("/")), safe="/"))
