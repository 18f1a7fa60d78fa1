"""The checks of a finished file that need no network; each yields findings for its rules."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from PIL import Image

from edge.arrays import Levels
from edge.images import Color, Format
from edge.rendering.analysis.analysis import DETAIL
from edge.rendering.compliance.drift import DriftReference
from edge.rendering.compliance.measurements import (
    BackgroundMeasurement,
    chroma_of_border,
    has_drawn_border,
    measure_background,
    measure_clear_background,
)
from edge.rendering.compliance.report import Finding
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.source.facts import Facts, OriginalFormat
from edge.reported import Synthesized
from edge.variants.presets import Rules
from edge.variants.values import Background, BackgroundKind

_FORMATS = {
    OriginalFormat.JPEG: Format.JPEG,
    OriginalFormat.PNG: Format.PNG,
    OriginalFormat.WEBP: Format.WEBP,
    OriginalFormat.AVIF: Format.AVIF,
}


_FORBIDS = {"no_detail": DETAIL}
"""Rules that forbid what is noted of a photo."""


@dataclass(frozen=True, slots=True)
class RenderRecord:
    """What is known of a picture that this server rendered, beside its pixels.

    Attributes:
        synthesized: how much of it no camera saw.
        matte: mode L, of the picture's size; None where it has none, or only its file is left.
        broken: the rules that it broke when it was rendered, with its matte at hand; None where
            that is not known.
        reference: the original, laid under the picture.
        swatch: the colour that the product is measured against.
        notes: facts about its photo.
        exact: the matte is the original's own alpha.
    """

    synthesized: Synthesized = Synthesized(0.0)  # noqa: RUF009 - frozen
    matte: Image.Image | None = field(default=None, repr=False)
    broken: frozenset[str] | None = None
    reference: DriftReference | None = field(default=None, repr=False)
    swatch: Color | None = None
    notes: frozenset[str] = frozenset()
    exact: bool = False

    @property
    def whole(self) -> bool:
        """Whether its photo was delivered whole: then the photo's edge is no product's outline."""
        return DETAIL in self.notes


@dataclass(frozen=True)
class FinishedFile:
    """A finished file: its bytes, its header, its pixels."""

    body: bytes
    facts: Facts
    image: Image.Image
    record: RenderRecord | None = None
    levels: Levels | None = None

    @cached_property
    def pixels(self) -> Levels:
        """RGB, uint8 [H, W, 3], or with 255 beside it; what is see-through shows its hidden
        colour."""
        if self.levels is not None:
            return self.levels
        return array_of(self.image if self.image.mode == "RGB" else self.image.convert("RGB"))


def _format(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if rules.formats:
        found = _FORMATS.get(file.facts.format)
        wanted = [str(format.value) for format in rules.formats]
        yield Finding("formats", found in rules.formats, str(file.facts.format), wanted)


def _sides(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    size = file.facts.size
    if rules.long_min is not None:
        yield Finding("long_min", size.long >= rules.long_min, size.long, rules.long_min)
    if rules.long_max is not None:
        yield Finding("long_max", size.long <= rules.long_max, size.long, rules.long_max)
    if rules.short_min is not None:
        yield Finding("short_min", size.short >= rules.short_min, size.short, rules.short_min)


def _ratio(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if rules.ratios:
        size = file.facts.size
        fits = any(
            abs(ratio.height_of(size.width) - size.height) <= 1
            or abs(ratio.width_of(size.height) - size.width) <= 1
            for ratio in rules.ratios
        )
        yield Finding("ratios", fits, str(size), [str(ratio) for ratio in rules.ratios])


def _bytes(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if rules.bytes_max is not None:
        length = len(file.body)
        yield Finding("bytes_max", length <= rules.bytes_max, length, rules.bytes_max)


def _colour(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if rules.srgb:
        profile = file.facts.profile
        is_srgb = file.facts.mode.value in ("rgb", "grey", "palette")
        is_srgb = is_srgb and (profile is None or "srgb" in profile.lower())
        measured = f"{file.facts.mode.value}, profile {profile or 'none'}"
        yield Finding("srgb", is_srgb, measured, "sRGB")
    if rules.no_alpha:
        yield Finding("no_alpha", not file.facts.alpha, file.facts.alpha, False)


def _synthesized(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if file.record is None:
        return
    synthesized = file.record.synthesized
    for rule, share, most in (
        ("synthesized_max", synthesized.share, rules.synthesized_max),
        ("guessed_max", synthesized.guessed, rules.guessed_max),
    ):
        if most is not None:
            yield Finding(rule, share <= most, share, most)


def _noted(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if file.record is None:
        return
    for rule, note in _FORBIDS.items():
        if getattr(rules, rule):
            found = note in file.record.notes
            yield Finding(rule, not found, found, False, heuristic=True)


def _border(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if rules.no_border:
        drawn = has_drawn_border(file.pixels)
        yield Finding("no_border", not drawn, drawn, False, heuristic=True)


def _background(file: FinishedFile, rules: Rules) -> Iterator[Finding]:
    if rules.background_neutral:
        matte = file.record.matte if file.record else None
        chroma = chroma_of_border(file.pixels, matte)
        yield Finding(
            "background_neutral",
            chroma <= LEVELS.near,
            chroma,
            f"at most {LEVELS.near}",
            True,
        )
    if rules.background is None:
        return
    found = _measured(file, rules.background)
    whole = file.record is not None and file.record.whole
    finding = _exact(found, rules.background, whole=whole)
    if not finding.passed and not whole and file.record:
        finding = _by_matte(file, file.record, rules.background) or finding
    yield finding
    if rules.fill_min is not None:
        fill = _fill(found, file.image)
        yield Finding("fill_min", fill >= rules.fill_min, _share(fill), rules.fill_min)


CHECKS: tuple[Callable[[FinishedFile, Rules], Iterator[Finding]], ...] = (
    _format,
    _sides,
    _ratio,
    _bytes,
    _colour,
    _border,
    _background,
    _synthesized,
    _noted,
)


def _exact(
    found: BackgroundMeasurement,
    background: Background,
    *,
    whole: bool = False,
    heuristic: bool = False,
) -> Finding:
    # the rest of the border may be a product that the camera cut, but no photo that was not
    holds = found.border >= (1 if whole else LEVELS.majority) and found.worst == 0
    measured = {"border": found.border, "exact": _share(found.exact), "worst": found.worst}
    wanted = f"exactly {background}" + ", all around a photo that is delivered whole" * whole
    return Finding("background", holds, measured, wanted, heuristic)


_VISIBLE = [0, *[255] * 255] * 4


def _by_matte(file: FinishedFile, record: RenderRecord, background: Background) -> Finding | None:
    """The background without what the matte gives to the product; None where that does not hold. Of
    an original's own alpha the faintest shadow is the product's."""
    if record.matte is None:
        return None
    if background.color is not None:
        found = measure_background(file.pixels, background.color, record.matte)
    elif record.exact and file.image.mode == "RGBA":
        found = measure_clear_background(file.image.point(_VISIBLE))
    else:
        return None
    finding = _exact(found, background, heuristic=True)
    return finding if finding.passed else None


def _measured(file: FinishedFile, background: Background) -> BackgroundMeasurement:
    if background.kind is BackgroundKind.TRANSPARENT or background.color is None:
        image = file.image
        return measure_clear_background(image if image.mode == "RGBA" else image.convert("RGBA"))
    return measure_background(file.pixels, background.color)


def _fill(found: BackgroundMeasurement, image: Image.Image) -> float:
    """The share of the canvas that the subject's box spans, in its longer direction."""
    if found.subject is None:
        return 0.0
    box = found.subject.size
    return max(box.width / image.width, box.height / image.height)


def _share(value: float) -> float:
    """Rounded down, so that what is not quite whole never reads as 1."""
    return int(value * 10_000) / 10_000
