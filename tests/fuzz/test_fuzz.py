"""Hostile bytes give a picture or an error of ours, the same each time: no crash, no hang, nothing
of what memory held before. A bounded minute of it; `scripts/fuzz` goes on for hours.

`FUZZ_SECONDS=600 pytest tests/fuzz` is longer. Mutations are drawn from a seed, so that a failure
is found again by running it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.fuzz.harness import Finding, Pair, hunt, inputs, minimised, seeds
from tests.fuzz.make_corpus import pictures
from tests.fuzz.pieces import kind, put_together, taken_apart

FORMATS = ("jpg", "png", "webp", "avif", "gif", "tiff", "heic")
FOUND = sorted((Path(__file__).parent / "found").glob("*.*"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "56")) / len(FORMATS)


@pytest.mark.parametrize("path", seeds(), ids=lambda path: path.name)
def test_every_seed_is_read(path):
    """The corpus is alive: what is mutated below is a picture to begin with."""
    body = path.read_bytes()
    facts = read_facts(body, Limits())
    assert Size(*decode(body, facts).image.size) == facts.size
    assert len(body) < 10_000


def test_the_corpus_has_every_kind():
    assert {path.name for path in seeds()} == {name for name, _ in pictures()}
    assert {path.suffix[1:] for path in seeds()} == set(FORMATS)


@pytest.mark.parametrize("path", seeds(), ids=lambda path: path.name)
def test_a_file_taken_apart_and_put_together_is_the_same_picture(path):
    """So a mutation of a piece is one of what the piece says, and not of its frame."""
    body = path.read_bytes()
    again = put_together(kind(body), taken_apart(body))
    first, second = (decode(each, read_facts(each, Limits())).image for each in (body, again))
    assert np.array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("format", FORMATS)
def test_a_mutation_gives_a_picture_or_an_error_of_ours_twice_the_same(format):
    findings: list[Finding] = []
    count = hunt(seeds(format), f"ci {format}", SECONDS, findings.append)
    assert [(finding.kind, finding.detail) for finding in findings] == []
    assert count > 0


def test_what_was_found_once_is_fixed():
    with Pair() as pair:
        wrong = {path.name: pair.finding(path.read_bytes()) for path in FOUND}
    assert {name: finding for name, finding in wrong.items() if finding} == {}


def test_inputs_are_those_of_their_seed():
    first, again, other = (inputs(seeds("png"), seed) for seed in ("a", "a", "b"))
    drawn = [next(first) for _ in range(5)]
    assert drawn == [next(again) for _ in range(5)]
    assert drawn != [next(other) for _ in range(5)]


PROBE = """
import os, sys, time
import tests.fuzz.target as target

def said(body):
    word = body.decode()
    if word == "crash":
        os.abort()
    if word == "escape":
        raise KeyError(word)
    if word == "memory":
        bytearray(b"x") * 1_600_000_000
    if word == "hang":
        while time.process_time() < target_start + 6: pass
    import numpy
    held = numpy.empty(300_000 if "uninitialised" in word else 1, numpy.uint8)
    held[0] = 0
    return {"kind": "picture", "digest": held.tobytes().hex(), "detail": word}

target_start = time.process_time()
target._said = said
target.main(sys.stdin.buffer, sys.stdout.buffer)
"""


@pytest.fixture
def broken(monkeypatch):
    """Decoding processes that do on request what none should."""
    start = subprocess.Popen

    def popen(command, **options):
        return start([sys.executable, "-W", "ignore", "-c", PROBE], **options)

    monkeypatch.setattr("tests.fuzz.harness.subprocess.Popen", popen)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"crash", "crash"),
        (b"escape", "escaped"),
        (b"memory", "memory"),
        (b"hang", "hang"),
        (b"uninitialised", "differs"),
        (b"fine", None),
    ],
)
def test_the_harness_notices(broken, body, expected):
    """A decoder with such a fault does not go unseen; the next input is decoded all the same."""
    with Pair() as pair:
        finding = pair.finding(body)
        assert (finding and finding.kind) == expected
        assert pair.finding(b"fine") is None


def test_a_finding_is_shortened(broken):
    finding = Finding("differs", "", b"....uninitialised.........")
    assert minimised(finding).body == b"uninitialised"
