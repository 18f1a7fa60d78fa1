"""Cutting out: which way leads to the matte, and how far it is doubted.

An original that is see-through already brings its matte. Else the first network segments the photo,
and `fusion` combines its mask with the background model. Where the doubt is high, a second network
follows, then a close-up pass (the last network on the product's box), then a third network.
Without any network the background model alone decides, if the background is plain. The result
depends on the original and the networks alone, so all presets of a photo share it.
"""

import asyncio
import time
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from edge import progress
from edge.arrays import Mask, Pixels
from edge.errors import ModelMissing, OriginalUnsupported
from edge.images import Box, Size
from edge.models import matting, roles
from edge.models.base import Models, digests
from edge.rendering.analysis.analysis import DETAIL
from edge.rendering.analysis.analyze import analyze
from edge.rendering.analysis.background import Grid
from edge.rendering.analysis.own_alpha import flattened, hides, without_shadow
from edge.rendering.matting.doubt import DOUBT_NUMBERS, doubt_of
from edge.rendering.matting.fusion import Fused, fuse
from edge.rendering.matting.mattes import Matte, NoMatte, Segmentation
from edge.rendering.matting.passes import Candidate, close_up_box, combined, doubt_in, placed
from edge.rendering.pixels.geometry import Area, sides_touched
from edge.rendering.pixels.levels import LEVELS, bounds
from edge.rendering.pixels.morphology import flood
from edge.rendering.request import Stopwatch
from edge.rendering.step import Tools
from edge.variants.transform import Transform
from edge.variants.values import MatteMode

CLEAR = "clear"
"""The flag of an original that shows nothing at all, for which no network can do anything."""


def found_without_network(image: Image.Image) -> Matte | NoMatte:
    """The cut that needs no network."""
    if image.mode == "RGBA" and hides(image):
        return _by_alpha(image)
    return _judged(fuse(flattened(image), None), None)


def for_transform(
    segmentation: Segmentation, image: Image.Image, transform: Transform, view: Area | None = None
) -> Segmentation:
    """The segmentation as a request needs it; pixel work.

    Where networks see no subject, or `_too_unsure` holds, the photo stays whole unless `matte=on`
    requires a cut. A subject of which `view` (the region that will be kept, in shares of the
    original) shows nothing counts as none. A cut-out's own shadow stays where the result is
    see-through or a scene, and is removed where one colour is laid behind. `image` is the original,
    of any size.
    """
    cut, colour = segmentation.found, transform.background and transform.background.color
    if transform.cuts_out:
        if view and isinstance(cut, Matte) and not _shows(cut, view):
            flags = ("no-subject", CLEAR) if cut.by == "alpha" else ("no-subject",)
            cut = NoMatte("the subject lies beside what is kept of the photo", flags)
            segmentation = replace(segmentation, found=cut)
        if transform.matte is not MatteMode.ON and _too_unsure(cut):
            return replace(segmentation, found=_uncut_photo(cut, image))
    if not (isinstance(cut, Matte) and cut.by == "alpha" and colour and colour.opaque):
        return segmentation
    matte = without_shadow(image, cut.matte) if image.mode == "RGBA" else cut.matte
    alpha = np.asarray(matte)
    box = bounds(alpha >= LEVELS.near)
    if matte is cut.matte or box is None:
        return segmentation
    return replace(segmentation, found=_matte_of(alpha, box, "alpha", 0.0, ()))


def require_matte(found: Matte | NoMatte, transform: Transform, models: Models) -> None:
    """Check that a request is served by what was found.

    Raises:
        ModelMissing: there is no matte and no network, and the request needs one.
        OriginalUnsupported: the networks see no subject either and `matte=on` requires one, or
            the original shows nothing at all.
    """
    if isinstance(found, NoMatte) and transform.requires_matte:
        why = {"reason": found.reason, "flags": list(found.flags)}
        try:
            if CLEAR not in found.flags:
                models.spec(roles.MATTING)
        except ModelMissing as missing:
            raise ModelMissing(
                f"{found.reason}; {missing.detail}",
                param=missing.param,
                allowed=missing.allowed,
                nearest=missing.nearest,
                diagnostics=why,
            ) from missing
        raise OriginalUnsupported(
            "no subject is found that could be cut out", param="matte", diagnostics=why
        )


def networks(models: Models) -> tuple[tuple[str, str], ...]:
    """Name and digest of the networks that may be asked, as far as the repository has them."""
    return digests(models, roles.MATTERS) if has(models, roles.MATTING) else ()


def segment_without_network(image: Image.Image, watch: Stopwatch) -> Segmentation:
    """What is found without a network; pixel work."""
    return Segmentation(
        watch.time("analysis", analyze, image), watch.time("cut", found_without_network, image)
    )


async def search(image: Image.Image, tools: Tools, watch: Stopwatch) -> Segmentation:
    """What is found in an upright sRGB picture.

    Raises:
        ModelUnavailable, ModelContractBroken, DeadlineExceeded: from the models.
    """
    own = image.mode == "RGBA" and await tools.engine.run(hides, image)
    if own or not has(tools.models, roles.MATTING):
        return await tools.engine.run(segment_without_network, image, watch)
    image, known = await tools.engine.run(_flat, image)
    pending = asyncio.ensure_future(_mask_by(image, tools, watch))
    try:
        analysis = await tools.engine.run(watch.time, "analysis", analyze, image, known)
        progress.entered("matting")  # it takes longer than what ran beside it
        first = await pending
    finally:
        pending.cancel()
    cut: Candidate = (await tools.engine.run(watch.time, "cut", fuse, image, first, known), first)
    names, masks, close_up = [roles.MATTING], [first], None
    later = [role for role in roles.MATTERS[1:] if has(tools.models, role)]
    for role in later or [roles.MATTING]:
        if doubt_in(cut[0]) < DOUBT_NUMBERS.again:
            break
        if later:
            masks.append(await _mask_by(image, tools, watch, role))
            names.append(role)
        if role != roles.MATTING_THIRD:
            close_up = await _close_up(image, masks, tools, watch, role)
        join = partial(combined, image, cut, *masks, close_up=close_up, known=known)
        cut = await tools.engine.run(watch.time, "cut", join)
    found = await tools.engine.run(watch.time, "cut", _judged, *cut)
    if isinstance(found, Matte):
        found = replace(found, networks=tuple(names))
    return Segmentation(analysis, found)


