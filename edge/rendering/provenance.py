"""Provenance: what a rendition was made of, reported beside it and as XMP within the file."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from edge.images import digest
from edge.models.base import Models, digests
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.plan import Plan
from edge.rendering.request import RenderRequest
from edge.variants.values import BackgroundKind

_SHORT = 8  # hexadecimal digits of a model's digest
_ORIGINAL = 16  # and of an original's
_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"

ENHANCED = "algorithmicallyEnhanced"
"""IPTC's digital source type of a photo that a program has improved: enlarged, or cut free."""
COMPOSITE = "composite"
"""Of a subject on another background than it was taken on, be that one colour."""
GENERATED = "compositeWithTrainedAlgorithmicMedia"
"""Of a photo to which a network has added what no camera saw."""
_WEIGHT = (ENHANCED, COMPOSITE, GENERATED)

_ADDING = frozenset({"extend"})
"""Ops that draw what the photo does not show."""

_ROOM = 100
"""Under a limit of bytes, the packet may be one part in so many of it."""

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF\
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""\
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"\
 xmlns:exif="http://ns.adobe.com/exif/1.0/"\
 Iptc4xmpExt:DigitalSourceType="{source_type}"><exif:UserComment><rdf:Alt><rdf:li\
 xml:lang="x-default">{comment}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF>\
</x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What one rendition was made of.

    `original` is a digest of the merchant's file; `preset` is `name@version` or empty; `models`
    are `name@digest`; `source_type` is a term of IPTC's vocabulary, empty where the photo was only
    cut to size; `edits` says in plain words what was done beyond that.
    """

    original: str
    preset: str = ""
    models: tuple[str, ...] = ()
    source_type: str = ""
    edits: tuple[str, ...] = ()

    @property
    def comment(self) -> str:
        made = f"Made by edge from original {self.original}: {', '.join(self.edits)}."
        return f"{made} Networks: {', '.join(self.models)}." if self.models else made

    def packet(self) -> bytes | None:
        """XMP as UTF-8; the same for the same picture, so no dates. None where nothing was edited.

        IPTC Photo Metadata Standard, `Iptc4xmpExt:DigitalSourceType`; the comment is EXIF's.
        """
        if not self.source_type:
            return None
        text = _PACKET.format(source_type=_TERMS + self.source_type, comment=escape(self.comment))
        return text.encode()


def of(job: RenderRequest, plan: Plan, analysis: Analysis | None, models: Models) -> Provenance:
    """What this plan makes of the job's original. Takes a hash of it: work for a thread."""
    transform = job.transform
    cut_by = analysis.cut_by if analysis else None
    edits = _edits(plan, cut_by, job)
    return Provenance(
        digest(job.body)[:_ORIGINAL],
        f"{transform.preset}@{transform.preset_version}" if transform.preset else "",
        _named(models, (*_cutters(plan, analysis), *plan.models)),
        max((term for term, _ in edits), key=_WEIGHT.index, default=""),
        tuple(words for _, words in edits),
    )


def embedded(made: Provenance, job: RenderRequest, setting: str) -> bytes | None:
    """The packet that goes into the file.

    Args:
        setting: `never`; `auto`: unless the request or its preset limits the bytes; `always`: under
            a limit as well, where that is a hundred times the packet.
    """
    packet = made.packet()
    if packet is None or setting == "never":
        return None
    ruled = job.preset.rules.bytes_max if job.preset else None
    limits = [limit for limit in (job.transform.max_bytes, ruled) if limit is not None]
    if limits and (setting == "auto" or min(limits) < _ROOM * len(packet)):
        return None
    return packet


def _edits(plan: Plan, cut_by: str | None, job: RenderRequest) -> list[tuple[str, str]]:
    """Each edit as its source type and in words, in the order of the plan."""
    found = []
    for step in plan.steps:
        if step.op == "upscale":
            found.append((ENHANCED, f"enlarged {getattr(step, 'factor', '')} times by a network"))
        elif step.op == "matte" and cut_by:
            found.append((ENHANCED, "cut out of its background"))
        elif step.op == "background" and cut_by:
            found += _backgrounds(job)
        elif step.op == "shadow":
            found.append((COMPOSITE, "a shadow drawn under it"))
        elif step.op in _ADDING:
            found.append((GENERATED if step.models else COMPOSITE, "its background extended"))
    return found


def _backgrounds(job: RenderRequest) -> list[tuple[str, str]]:
    background = job.transform.background
    if background is None or background.kind is BackgroundKind.TRANSPARENT:
        return []
    return [(COMPOSITE, f"set on another background ({background})")]


def _cutters(plan: Plan, analysis: Analysis | None) -> tuple[str, ...]:
    """The networks that looked for the subject, where the plan needs it cut out."""
    cuts = any(step.op == "matte" for step in plan.steps)
    return analysis.asked if analysis and cuts else ()


def _named(models: Models, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}@{digest[:_SHORT]}" for name, digest in digests(models, names))
