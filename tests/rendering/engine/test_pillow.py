"""The imaging engine is named, and refuses to start without what is promised."""

import PIL
import pytest
from PIL import Image, ImageFile, features

from edge.errors import SettingsError
from edge.rendering.engine import pillow


@pytest.fixture
def fresh():
    """`describe` remembers; these tests change what it sees."""
    pillow.describe.cache_clear()
    yield
    pillow.describe.cache_clear()


def test_the_engine_says_who_it_is():
    described = pillow.check()
    assert described.version == PIL.__version__
    assert described.name in ("Pillow", "pillow-simd")
    assert {"JPEG", "PNG", "WebP", "AVIF", "TIFF", "HEIC"} <= set(described.formats)
    assert str(described).startswith(f"{described.name} {PIL.__version__}")


def test_instructions_are_named_for_pillow_simd_only():
    described = pillow.describe()
    if described.name == "pillow-simd":
        assert described.simd in ("AVX2", "SSE4")
        assert str(described).endswith(f"({described.simd})")
    else:
        assert described.simd is None
        assert "(" not in str(described)


def test_another_engine_than_expected_is_refused():
    here = pillow.describe().name.lower()
    other = {"pillow": "pillow-simd", "pillow-simd": "pillow"}[here]
    assert pillow.check(here)
    with pytest.raises(SettingsError, match=f"EDGE_SERVER_ENGINE={other}"):
        pillow.check(other)


@pytest.mark.parametrize(
    ("codec", "word", "package"),
    [("jpg", "JPEG", "libjpeg-dev"), ("webp", "WebP", "libwebp-dev"),
     ("littlecms2", "colour profiles", "liblcms2-dev"), ("libtiff", "TIFF", "libtiff-dev")],
)  # fmt: skip
def test_a_missing_format_is_named_with_its_debian_package(
    fresh, monkeypatch, codec, word, package
):
    real = features.check
    monkeypatch.setattr(features, "check", lambda name: name != codec and real(name))
    with pytest.raises(SettingsError) as raised:
        pillow.check()
    assert word in raised.value.detail
    assert package in raised.value.detail


def test_a_missing_avif_names_the_wheel(monkeypatch):
    monkeypatch.setattr(pillow, "_HAS_AVIF", False)
    with pytest.raises(SettingsError, match="pillow-avif-plugin"):
        pillow.check()


def test_half_pictures_are_refused_at_start(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(SettingsError, match="LOAD_TRUNCATED_IMAGES"):
        pillow.check()


def test_the_engine_s_own_bound_gives_way_to_the_setting():
    assert Image.MAX_IMAGE_PIXELS is None


def test_only_the_format_that_was_asked_for_is_opened():
    import io

    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PPM")
    with pytest.raises(PIL.UnidentifiedImageError):
        pillow.open_as(stream, "JPEG")
