"""What is reported of a rendition, as text: the only place where it becomes headers."""

from collections.abc import Iterator

from edge.reported import ColourShift, Reported, Synthesized


def texts(reported: Reported) -> dict[str, str]:
    """By name, which is that of the header behind `x-edge-`; what is empty is left out."""
    return {name: text for name, text in _texts(reported) if text}


def headers(reported: Reported) -> list[tuple[bytes, bytes]]:
    """`X-Edge-Compliance`, `X-Edge-Synthesized` and the others, as far as there are."""
    return [
        (f"x-edge-{name}".encode(), text.encode("latin-1", "replace"))
        for name, text in texts(reported).items()
    ]


def _texts(reported: Reported) -> Iterator[tuple[str, str]]:
    yield "compliance", str(reported.compliance or "")
    yield "synthesized", _synthesized(reported.synthesized) if reported.synthesized else ""
    yield "colour", _colours(reported.colours) if reported.colours else ""
    yield "original", reported.original
    yield "preset", reported.preset
    yield "models", ", ".join(reported.models)


def _synthesized(part: Synthesized) -> str:
    """`0.550; guessed=0.120; review`."""
    return f"{part.share:.3f}; guessed={part.guessed:.3f}" + "; review" * part.review


def _colours(shift: ColourShift) -> str:
    """`median=0.4; p95=1.8; swatch=3.1`."""
    values = (("median", shift.median), ("p95", shift.high), ("swatch", shift.swatch))
    return "; ".join(f"{name}={value}" for name, value in values if value is not None)
