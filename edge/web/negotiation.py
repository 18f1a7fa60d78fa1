"""Reduces `Accept` and client hints to few classes (RFC 9110 section 12.5.1)."""

from contextlib import suppress
from functools import lru_cache

from edge.kinds import number
from edge.variants.device import DPR, VIEWPORT, Device, classed
from edge.variants.query import AcceptClass

ACCEPT_CH = (b"accept-ch", f"{DPR}, {VIEWPORT}".encode())
"""Requests client hints of browsers, which honour it on a page and ignore it on a picture."""

_LONGEST_HEADER = 1000


@lru_cache(maxsize=512)
def accept_class(header: bytes) -> AcceptClass:
    """The best class that an `Accept` header names outright; else what its wildcards take.

    A wildcard does not name AVIF or WebP: `*/*` comes from clients that know neither. A client
    that weighs a plain format above both gets the plain one.
    """
    weights = _weights(header[:_LONGEST_HEADER].decode("latin-1")) or {"*/*": 1.0}
    plain = max(weights.get("image/jpeg", 0.0), weights.get("image/png", 0.0))
    avif, webp = weights.get("image/avif", 0.0), weights.get("image/webp", 0.0)
    if max(avif, webp) <= 0 or plain > max(avif, webp):
        return _UNNAMED[_takes(weights, "image/avif", plain), _takes(weights, "image/webp", plain)]
    return AcceptClass.AVIF if avif >= webp else AcceptClass.WEBP


_UNNAMED = {
    (True, True): AcceptClass.BASE,
    (False, True): AcceptClass.NO_AVIF,
    (True, False): AcceptClass.NO_WEBP,
    (False, False): AcceptClass.PLAIN,
}


def _takes(weights: dict[str, float], kind: str, plain: float) -> bool:
    """Whether a type is taken, and no less than the plain ones; the most specific range that
    matches decides (RFC 9110 section 12.5.1)."""
    matching = (weights[name] for name in (kind, "image/*", "*/*") if name in weights)
    weight = next(matching, 0.0)
    return weight > 0 and weight >= plain


@lru_cache(maxsize=512)
def device(dpr: bytes | None, viewport: bytes | None, save_data: bytes | None) -> Device:
    """The class of the client hints; unreadable ones are ignored."""
    return classed(_measure(dpr), _measure(viewport), saves=(save_data or b"").lower() == b"on")


def _measure(text: bytes | None) -> float | None:
    with suppress(ValueError):
        return number((text or b"").decode("latin-1"))
    return None


def only_images(header: str) -> bool:
    """Whether every media range of an `Accept` header is one of images."""
    weights = _weights(header[:_LONGEST_HEADER])
    return bool(weights) and all(name.startswith("image/") for name in weights)


def _weights(header: str) -> dict[str, float]:
    weights = {}
    for part in header.split(","):
        name, *params = part.split(";")
        if name := name.strip().lower():
            weights[name] = _weight(params)
    return weights


def _weight(params: list[str]) -> float:
    for param in params:
        name, _, value = param.partition("=")
        if name.strip().lower() == "q":
            with suppress(ValueError):
                return min(1.0, number(value.strip()))
            return 0.0
    return 1.0
