"""Encodes a picture so that the file, decoded again, meets its preset's rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import reduce

from PIL import Image, ImageChops

from edge.images import Color, Format, Size
from edge.limits import Limits
from edge.rendering.analysis.degradation import DEGRADATION
from edge.rendering.compliance.checks import FinishedFile, RenderRecord
from edge.rendering.compliance.drift import DriftReference
from edge.rendering.compliance.report import Report
from edge.rendering.compliance.verify import verify
from edge.rendering.framing.product import PRODUCT
from edge.rendering.output.encode import Encoded, Quality, encode
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.scales import SCALES
from edge.rendering.provenance import Provenance
from edge.rendering.request import RenderRequest
from edge.rendering.source.decode import decode, reread
from edge.rendering.source.probe import read_facts
from edge.reported import Reported, Synthesized
from edge.variants.presets import Preset
from edge.variants.transform import FRAME, Transform
from edge.variants.values import AUTO, Fit

_PUREST = 100
"""The highest quality there is."""


@dataclass(frozen=True, slots=True)
class Done:
    """One encoded rendition.

    Attributes:
        quality: 1 to 100, None for a lossless format.
        size: of the picture, in pixels.
        report: its verification; None where no preset rules.
        provenance: what it was made of; None until the render adds it.
        synthesized: the share of its pixels that is synthesized; None where there are none.
        picture: what was encoded; None once nobody measures it any more.
    """

    body: bytes = field(repr=False)
    format: Format
    quality: int | None
    size: Size
    report: Report | None = None
    provenance: Provenance | None = None
    synthesized: Synthesized | None = None
    picture: Picture | None = field(default=None, repr=False)

    @property
    def reported(self) -> Reported:
        """The part of this that is reported beside the bytes."""
        report, provenance = self.report, self.provenance
        return Reported(
            report.compliance if report else None,
            self.synthesized,
            report.colours if report else None,
            provenance.original if provenance else "",
            provenance.preset if provenance else "",
            provenance.models if provenance else (),
        )


def finish(
    picture: Picture,
    request: RenderRequest,
    xmp: bytes | None = None,
    *,
    unsure: bool = False,
    notes: tuple[str, ...] = (),
    reference: DriftReference | None = None,
) -> Done:
    """Encode; where a preset has rules, verify the result and try again where that can help.

    A background of one exact colour starts at a high quality: there JPEG's ringing ends at the
    block that the outline crosses, and full colour resolution comes with it. A file that is too
    large for its preset goes without its metadata. A matte that is `unsure` tells the rules
    nothing; `notes` are facts about the photo, which a preset may forbid. `reference` is the
    original as it lies under the picture.
    """
    record = RenderRecord(
        picture.synthesized or Synthesized(0.0),
        None if unsure else picture.matte,
        reference=reference,
        swatch=request.transform.swatch,
        notes=frozenset(notes),
        exact=picture.exact,
    )
    done = _finished(picture, request, xmp, record)
    if xmp and done.report and "bytes_max" in _broken(done.report):
        return _finished(picture, request, None, record)
    return done


def _finished(
    picture: Picture, request: RenderRequest, xmp: bytes | None, record: RenderRecord
) -> Done:
    """The first attempt that passes the background rule by its pixels alone; else the first that
    passes it because the matte counts pale pixels as product; else the last. A photo that is
    delivered whole has no background to correct."""
    pale = last = None
    for tried, quality in _tries(picture, request):
        request.deadline.check("encode")
        format = _format(tried, request)
        encoded = request.watch.time("encode", _encode, tried, format, request, quality, xmp)
        last = Done(
            encoded.body,
            format,
            encoded.quality,
            picture.size,
            synthesized=picture.synthesized,
            picture=tried,
        )
        if request.preset is None:
            return last
        report = request.watch.time(
            "verify", verify_file, encoded.body, request.preset, record=record
        )
        last = replace(last, report=report)
        if record.whole or "background" not in _broken(report):
            if not report.pale:
                return last
            pale = pale or last
    best = pale or last
    assert best is not None, "something is always tried"
    return best


def _tries(picture: Picture, request: RenderRequest) -> Iterator[tuple[Picture, Quality]]:
    """The attempts, cheapest first: as requested; where the background has to be one exact colour,
    then with nearly transparent matte pixels set to background, and last at the highest quality.
    Matte pixels are kept where a shadow was requested or the alpha is the original's own."""
    given = request.transform.quality
    background = request.preset.rules.background if request.preset else None
    exact = background is not None and _format(picture, request) is Format.JPEG
    quality: Quality = "auto" if given is AUTO else given
    if exact:
        quality = DEGRADATION.clean_from if given is AUTO else max(DEGRADATION.clean_from, given)
    yield picture, quality
    if request.transform.shadow or picture.exact:
        return
    if picture.matte is not None and background is not None and background.color is not None:
        picture = request.watch.time(
            "corrections", _without_residue, picture, picture.matte, background.color
        )
        yield picture, quality
    elif picture.matte is not None and background is not None and picture.has_alpha:
        yield request.watch.time("corrections", _without_faint, picture), quality
    if exact and quality != _PUREST:
        yield picture, _PUREST


