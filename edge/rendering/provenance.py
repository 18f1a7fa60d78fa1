"""Provenance: the inputs and edits of a rendition, reported beside it and as XMP within the
file."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from edge.images import digest
from edge.models.base import Models, digests
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.request import RenderRequest
from edge.rendering.step import SourceType, Step

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"

_SHORT = 8  # hexadecimal digits of a model's digest
_ORIGINAL = 16  # and of an original's
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
        text = f"Made by edge from original {self.original}: {', '.join(self.edits)}."
        return f"{text} Networks: {', '.join(self.models)}." if self.models else text

    def packet(self) -> bytes | None:
        """XMP as UTF-8; the same for the same picture, so no dates. None where nothing was edited.

        IPTC Photo Metadata Standard, `Iptc4xmpExt:DigitalSourceType`; the comment is EXIF's.
        """
        if not self.source_type:
            return None
        text = _PACKET.format(source_type=_TERMS + self.source_type, comment=escape(self.comment))
        return text.encode()


def provenance_of(
    request: RenderRequest, steps: Sequence[Step], analysis: Analysis | None, models: Models
) -> Provenance:
    """The provenance of the request's original after these steps. Hashes it: work for a thread."""
    transform = request.transform
    edits = [edit for step in steps for edit in step.edits(transform, analysis)]
    cuts_out = any(step.cuts_out for step in steps)
    names = analysis.networks if analysis and cuts_out else ()
    names += tuple(dict.fromkeys(name for step in steps for name in step.models))
    return Provenance(
        digest(request.body)[:_ORIGINAL],
        f"{transform.preset}@{transform.preset_version}" if transform.preset else "",
        tuple(f"{name}@{of_model[:_SHORT]}" for name, of_model in digests(models, names)),
        max((edit.source_type for edit in edits), key=list(SourceType).index, default=""),
        tuple(edit.words for edit in edits),
    )


def embedded(provenance: Provenance, request: RenderRequest, setting: str) -> bytes | None:
    """The packet that goes into the file.

    Args:
        setting: `never`; `auto`: unless the request or its preset limits the bytes; `always`: under
            a limit as well, where that is a hundred times the packet.
    """
    packet = provenance.packet()
    if packet is None or setting == "never":
        return None
    ruled = request.preset.rules.bytes_max if request.preset else None
    limits = [limit for limit in (request.transform.max_bytes, ruled) if limit is not None]
    if limits and (setting == "auto" or min(limits) < _ROOM * len(packet)):
        return None
    return packet
