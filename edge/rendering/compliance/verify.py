"""Verify: hold finished bytes against their preset's rules; nothing is believed, all is decoded.

What is only a guess is marked as a heuristic. What networks see is asked for elsewhere, since a
check does not wait, and comes in by `with_seen`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from PIL import Image

from edge.errors import NotCompliant
from edge.images import Box, Color, Format, Size
from edge.rendering.analysis.detection import Detected, Detections, place_of
from edge.rendering.compliance.drift import Reference, compare
from edge.rendering.compliance.measurements import (
    BackgroundMeasurement,
    chroma_of_border,
    has_drawn_border,
    measure_background,
    measure_clear_background,
)
from edge.rendering.pixels.arrays import Levels, array_of
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.source.decode import decode, reread
from edge.rendering.source.facts import Facts
from edge.rendering.source.headers.base import OriginalFormat
from edge.rendering.source.probe import read_facts
from edge.reported import ColourShift, Compliance, Synthesized
from edge.settings.limits import Limits
from edge.variants.presets import Preset, Rules
from edge.variants.values import Background, BackgroundKind

_FORMATS = {
    OriginalFormat.JPEG: Format.JPEG,
    OriginalFormat.PNG: Format.PNG,
    OriginalFormat.WEBP: Format.WEBP,
    OriginalFormat.AVIF: Format.AVIF,
}


PALE = "pale"
"""The note where only the matte told the product from its background."""

_FORBIDS = {"no_detail": "detail"}
"""Rules that forbid what is noted of a photo."""


@dataclass(frozen=True, slots=True)
class Own:
    """What is known, beside its pixels, of a picture that this server made.

    Attributes:
        made: how much of it is synthesized.
        matte: mode L, of the picture's size; None where it has none, or only its file is left.
        broken: the rules that it broke when it was rendered, with its matte at hand; None where
            that is not known.
        reference: the original, laid under the picture.
        swatch: the colour that the product is measured against.
        notes: facts about its photo.
        exact: the matte is the original's own alpha.
    """

    made: Synthesized = Synthesized(0.0)  # noqa: RUF009 - frozen
    matte: Image.Image | None = field(default=None, repr=False)
    broken: frozenset[str] | None = None
    reference: Reference | None = field(default=None, repr=False)
    swatch: Color | None = None
    notes: frozenset[str] = frozenset()
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule: what was measured, what is wanted. A heuristic may err on unusual pictures."""

    rule: str
    passed: bool
    measured: Any
    wanted: Any
    heuristic: bool = False

    def as_facts(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "rule": self.rule,
            "passed": self.passed,
            "measured": self.measured,
            "wanted": self.wanted,
        } | ({"heuristic": True} if self.heuristic else {})


@dataclass(frozen=True, slots=True)
class Report:
    """What one picture's verification came to; `review` says whether a person should look at it,
    which no rule can measure, and `notes` are facts about its photo. `colours` is how far the
    product's moved, None where nobody knows."""

    preset: str
    version: str
    findings: tuple[Finding, ...]
    review: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    colours: ColourShift | None = None

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.passed)

    @property
    def passed(self) -> bool:
        return not self.failed

    @property
    def pale(self) -> bool:
        """Whether the background passes by the matte's word alone."""
        return any(
            one.rule == "background" and one.passed and one.heuristic for one in self.findings
        )

    @property
    def compliance(self) -> Compliance:
        """What of it travels with the rendition."""
        broken = tuple(finding.rule for finding in self.failed)
        return Compliance(self.preset, self.version, broken, self.review, self.notes)

    def as_facts(self) -> dict[str, Any]:
        """JSON-able, for `explain` and for diagnostics."""
        return {
            "preset": self.preset,
            "version": self.version,
            "passed": self.passed,
            "findings": [finding.as_facts() for finding in self.findings],
        } | ({"colours": str(self.colours)} if self.colours else {})

    def require_compliance(self) -> None:
        """Raises `NotCompliant`, with every broken rule, unless all are held."""
        if self.passed:
            return
        broken = "; ".join(
            f"{one.rule} is {one.measured}, wanted {one.wanted}" for one in self.failed
        )
        raise NotCompliant(
            f"the rendition breaks rules of {self.preset}: {broken}",
            param="preset",
            diagnostics=self.as_facts(),
        )


@dataclass(frozen=True)
class Specimen:
    """A finished file: its bytes, its header, its pixels."""

    body: bytes
    facts: Facts
    image: Image.Image
    own: Own | None = None
    levels: Levels | None = None

    @cached_property
    def pixels(self) -> Levels:
        """RGB, uint8 [H, W, 3], or with 255 beside it; what is see-through shows its hidden
        colour."""
        if self.levels is not None:
            return self.levels
        return array_of(self.image if self.image.mode == "RGB" else self.image.convert("RGB"))


