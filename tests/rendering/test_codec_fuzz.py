"""Hostile bytes give a picture or an error of ours: nothing else, and not for long.

Mutations are drawn from a seed, so a failure is found again by its name and number. More of them:
`FUZZ_ROUNDS=5000 pytest tests/rendering/test_codec_fuzz.py`.
"""

import os
import random
import time
import zlib
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.images import Size
from edge.rendering.codec import decode
from edge.rendering.facts import read_facts
from edge.settings import Limits
from tests.rendering.make_corpus import pictures

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "40"))  # for each of some 40 files
LIMITS = Limits(pixels=4_000_000, frames=50)
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SECONDS = 2.0  # of processor time; the slowest takes a tenth of it


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_every_seed_is_read(path):
    """The corpus is alive: what is mutated below is a picture to begin with."""
    body = path.read_bytes()
    facts = read_facts(body, LIMITS)
    assert Size(*decode(body, facts).image.size) == facts.size
    assert len(body) < 10_000


def test_the_corpus_has_every_kind():
    assert {path.name for path in CORPUS} == {name for name, _ in pictures()}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # the engine grumbles at odd tags
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_mutation_gives_a_picture_or_an_error_of_ours(path):
    whole = path.read_bytes()
    other = CORPUS[len(path.name) % len(CORPUS)].read_bytes()
    for number in range(ROUNDS):
        body = mutated(whole, other, random.Random(f"{path.name} {number}"))
        start = time.thread_time()
        try:
            read(body)
        except EdgeError:
            pass
        except Exception as error:
            raise AssertionError(f"mutation {number}") from error
        assert time.thread_time() - start < SECONDS, number


def read(body: bytes) -> None:
    facts = read_facts(body, LIMITS)
    assert facts.size.pixels <= LIMITS.pixels
    image = decode(body, facts).image
    assert Size(*image.size) == facts.size
    assert image.mode in ("RGB", "RGBA")
    decode(body, facts, target=Size(4, 4))


def mutated(body: bytes, other: bytes, draw: random.Random) -> bytes:
    """One to four changes: bits, bytes, numbers, cuts, repeats, and pieces of another file."""
    for _ in range(draw.randint(1, 4)):
        body = draw.choice(CHANGES)(body, other, draw) or body
    return with_checksums(body) if draw.random() < 0.7 else body


def with_checksums(body: bytes) -> bytes:
    """A PNG whose chunks are right about themselves, so that a mutation gets past the first look;
    anything else as it is."""
    at, parts = 8, [body[:8]]
    if body[:4] != b"\x89PNG":
        return body
    while at + 12 <= len(body):
        end = at + 8 + int.from_bytes(body[at : at + 4], "big")
        parts += [body[at:end], zlib.crc32(body[at + 4 : end]).to_bytes(4, "big")]
        at = end + 4
    return b"".join(parts)


def _flip(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at = _place(body, draw)
    return body[:at] + bytes([body[at] ^ 1 << draw.randrange(8)]) + body[at + 1 :]


def _noise(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, length = _place(body, draw), draw.randint(1, 16)
    return body[:at] + draw.randbytes(length) + body[at + length :]


def _number(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, width = _place(body, draw), draw.choice((1, 2, 4))
    value = draw.choice(EDGES) & (256**width - 1)
    return body[:at] + value.to_bytes(width, draw.choice(("big", "little"))) + body[at + width :]


def _cut(body: bytes, other: bytes, draw: random.Random) -> bytes:
    return body[: _place(body, draw)]


def _remove(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at = _place(body, draw)
    return body[:at] + body[at + draw.randint(1, 64) :]


def _repeat(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, length = _place(body, draw), draw.randint(1, 200)
    return body[: at + length] * 2 if at < 8 else body[:at] + body[at - length :]


def _splice(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, start = _place(body, draw), draw.randrange(len(other))
    return body[:at] + other[start : start + draw.randint(1, 200)] + body[at:]


CHANGES = (_flip, _flip, _noise, _number, _number, _cut, _remove, _repeat, _splice)


def _place(body: bytes, draw: random.Random) -> int:
    """Half the time within the first 200 bytes, where headers are."""
    return draw.randrange(min(len(body), 200) if draw.random() < 0.5 else len(body))
