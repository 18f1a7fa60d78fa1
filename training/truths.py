"""Pictures whose right answer is known, and how far rendering is off from it.

Each of `TRUTHS` makes its cases once from a folder of data and measures one of them by the numbers
as they are at that moment. Networks answer from a folder where they have been asked before.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from edge.deadline import Deadline
from edge.images import WHITE, Format, Size
from edge.models.matting import small_matte
from edge.rendering.analysis.analyze import analyze
from edge.rendering.analysis.degradation import noise
from edge.rendering.analysis.own_alpha import without_shadow
from edge.rendering.analysis.parts import parts_of, reduced, second_views
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.extend.extend import SubjectRegion, extended
from edge.rendering.framing import window
from edge.rendering.matting.doubt import doubt_of
from edge.rendering.matting.foreground import foreground
from edge.rendering.matting.fusion import fuse
from edge.rendering.matting.mattes import Matte
from edge.rendering.matting.segment import search
from edge.rendering.output import write
from edge.rendering.output.metrics import luma, psnr, ssim
from edge.rendering.output.quality import auto
from edge.rendering.output.sample import sample
from edge.rendering.output.write import Writer
from edge.rendering.pixels import levels, scales
from edge.rendering.pixels.denoise import denoised
from edge.rendering.pixels.levels import LEVELS, bounds
from edge.rendering.request import Stopwatch
from edge.rendering.source.decoders.jpeg import load
from edge.rendering.source.decoders.options import DecodeOptions
from edge.rendering.source.decoders.plain import straightened
from edge.rendering.source.headers.base import OriginalFormat
from edge.rendering.step import Tools
from training.known import (
    Given,
    composites,
    framed,
    grainy,
    halved,
    in_each_format,
    judged,
    on_white,
    pairs,
    photos,
    weighted_or_not,
    with_a_drop_shadow,
    with_a_second_view,
    without_border,
)
from training.matting.measure import error, outline_error


@dataclass(frozen=True)
class Truth:
    """`unit` says what the figure is; smaller is better. `of` are beginnings of numbers' names."""

    unit: str
    of: tuple[str, ...]
    cases: Callable[[Given], list[Any]]
    measure: Callable[[Given, Any], float]


def _cut(given: Given, image: Image.Image) -> np.ndarray:
    """The alpha of a photo's cut; all of it where it has none."""
    tools = Tools(given.models, _ENGINE, Deadline.after(600))
    found = given.wait(search(image, tools, Stopwatch())).found
    matte = found.matte if isinstance(found, Matte) else Image.new("L", image.size, 255)
    return np.asarray(matte)


_ENGINE = EngineThreads(1)


def _cut_error(given: Given, case: Any) -> float:
    return 100 * error(_cut(given, case[0]), np.asarray(case[1]))


def _outline_error(given: Given, case: Any) -> float:
    return 255 * outline_error(_cut(given, case[0]), np.asarray(case[1]))


def _colour_error(_given: Given, case: Any) -> float:
    """With the right alpha and with a blurred one."""
    image, alpha, own = case
    off = []
    for matte in (alpha, alpha.filter(ImageFilter.GaussianBlur(1))):
        cover = np.asarray(matte)
        away = np.abs(np.asarray(foreground(image, matte), float) - np.asarray(own)).mean(axis=2)
        known = (cover > 0) & (cover < 255) & (np.asarray(alpha) > 0)
        off.append(np.average(away[known], weights=cover[known]))
    return float(np.mean(off))


def _boxes(given: Given, case: Any) -> tuple[np.ndarray, np.ndarray]:
    """Left, top, right, bottom of the subject by one look and by its alpha, in pixels."""
    image, alpha = case
    guess = analyze(image).subject_in(Size(*image.size))
    known = bounds(np.asarray(alpha) >= LEVELS.half)
    assert known
    whole = (0.0, 0.0, *map(float, image.size))
    return np.array(guess.as_tuple() if guess else whole), np.array(known.as_tuple(), float)


def _box_error(given: Given, case: Any) -> float:
    """1 - intersection over union."""
    one, other = _boxes(given, case)
    inner = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = np.prod(np.maximum(inner, 0))
    return float(100 - 100 * common / (sum(np.prod(b[2:] - b[:2]) for b in (one, other)) - common))


