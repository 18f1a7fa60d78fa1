"""Which paths name an original: decoded once, relative, and unable to leave their origin."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from edge.errors import InvalidPath, OriginalNotFound

MAX_PATH = 1_024
"""Longest path in UTF-8 bytes: the longest key of S3."""

MAX_SEGMENT = 255
"""Longest part between two slashes in UTF-8 bytes: what common file systems hold."""

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(r"%(2f|5c)", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")

NO_PICTURES = re.compile(
    r"htm|html|xhtml|shtml|mhtml|txt|text|md|rst|log|csv|tsv|json|json5|jsonl|ndjson|geojson|xml"
    r"|xsl|xslt|rss|atom|js|mjs|cjs|jsx|ts|tsx|css|scss|less|map|wasm|webmanifest|vue|php|phtml"
    r"|php5|asp|aspx|ashx|jsp|jspx|cgi|pl|py|pyc|rb|sh|bash|bat|cmd|ps1|exe|dll|com|msi|jar|war"
    r"|class|apk|sql|sqlite|sqlite3|db|mdb|ini|cfg|conf|config|yml|yaml|toml|env|lock|properties"
    r"|bak|old|swp|tmp|zip|gz|tgz|tar|bz2|xz|zst|7z|rar|iso|pdf|rtf|doc|docx|xls|xlsx|ppt|pptx|odt"
    r"|ods|odp|epub|eml|ics|vcf|mp3|m4a|wav|ogg|oga|flac|aac|mp4|m4v|mov|avi|mkv|webm|mpg|mpeg|ogv"
    r"|woff|woff2|ttf|otf|eot|pem|crt|cer|key|p12|pfx"
)
"""Extensions of files that are no pictures: no origin is asked for them."""


@lru_cache(maxsize=4096)
def read(raw_path: str) -> str:
    """The clean path of an original for the path of a URL, as it came, still percent-encoded.

    Raises:
        InvalidPath: for everything that `clean` refuses, and for encodings that hide something.
        OriginalNotFound: see `check_kind`.
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
        path = unquote_to_bytes(raw_path[1:]).decode()
    except UnicodeDecodeError:
        raise InvalidPath("the path is not UTF-8") from None
    check_kind(clean(path))
    return path


def clean(path: str) -> str:
    """The same path, decoded and without a leading slash, once it is known to be harmless.

    A percent sign is a character of a name like any other (`100%baumwolle.jpg`), as long as no
    server behind that decodes the name once more, or more often, makes a way out of it.

    Raises:
        InvalidPath: it is empty or too long, has an empty segment, or, as it stands or decoded
            again, a segment of dots, a backslash or a control character.
    """
    if len(path.encode(errors="replace")) > MAX_PATH:
        raise _too_long()
    for segment in path.split("/"):
        if not segment:
            raise InvalidPath("the path has an empty part")
        if len(segment.encode(errors="replace")) > MAX_SEGMENT:
            raise InvalidPath(
                "a part of the path is too long", allowed=f"{MAX_SEGMENT} bytes between two slashes"
            )
    for reading in _readings(path):
        _check_reading(reading)
    return path


def check_kind(path: str) -> None:
    """Refuse what is no picture by its name.

    Raises:
        OriginalNotFound: a part of the path is hidden (its name begins with a dot), as it stands
            or decoded again, or its extension is one of `NO_PICTURES`.
    """
    for reading in _readings(path):
        if any(segment.startswith(".") for segment in reading.split("/")):
            raise OriginalNotFound("hidden files are not served")
    if NO_PICTURES.fullmatch(extension(path)):
        raise OriginalNotFound(f"a .{extension(path)} is no picture", allowed="names of pictures")


def _readings(path: str) -> Iterator[str]:
    """The path, and what further rounds of decoding would make of it."""
    yield path
    while _ESCAPE.search(path):  # each round is shorter than the one before
        path = unquote_to_bytes(path).decode(errors="replace")
        yield path


def _check_reading(path: str) -> None:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise InvalidPath("the path holds a control character")
    if "\\" in path:
        raise InvalidPath("the path holds a backslash")
    # Windows reads `..` with spaces or further dots behind it as `..`
    if any(segment and not segment.strip(". ") for segment in path.split("/")):
        raise InvalidPath("the path has a part made of dots")


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
