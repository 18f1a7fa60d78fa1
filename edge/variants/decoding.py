"""A query string into names and texts: decoded exactly once, its length and characters bounded."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from edge.errors import DuplicateParameter, InvalidParameter, UnknownParameter
from edge.kinds import nearest, shown
from edge.variants.parameters import BY_NAME

MAX_QUERY = 2_000
"""Longest query in characters: what every browser, proxy and log passes on whole."""

MAX_VALUE = 200
"""Longest value of a parameter of ours, in characters."""

TRACKING = re.compile(
    r"utm_.*|_ga|_gl|_hs.*|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|ttclid|twclid|li_fat_id"
    r"|igshid|igsh|yclid|mc_cid|mc_eid|srsltid|epik|scid|sccid|rdt_cid"
)
"""What advertisers and analytics hang on a link: passed over even by the strict grammar."""


def words_of(raw_query: str, strict: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    """The text of each parameter by its own name, and the names that were passed over."""
    words: dict[str, str] = {}
    ignored: list[str] = []
    for raw_name, raw_value in pairs(raw_query):
        name, value = decoded(raw_name), decoded(raw_value)
        parameter = BY_NAME.get(name.decode(errors="replace"))
        if parameter is None:
            _pass_over(raw_name, strict)
            ignored.append(raw_name[:40])
            continue
        if strict and parameter.name in words:
            raise DuplicateParameter(f"{parameter.name} is given twice", param=parameter.name)
        text = _text(value, parameter.name)
        if text:
            words[parameter.name] = text
    return words, tuple(ignored)


def pairs(raw_query: str) -> Iterator[tuple[str, str]]:
    """Name and value of each parameter, still percent-encoded; a missing `=` is an empty value.

    Raises:
        InvalidParameter: the query is too long, or holds what an URL may not hold as it is.
    """
    if len(raw_query) > MAX_QUERY:
        raise InvalidParameter(f"the query is longer than {MAX_QUERY:,} characters")
    if not all("!" <= character <= "~" for character in raw_query):
        raise InvalidParameter("the query holds characters that must be percent-encoded")
    for part in raw_query.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield name, value


_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def decoded(raw: str) -> bytes:
    """Percent-decoded exactly once; + is a space, as forms write it.

    Raises:
        InvalidParameter: a broken escape, or a control character.
    """
    if _BROKEN.search(raw):
        raise InvalidParameter("the query holds a % that is not followed by two hexadecimal digits")
    data = unquote_to_bytes(raw.replace("+", " "))
    if _CONTROL.search(data):
        raise InvalidParameter("the query holds a control character")
    return data


def _text(value: bytes, param: str) -> str:
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        allowed = BY_NAME[param].kind.allowed
        raise InvalidParameter(f"{param} is not UTF-8", param=param, allowed=allowed) from None
    if len(text) > MAX_VALUE:
        raise InvalidParameter(
            f"{param} is too long", param=param, allowed=f"at most {MAX_VALUE} characters"
        )
    return text


def _pass_over(raw_name: str, strict: bool) -> None:
    if strict and not TRACKING.fullmatch(raw_name.lower()):
        raise UnknownParameter(
            f"there is no parameter {shown(raw_name)}",
            param=raw_name[:40],
            nearest=nearest(raw_name, frozenset(BY_NAME)),
        )
