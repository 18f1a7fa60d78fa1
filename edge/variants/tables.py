"""Reading a presets file: TOML tables into typed values, every mistake named with file and line."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from edge.errors import InvalidParameter, PresetsFileError
from edge.images import FORMAT_WORDS, Format
from edge.kinds import FLAG, Kind, choice, decimal, matching, nearest, whole
from edge.variants import words
from edge.variants.parameters import BY_NAME, PICTURE
from edge.variants.values import Background, BackgroundKind

DROPPED = ""
"""A user's file drops a key of a shipped preset by setting it to empty text."""

ABOUT: Mapping[str, Kind] = MappingProxyType(
    {
        "title": matching(r"[^\x00-\x1f\x7f]{1,120}", "text of at most 120 characters"),
        "version": matching(r"[A-Za-z0-9._-]{1,40}", "1 to 40 letters, digits, . _ -"),
    }
)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_FORMAT = choice(FORMAT_WORDS, tuple(Format))


@dataclass(frozen=True, slots=True)
class Rule:
    """How one key of a `[preset.rules]` table is read; `many` takes a list."""

    kind: Kind
    many: bool = False


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "background": Rule(words.BACKGROUND),
        "background_neutral": Rule(FLAG),
        "fill_min": Rule(decimal(0.01, 1, 3)),
        "ratios": Rule(words.RATIO, many=True),
        "long_min": Rule(whole(1, words.MAX_SIDE)),
        "long_max": Rule(whole(1, words.MAX_SIDE)),
        "short_min": Rule(whole(1, words.MAX_SIDE)),
        "formats": Rule(_FORMAT, many=True),
        "bytes_max": Rule(words.BYTES),
        "srgb": Rule(FLAG),
        "no_alpha": Rule(FLAG),
        "no_border": Rule(FLAG),
        "no_detail": Rule(FLAG),
        "no_second_view": Rule(FLAG),
        "no_text": Rule(FLAG),
        "no_head": Rule(FLAG),
        "drift_max": Rule(decimal(0, 100, 2)),
        "swatch_max": Rule(decimal(0, 100, 2)),
        "synthesized_max": Rule(decimal(0, 1, 3)),
        "guessed_max": Rule(decimal(0, 1, 3)),
    }
)
"""The keys of a rules table; the same names as the fields of `presets.Rules`."""


@dataclass(frozen=True, slots=True)
class PresetsSource:
    """A presets file and where it came from."""

    file: str
    text: str = field(repr=False)
    users: bool = False

    def wrong(self, table: str, key: str | None, reason: str) -> PresetsFileError:
        line = self.line_of(table, key)
        place = f"{self.file}:{line}" if line else self.file
        return PresetsFileError(f"{place}: [{table}] {f'{key}: ' if key else ''}{reason}")

    def line_of(self, table: str, key: str | None) -> int | None:
        """The line of a key in a table, or of the table's header; None where it is not plain."""
        here, header = "", None
        for number, line in enumerate(self.text.splitlines(), 1):
            opened = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
            if opened:
                here = opened[1].replace('"', "").replace("'", "")
                header = number if here == table else header
            elif here == table and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return number
        return header


@dataclass(frozen=True, slots=True)
class Draft:
    """One preset as its file says it, values typed; `DROPPED` marks a key to remove."""

    about: dict[str, Any]
    fields: dict[str, Any]
    rules: dict[str, Any]
    users: bool

    def under(self, over: Self) -> "Draft":
        """This draft with the keys of another laid over it."""
        return Draft(
            _laid(self.about, over.about),
            _laid(self.fields, over.fields),
            _laid(self.rules, over.rules),
            self.users or over.users,
        )


EMPTY = Draft({}, {}, {}, users=False)


def _laid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {**under, **over}
    return {key: value for key, value in both.items() if value != DROPPED}


def drafts(source: PresetsSource) -> dict[str, Draft]:
    """Every table of a file; raises `PresetsFileError` for the first mistake."""
    try:
        tables = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise PresetsFileError(f"{source.file}: not TOML: {error}") from error
    return {name: _draft(source, name, table) for name, table in tables.items()}


def _draft(source: PresetsSource, name: str, table: Any) -> Draft:
    _check_name(source, name, table)
    draft = Draft({}, {}, {}, source.users)
    for key, value in table.items():
        if key == "rules":
            draft.rules.update(_rules(source, name, value))
        elif key in ABOUT:
            draft.about[key] = _value(source, name, key, ABOUT[key], value)
        else:
            parameter = BY_NAME.get(key)
            if parameter is None or parameter.name not in PICTURE:
                raise _unknown(source, name, key, {*ABOUT, *PICTURE, "rules"})
            assert parameter.field
            draft.fields[parameter.field] = _value(source, name, key, parameter.kind, value)
    return draft


def _check_name(source: PresetsSource, name: str, table: Any) -> None:
    if not isinstance(table, dict):
        raise PresetsFileError(f"{source.file}: {name}: a preset is a table, as in [{name}]")
    if not _NAME.fullmatch(name):
        raise source.wrong(name, None, "a name is 1 to 40 lower-case letters, digits and -")
    if name == "auto" or name in FORMAT_WORDS:
        raise source.wrong(name, None, "this word of `fmt` already means a format")


def _rules(source: PresetsSource, name: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise source.wrong(name, "rules", f"is a table of its own: [{name}.rules]")
    place = f"{name}.rules"
    rules = {}
    for key, value in table.items():
        if key not in RULES:
            raise _unknown(source, place, key, set(RULES))
        rules[key] = _rule(source, place, key, value)
    return rules


def _rule(source: PresetsSource, place: str, key: str, value: Any) -> Any:
    rule = RULES[key]
    if not rule.many or value == DROPPED:
        read = _value(source, place, key, rule.kind, value)
        if key == "background" and read != DROPPED and not _checkable(read):
            raise source.wrong(place, key, "a rule's background is a colour or transparent")
        return read
    if not isinstance(value, list):
        raise source.wrong(place, key, f"is a list, each {rule.kind.allowed}")
    return tuple(_value(source, place, key, rule.kind, item) for item in value)


def _checkable(background: Background | None) -> bool:
    return background is not None and background.kind in (
        BackgroundKind.COLOR,
        BackgroundKind.TRANSPARENT,
    )


def _value(source: PresetsSource, place: str, key: str, kind: Kind, value: Any) -> Any:
    if value == DROPPED:
        return DROPPED
    try:
        return kind.value(_text(value), key)
    except InvalidParameter as error:
        hint = f"; did you mean {error.nearest}?" if error.nearest else ""
        reason = f"{value!r} is not possible; allowed is {kind.allowed}{hint}"
        raise source.wrong(place, key, reason) from None


def _text(value: Any) -> str:
    """A TOML value as it would stand in the URL; lists and tables fit no kind."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value).strip()


def _unknown(source: PresetsSource, place: str, key: str, known: set[str]) -> PresetsFileError:
    near = nearest(key, frozenset(known))
    return source.wrong(
        place, key, "there is no such key" + (f"; did you mean {near}?" if near else "")
    )