def _without_residue(picture: Picture, matte: Image.Image, color: Color) -> Picture:
    """The picture with partly transparent pixels set to `color` where they differ from it by at
    most `LEVELS.near` levels."""
    image = picture.image.convert("RGB")
    sheet = Image.new("RGB", image.size, color.rgb)
    off = ImageChops.difference(image, sheet).split()
    near = reduce(ImageChops.lighter, off).point(lambda level: 255 * (level <= LEVELS.near))
    faint = ImageChops.darker(near, matte.point(lambda alpha: 255 * (alpha < LEVELS.solid)))
    image.paste(sheet, mask=faint)
    return picture.with_image(image)


def _without_faint(picture: Picture) -> Picture:
    """The RGBA picture with nearly transparent pixels made fully transparent."""
    visible = picture.image.getchannel("A").point(lambda alpha: 255 * (alpha > LEVELS.near))
    image = Image.new("RGBA", picture.image.size, (255, 255, 255, 0))
    image.paste(picture.image, mask=visible)
    return picture.with_image(image)


def verify_file(
    body: bytes, preset: Preset, limits: Limits | None = None, record: RenderRecord | None = None
) -> Report:
    """Verify any picture's bytes against a preset's rules; `record`: of one that was rendered here.

    Raises:
        OriginalUnsupported, OriginalCorrupt, OriginalTooLarge: the bytes cannot be read.
    """
    facts = read_facts(body, limits or Limits())
    decoded = reread(body, facts) if record else decode(body, facts)
    return verify(FinishedFile(body, facts, decoded.image, record, decoded.levels), preset)


def reframed(done: Done, request: RenderRequest) -> Transform | None:
    """The request with a larger frame, where the rule `fill_min` measures the subject too small: a
    product whose rim is as pale as its background measures less than its matte."""
    report, transform = done.report, request.transform
    if report is None or request.preset is None or transform.fit is not Fit.PRODUCT:
        return None
    small = [finding.measured for finding in report.failed if finding.rule == "fill_min"]
    least, frame = request.preset.rules.fill_min, transform.frame or FRAME
    if not small or not small[0] or least is None or frame < least:
        return None  # the last: as was requested
    frame = frame * least / float(small[0]) + PRODUCT.spare / done.size.long
    return replace(transform, frame=round(frame, 4)) if frame <= 1 - SCALES.air else None


def _broken(report: Report) -> set[str]:
    return {finding.rule for finding in report.failed}


def _format(picture: Picture, request: RenderRequest) -> Format:
    return request.transform.format or (Format.PNG if picture.has_alpha else Format.JPEG)


def _encode(
    picture: Picture, format: Format, request: RenderRequest, quality: Quality, xmp: bytes | None
) -> Encoded:
    return encode(
        picture.image,
        format,
        quality,
        max_bytes=request.transform.max_bytes,
        xmp=xmp,
        deadline=request.deadline,
    )
