"""Renditions and keys to store."""

import hashlib
import random

from edge.images import Format, Rendition, Size, digest
from edge.reported import Compliance, Reported

TAGS = ("original:/sku/123.jpg", "preset:amazon")


def key(word: object) -> str:
    return hashlib.sha256(str(word).encode()).hexdigest()


def rendition(
    word: object = "a picture",
    length: int = 2_000,
    tags: tuple[str, ...] = TAGS,
    created: float = 4_000_000_000.25,  # later than any purge of a test
) -> Rendition:
    """Some bytes that belong to the word and to no other."""
    body = random.Random(str(word)).randbytes(length)
    notes, reported = (("kept", "here"),), Reported(Compliance("amazon", "2026-1"))
    return Rendition(
        body, Format.WEBP, Size(400, 300), digest(body), tags, created, notes, reported
    )