def _flat(image: Image.Image) -> tuple[Image.Image, Grid]:
    flat = flattened(image)
    return flat, Grid.of(flat)


async def _close_up(
    image: Image.Image, masks: list[Pixels], tools: Tools, watch: Stopwatch, role: str
) -> Pixels | None:
    """A network's mask of the product's box, placed in the whole picture."""
    size = Size(*image.size)
    box = close_up_box(*masks, size=size)
    return placed(await _mask_by(image, tools, watch, role, box), box, size) if box else None


async def _mask_by(
    image: Image.Image,
    tools: Tools,
    watch: Stopwatch,
    role: str = roles.MATTING,
    part: Box | None = None,
) -> Pixels:
    """A network's mask, uint8 [h, w], of the picture or of a part of it."""
    progress.entered("matting")
    start = time.perf_counter()
    mask = await matting.small_matte(
        tools.models,
        image,
        tools.deadline,
        tools.priority,
        role=role,
        part=part,
        run=tools.engine.run,
    )
    watch.timings.append(("matting", time.perf_counter() - start))
    return mask


def _judged(fused: Fused | str, network: Pixels | None) -> Matte | NoMatte:
    """The matte with its doubt and what is reported of it."""
    if isinstance(fused, str):
        return NoMatte(fused, ("no-subject" if network is not None else "not-plain",))
    matte = fused.matte
    box = bounds(matte >= LEVELS.half)
    if box is None:
        return _judged("nothing stands out from the background", network)
    doubt = doubt_of(fused.evidence)
    if network is None:
        doubt = max(doubt, DOUBT_NUMBERS.whole)  # no network has confirmed it
    size = Size(matte.shape[1], matte.shape[0])
    flags = [f"touches-{side}" for side in sides_touched(Area.of(box), size)]
    flags += ["several"] * (fused.parts > 1) + [DETAIL] * fused.detail
    by = "plain-background" if fused.plain else "network"
    cut = _matte_of(matte, box, by, doubt, tuple(flags))
    if network is None or (fused.plain and doubt < DOUBT_NUMBERS.review):
        return cut
    traces = bounds(_joined_to(matte, network > 0))
    return replace(cut, doubted=_fractions(traces, network) if traces else cut.subject)


def _shows(cut: Matte, view: Area) -> bool:
    """Whether anything of the subject lies in a region, in shares of the original."""
    size = Size(*cut.matte.size)
    kept = view.scaled(size.width, size.height).outward(size)
    alpha = np.asarray(cut.matte)[kept.top : kept.bottom, kept.left : kept.right]
    return bool((alpha >= (LEVELS.near if cut.by == "alpha" else LEVELS.half)).any())


def _too_unsure(cut: Matte | NoMatte) -> bool:
    """Whether the cut of a network is too unsure to be used, or the networks see no subject in a
    photo that shows something."""
    if isinstance(cut, NoMatte):
        return "no-subject" in cut.flags and CLEAR not in cut.flags
    return bool(cut.networks) and cut.doubt >= DOUBT_NUMBERS.whole


def _uncut_photo(cut: Matte | NoMatte, image: Image.Image) -> Matte:
    """The photo whole, as that of a detail is."""
    if isinstance(cut, NoMatte):
        return Matte(_whole(image), Area(0, 0, 1, 1), "network", 1.0, (DETAIL, *cut.flags))
    return replace(cut, matte=_whole(cut.matte), subject=Area(0, 0, 1, 1), flags=(DETAIL,))


def _whole(image: Image.Image) -> Image.Image:
    return Image.new("L", image.size, 255)


def _joined_to(matte: Pixels, traces: Mask) -> Mask:
    """The traces that hang together with the product; a table beside it is none of its parts."""
    height, width = traces.shape
    cells = np.asarray(Image.fromarray(matte).resize((width, height), Image.Resampling.BOX))
    return flood(traces, traces & (cells >= LEVELS.half))


def _by_alpha(image: Image.Image) -> Matte | NoMatte:
    """The original's own alpha, as it is; what is visible counts, soft shadows too."""
    alpha = np.asarray(image.getchannel("A"))
    box = bounds(alpha >= LEVELS.near)
    if box is None:
        return NoMatte("the original is see-through everywhere", ("no-subject", CLEAR))
    return _matte_of(alpha, box, "alpha", 0.0, ())


def _matte_of(alpha: Pixels, box: Box, by: str, doubt: float, flags: tuple[str, ...]) -> Matte:
    return Matte(Image.fromarray(alpha), _fractions(box, alpha), by, doubt, flags)


def _fractions(box: Box, alpha: Pixels) -> Area:
    return Area.of(box).scaled(1 / alpha.shape[1], 1 / alpha.shape[0])


def has(models: Models, name: str) -> bool:
    try:
        models.spec(name)
    except ModelMissing:
        return False
    return True
