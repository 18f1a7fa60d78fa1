"""No decoder that is installed or locked has a known hole, and pillow-simd, which has, decodes
nothing that was not made here."""

import re
import tomllib
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, features

from edge.rendering import decoders, decoding, engine, headers, stock
from edge.rendering.decoders import Ask
from edge.settings import Limits
from tests.rendering.originals import photo, saved

ROOT = Path(__file__).parent.parent
LIST = tomllib.loads((ROOT / "scripts" / "advisories").read_text())
ROWS = LIST["advisory"]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition(".post")[0]))


def installed() -> dict[str, str]:
    return decoding.versions() | {"libheif": pillow_heif.libheif_version()}


def locked(file: str) -> dict[str, list[str]]:
    """Every version of a package that a lock may install."""
    found: dict[str, list[str]] = {}
    pattern = re.compile(r"^([\w-]+)==([\w.]+)", re.MULTILINE)
    for name, version in pattern.findall((ROOT / file).read_text()):
        found.setdefault(name, []).append(version)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_what_is_installed_is_fixed(row):
    assert numbers(installed()[row["library"]]) >= numbers(row["fixed"])


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
    assert set(decoding.versions()) <= known


def test_every_format_has_its_decoders():
    assert set(decoding.LIBRARIES) == set(headers.OriginalFormat)


def test_pillow_simd_lacks_fixes_of_decoders():
    """The day it lacks none, it may decode again."""
    version = engine.describe().version
    if engine.describe().name != "pillow-simd":
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
    loaded = decoders.load(header.picture(body), Ask.of(header, None))
    assert loaded.image.size == photo().size


def test_the_engine_was_built_to_write_what_it_writes():
    assert features.check("jpg")
    assert features.check("webp")
