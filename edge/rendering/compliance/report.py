"""The result of a verification: one finding for each rule, and the part of it that is reported."""

from dataclasses import asdict, dataclass
from typing import Any

from edge.errors import NotCompliant
from edge.reported import ColourShift, Compliance


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
        """Whether the background passes only because the matte counts pale pixels as product."""
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
        } | ({"colours": asdict(self.colours)} if self.colours else {})

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
