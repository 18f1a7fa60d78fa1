"""What a colour profile calls itself, and the codes that it may carry."""

import struct

_HEAD = 128
_MAX_TAGS = 100
_MAX_LETTERS = 200
_ENTRY = 12  # bytes: name, place, length

_FOR_CONVERSION = frozenset(
    {b"wtpt", b"bkpt", b"chad", b"kTRC"}
    | {bytes((colour,)) + kind for colour in b"rgb" for kind in (b"XYZ", b"TRC")}
    | {way + bytes((intent,)) for way in (b"A2B", b"B2A") for intent in b"0123"}
)
"""What converting needs (ICC.1:2022, section 8): tables, or matrix and curves, and white. Not the
pipelines of any length (`D2B0` and others): one profile of 4 MB could make a pixel take a second.
Profiles that have those must have one of the others as well."""


def description(profile: bytes) -> str:
    """The profile's own description, at most 200 letters; "" where it has none that can be read."""
    try:
        tag = _tag(profile, b"desc")
        text = _multilingual(tag) if tag[:4] == b"mluc" else _plain(tag)
    except (struct.error, UnicodeDecodeError, KeyError):
        return ""
    return "".join(letter for letter in text if letter.isprintable())[:_MAX_LETTERS].strip()


def for_conversion(profile: bytes) -> bytes:
    """The same profile with no tag in its table but those that a conversion needs."""
    count = min(struct.unpack_from(">I", profile, _HEAD)[0], _MAX_TAGS)
    start, end = _HEAD + 4, _HEAD + 4 + _ENTRY * count
    entries = [profile[at : at + _ENTRY] for at in range(start, end, _ENTRY)]
    kept = [entry for entry in entries if entry[:4] in _FOR_CONVERSION]
    table = struct.pack(">I", len(kept)) + b"".join(kept)
    return profile[:_HEAD] + table.ljust(end - _HEAD, b"\0") + profile[end:]


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