def _missed(given: Given, case: Any) -> float:
    """Whether something of the subject lies outside of the guess and its air."""
    one, other = _boxes(given, case)
    beyond = np.concatenate([one[:2] - other[:2], other[2:] - one[2:]]).max()
    return 100.0 * bool(beyond > window.WINDOW.doubt * (one[2:] - one[:2]).max())


def _strips(case: Any) -> tuple[Image.Image, Image.Image]:
    """The hidden part as it is made, and as it is."""
    shown, whole, box = case
    made = extended(shown, Size(*whole.size), (0, 0), SubjectRegion(box, sure=False)).image
    part = (shown.width, 0, *whole.size)
    return made.crop(part), whole.crop(part)


def _border_error(_given: Given, case: Any) -> float:
    one, other = (np.asarray(part.reduce(4), float) for part in _strips(case))
    return float(np.abs(one - other).mean())


def _grain_error(_given: Given, case: Any) -> float:
    """By what factor the grain is off, as the log to base 2."""
    grain = []
    for part in _strips(case):
        plane = np.asarray(part.convert("L"), float)
        rough = plane - np.asarray(part.convert("L").filter(ImageFilter.BoxBlur(2)), float)
        grain.append(1.48 * np.median(np.abs(rough)) + 0.1)
    return abs(math.log2(grain[0] / grain[1]))


def _noise_error(_given: Given, case: Any) -> float:
    return abs((noise(case[0]) or 0.0) - case[1])


def _grain_left(_given: Given, case: Any) -> float:
    """Loss of PSNR in decibels against none, for grain that is taken down."""
    image, sigma, clean = case
    return -psnr(denoised(image, sigma), clean) if sigma >= 2 else math.nan


def _loss(image: Image.Image, format: Format, quality: int) -> float:
    body = io.BytesIO(Writer(format).write(image, quality))
    return max(1e-4, 1 - ssim(luma(image), luma(Image.open(body))))


def _sample_error(_given: Given, image: Image.Image) -> float:
    """By what factor the sample's loss is off from the whole picture's, as the log to base 2."""
    both = (_loss(part, Format.JPEG, 78) for part in (sample(image), image))
    return abs(math.log2(next(both) / next(both)))


def _quality_error(_given: Given, case: Any) -> float:
    """The same of the loss that is aimed at and the one that a picture has, in percent of SSIM."""
    image, format = case
    return 100 * abs(_loss(image, format, auto(sample(image), format)) - 0.015)


def _draft_error(_given: Given, case: Any) -> float:
    """How far a decode at a reduced scale is off from one of all pixels, once both are resized."""
    body, image, size = case
    made = []
    for least in (size, None):
        decoded = load(
            body, DecodeOptions(OriginalFormat.JPEG, Size(*image.size), least=least)
        ).image
        made.append(decoded.resize((size.width, size.height), Image.Resampling.LANCZOS))
    return float(np.abs(np.subtract(*(np.asarray(one, float) for one in made))).mean())


def _ringing(_given: Given, case: Any) -> float:
    """White pixels beside a subject that a JPEG leaves farther from white than hardly shows."""
    image, white = case
    with Image.open(io.BytesIO(Writer(Format.JPEG).write(image, 78))) as seen:
        off = 255 - np.asarray(seen.convert("L"))
    return 100 * float(np.mean(off[white] >= levels.LEVELS.near))


def _colour_loss(_given: Given, image: Image.Image) -> float:
    """What halved colour adds to the squared error of the last quality that halves it."""
    quality, errors = min(96, write.WRITE.full_colour_from) - 1, []
    for rich in (True, False):
        body = io.BytesIO(Writer(Format.JPEG, rich=rich).write(image, quality))
        errors.append(10 ** (-psnr(image, Image.open(body)) / 10))
    return 100 * (1 - errors[0] / errors[1])


def _enlarged(given: Given, image: Image.Image) -> float:
    """By how much Lanczos is better than the network where a network is asked for, in decibels."""
    large = image.crop((0, 0, 400, 400))
    few = large.resize((int(400 / scales.SCALES.worth),) * 2, Image.Resampling.BICUBIC)
    apart = []
    for up in ("auto", "off"):
        given.bench.another()
        query = f"w=400&h=400&fit=fill&up={up}&sharp=off&fm=png"
        made = given.wait(given.bench.rendered(query, few))["picture"][..., :3]
        apart.append(
            psnr(Image.fromarray(made).resize(large.size, Image.Resampling.LANCZOS), large)
        )
    return apart[1] - apart[0]


