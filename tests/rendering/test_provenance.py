"""What a rendition says of how it was made."""

import io
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import pytest
from PIL import Image

from edge.deadline import Deadline
from edge.images import Format
from edge.rendering import plan, provenance
from edge.rendering.compliance.attempts import finish
from edge.rendering.pixels.picture import Picture
from edge.rendering.provenance import Provenance
from edge.rendering.request import RenderRequest, Stopwatch
from edge.rendering.step import Edit, PixelStep, SourceType
from edge.variants.presets import load
from edge.variants.transform import Transform
from tests.rendering.stage import LIMITS, NoModels, facts, noise, product

PRESETS = load()
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
MADE = Provenance(
    "0123456789abcdef",
    "amazon@2026-1",
    ("upscale_x4@00112233",),
    SourceType.ENHANCED,
    ("enlarged 4 times by a network & <more>",),
)


def request_for(transform: Transform, preset: str | None = None) -> RenderRequest:
    rules = PRESETS.get(preset) if preset else None
    return RenderRequest(b"original", transform, rules, Stopwatch(), Deadline.after(60))


def written(body: bytes) -> str | None:
    """The packet as another program finds it."""
    info = Image.open(io.BytesIO(body)).info
    packet = info.get("xmp") or info.get("XML:com.adobe.xmp")
    return packet.decode() if isinstance(packet, bytes) else packet


@pytest.mark.parametrize("format", Format)
def test_every_format_carries_the_packet(format):
    done = finish(Picture(noise(80, 60)), request_for(Transform(format=format)), MADE.packet())
    root = ElementTree.fromstring(written(done.body).encode())
    about = root.find(f"{RDF}RDF/{RDF}Description")
    assert about.get(f"{IPTC}DigitalSourceType") == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
    )
    said = "".join(about.itertext())
    assert MADE.original in said
    assert "enlarged 4 times by a network & <more>" in said
    assert "upscale_x4@00112233" in said


@pytest.mark.parametrize("format", Format)
def test_it_changes_no_pixel_and_says_the_same_twice(format):
    transform = Transform(format=format, quality=80)
    plain, first, second = (
        finish(Picture(noise(80, 60)), request_for(transform), packet).body
        for packet in (None, MADE.packet(), MADE.packet())
    )
    assert first == second != plain
    assert written(plain) is None
    shown, bare = (Image.open(io.BytesIO(body)).convert("RGB") for body in (first, plain))
    assert shown.tobytes() == bare.tobytes()


def test_a_photo_that_was_only_cut_to_size_carries_nothing():
    assert Provenance("0123").packet() is None
    assert provenance.embedded(Provenance("0123"), request_for(Transform()), "always") is None


@pytest.mark.parametrize(
    ("setting", "transform", "preset", "expected"),
    [
        ("auto", Transform(), None, True),
        ("auto", Transform(max_bytes=10_000_000), None, False),
        ("auto", Transform(preset="ebay", preset_version="1"), "ebay", False),
        ("auto", Transform(preset="etsy", preset_version="1"), "etsy", True),
        ("always", Transform(max_bytes=10_000_000), None, True),
        ("always", Transform(max_bytes=20_000), None, False),
        ("always", Transform(preset="thumb", preset_version="1"), "thumb", False),
        ("never", Transform(), None, False),
    ],
)
def test_where_bytes_are_limited_it_has_to_be_asked_for(setting, transform, preset, expected):
    assert bool(provenance.embedded(MADE, request_for(transform, preset), setting)) is expected


def test_a_file_over_its_presets_limit_goes_without():
    image = product(size=(400, 400), box=(30, 30, 370, 370), background=(255, 255, 255))
    transform = Transform(format=Format.JPEG)
    plain = finish(Picture(image), request_for(transform)).body
    shop = PRESETS["etsy"]
    tight = replace(shop, rules=replace(shop.rules, bytes_max=len(plain) + 100))
    limited = RenderRequest(b"original", transform, tight, Stopwatch(), Deadline.after(60))
    done = finish(Picture(image), limited, MADE.packet())
    assert written(done.body) is None
    assert "bytes_max" not in {finding.rule for finding in done.report.failed}


@dataclass(frozen=True, slots=True)
class Engrave(PixelStep):
    """An op of no file in `ops/`."""

    op = "engrave"
    needs_full_decode = True

    def edits(self, transform, analysis):
        return (Edit(SourceType.COMPOSITE, "a name engraved"),)

    def apply(self, picture: Picture) -> Picture:
        return picture


def test_an_op_says_itself_what_it_needs_and_what_is_recorded_of_it(monkeypatch):
    request = request_for(Transform(width=100))
    alone = plan.plan(request.transform, facts(800, 800), None, LIMITS)
    assert alone.decode is not None
    monkeypatch.setattr(plan, "ORDER", (*plan.ORDER, lambda transform, context: Engrave()))
    engraved = plan.plan(request.transform, facts(800, 800), None, LIMITS)
    assert engraved.decode is None
    made = provenance.provenance_of(request, engraved.steps, None, NoModels())
    assert (made.source_type, made.edits) == ("composite", ("a name engraved",))
