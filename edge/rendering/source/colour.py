"""Colours to sRGB: by the embedded profile, or by what the file says of its colours otherwise."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from cachetools import LRUCache
from PIL import Image

from edge.images import digest
from edge.rendering.engine import stock
from edge.rendering.source import colour_spaces, tone_mapping
from edge.rendering.source.facts import Mode
from edge.rendering.source.headers import cicp
from edge.rendering.source.headers.base import Header
from edge.rendering.source.headers.cicp import ColourSpace

_ROUNDING = 2
"""Levels that are no other colour: a profile's curve is rounded, and so is what comes out of it."""

_KEPT = {"RGB": "RGBX"}
"""How the engine keeps a mode's pixels, where not as its name says."""

_BAND = 256  # rows that are converted at once: there need not be room for all of them twice

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_BROKEN = "the embedded colour profile cannot be used; colours are taken as {}"
_CONVERTED = "colours by {} are converted to sRGB"
_TONE_MAPPED = "high dynamic range ({}, {}) is tone-mapped to sRGB, white at 203 cd/m2"
_NARROW = [min(255, max(0, round((level - 16) * 255 / 219))) for level in range(256)]
_UNPROFILED_CMYK = "CMYK without a profile; colours follow by formula, as in browsers"

Convert = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How pictures of one mode and profile become sRGB; `apply` None: they are it already."""

    apply: Convert | None
    note: str | None = None


def to_srgb(
    image: Image.Image, alpha: Image.Image | None, header: Header
) -> tuple[Image.Image, str | None]:
    """Mode RGB, or RGBA where there is alpha, and what there is to say of the colours.

    Args:
        image: mode L, RGB, RGBA, CMYK or LAB, in the file's own colours.
        alpha: mode L, goes with an image that has none of its own.
    """
    if image.mode == "RGBA" and not (header.icc or header.space or header.narrow):
        return image, None
    colours = image
    if image.mode == "RGBA":
        alpha, colours = image.getchannel("A"), _colours(image, header)
    if _is_grey(header.icc) and colours.mode == "RGB" and _is_neutral(colours):
        colours = colours.getchannel("G")
    way = conversion(colours.mode, header.icc, header.space)
    if way.apply is None and not header.narrow and image.mode == "RGBA":
        return image, way.note
    if header.narrow and colours.mode in ("L", "RGB"):
        colours = colours.point(_NARROW * len(colours.getbands()))
    colours = way.apply(colours) if way.apply else colours
    if colours.mode != "RGB":
        colours = colours.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours, way.note


def _colours(image: Image.Image, header: Header) -> Image.Image:
    """A see-through picture without its alpha; grey is one channel, as its profile wants it."""
    return image.getchannel("R") if header.mode is Mode.GREY else image.convert("RGB")


def _is_grey(profile: bytes | None) -> bool:
    return profile is not None and profile[16:20] == b"GRAY"


def _is_neutral(image: Image.Image) -> bool:
    """Whether it is grey in all but name: formats without a grey of their own hold it so."""
    levels = np.asarray(image)
    spread = levels.max(axis=-1) - levels.min(axis=-1)
    return int(spread.max()) <= _ROUNDING


def conversion(mode: str, profile: bytes | None, space: ColourSpace | None = None) -> Conversion:
    """The way to sRGB for pictures of mode L, RGB, CMYK or LAB; `profile` before `space`.

    Applied, it answers mode RGB, or L for L. Relative colorimetric with black point compensation:
    paper white becomes white and the deepest black becomes black, as picture editors convert.
    """
    if mode == "LAB":
        return _remembered(mode, b"")
    if profile is not None:
        return _remembered(mode, profile)
    if space is not None and mode in ("L", "RGB"):
        return _by_space(mode, space)
    return Conversion(_by_formula, _UNPROFILED_CMYK) if mode == "CMYK" else Conversion(None)


_conversions: LRUCache[tuple[str, str], Conversion] = LRUCache(32)
_lock = Lock()


def _by_space(mode: str, space: ColourSpace) -> Conversion:
    if space.hdr:
        return Conversion(lambda image: _tone_mapped(image, space), _tone_mapping(space))
    note = _CONVERTED.format(space.name)
    if mode == "L":
        curve = colour_spaces.grey_curve(space)
        return Conversion(lambda image: image.point(curve), note)
    known = _remembered(mode, colour_spaces.profile(space))
    return known if known.apply is None else Conversion(known.apply, note)


def tone_mapping_note(header: Header) -> str | None:
    """What there is to say of a picture that its decoder has tone-mapped already."""
    return _tone_mapping(header.space) if header.space else None


def _tone_mapping(space: ColourSpace) -> str:
    return _TONE_MAPPED.format(space.transfer.value, space.name)


def _tone_mapped(image: Image.Image, space: ColourSpace) -> Image.Image:
    mapped = tone_mapping.to_srgb(np.asarray(image.convert("RGB")), space, 8)
    return Image.fromarray(mapped)


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
        apply = _transform(_open(mode, profile), mode)
    except (_cms().PyCMSError, OSError, TypeError, ValueError, struct.error):
        return _fallback(mode)
    return Conversion(None if mode == "RGB" and _is_identity(apply) else apply)


def _fallback(mode: str) -> Conversion:
    if mode == "CMYK":
        return Conversion(_by_formula, _BROKEN.format("CMYK by formula"))
    return Conversion(None, _BROKEN.format("sRGB"))


def _cms() -> Any:
    """LittleCMS of the maintained Pillow: a profile is as untrusted as the pixels."""
    return stock.part("ImageCms")


def _open(mode: str, profile: bytes) -> Any:
    """Raises `ValueError` where the profile is not for this kind of picture."""
    cms = _cms()
    if mode == "LAB":
        return cms.ImageCmsProfile(cms.createProfile("LAB"))
    opened = cms.ImageCmsProfile(io.BytesIO(cicp.for_conversion(profile)))
    if opened.profile.xcolor_space.strip() != _SPACES[mode]:
        raise ValueError(f"a {opened.profile.xcolor_space} profile in a picture of mode {mode}")
    return opened


def _transform(source: Any, mode: str) -> Convert:
    cms, kept = _cms(), _KEPT.get(mode, mode)
    transform = cms.buildTransform(
        source,
        cms.createProfile("sRGB"),  # one each: a profile's handle is not for two threads
        kept,
        "RGB",
        cms.Intent.RELATIVE_COLORIMETRIC,
        cms.Flags.BLACKPOINTCOMPENSATION,
    )

    def apply(image: Image.Image) -> Image.Image:
        converted = Image.new("RGB", image.size)
        for top in range(0, image.height, _BAND):
            box = (0, top, image.width, min(top + _BAND, image.height))
            converted.paste(_applied(transform, image.crop(box), kept), box)
        return converted

    return apply


def _applied(transform: Any, band: Image.Image, kept: str) -> Image.Image:
    """One Pillow's pixels by the other's transform; they share no image, so bytes go between."""
    levels = band.tobytes("raw", kept)
    image = stock.part("Image").frombuffer(kept, band.size, levels, "raw", kept, 0, 1)
    return stock.adopted(_cms().applyTransform(image, transform))


def _grey_conversion(profile: bytes) -> Conversion:
    """One curve of 256 levels, so that grey stays one channel and perfectly neutral.

    A profile of RGB means the same of equal parts of it: so photos that were made grey keep theirs.
    """
    mode = "L" if _is_grey(profile) else "RGB"
    ramp = Image.frombytes("L", (256, 1), bytes(range(256))).convert(mode)
    converted = _transform(_open(mode, profile), mode)(ramp)
    curve = list(converted.getchannel("G").tobytes())
    if max(abs(level - index) for index, level in enumerate(curve)) <= _ROUNDING:
        return Conversion(None)
    return Conversion(lambda image: image.point(curve))


def _is_identity(apply: Convert) -> bool:
    """Whether colours from all over the cube stay where they are, whatever the profile's name."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    there = np.asarray(apply(Image.fromarray(cube)), dtype=np.int16)
    return int(np.abs(there - cube).max()) <= _ROUNDING


def _by_formula(image: Image.Image) -> Image.Image:
    return image.convert("RGB")
