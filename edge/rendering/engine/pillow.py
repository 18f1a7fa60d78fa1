"""Which imaging engine runs, and whether it can do what this server promises.

Everything that opens or saves a picture imports this file, because importing it registers the
plugins and sets what the engine keeps per process.
"""

import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import PIL
from PIL import (
    GifImagePlugin,  # noqa: F401 - each import registers its format; none is left to a first request
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
    features,
)

from edge.arrays import Levels
from edge.errors import SettingsError
from edge.rendering.engine import stock

_NEEDS = {
    "jpg": ("JPEG", "libjpeg-dev"),
    "zlib": ("PNG", "zlib1g-dev"),
    "webp": ("WebP", "libwebp-dev"),
    "libtiff": ("TIFF", "libtiff-dev"),
    "littlecms2": ("colour profiles", "liblcms2-dev"),
}
"""What the engine must be built with: its name there, what it gives, Debian's package for it."""


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """The imaging library: `simd` names the instructions it was compiled for, None: the stock one.

    `formats` are the words for what it reads and writes.
    """

    name: str
    version: str
    simd: str | None
    formats: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}" + (f" ({self.simd})" if self.simd else "")


def _register_avif() -> bool:
    """The plugin serves only where the engine has no AVIF of its own; two would fight over it."""
    try:
        if features.check("avif"):
            from PIL import AvifImagePlugin  # noqa: F401
        else:
            import pillow_avif  # noqa: F401
    except ImportError:
        return False
    return "AVIF" in Image.OPEN and "AVIF" in Image.SAVE


def _register_heic() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return "HEIF" in Image.OPEN


_HAS_AVIF = _register_avif()
_HAS_HEIC = _register_heic()

# Every original is held against EDGE_LIMITS_PIXELS before it is opened. The engine's own bound is
# lower than that setting may be, and warns or raises in between.
Image.MAX_IMAGE_PIXELS = None


@cache
def describe() -> EngineBuild:
    """The engine that was imported; the same for the life of the process."""
    fork = ".post" in PIL.__version__  # pillow-simd numbers its releases after Pillow's
    names = [word for codec, (word, _) in _NEEDS.items() if features.check(codec)]
    names += ["AVIF"] * _HAS_AVIF + ["HEIC"] * _HAS_HEIC
    return EngineBuild(
        "pillow-simd" if fork else "Pillow",
        PIL.__version__,
        _instructions() if fork else None,
        tuple(names),
    )


def check(expected: str = "auto") -> EngineBuild:
    """Hold the engine against what is promised, once, before the first request.

    Args:
        expected: `auto`, `pillow` or `pillow-simd`.

    Raises:
        SettingsError: a format is missing, or another engine runs than was expected.
    """
    engine = describe()
    if expected not in ("auto", engine.name.lower()):
        raise SettingsError(
            f"EDGE_SERVER_ENGINE={expected} but {engine} is installed", param="EDGE_SERVER_ENGINE"
        )
    missing = [
        f"{word} (needs {package} when it is built)"
        for codec, (word, package) in _NEEDS.items()
        if word not in engine.formats and not features.check(codec)
    ]
    if not _HAS_AVIF:
        missing.append("AVIF (pip install pillow-avif-plugin)")
    if not _HAS_HEIC:
        missing.append("HEIC (pip install pillow-heif)")
    if missing:
        raise SettingsError(f"{engine} was built without {', '.join(missing)}")
    stock.package()
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise SettingsError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on: half pictures would pass")
    return engine


def open_as(stream: IO[bytes], format: str) -> Image.Image:
    """Open as this format of the engine's, never as another one that the bytes might fit."""
    return Image.open(stream, formats=(format,))


def save_as(image: Image.Image, stream: IO[bytes], format: str, **options: Any) -> None:
    """Save with these options; nobody else may save the same image at the same time."""
    image.save(stream, format, **options)


def same_pixels(image: Image.Image) -> Image.Image:
    """Another image of the very same pixels, without its notes: nobody may write into either."""
    image.load()
    same = image._new(image.im)
    same.info = {}
    return same


@cache
def has_aom() -> bool:
    """Whether AVIFs can be written by aom, as the wheels do; an engine may have another."""
    plugin = sys.modules.get("pillow_avif._avif") or sys.modules.get("PIL._avif")
    return plugin is not None and bool(plugin.encoder_codec_available("aom"))


def image_on(levels: Levels, mode: str) -> Image.Image:
    """An image on these very bytes, which nobody else may change then.

    Args:
        levels: contiguous, [H, W, 1] for L, [H, W, 4] for CMYK, RGBA, and for RGB, which the
            engine keeps in four bytes as well; the fourth is 255.
        mode: the image's.
    """
    height, width, _ = levels.shape
    kept = "RGBX" if mode == "RGB" else mode
    image = Image.frombuffer(kept, (width, height), levels, "raw", kept, 0, 1)
    if mode == kept:
        return image
    if not hasattr(image.im, "setmode"):  # since Pillow 13: then it is copied
        return image.convert(mode)
    image.im.setmode(mode)
    image = Image.Image()._new(image.im)
    image.readonly = 1
    return image


def _instructions() -> str:
    """Read from the compiler's own line, which stands in the library it built."""
    library = find_spec("PIL._imaging")
    compiled = Path(library.origin).read_bytes() if library and library.origin else b""
    return "AVX2" if b"-mavx2" in compiled else "SSE4"
