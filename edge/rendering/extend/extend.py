"""Extension: more background than the camera saw, around a picture that does not fill its canvas.

A plain or graduated background is continued by its model (`plain`), a scene from copied pixels
(`scene`). Where the subject reaches the picture's edge only the background behind it is continued;
where hardly any background is visible that side gets the picture's colours, blurred.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageFilter

from edge.arrays import Mask, Pixels
from edge.images import WHITE, Box, Size
from edge.rendering.analysis.background import (
    BackgroundModel,
    Grid,
    NotPlain,
    fit_background,
    rarity,
    ring_of,
)
from edge.rendering.extend.plain import Beyond, continued, is_plain
from edge.rendering.extend.scene import imagined, scene_of
from edge.rendering.numbers import tuned
from edge.rendering.pixels.geometry import Area, sides_touched
from edge.rendering.pixels.levels import LEVELS, bounds
from edge.rendering.pixels.morphology import EDGE, border, flood, grown, shrunk
from edge.rendering.pixels.scales import SCALES
from edge.rendering.step import Framing


@dataclass(frozen=True)
class ExtendNumbers:
    """What of a background tells of the rest, and what stands in for one."""

    long: int = tuned(
        32,
        "pixels",
        "long side to which the picture is reduced first; enlarging a tiny reduction is the "
        "cheap way to a blur of an eighth of the canvas",
        "a sigma of 2 pixels to either side, 4 of 32",
    )
    tells: float = tuned(
        0.25,
        "share",
        "of the border, or of an edge that the subject runs out of, whose background tells of the "
        "rest",
        "hidden borders of 40 photographs come back within 6.3 levels, with half of it and with "
        "twice as well",
    )


EXTEND = ExtendNumbers()


def blurred_fill(image: Image.Image, canvas: Size) -> Image.Image:
    """The picture's colours (RGB or RGBA, that on white) over all of a canvas, RGB."""
    opaque = image
    if image.mode == "RGBA":
        opaque = Image.new("RGB", image.size, WHITE.rgb)
        opaque.paste(image, mask=image.getchannel("A"))
    small = canvas.scaled(min(1.0, EXTEND.long / canvas.long))
    tiny = opaque.resize((small.width, small.height), Image.Resampling.BOX)
    soft = tiny.filter(ImageFilter.GaussianBlur())
    return soft.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)


@dataclass(frozen=True, slots=True)
class Extended:
    """The canvas, and the share of it (0 to 1) that was guessed: made, and not as the continuation
    of a plain background. `review`: something other than background runs out of the picture
    there."""

    image: Image.Image = field(repr=False)
    guessed: float
    review: bool = False


@dataclass(frozen=True, slots=True)
class SubjectRegion:
    """The subject's box, None where there is none; `sure` where it was measured on a matte; `matte`
    (L, the picture's size) where one is there."""

    subject: Box | None
    sure: bool = True
    matte: Image.Image | None = field(default=None, repr=False)

    def turned(self, right: int) -> "SubjectRegion":
        """Of the picture after it was moved so far to the right, then turned over its diagonal; the
        matte is of that already."""
        box = self.subject
        moved = box and Box(box.top, box.left + right, box.bottom, box.right + right)
        return SubjectRegion(moved, self.sure, self.matte and _turned(self.matte))


def stuck(framing: Framing, subject: Box | None) -> tuple[str, ...]:
    """The sides of the content, of those with canvas beyond them, that the subject reaches."""
    if subject is None:
        return ()
    (left, top), content, canvas = framing.at, framing.content, framing.canvas
    beyond = {
        "left": left > 0,
        "top": top > 0,
        "right": left + content.width < canvas.width,
        "bottom": top + content.height < canvas.height,
    }
    reached = sides_touched(Area.of(subject), content)
    return tuple(side for side in reached if beyond[side])


def extended(
    image: Image.Image, canvas: Size, at: tuple[int, int], known: SubjectRegion
) -> Extended:
    """The picture (mode RGB) with its left top corner `at` in a canvas full of its background.

    What is `known` is in pixels of the picture; nothing inside of the box shows in what is made,
    nor, unless it is `sure`, what is joined to it and looks like it.
    """
    beside = (at[0], canvas.width - image.width - at[0])
    above = (at[1], canvas.height - image.height - at[1])
    wide, columns, review = _widened(image, beside, known, upright=True)
    guessed = columns * image.height
    if any(above):
        if known.matte:
            matte = Image.new("L", wide.size)
            matte.paste(known.matte, (at[0], 0))
            known = replace(known, matte=matte)
        tall, rows, stays = _widened(_turned(wide), above, known.turned(at[0]), upright=False)
        wide, guessed = _turned(tall), guessed + rows * canvas.width
        review |= stays
    return Extended(wide, guessed / canvas.pixels, review)


def _widened(
    image: Image.Image, by: tuple[int, int], known: SubjectRegion, *, upright: bool
) -> tuple[Image.Image, int, bool]:
    """With `by` columns more on the left and on the right, how many of them were guessed, and
    whether the subject runs out there."""
    if not any(by):
        return image, 0, False
    canvas = Image.new("RGB", (image.width + sum(by), image.height))
    canvas.paste(image, (by[0], 0))
    sides = _Sides.of(image, known, upright=upright)
    guessed, review = 0, False
    for at_far, length in zip((False, True), by, strict=True):
        if not length:
            continue
        left = canvas.width - length if at_far else 0
        strip = sides.plain(length, at_far=at_far)
        if strip is None:
            guessed += length
            strip = sides.scene(length, at_far=at_far)
        canvas.paste(strip or _colours(image, Size(*canvas.size), left, length), (left, 0))
        review |= sides.runs_out(at_far=at_far)
    return canvas, guessed, review


