"""What a device asks for, reduced to few classes."""

import itertools

import pytest

from edge.variants.device import DPR, PLAIN, SAVE, VIEWPORT, Device, classed
from edge.variants.presets import load
from edge.variants.query import read

PRESETS = load()
PHONE, DESKTOP_4K, SAVER = classed(2.6, 412, saves=False), classed(2, 1905, saves=False), classed(
    3, 412, saves=True
)  # fmt: skip


@pytest.mark.parametrize(
    ("dpr", "viewport", "saves", "expected"),
    [
        (None, None, False, PLAIN),
        (1.0, 1440, False, PLAIN),
        (2.625, 412, False, Device(3, 2)),
        (2.0, 390, False, Device(2, 2)),
        (2.0, 1440, False, Device(2, 2)),
        (1.0, 3825, False, Device(1, 4)),
        (2.0, 1905, False, Device(2, 4)),
        (1.25, 1500, False, PLAIN),
        (9999.0, None, False, Device(3, 2)),
        (0.1, 100, False, PLAIN),
        (3.0, 412, True, Device(saves=True)),
    ],
)
def test_classes(dpr, viewport, saves, expected):
    assert classed(dpr, viewport, saves=saves) == expected


def test_whatever_is_measured_there_are_few_classes():
    ratios = [None, *(step / 7 for step in range(200))]
    widths = [None, *range(0, 9000, 37)]
    every = {
        classed(*both, saves=s) for s in (True, False) for both in itertools.product(ratios, widths)
    }
    assert len(every) <= 10


@pytest.mark.parametrize(
    ("query", "device", "expected"),
    [
        ("w=400&dpr=auto", PHONE, "w=1200"),
        ("w=400&dpr=auto", DESKTOP_4K, "w=800"),
        ("w=400&dpr=auto", SAVER, "q=50&w=400"),
        ("w=400&dpr=auto", None, "w=400"),
        ("w=400", PHONE, "w=400"),
        ("up=auto", PHONE, "up=2"),
        ("up=auto", DESKTOP_4K, "up=4"),
        ("up=auto", PLAIN, ""),
        ("up=auto", SAVER, "q=50"),
        ("up=auto", None, ""),
        ("up=auto&w=2000", PHONE, "up=auto&w=2000"),
        ("up=auto&w=2000", SAVER, "q=50&w=2000"),
        ("up=4", SAVER, "q=50&up=4"),
        ("up=4", PHONE, "up=4"),
        ("q=90", SAVER, "q=90"),
        ("w=400&dpr=2", SAVER, "q=50&w=800"),
    ],
)
def test_a_request_is_suited_to_the_device(query, device, expected):
    image_request = read(query, PRESETS, device=device)
    assert image_request.transform.canonical() == expected


@pytest.mark.parametrize("device", [PHONE, DESKTOP_4K, SAVER, PLAIN])
@pytest.mark.parametrize("preset", [preset.name for preset in PRESETS])
def test_a_marketplaces_picture_is_the_same_for_everybody(preset, device):
    image_request = read(f"fmt={preset}", PRESETS, device=device)
    assert image_request.transform == read(f"fmt={preset}", PRESETS).transform
    assert image_request.hints == ()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("w=400&dpr=auto", (DPR, SAVE)),
        ("up=auto", (DPR, VIEWPORT, SAVE)),
        ("up=auto&w=400", (SAVE,)),
        ("w=400", (SAVE,)),
        ("w=400&q=80", ()),
        ("fmt=amazon", ()),
        ("fmt=amazon&dpr=auto", (DPR, SAVE)),
    ],
)
def test_a_request_names_the_headers_that_it_depends_on(query, expected):
    for device in (PLAIN, PHONE, SAVER):
        assert read(query, PRESETS, device=device).hints == expected
    assert read(query, PRESETS).hints == ()
