"""What is reported of a rendition becomes headers in one place."""

import pytest

from edge.reported import ColourShift, Compliance, Reported, Synthesized
from edge.web import reported


def test_each_fact_has_a_header_and_what_is_empty_has_none():
    everything = Reported(
        Compliance("amazon", "2026-1", review=("doubt",)),
        Synthesized(0.55, 0.12, review=True),
        ColourShift(0.4, 1.8, 3.1),
        "0123456789abcdef",
        "amazon@2026-1",
        ("upscale_x4@00112233", "matting@44556677"),
    )
    assert reported.headers(everything) == [
        (b"x-edge-compliance", b"amazon/2026-1; pass; review=doubt"),
        (b"x-edge-synthesized", b"0.550; guessed=0.120; review"),
        (b"x-edge-colour", b"median=0.4; p95=1.8; swatch=3.1"),
        (b"x-edge-original", b"0123456789abcdef"),
        (b"x-edge-preset", b"amazon@2026-1"),
        (b"x-edge-models", b"upscale_x4@00112233, matting@44556677"),
    ]
    assert reported.headers(Reported(colours=ColourShift(None, None))) == []


def test_what_no_header_can_say_is_replaced():
    assert reported.headers(Reported(preset="größe☃@1")) == [
        (b"x-edge-preset", "größe?@1".encode("latin-1"))
    ]


@pytest.mark.parametrize(
    ("compliance", "text"),
    [
        (Compliance("thumb", "2026-1"), "thumb/2026-1; pass"),
        (
            Compliance(
                "amazon", "2026-1", ("background", "fill_min"), ("doubt",), ("several", "small"),
                "approved",
            ),
            "amazon/2026-1; fail; rule=background,fill_min; review=doubt; notes=several,small; "
            "decision=approved",
        ),
        (Compliance("etsy", "2", notes=("small",)), "etsy/2; pass; notes=small"),
    ],
)  # fmt: skip
def test_compliance_is_one_line_for_people(compliance, text):
    assert reported.compliance_line(compliance) == text
    assert reported.read_compliance(text) == compliance