def _short(given: Given, case: Any) -> float:
    """Whether a rendition's subject is shorter than its share, as a marketplace measures it."""
    image, query = case
    given.bench.another()
    made = given.wait(given.bench.rendered(query, image))["picture"][..., :3]
    box = bounds((255 - made.min(axis=2)) > LEVELS.near)
    assert box
    return 100.0 * (max(box.size.width, box.size.height) < 0.85 * made.shape[0])


def _view_error(_given: Given, case: Any) -> float:
    parts = parts_of(reduced(case[0]), WHITE, None)
    return 100.0 * (bool(parts and second_views(parts)) != case[1])


def _fringe(_given: Given, case: Any) -> float:
    """By how much the colours of soft pixels are off, as they count."""
    image, own = case
    away = np.abs(np.asarray(straightened(image), float) - own)[..., :3].mean(axis=2)
    soft = (own[..., 3] > 0) & (own[..., 3] < 255)
    return float(np.average(away[soft], weights=own[..., 3][soft])) if soft.any() else math.nan


def _shadow_left(_given: Given, case: Any) -> float:
    image, known = case
    away = np.asarray(without_shadow(image, image.getchannel("A")), float) - np.asarray(known)
    return float(np.abs(away).mean())


def _misjudged(given: Given, case: Any) -> float:
    """The squared distance of a verdict, 0 or 1, and the doubt of the cut by one network."""
    image, rejected = case
    network = given.wait(small_matte(given.models, image, Deadline.after(600)))
    found = fuse(image, network)
    return math.nan if isinstance(found, str) else (doubt_of(found.evidence) - rejected) ** 2


_MATTING = ("analysis.background", "analysis.surface", "matting.", "pixels.")

TRUTHS = {
    "cuts": Truth("percent of alpha, photographs", _MATTING, pairs, _cut_error),
    "outlines": Truth("levels along outlines, composites", _MATTING, composites, _outline_error),
    "colours": Truth("levels of soft colours", ("matting.foreground",), composites, _colour_error),
    "boxes": Truth("percent of boxes", ("analysis.analyze", "pixels."), pairs, _box_error),
    "missed": Truth("percent of boxes too small", ("framing.window",), pairs, _missed),
    "plain": Truth(
        "levels of hidden borders",
        ("extend.", "pixels."),
        without_border("plain", 3),
        _border_error,
    ),
    "scene": Truth(
        "levels of hidden borders",
        ("extend.", "pixels."),
        without_border("backgrounds", 6),
        _border_error,
    ),
    "grain": Truth("powers of 2 of grain", ("extend.",), without_border("plain", 3), _grain_error),
    "grain_scene": Truth(
        "powers of 2 of grain", ("extend.",), without_border("backgrounds", 6), _grain_error
    ),
    "noise": Truth("levels of grain", ("analysis.degradation",), grainy, _noise_error),
    "denoised": Truth("decibels", ("pixels.denoise",), grainy, _grain_left),
    "sample": Truth(
        "powers of 2 of loss", ("output.sample",), lambda g: [*photos(g, 8, 1200)], _sample_error
    ),
    "quality": Truth("percent of SSIM", ("output.",), in_each_format, _quality_error),
    "short": Truth("percent of renditions", ("framing.product",), framed, _short),
    "ringing": Truth("percent of white pixels", ("pixels.levels",), on_white, _ringing),
    "colour": Truth(
        "percent of squared error",
        ("output.write",),
        lambda g: [*photos(g, 14, 800)],
        _colour_loss,
    ),
    "enlarged": Truth("decibels", ("pixels.scales",), lambda g: [*photos(g, 30, 800)], _enlarged),
    "drafts": Truth("levels", ("source.",), halved, _draft_error),
    "weighted": Truth("levels of soft colours", ("source.",), weighted_or_not, _fringe),
    "shadows": Truth("levels of alpha", ("analysis.own_alpha",), with_a_drop_shadow, _shadow_left),
    "doubt": Truth(
        "squared doubt that is off", ("matting.", "analysis.background"), judged, _misjudged
    ),
    "views": Truth("percent of pictures", ("analysis.parts",), with_a_second_view, _view_error),
}
