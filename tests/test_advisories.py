"""No decoder that is installed or locked has a known hole, and pillow-simd, which has, decodes
nothing that was not made here."""

import importlib
import re
import tomllib
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from imagecodecs import png_decode
from PIL import Image, ImageCms, features

from edge.limits import Limits
from edge.rendering.engine import pillow, stock
from edge.rendering.source import colour, decoders, headers, libraries
from edge.rendering.source.decode import decode
from edge.rendering.source.decoders import deep, png
from edge.rendering.source.decoders.options import DecodeOptions
from edge.rendering.source.facts import OriginalFormat
from edge.rendering.source.probe import read_facts
from tests.rendering import profiles, spaces
from tests.rendering.originals import chunk, photo, saved

ROOT = Path(__file__).parent.parent
LIST = tomllib.loads((ROOT / "scripts" / "advisories").read_text())
ROWS = LIST["advisory"]
LEFT_AWAY = {"PLTE tRNS"}


def numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)+", version.partition(".post")[0].rpartition("version ")[2])
    return tuple(int(part) for part in found[0].split("."))


def installed() -> dict[str, str]:
    """Of each library, and of those in their wheels."""
    avif = importlib.import_module(f"{stock.package()}._avif")
    within = {
        "libheif": pillow_heif.libheif_version(),
        "libde265": pillow_heif.libheif_info()["decoders"]["libde265"],
        "lcms2": stock.part("ImageCms").core.littlecms_version,
        "libpng": imagecodecs.png_version(),
        "libavif": avif.libavif_version,
        "dav1d": re.search(r"dav1d \[dec\]:([\d.]+)", avif.codec_versions())[1],
    }
    return libraries.versions() | within


def locked(file: str) -> dict[str, list[str]]:
    """Every version of a package that a lock may install."""
    found: dict[str, list[str]] = {}
    pattern = re.compile(r"^([\w-]+)==([\w.]+)", re.MULTILINE)
    for name, version in pattern.findall((ROOT / file).read_text()):
        found.setdefault(name, []).append(version)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_what_is_installed_is_fixed(row):
    """Or what reaches the hole is left away: the tests below hold each of those."""
    fixed = numbers(installed()[row["library"]]) >= numbers(row["fixed"])
    assert fixed or row.get("never") in LEFT_AWAY


def test_no_palette_and_no_clear_colour_reach_the_png_decoder_of_imagecodecs(monkeypatch):
    """16 bits of PQ, with a palette that only suggests colours; then with a colour that is clear,
    which goes by another decoder."""
    given: list[bytes] = []
    monkeypatch.setattr(deep, "png_decode", lambda data: given.append(data) or png_decode(data))
    palette, clear = chunk(b"PLTE", bytes(range(30))), chunk(b"tRNS", bytes(6))
    more = {"none": (), "suggested": (palette,), "clear": (palette, clear)}
    for chunks in more.values():
        body = spaces.png16(np.full((8, 8, 3), 0.5), spaces.cicp(9, 16), *chunks)
        header = headers.read(body, Limits())
        assert all(part in header.picture(body) for part in chunks)
        decoders.load(header.picture(body), DecodeOptions.of(header, None))
    assert len(given) == 2
    assert given[0] == given[1]
    assert {name for name, _ in png.chunks(given[1])} == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_what_is_locked_is_fixed(file):
    versions = locked(file)
    for row in ROWS:
        if "within" not in row:
            for version in versions[row["library"]]:
                assert numbers(version) >= numbers(row["fixed"]), row["id"]


def test_what_is_meant_to_work_is_fixed():
    """The lower bound that `pyproject.toml` allows has every fix that touches a decoder."""
    text = (ROOT / "pyproject.toml").read_text()
    least = re.search(r'"pillow>=([\d.]+)', text)
    touching = [row for row in ROWS if row["library"] == "pillow" and row["formats"]]
    assert least is not None
    assert all(numbers(least[1]) >= numbers(row["fixed"])[:2] for row in touching)
    assert all(numbers(row["fixed"])[:2] <= stock.LEAST for row in touching)


def test_every_decoder_was_looked_up():
    known = {row.get("within", row["library"]) for row in ROWS} | set(LIST["none_published"])
    assert set(libraries.versions()) <= known


def test_every_format_has_its_decoders():
    assert set(libraries.LIBRARIES) == set(OriginalFormat)


def test_pillow_simd_lacks_fixes_of_decoders():
    """The day it lacks none, it may decode again."""
    version = pillow.describe().version
    if pillow.describe().name != "pillow-simd":
        pytest.skip("stock Pillow is the engine here")
    assert [row for row in ROWS if row["formats"] and numbers(row["fixed"]) > numbers(version)]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"])
def test_no_original_reaches_pillow_simd_s_readers(monkeypatch, format):
    if stock.package() == "PIL":
        pytest.skip("stock Pillow is the engine here")
    body = saved(photo(), format)
    header = headers.read(body, Limits())

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the engine was given an original")

    monkeypatch.setattr(Image, "open", refuse)
    for decoder in ("jpeg_decoder", "zip_decoder", "gif_decoder", "libtiff_decoder"):
        if hasattr(Image.core, decoder):
            monkeypatch.setattr(Image.core, decoder, refuse)
    loaded = decoders.load(header.picture(body), DecodeOptions.of(header, None))
    assert loaded.image.size == photo().size


def test_no_profile_reaches_pillow_simd_s_little_cms(monkeypatch):
    if stock.package() == "PIL":
        pytest.skip("stock Pillow is the engine here")
    colour._conversions.clear()

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the engine was given a profile")

    for entry in ("profile_frombytes", "profile_open", "buildTransform", "createProfile"):
        monkeypatch.setattr(ImageCms.core, entry, refuse)
    body = saved(photo(), "PNG", icc_profile=profiles.profile("adobe-rgb"))
    answer = decode(body, read_facts(body, Limits())).image
    assert np.abs(np.asarray(answer, int) - np.asarray(photo(), int)).max() > 10


def test_the_engine_was_built_to_write_what_it_writes():
    assert features.check("jpg")
    assert features.check("webp")
