"""What a colour profile calls itself, and the codes that it may carry."""

import struct

_HEAD = 128
_MAX_TAGS = 100
_MAX_LETTERS = 200


def description(profile: bytes) -> str:
    """The profile's own description, at most 200 letters; "" where it has none that can be read."""
    try:
        tag = _tag(profile, b"desc")
        text = _multilingual(tag) if tag[:4] == b"mluc" else _plain(tag)
    except (struct.error, UnicodeDecodeError, KeyError):
        return ""
    return "".join(letter for letter in text if letter.isprintable())[:_MAX_LETTERS].strip()


def codes(profile: bytes) -> tuple[int, int] | None:
    """H.273's codes of primaries and transfer in a profile of version 4.4 (ICC.1:2022, 9.2.17)."""
    try:
        tag = _tag(profile, b"cicp")
    except (struct.error, KeyError):
        return None
    return (tag[8], tag[9]) if tag[:4] == b"cicp" and len(tag) >= 12 else None


def _tag(profile: bytes, name: bytes) -> bytes:
    count = struct.unpack_from(">I", profile, _HEAD)[0]
    for index in range(min(count, _MAX_TAGS)):
        found, start, length = struct.unpack_from(">4sII", profile, _HEAD + 4 + 12 * index)
        if found == name:
            return profile[start : start + length]
    raise KeyError(name)


def _plain(tag: bytes) -> str:
    """Version 2's textDescriptionType: a counted ASCII string."""
    length = struct.unpack_from(">I", tag, 8)[0]
    return tag[12 : 12 + min(length, _MAX_LETTERS)].split(b"\0")[0].decode("latin-1")


def _multilingual(tag: bytes) -> str:
    """Version 4's multiLocalizedUnicodeType: the first language's UTF-16."""
    length, start = struct.unpack_from(">II", tag, 20)
    return tag[start : start + min(length, 2 * _MAX_LETTERS)].decode("utf-16-be")
