"""What the client says it can take, reduced to few classes (RFC 9110 section 12.5.1)."""

from functools import lru_cache

from edge.variants.query import AcceptClass

_LONGEST_HEADER = 1000


@lru_cache(maxsize=512)
def accept_class(header: str) -> AcceptClass:
    """The best class that an `Accept` header names outright.

    A wildcard does not name AVIF or WebP: `*/*` comes from clients that know neither. A client
    that weighs a plain format above both gets the plain one.
    """
    weights = _weights(header[:_LONGEST_HEADER])
    plain = max(weights.get("image/jpeg", 0.0), weights.get("image/png", 0.0))
    avif, webp = weights.get("image/avif", 0.0), weights.get("image/webp", 0.0)
    if max(avif, webp) <= 0 or plain > max(avif, webp):
        return AcceptClass.BASE
    return AcceptClass.AVIF if avif >= webp else AcceptClass.WEBP


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
            try:
                return min(1.0, max(0.0, float(value.strip())))
            except ValueError:
                return 0.0
    return 1.0
