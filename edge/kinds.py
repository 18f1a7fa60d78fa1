"""How one kind of value is read from text, in URLs, presets files, settings, headers and options of
the command line alike: its words, its range, and how to say so."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from edge.errors import InvalidParameter

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{0,20})?|\.[0-9]{1,20}")
_WHOLE = re.compile(r"[0-9]{1,12}")

ON = ("on", "1", "true", "yes")
OFF = ("off", "0", "false", "no", "none")


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is read, and what people and machines are told it may be.

    `read` takes the stripped text and raises ValueError or KeyError for anything else. `type` is
    JSON Schema's word. `choices` are the words worth showing, `low` and `high` the range where it
    is a number.
    """

    read: Callable[[str], Any]
    allowed: str
    type: str = "string"
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    accepts: frozenset[str] = field(default=frozenset(), repr=False)

    def value(self, text: str, param: str) -> Any:
        """The value of the text, without the spaces around it.

        Raises:
            InvalidParameter: naming the parameter, what is allowed and the nearest word.
        """
        try:
            return self.read(text.strip())
        except (ValueError, KeyError):
            raise InvalidParameter(
                f"{param}={shown(text)} is not possible",
                param=param,
                allowed=self.allowed,
                nearest=nearest(text, self.accepts),
            ) from None


def shown(text: str) -> str:
    """Some text of the caller's in a message: short, quoted, nothing invisible in it."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")


def nearest(text: str, known: frozenset[str] | Mapping[str, Any]) -> str | None:
    """The known word closest to the text, or None where none comes close."""
    if len(text) > 40:
        return None
    by_lower = {word.lower(): word for word in sorted(known)}
    close = get_close_matches(text.lower(), by_lower, 1, 0.6)
    return by_lower[close[0]] if close else None


def number(text: str) -> float:
    """A plain decimal number: no sign, exponent, separator or digits of other scripts."""
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def integer(text: str) -> int:
    """A plain whole number: no sign, separator or digits of other scripts."""
    if not _WHOLE.fullmatch(text):
        raise ValueError
    return int(text)


def byte_count(text: str) -> float:
    """The bytes of `60k`, `2 MB` or `256MiB`.

    Raises:
        KeyError: there is no such unit.
        ValueError: it is no number.
    """
    plain = text.strip().lower().removesuffix("b")
    digits = plain.rstrip("kmgi ")
    unit = _UNITS[plain[len(digits) :].strip()]
    return number(digits) * unit


def listed(text: str) -> tuple[str, ...]:
    """Words separated by commas, without the spaces around them; empty ones do not count."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def whole(low: int, high: int) -> Kind:
    def read(text: str) -> int:
        value = integer(text)
        if not low <= value <= high:
            raise ValueError
        return value

    allowed = f"a whole number, {low:,} to {high:,}"
    return Kind(read, allowed, "integer", low=low, high=high)


def decimal(low: float, high: float, places: int) -> Kind:
    def read(text: str) -> float:
        value = round(number(text), places)
        if not low <= value <= high:
            raise ValueError
        return value

    return Kind(read, f"a number, {low:g} to {high:g}", "number", low=low, high=high)


def choice(words: Mapping[str, Any], shown: tuple[str, ...], more: str = "") -> Kind:
    """One of some words, in any case; `shown` are the ones to teach, `more` what else is said."""
    table = MappingProxyType(dict(words))

    def read(text: str) -> Any:
        if text.lower() not in table:
            raise ValueError
        return table[text.lower()]

    allowed = " | ".join(shown) + more
    return Kind(read, allowed, choices=shown, accepts=frozenset(table))


FLAG = choice({**dict.fromkeys(ON, True), **dict.fromkeys(OFF, False)}, ("1", "0"))


def matching(pattern: str, allowed: str) -> Kind:
    """Text that a pattern matches as a whole."""
    compiled = re.compile(pattern)

    def read(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return text

    return Kind(read, allowed)


def either(words: Mapping[str, Any], numbers: Kind, shown: tuple[str, ...]) -> Kind:
    """One of some words, or else a number."""
    named = choice(words, shown)

    def read(text: str) -> Any:
        return named.read(text) if text.lower() in words else numbers.read(text)

    allowed = f"{named.allowed} | {numbers.allowed}"
    return Kind(read, allowed, "string", shown, numbers.low, numbers.high, named.accepts)


def _bytes(text: str) -> int:
    return round(byte_count(text))


TEXT = Kind(str, "any text")
BYTES = Kind(_bytes, "a number of bytes, units as in 256MiB or 2GB")
COUNT = Kind(integer, "a whole number")
SECONDS = Kind(number, "a number of seconds")


def setting(
    default: Any,
    kind: Kind,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
    variable: str = "",
) -> Any:
    """One field of a section, with what validation and the docs need to know of it."""
    metadata = {
        "kind": kind, "help": help, "low": low, "high": high, "choices": choices, "secret": secret,
        "variable": variable,
    }  # fmt: skip
    return field(default=default, metadata=metadata, repr=not secret)
