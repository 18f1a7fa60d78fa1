"""Colours to sRGB, by the embedded profile where there is one and it says something else."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from cachetools import LRUCache
from PIL import Image, ImageCms

from edge.images import digest

_NEAR = 2
"""Levels of 255: profiles that are sRGB in all but rounding differ from it by 1 or 2."""

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_BROKEN = "the embedded colour profile cannot be used; colours are taken as {}"
_UNPROFILED_CMYK = "CMYK without a profile; colours follow by formula, as in browsers"

Convert = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How pictures of one mode and profile become sRGB; `apply` None: they are it already."""

    apply: Convert | None
    note: str | None = None


def conversion(mode: str, profile: bytes | None) -> Conversion:
    """The way to sRGB for pictures of mode L, RGB, CMYK or LAB.

    Applied, it answers mode RGB, or L for L. Relative colorimetric with black point compensation:
    paper white becomes white and the deepest black becomes black, as picture editors convert.
    """
    if mode == "LAB":
        return _remembered(mode, b"")
    if profile is not None:
        return _remembered(mode, profile)
    return Conversion(_by_formula, _UNPROFILED_CMYK) if mode == "CMYK" else Conversion(None)


_conversions: LRUCache[tuple[str, str], Conversion] = LRUCache(32)
_lock = Lock()


def _remembered(mode: str, profile: bytes) -> Conversion:
    """A transform takes 1 to 50 ms to build, and a shop's photos share a handful of profiles."""
    key = (mode, digest(profile))
    with _lock:
        known = _conversions.get(key)
    if known is None:
        known = _build(mode, profile)
        with _lock:
            _conversions[key] = known
    return known


def _build(mode: str, profile: bytes) -> Conversion:
    try:
        if mode == "L":
            return _grey_conversion(profile)
        apply = _transform(_open(mode, profile), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return _fallback(mode)
    return Conversion(None if mode == "RGB" and _is_identity(apply) else apply)


def _fallback(mode: str) -> Conversion:
    if mode == "CMYK":
        return Conversion(_by_formula, _BROKEN.format("CMYK by formula"))
    return Conversion(None, _BROKEN.format("sRGB"))


def _open(mode: str, profile: bytes) -> ImageCms.ImageCmsProfile:
    """Raises `ValueError` where the profile is not for this kind of picture."""
    if mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if opened.profile.xcolor_space.strip() != _SPACES[mode]:
        raise ValueError(f"a {opened.profile.xcolor_space} profile in a picture of mode {mode}")
    return opened


def _transform(source: ImageCms.ImageCmsProfile, mode: str, to: str) -> Convert:
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),  # one each: a profile's handle is not for two threads
        mode,
        to,
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )

    def apply(image: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None  # only in-place conversion answers None
        return converted

    return apply


def _grey_conversion(profile: bytes) -> Conversion:
    """One curve of 256 levels, so that grey stays one channel and perfectly neutral."""
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    converted = _transform(_open("L", profile), "L", "RGB")(ramp)
    curve = list(converted.getchannel("G").tobytes())
    if max(abs(level - index) for index, level in enumerate(curve)) <= _NEAR:
        return Conversion(None)
    return Conversion(lambda image: image.point(curve))


def _is_identity(apply: Convert) -> bool:
    """Whether colours from all over the cube stay where they are, whatever the profile's name."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    there = np.asarray(apply(Image.fromarray(cube)), dtype=np.int16)
    return int(np.abs(there - cube).max()) <= _NEAR


def _by_formula(image: Image.Image) -> Image.Image:
    return image.convert("RGB")