def verify_file(
    body: bytes, preset: Preset, limits: Limits | None = None, own: Own | None = None
) -> Report:
    """Hold any picture's bytes against a preset's rules.

    Of the server's `own` pictures more is known. The rules of what was made count for these alone,
    and where pale parts of the product join the background the matte says where it ends: such a
    background passes as a heuristic.

    Raises:
        OriginalUnsupported, OriginalCorrupt, OriginalTooLarge: the bytes cannot be read.
    """
    facts = read_facts(body, limits or Limits())
    decoded = reread(body, facts) if own else decode(body, facts)
    specimen = Specimen(body, facts, decoded.image, own, decoded.levels)
    findings = [finding for check in CHECKS for finding in check(specimen, preset.rules)]
    broken = own.broken if own else None
    if broken is not None:
        findings = [_as_told(finding, broken) for finding in findings]
        findings += [Finding(rule, False, TOLD, True, True) for rule in SEEN_ONCE if rule in broken]
    colours = None
    if own and own.reference:
        colours = compare(decoded.image, own.reference, own.swatch)
        findings += _colours(colours, preset.rules)
    return Report(preset.name, preset.version, tuple(findings), colours=colours)


SEEN_ONCE = ("no_second_view", "no_text", "no_head", "drift_max", "swatch_max")
"""The rules that are judged when a picture is made; of a cached one its own header tells them."""

TOLD = "as it was told when the picture was made"


def _colours(colours: ColourShift, rules: Rules) -> Iterator[Finding]:
    for rule, found, most in (
        ("drift_max", colours.high, rules.drift_max),
        ("swatch_max", colours.swatch, rules.swatch_max),
    ):
        if most is not None and found is not None:
            yield Finding(rule, found <= most, found, most, heuristic=True)


def with_seen(report: Report, rules: Rules, detections: Detections, seen: Detected) -> Report:
    """The report with what was seen on the picture: parts on its background, letters, faces.

    What nobody could look for gives no finding; a network that failed gives a reason for review.
    """
    findings = list(report.findings)
    if rules.no_second_view and detections.parts is not None:
        findings.append(
            _none("no_second_view", [_share_of(detections, box) for box in detections.views])
        )
    for rule, wanted, places in (
        ("no_text", rules.no_text, seen.text), ("no_head", rules.no_head, seen.heads)
    ):  # fmt: skip
        if wanted and places is not None:
            findings.append(_none(rule, [list(place) for place in places]))
    review = report.review + ((UNCHECKED,) if seen.failed else ())
    return replace(report, findings=tuple(findings), review=review)


UNCHECKED = "unchecked"
"""The reason to look where a network that looks for letters or faces could not be asked."""


def _none(rule: str, places: list[list[float]]) -> Finding:
    return Finding(rule, not places, places, [], heuristic=True)


def _share_of(detections: Detections, box: Box) -> list[float]:
    return list(place_of(box, Size(*detections.small.size)))


def _as_told(finding: Finding, broken: frozenset[str]) -> Finding:
    """What only the lack of a matte breaks was not broken."""
    if finding.passed or finding.rule in broken or finding.rule not in _BY_MATTE:
        return finding
    return replace(finding, passed=True, heuristic=True)


def as_made(report: Report, told: Compliance) -> Report:
    """The report as it was told when these very bytes were made.

    What only the cut-out, the original or a network could say then counts again: no rule that
    passed is broken by what a file alone shows, and none that was broken is forgotten.
    """
    broken = frozenset(told.broken)
    known = {finding.rule for finding in report.findings}
    findings = [
        finding if finding.passed == (finding.rule not in broken) else _told(finding, broken)
        for finding in report.findings
    ]
    findings += [Finding(rule, False, TOLD, True, True) for rule in sorted(broken - known)]
    return replace(report, findings=tuple(findings), review=told.review, notes=told.notes)


def _told(finding: Finding, broken: frozenset[str]) -> Finding:
    passed = finding.rule not in broken
    return replace(finding, passed=passed, measured=finding.measured if passed else TOLD)


_BY_MATTE = frozenset({"background", "background_neutral"})
"""The rules of which a matte can tell more than the pixels."""