@dataclass(frozen=True)
class _Sides:
    """The background on a picture's left and right, on its `grid`: where it is `certain`, well away
    from the subject's box; where it is `visible`, within that box too; and its model where it is
    plain."""

    image: Image.Image
    grid: Grid
    certain: Mask
    visible: Mask
    model: BackgroundModel | NotPlain
    upright: bool

    @classmethod
    def of(cls, image: Image.Image, known: SubjectRegion, *, upright: bool) -> "_Sides":
        grid = Grid.of(image)
        certain = _beside(grid.cells, image, known)
        visible = _unmatted(known.matte, certain.shape) if known.matte else certain
        ring = ring_of(certain.shape)
        tells = (known.sure or known.matte) and np.mean(visible[ring]) > EXTEND.tells
        model = fit_background(grid, unlike=~visible if tells else None, least=EXTEND.tells)
        if isinstance(model, BackgroundModel) and not known.matte:
            visible = certain | model.open if _shows(model.open, certain) else certain
            if not (known.sure or certain[:, [0, -1]].all()):
                certain = certain | model.open
        return cls(image, grid, certain, visible, model, upright)

    def runs_out(self, *, at_far: bool) -> bool:
        """Whether something other than background reaches that edge."""
        return not self._free(self.certain, at_far) and not self._free(self.visible, at_far)

    def plain(self, length: int, *, at_far: bool) -> Image.Image | None:
        """A plain background continued, behind a subject as well; None where it is not plain or too
        little of it is visible."""
        if isinstance(self.model, NotPlain):
            return None
        free = self._free(self.certain, at_far)
        visible, least = (self.certain, 1.0) if free else (self.visible, EXTEND.tells)
        edge = self.visible[:, -1 if at_far else 0]
        if not (self._free(self.model.open, at_far) if free else np.mean(edge) >= least):
            return None
        if not is_plain(self.model, visible, at_far=at_far, least=least):
            return None
        return continued(
            self.image,
            length,
            Beyond.of(self.model.surface),
            at_far=at_far,
            visible=None if free else edge,
        )

    def scene(self, length: int, *, at_far: bool) -> Image.Image | None:
        """What a scene may show there; None where hardly any of it is seen."""
        scenery = self._scenery(at_far)
        if not _tells(scenery):
            return None
        scene = scene_of(self.image, self.grid.cells, scenery, level=self.upright)
        return imagined(self.image, scene, length, at_far=at_far)

    def _scenery(self, at_far: bool) -> Mask:
        """Well away from the subject, so that no shadow and no leg of it stands there again; only
        where all of that edge is close to it, right beside it."""
        edge = self.certain[:, -1 if at_far else 0]
        return self.certain if np.mean(edge) >= LEVELS.majority else self.visible

    def _free(self, background: Mask, at_far: bool) -> bool:
        return bool(np.mean(background[:, -1 if at_far else 0]) > 1 - SCALES.rim)


def _tells(background: Mask) -> bool:
    """Whether there is more than a line of it [h, w]."""
    return bool(np.count_nonzero(background) > max(background.shape))


def _unmatted(matte: Image.Image, shape: tuple[int, int]) -> Mask:
    """Where a matte (L) shows the background, beside the subject within its box as well [h, w]."""
    cells = matte.resize((shape[1], shape[0]), Image.Resampling.BOX)
    return ~grown(np.asarray(cells) > LEVELS.halo, 1)


def _shows(open_: Mask, certain: Mask) -> bool:
    """Whether what is plain within the subject's box may be background: it is not its middle."""
    box = bounds(~certain)
    return box is not None and bool(np.mean(open_[_middle(box)]) <= LEVELS.majority)


def _colours(image: Image.Image, canvas: Size, left: int, length: int) -> Image.Image:
    return blurred_fill(image, canvas).crop((left, 0, left + length, image.height))


def _middle(box: Box) -> tuple[slice, slice]:
    by_x, by_y = box.size.width // 4, box.size.height // 4
    return slice(box.top + by_y, box.bottom - by_y), slice(box.left + by_x, box.right - by_x)


def _beside(cells: Pixels, image: Image.Image, known: SubjectRegion) -> Mask:
    """Where the cells [h, w, 3] of a picture show certainly no subject."""
    height, width = cells.shape[:2]
    background = np.ones((height, width), np.bool_)
    subject = known.subject
    if subject:
        collar = SCALES.rim * max(width, height)
        across, down = width / image.width, height / image.height
        top, bottom = subject.top * down - collar, subject.bottom * down + collar
        left, right = subject.left * across - collar, subject.right * across + collar
        background[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1] = False
    if subject and not known.sure:
        background &= ~_alike(cells, ~background)
    return background


def _alike(grid: Pixels, box: Mask) -> Mask:
    """The box, and cells joined to it that hold its colours rather than the border's. What goes on
    to the border as well may be background, and is left out."""
    # well inside of a box that was guessed with air around it
    inner = shrunk(box, max(1, round(2 * SCALES.air * min(grid.shape[:2]))))
    outer = ring_of(box.shape) & ~box
    if not inner.any() or not outer.any():
        return box
    own = rarity(grid, inner, outer) >= LEVELS.majority
    alike = flood(own | box, box) & ~box
    whole = grown(box | alike & ~flood(alike, border(box.shape)), 1)
    return box | whole & ~border(box.shape, EDGE)


def _turned(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.TRANSPOSE)
