"""Finish: from pixels to bytes that hold their preset's rules."""

from dataclasses import dataclass, field

from edge.images import Format, Size
from edge.rendering.codec import Encoded, Quality, encode
from edge.rendering.job import Job
from edge.rendering.picture import Made, Picture
from edge.rendering.provenance import Provenance
from edge.rendering.verify import Report, verify_file
from edge.variants.values import AUTO

EXACT, PUREST = 95, 100
"""JPEG qualities for a ground of one exact colour: the first, and what mends it."""


@dataclass(frozen=True, slots=True)
class Done:
    """The bytes, the size of the picture in them, how they hold their preset's rules, what they
    were made of, and what was `added` that no camera saw."""

    body: bytes = field(repr=False)
    quality: int | None
    size: Size
    report: Report | None = None
    made: Provenance | None = None
    added: Made | None = None

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        report = (("compliance", self.report.header),) if self.report else ()
        added = (("made", str(self.added)),) if self.added else ()
        return (*report, *added, *(self.made.notes if self.made else ()))


def finish(picture: Picture, job: Job, xmp: bytes | None = None) -> Done:
    """Encode, and where a preset rules, verify what came out; what another quality mends is mended.

    A ground of one exact colour starts at a high quality: there JPEG's ringing ends at the block
    that the outline crosses, and full colour resolution comes with it. A file that is too large for
    its preset goes without its metadata.
    """
    done = _finished(picture, job, xmp)
    if xmp and done.report and "bytes_max" in _broken(done.report):
        return _finished(picture, job, None)
    return done


def _finished(picture: Picture, job: Job, xmp: bytes | None) -> Done:
    given = job.transform.quality
    exact = job.preset is not None and job.preset.rules.ground is not None
    tries: tuple[Quality, ...] = ("auto" if given is AUTO else given,)
    if exact and job.transform.format in (None, Format.JPEG):
        tries = tuple(sorted({max(EXACT, 0 if given is AUTO else given), PUREST}))
    for quality in tries:
        job.deadline.check("encode")
        encoded = job.watch.time("encode", _encode, picture, job, quality, xmp)
        if job.preset is None:
            return Done(encoded.body, encoded.quality, picture.size, added=picture.made)
        report = job.watch.time(
            "verify", verify_file, encoded.body, job.preset, made=picture.made or Made(0.0)
        )
        if "ground" not in _broken(report):
            break
    return Done(encoded.body, encoded.quality, picture.size, report, added=picture.made)


def _broken(report: Report) -> set[str]:
    return {finding.rule for finding in report.failed}


def _encode(picture: Picture, job: Job, quality: Quality, xmp: bytes | None) -> Encoded:
    wish = job.transform
    return encode(
        picture.image,
        wish.format or Format.JPEG,
        quality,
        max_bytes=wish.max_bytes,
        xmp=xmp,
        deadline=job.deadline,
    )
