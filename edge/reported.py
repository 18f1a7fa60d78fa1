"""What is reported of a rendition beside its bytes: values that travel and are stored with it.
`web.reported` alone makes text of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Compliance:
    """How a rendition holds its preset's rules.

    Attributes:
        broken: names of the rules that it breaks.
        review: reasons why a person should look at it, which no rule measures.
        notes: facts about its photo, which need nobody.
        decision: what a person has decided of it, empty where nobody has.
    """

    preset: str
    version: str
    broken: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decision: str = ""

    @property
    def passed(self) -> bool:
        return not self.broken

    @property
    def needs_person(self) -> bool:
        """A rule is broken, or a reason to look was found."""
        return bool(self.broken or self.review)

    def of_preset(self, name: str, version: str) -> bool:
        """Whether it is about this version of this preset."""
        return (self.preset, self.version) == (name, version)

    def decided(self, decision: str) -> Self:
        """The same with a person's decision; empty takes it away."""
        return replace(self, decision=decision)

    def as_facts(self) -> dict[str, Any]:
        """JSON-able, without what is empty."""
        return _filled(asdict(self))

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """What `as_facts` wrote. Raises `TypeError` where it did not."""
        return cls(**_tuples(facts))


@dataclass(frozen=True, slots=True)
class Synthesized:
    """What of a picture no camera saw: `share` of it (0 to 1), `guessed` the part of that which is
    more than a plain background's continuation; `review` where a person should look."""

    share: float
    guessed: float = 0.0
    review: bool = False


@dataclass(frozen=True, slots=True)
class ColourShift:
    """CIEDE2000 between original and rendition inside the product: its `median` and its 95th
    percentile `high`, None where nothing could be compared; `swatch`: how far the product is from a
    brand's colour, None where none is named."""

    median: float | None
    high: float | None
    swatch: float | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """All that is reported of one rendition.

    Attributes:
        compliance: None where no preset rules.
        synthesized: None where all of it is the photo's or another background's.
        colours: None where nobody compared them.
        original: 16 hexadecimal digits of the original's digest.
        preset: `name@version`, empty without one.
        models: `name@digest` of each network that had a part.
    """

    compliance: Compliance | None = None
    synthesized: Synthesized | None = None
    colours: ColourShift | None = None
    original: str = ""
    preset: str = ""
    models: tuple[str, ...] = ()

    @property
    def breaks_rules(self) -> bool:
        return self.compliance is not None and not self.compliance.passed

    def decided(self, decision: str) -> Self:
        """The same with a person's decision, where there is something to decide on."""
        if self.compliance is None:
            return self
        return replace(self, compliance=self.compliance.decided(decision))

    def as_facts(self) -> dict[str, Any]:
        """JSON-able, without what is empty."""
        return _filled(asdict(self))

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """What `as_facts` wrote. Raises `TypeError` where it did not."""
        compliance, synthesized = facts.get("compliance"), facts.get("synthesized")
        colours = facts.get("colours")
        values = {
            "compliance": Compliance.of(compliance) if compliance else None,
            "synthesized": Synthesized(**synthesized) if synthesized else None,
            "colours": ColourShift(**colours) if colours else None,
        }
        return cls(**_tuples(facts) | values)


def _filled(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in (None, "", ())}


def _tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in facts.items()}
