"""Which paths name an original: decoded once, relative, and unable to leave their origin."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from edge.errors import InvalidPath

MAX_PATH = 1_024
"""Longest path in UTF-8 bytes: the longest key of S3."""

MAX_SEGMENT = 255
"""Longest part between two slashes in UTF-8 bytes: what common file systems hold."""

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(r"%(2f|5c)", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_DRIVE = re.compile(r"[A-Za-z]:")


@lru_cache(maxsize=4096)
def read(raw_path: str) -> str:
    """The clean path of an original for the path of a URL, as it came, still percent-encoded.

    Raises:
        InvalidPath: for everything that `clean` refuses, and for encodings that hide something.
    """
    if not raw_path.startswith("/"):
        raise InvalidPath("a path begins with a slash")
    if len(raw_path) > 3 * MAX_PATH + 1:
        raise _too_long()
    if not all("!" <= character <= "~" for character in raw_path) or _BROKEN.search(raw_path):
        raise InvalidPath("the path is not percent-encoded as a URL has to be")
    if _ENCODED_SLASH.search(raw_path):
        raise InvalidPath("the path holds an encoded slash or backslash")
    try:
        return clean(unquote_to_bytes(raw_path[1:]).decode())
    except UnicodeDecodeError:
        raise InvalidPath("the path is not UTF-8") from None


def clean(path: str) -> str:
    """The same path, decoded and without a leading slash, once it is known to be harmless.

    Raises:
        InvalidPath: it is empty or too long, has an empty, `.` or `..` segment, a backslash, a
            control character, a drive letter, or an escape left over from a second encoding.
    """
    if len(path.encode(errors="replace")) > MAX_PATH:
        raise _too_long()
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise InvalidPath("the path holds a control character")
    if "\\" in path:
        raise InvalidPath("the path holds a backslash")
    # an origin that decodes again would read `%2e%2e` as a way out
    if _ESCAPE.search(path):
        raise InvalidPath("the path is percent-encoded twice")
    for segment in path.split("/"):
        _check_segment(segment)
    return path


def _check_segment(segment: str) -> None:
    if not segment:
        raise InvalidPath("the path has an empty part")
    # Windows reads `..` with spaces or further dots behind it as `..`
    if not segment.strip(". "):
        raise InvalidPath("the path has a part made of dots")
    if _DRIVE.match(segment):
        raise InvalidPath("the path has a drive letter")
    if len(segment.encode()) > MAX_SEGMENT:
        raise InvalidPath(
            "a part of the path is too long", allowed=f"{MAX_SEGMENT} bytes between two slashes"
        )


def _too_long() -> InvalidPath:
    return InvalidPath("the path is too long", allowed=f"at most {MAX_PATH:,} bytes")


def encoded(path: str) -> str:
    """A clean path as it stands in a URL: a leading slash, and all but unreserved characters of
    RFC 3986 percent-encoded with upper-case digits."""
    return "/" + quote(path, safe="/")


def extension(path: str) -> str:
    """`jpg` for `sku/123.JPG`; empty where the last part has none."""
    stem, dot, end = path.rpartition("/")[2].rpartition(".")
    return end.lower() if dot and stem else ""
