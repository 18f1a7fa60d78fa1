"""The one thing that is wanted of an EXIF block: which way is up."""

import struct

_ORIENTATION = 0x0112
_SHORT = 3
_MAX_TAGS = 512  # an honest first directory has 10 to 60


def orientation(block: bytes) -> int:
    """EXIF's orientation, 1 to 8, of a TIFF-shaped block; 1 where it is broken or says nothing.

    Broken EXIF is no reason to refuse a picture: viewers show it as stored, and so do we.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        return _search(block, order)
    except struct.error:
        return 1


def _search(block: bytes, order: str) -> int:
    start = struct.unpack_from(order + "I", block, 4)[0]
    tags = struct.unpack_from(order + "H", block, start)[0]
    for index in range(min(tags, _MAX_TAGS)):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", block, start + 2 + 12 * index)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and 1 <= value <= 8 else 1
    return 1
