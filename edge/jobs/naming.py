"""How exported files are named: a pattern with fields, which can never leave its folder."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from edge.errors import FeedRejected
from edge.images import FORMAT_WORDS, Format
from edge.variants import paths

_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_UNSAFE = re.compile(r"[^\w.\- ]+")
_LONGEST = 200

MANIFESTS = ("manifest.csv", "manifest.jsonl")
"""Written beside the pictures of every export."""

_PARTIAL = re.compile(r"\.edge-.*\.part", re.IGNORECASE)
"""What an export is writing; see `export`."""

MADE = ("preset", "ext", "stem", "n", "line", "index")
"""Fields that are always there, beside the feed's own columns."""

EXTENSIONS = {
    Format.JPEG: ("jpg", "jpeg"),
    Format.PNG: ("png",),
    Format.WEBP: ("webp",),
    Format.AVIF: ("avif",),
}


@lru_cache(maxsize=256)
def fields_of(pattern: str) -> tuple[str, ...]:
    """The fields that a pattern names, once it is known to be one.

    Raises:
        FeedRejected: it is empty, leads out of its folder, or has a brace that is no field.
    """
    bare = _FIELD.sub("x", pattern)
    parts = bare.split("/")
    if "{" in bare or "}" in bare:
        raise _refused("a brace is no field", pattern)
    if not pattern or any(not part.strip(". ") for part in parts) or "\\" in bare:
        raise _refused("it names no file below its folder", pattern)
    if any(ord(character) < 32 for character in bare) or len(pattern) > 500:
        raise _refused("it is too long or holds a control character", pattern)
    return tuple(_FIELD.findall(pattern))


def file_name(pattern: str, columns: Mapping[str, Any], format: Format) -> str:
    """One item's file, relative to the export's folder, with slashes.

    Raises:
        FeedRejected: a field has no value here, or the pattern's own extension is of another format
            than the picture.
    """
    values = {name: _value(pattern, name, columns) for name in fields_of(pattern)}
    name = _FIELD.sub(lambda match: values[match[1]], pattern)
    if any(len(part.encode()) > paths.MAX_SEGMENT for part in name.split("/")):
        raise _refused("the file's name is too long", pattern)
    if name.casefold() in MANIFESTS or _PARTIAL.fullmatch(name.rpartition("/")[2]):
        raise _refused(f"{name} is a name of edge's own in an export", pattern)
    written = FORMAT_WORDS.get(paths.extension(pattern))
    if written is not None and written is not format:
        raise FeedRejected(
            f"the pattern writes .{paths.extension(pattern)} and the picture is {format.value}",
            param="pattern",
            allowed=f"{{ext}}, or {' or '.join(EXTENSIONS[format])}",
        )
    return name


def _value(pattern: str, name: str, columns: Mapping[str, Any]) -> str:
    text = unicodedata.normalize("NFC", str(columns.get(name, "") or "")).strip()
    safe = _UNSAFE.sub("_", text)[:_LONGEST].lstrip(".").strip()
    if not safe:
        raise FeedRejected(
            f"the pattern needs {{{name}}}, which this line does not have", param=name,
            allowed=[*MADE, "columns of the feed"],
        )  # fmt: skip
    return safe


def _refused(why: str, pattern: str) -> FeedRejected:
    return FeedRejected(
        f"pattern={pattern[:80]!r}: {why}",
        param="pattern",
        allowed="{sku}.{preset}.{ext}, folders with slashes, fields in braces",
    )
