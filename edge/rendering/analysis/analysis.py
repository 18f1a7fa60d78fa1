"""The analysis of a picture: its subject and its background."""

from dataclasses import asdict, dataclass
from typing import Any

from edge.images import Color, Size
from edge.rendering.pixels.geometry import Area

DETAIL = "detail"
"""The flag of a photo that is delivered whole: it shows a part of the product only, or every cut of
it is too unsure."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the pixels, and the matte where there is one, say of a photo.

    `background` is the colour along the border; `uniform` says that it is one studio background.
    `subject` is the subject's box in fractions of
    the picture (0 to 1), None where nothing stands out. `touches` names the sides that the subject
    reaches: left, top, right, bottom. `flags` names what makes this photo hard: `scene`,
    `no-subject`, and what a matte adds. `trimmed` is what a trim leaves, in
    fractions; None where it was not asked for or leaves everything. `cut_by` says who found the
    matte, None where there is none, and `doubt` (0 to 1) how probable it is that a person would
    reject it; where that is much, `doubted` is all that the subject may be, None otherwise.
    `covered` is how much of each side, in that order, the subject covers (0 to 1), as far as a
    matte tells. `networks` names the networks that looked for the subject.
    """

    background: Color
    uniform: bool
    subject: Area | None = None
    touches: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    trimmed: Area | None = None
    cut_by: str | None = None
    doubt: float | None = None
    doubted: Area | None = None
    covered: tuple[float, ...] | None = None
    networks: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether a matte without doubt says where the subject is."""
        return self.cut_by is not None and self.doubted is None

    @property
    def whole(self) -> bool:
        """Whether the photo is delivered whole: it shows a detail, or every cut is too unsure."""
        return DETAIL in self.flags

    def subject_in(self, size: Size) -> Area | None:
        """The subject's box in the pixels of a picture of that size."""
        return self.subject.scaled(size.width, size.height) if self.subject else None

    def kept_in(self, size: Size) -> Area | None:
        """The same of what has to stay whole where nothing is cut out: parts that a doubtful matte
        has lost may be the subject's."""
        kept = self.doubted or self.subject
        return kept.scaled(size.width, size.height) if kept else None

    def as_facts(self) -> dict[str, Any]:
        """JSON-able, for `explain`."""
        return asdict(self) | {
            "background": str(self.background),
            "subject": _rounded(self.subject),
            "doubted": _rounded(self.doubted),
            "trimmed": _rounded(self.trimmed),
            "touches": list(self.touches),
            "flags": list(self.flags),
            "covered": self.covered and list(self.covered),
            "networks": list(self.networks),
        }


def _rounded(area: Area | None) -> list[float] | None:
    return [round(edge, 4) for edge in area.as_tuple()] if area else None