def _format(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if rules.formats:
        found = _FORMATS.get(specimen.facts.format)
        wanted = [str(format.value) for format in rules.formats]
        yield Finding("formats", found in rules.formats, str(specimen.facts.format), wanted)


def _sides(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    size = specimen.facts.size
    if rules.long_min is not None:
        yield Finding("long_min", size.long >= rules.long_min, size.long, rules.long_min)
    if rules.long_max is not None:
        yield Finding("long_max", size.long <= rules.long_max, size.long, rules.long_max)
    if rules.short_min is not None:
        yield Finding("short_min", size.short >= rules.short_min, size.short, rules.short_min)


def _ratio(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if rules.ratios:
        size = specimen.facts.size
        fits = any(
            abs(ratio.height_of(size.width) - size.height) <= 1
            or abs(ratio.width_of(size.height) - size.width) <= 1
            for ratio in rules.ratios
        )
        yield Finding("ratios", fits, str(size), [str(ratio) for ratio in rules.ratios])


def _bytes(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if rules.bytes_max is not None:
        length = len(specimen.body)
        yield Finding("bytes_max", length <= rules.bytes_max, length, rules.bytes_max)


def _colour(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if rules.srgb:
        profile = specimen.facts.profile
        is_srgb = specimen.facts.mode.value in ("rgb", "grey", "palette")
        is_srgb = is_srgb and (profile is None or "srgb" in profile.lower())
        measured = f"{specimen.facts.mode.value}, profile {profile or 'none'}"
        yield Finding("srgb", is_srgb, measured, "sRGB")
    if rules.no_alpha:
        yield Finding("no_alpha", not specimen.facts.alpha, specimen.facts.alpha, False)


def _made(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if specimen.own is None:
        return
    made = specimen.own.made
    for rule, share, most in (
        ("made_max", made.share, rules.made_max),
        ("guessed_max", made.guessed, rules.guessed_max),
    ):
        if most is not None:
            yield Finding(rule, share <= most, share, most)


def _noted(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if specimen.own is None:
        return
    for rule, note in _FORBIDS.items():
        if getattr(rules, rule):
            found = note in specimen.own.notes
            yield Finding(rule, not found, found, False, heuristic=True)


def _border(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if rules.no_border:
        drawn = has_drawn_border(specimen.pixels)
        yield Finding("no_border", not drawn, drawn, False, heuristic=True)


def _background(specimen: Specimen, rules: Rules) -> Iterator[Finding]:
    if rules.background_neutral:
        matte = specimen.own.matte if specimen.own else None
        chroma = chroma_of_border(specimen.pixels, matte)
        yield Finding(
            "background_neutral",
            chroma <= LEVELS.near,
            chroma,
            f"at most {LEVELS.near}",
            True,
        )
    if rules.background is None:
        return
    seen = _seen(specimen, rules.background)
    finding = _exact(seen, rules.background)
    if not finding.passed and specimen.own:
        finding = _by_matte(specimen, specimen.own, rules.background) or finding
    yield finding
    if rules.fill_min is not None:
        fill = _fill(seen, specimen.image)
        yield Finding("fill_min", fill >= rules.fill_min, _share(fill), rules.fill_min)


CHECKS: tuple[Callable[[Specimen, Rules], Iterator[Finding]], ...] = (
    _format,
    _sides,
    _ratio,
    _bytes,
    _colour,
    _border,
    _background,
    _made,
    _noted,
)


def _exact(
    seen: BackgroundMeasurement, background: Background, *, heuristic: bool = False
) -> Finding:
    # the rest of the border may be a product that the camera cut
    holds = seen.border >= 0.5 and seen.worst == 0
    measured = {"border": seen.border, "exact": _share(seen.exact), "worst": seen.worst}
    return Finding("background", holds, measured, f"exactly {background}", heuristic)


_SEEN = [0, *[255] * 255] * 4


def _by_matte(specimen: Specimen, own: Own, background: Background) -> Finding | None:
    """The background without what the matte gives to the product; None where that does not hold. Of
    an original's own alpha the faintest shadow is the product's."""
    if own.matte is None:
        return None
    if background.color is not None:
        seen = measure_background(specimen.pixels, background.color, own.matte)
    elif own.exact and specimen.image.mode == "RGBA":
        seen = measure_clear_background(specimen.image.point(_SEEN))
    else:
        return None
    finding = _exact(seen, background, heuristic=True)
    return finding if finding.passed else None


def _seen(specimen: Specimen, background: Background) -> BackgroundMeasurement:
    if background.kind is BackgroundKind.TRANSPARENT or background.color is None:
        image = specimen.image
        return measure_clear_background(image if image.mode == "RGBA" else image.convert("RGBA"))
    return measure_background(specimen.pixels, background.color)


def _fill(seen: BackgroundMeasurement, image: Image.Image) -> float:
    """The share of the canvas that the subject's box spans, in its longer direction."""
    if seen.subject is None:
        return 0.0
    box = seen.subject.size
    return max(box.width / image.width, box.height / image.height)


def _share(value: float) -> float:
    """Rounded down, so that what is not quite whole never reads as 1."""
    return int(value * 10_000) / 10_000
