"""A variant: an original with a transform; the name of one output in every cache."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote

from edge.variants.transform import Transform


def original_tag(path: str) -> str:
    """The purge tag of every rendition of one original."""
    return f"original:{_safe(path)}"


def tagged_original(tag: str) -> str | None:
    """The path that `original_tag` was made of; None for any other tag."""
    path = tag.removeprefix("original:")
    return None if path == tag else unquote(path)


def preset_tag(name: str) -> str:
    return f"preset:{_safe(name)}"


def model_tag(name: str) -> str:
    """The purge tag of every rendition that a model may have had a part in."""
    return f"model:{_safe(name)}"


def renderer_tag(version: str) -> str:
    """The tag by which a CDN drops what a renderer of this version made.

    It stands in no tier: the version is part of every key there, so what another renderer made is
    never found, and an index of it all would cost an object for each rendition.
    """
    return f"renderer:{_safe(version)}"


def _safe(text: str) -> str:
    """Text for a header and a list of tags: no space, comma, control character or other script."""
    return quote(text, safe="/._-")


def digest_of(parts: Iterable[str]) -> str:
    """SHA-256 of texts, each with its length: no two lists run together to the same bytes."""
    message = b"".join(len(p).to_bytes(4, "big") + p for p in (s.encode() for s in parts))
    return hashlib.sha256(message).hexdigest()


@dataclass(frozen=True)
class Variant:
    """The name of one output.

    Attributes:
        path: of the original, clean: relative, decoded.
        origin: identity of the origin that holds it, so that two origins never share a key.
        stamp: the original's version as its origin says it.
        transform: negotiated; without a format, the picture decides about it.
        digests: `(name, digest)` of each model that the plan may use.
        scene: the version of the background picture where `bg=scene:...` names one.
    """

    path: str
    origin: str
    stamp: str
    transform: Transform
    digests: tuple[tuple[str, str], ...] = ()
    scene: str = ""

    def key(self, render_version: str) -> str:
        """The cache key: 64 lower-case hexadecimal digits of SHA-256."""
        parts = (
            "edge", render_version, self.origin, self.path, self.stamp,
            self.transform.canonical(), self.transform.format or "", self.scene,
            *(f"{name}={digest}" for name, digest in sorted(self.digests)),
        )  # fmt: skip
        return digest_of(parts)

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """What a purge may name it by; each safe in a header and free of spaces and commas."""
        tags = [original_tag(self.path)]
        if self.transform.preset:
            tags.append(preset_tag(self.transform.preset))
        return (*tags, *(model_tag(name) for name, _ in sorted(self.digests)))
