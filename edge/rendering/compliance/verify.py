"""Verify: checks finished bytes against their preset's rules by decoding them again.

What is only a guess is marked as a heuristic. What networks see is asked for elsewhere, since a
check does not wait, and comes in by `with_detected`.
"""

from collections.abc import Iterator
from dataclasses import replace

from edge.images import Box, Size
from edge.rendering.analysis.detection import Detected, Detections, place_of
from edge.rendering.compliance.checks import CHECKS, FinishedFile
from edge.rendering.compliance.drift import compare
from edge.rendering.compliance.report import Finding, Report
from edge.reported import ColourShift, Compliance
from edge.variants.presets import Preset, Rules

PALE = "pale"
"""The note where only the matte told the product from its background."""


def verify(file: FinishedFile, preset: Preset) -> Report:
    """Hold a finished file against a preset's rules.

    Of a picture that this server rendered more is known: its `record`. The rules of what was
    synthesized count for such pictures alone, and where pale parts of the product join the
    background the matte says where it ends: such a background passes as a heuristic.
    """
    record = file.record
    findings = [finding for check in CHECKS for finding in check(file, preset.rules)]
    broken = record.broken if record else None
    if broken is not None:
        findings = [_excused(finding, broken) for finding in findings]
        findings += [
            Finding(rule, False, AS_REPORTED, True, True)
            for rule in JUDGED_AT_RENDER
            if rule in broken
        ]
    colours = None
    if record and record.reference:
        colours = compare(file.image, record.reference, record.swatch)
        findings += _colours(colours, preset.rules)
    return Report(preset.name, preset.version, tuple(findings), colours=colours)


JUDGED_AT_RENDER = ("no_second_view", "no_text", "no_head", "drift_max", "swatch_max")
"""The rules that are judged when a picture is made; of a cached one its own header tells them."""

AS_REPORTED = "as reported when the picture was rendered"


def _colours(colours: ColourShift, rules: Rules) -> Iterator[Finding]:
    for rule, found, most in (
        ("drift_max", colours.high, rules.drift_max),
        ("swatch_max", colours.swatch, rules.swatch_max),
    ):
        if most is not None and found is not None:
            yield Finding(rule, found <= most, found, most, heuristic=True)


def with_detected(
    report: Report, rules: Rules, detections: Detections, detected: Detected
) -> Report:
    """The report with what was detected on the picture: parts on its background, letters, faces.

    A rule whose network is missing gives no finding; a network that failed gives a reason for
    review.
    """
    findings = list(report.findings)
    if rules.no_second_view and detections.parts is not None:
        findings.append(
            _none("no_second_view", [_share_of(detections, box) for box in detections.views])
        )
    for rule, wanted, places in (
        ("no_text", rules.no_text, detected.text), ("no_head", rules.no_head, detected.heads)
    ):  # fmt: skip
        if wanted and places is not None:
            findings.append(_none(rule, [list(place) for place in places]))
    review = report.review + ((UNCHECKED,) if detected.failed else ())
    return replace(report, findings=tuple(findings), review=review)


UNCHECKED = "unchecked"
"""The reason to look where a network that looks for letters or faces could not be asked."""


def _none(rule: str, places: list[list[float]]) -> Finding:
    return Finding(rule, not places, places, [], heuristic=True)


def _share_of(detections: Detections, box: Box) -> list[float]:
    return list(place_of(box, Size(*detections.small.size)))


def _excused(finding: Finding, broken: frozenset[str]) -> Finding:
    """A rule that a matte tells more of counts as passed unless it was `broken` when rendered."""
    if finding.passed or finding.rule in broken or finding.rule not in _BY_MATTE:
        return finding
    return replace(finding, passed=True, heuristic=True)


def as_reported(report: Report, reported: Compliance) -> Report:
    """The report as it was when these very bytes were rendered.

    What only the cut-out, the original or a network could say then counts again: no rule that
    passed is broken by what a file alone shows, and none that was broken is forgotten.
    """
    broken = frozenset(reported.broken)
    known = {finding.rule for finding in report.findings}
    findings = [
        finding if finding.passed == (finding.rule not in broken) else _as_reported(finding, broken)
        for finding in report.findings
    ]
    findings += [Finding(rule, False, AS_REPORTED, True, True) for rule in sorted(broken - known)]
    return replace(report, findings=tuple(findings), review=reported.review, notes=reported.notes)


def _as_reported(finding: Finding, broken: frozenset[str]) -> Finding:
    passed = finding.rule not in broken
    return replace(finding, passed=passed, measured=finding.measured if passed else AS_REPORTED)


_BY_MATTE = frozenset({"background", "background_neutral"})
"""The rules of which a matte can tell more than the pixels."""
