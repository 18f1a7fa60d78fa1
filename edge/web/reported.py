"""What is reported of a rendition, as text: the only place where it becomes that, and is read from
what people kept of it."""

from collections.abc import Iterator

from edge.reported import ColourShift, Compliance, Reported, Synthesized


def texts(reported: Reported) -> dict[str, str]:
    """By name, which is that of the header behind `x-edge-`; what is empty is left out."""
    return {name: text for name, text in _texts(reported) if text}


def headers(reported: Reported) -> list[tuple[bytes, bytes]]:
    """`X-Edge-Compliance`, `X-Edge-Synthesized` and the others, as far as there are."""
    return [
        (f"x-edge-{name}".encode(), text.encode("latin-1", "replace"))
        for name, text in texts(reported).items()
    ]


def compliance_line(compliance: Compliance) -> str:
    """`amazon/2026-1; pass`, or `amazon/2026-1; fail; rule=background,fill_min; review=doubt;
    notes=several,small; decision=approved`."""
    verdict = "pass" if compliance.passed else "fail"
    words = {
        "rule": ",".join(compliance.broken),
        "review": ",".join(compliance.review),
        "notes": ",".join(compliance.notes),
        "decision": compliance.decision,
    }
    parts = [f"{name}={word}" for name, word in words.items() if word]
    return "; ".join([f"{compliance.preset}/{compliance.version}", verdict, *parts])


def read_compliance(line: str) -> Compliance | None:
    """The reverse of `compliance_line`; None where this is no such line."""
    try:
        named, verdict, *rest = line.split("; ")
        words = dict(word.split("=", 1) for word in rest)
    except ValueError:
        return None
    preset, slash, version = named.rpartition("/")
    lists = (tuple(words.pop(word, "").split(",")) for word in ("rule", "review", "notes"))
    broken, review, notes = (tuple(filter(None, names)) for names in lists)
    found = Compliance(preset, version, broken, review, notes, words.pop("decision", ""))
    whole = slash and not words and verdict == ("pass" if found.passed else "fail")
    return found if whole else None


def _texts(reported: Reported) -> Iterator[tuple[str, str]]:
    yield "compliance", compliance_line(reported.compliance) if reported.compliance else ""
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
