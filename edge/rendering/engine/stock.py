"""The maintained Pillow: the engine itself where that is the stock one, else a copy beside it.

pillow-simd takes the name `PIL`, and lacks what later Pillows fixed. So where it is the engine, the
stock Pillow lies whole in the folder `stock_pillow` of the environment, and is imported from there
under that folder's name: two packages, two sets of libraries, in one process.
"""

import importlib
import io
from functools import cache
from types import ModuleType
from typing import Any

import PIL
from PIL import Image

from edge.errors import SettingsError

LEAST = (13, 0)
"""The first Pillow with all fixes that `docs/security.md` counts on."""

BESIDE = "stock_pillow.PIL"


@cache
def package() -> str:
    """`PIL`, or the name of the copy beside it.

    Raises:
        SettingsError: neither is a stock Pillow that is new enough.
    """
    for name in ("PIL", BESIDE):
        found = _version(name)
        if ".post" not in found and _numbers(found) >= LEAST:
            return name
    wanted = ".".join(map(str, LEAST))
    raise SettingsError(
        f"no Pillow {wanted} or newer decodes here: PIL is {PIL.__version__}; install a stock one "
        f"over it, or beside it: pip install --no-deps --target <site-packages>/stock_pillow "
        f"'pillow>={wanted}'"
    )


def version() -> str:
    return _version(package())


@cache
def part(name: str) -> Any:
    """One of its modules, such as `Image`."""
    module = importlib.import_module(f"{package()}.{name}")
    if name == "Image":
        _prepare(module)
    return module


def opened(data: bytes, format: str) -> Any:
    """An image of its own kind, opened as this format and never as another one."""
    return part("Image").open(io.BytesIO(data), formats=(format,))


def adopted(image: Any) -> Image.Image:
    """The engine's own image of the same pixels, where they are if that can be done."""
    if isinstance(image, Image.Image):
        return image
    try:
        return Image.fromarrow(image, image.mode, image.size)
    except ValueError:
        return Image.frombytes(image.mode, image.size, image.tobytes())


def handed(image: Image.Image, plugin: str) -> Any:
    """Its own image of the engine's pixels, mode RGB (as RGBX) or RGBA, to be saved by that plugin
    of its; the engine's image where the engine is the stock one."""
    part(plugin)
    own = part("Image")
    if isinstance(image, own.Image):
        return image
    kept = "RGBX" if image.mode == "RGB" else image.mode
    levels = image.tobytes("raw", kept)
    return own.frombuffer(kept, image.size, levels, "raw", kept, 0, 1)


def _prepare(module: ModuleType) -> None:
    """Limits are held before; and pixels in one piece can be handed over without a copy."""
    module.MAX_IMAGE_PIXELS = None  # type: ignore[attr-defined]
    if package() != "PIL":
        module.core.set_use_block_allocator(1)


def _version(name: str) -> str:
    try:
        return str(importlib.import_module(name).__version__)
    except ImportError:
        return "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in version.split(".")[:2] if word.isdigit())
