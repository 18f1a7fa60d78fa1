"""What a rendition's compliance note means for a job. The one place that reads it."""

from dataclasses import dataclass

DECISION = "decision"


@dataclass(frozen=True, slots=True)
class Compliance:
    """`amazon/2026-1; fail; rule=background,fill_min; review=doubt; notes=several;
    decision=approved`, read. Only what breaks a rule or asks for review needs a person."""

    preset: str = ""
    passed: bool = True
    rules: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decision: str = ""

    @property
    def needs_person(self) -> bool:
        """A rule is broken, or a reason to look was found."""
        return not self.passed or bool(self.review)


def read(note: str | None) -> Compliance:
    """A rendition's `compliance` note; of a rendition without rules there is none."""
    if not note:
        return Compliance()
    preset, *words = (word.strip() for word in note.split(";"))
    named = dict(word.partition("=")[::2] for word in words if "=" in word)
    return Compliance(
        preset,
        "fail" not in words,
        _listed(named.get("rule", "")),
        _listed(named.get("review", "")),
        _listed(named.get("notes", "")),
        named.get(DECISION, ""),
    )


def with_decision(note: str, decision: str) -> str:
    """The note with a person's decision; empty takes it away."""
    kept = [word for word in note.split("; ") if not word.startswith(f"{DECISION}=")]
    return "; ".join([*kept, f"{DECISION}={decision}"] if decision else kept)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))
