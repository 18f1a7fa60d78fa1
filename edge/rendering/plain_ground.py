"""Cut a subject out of a plain studio ground without a network, or say why that cannot be done.

Most catalogue photos stand on white, grey or coloured paper. There the ground is known everywhere
(`studio`), what it does not reach is the subject, and along the outline the two are unmixed
(`unmix`). Where the ground is no studio, or the subject looks like it, this abstains: a network
that knows what products look like does better there.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from edge.images import Box, Color
from edge.rendering.matte import HALF, bounds, touched
from edge.rendering.regions import (
    Mask,
    border,
    closed,
    components,
    embraced,
    filled,
    flood,
    grown,
    shrunk,
)
from edge.rendering.shadows import TINT, colourfulness, shade_of, worst
from edge.rendering.studio import NotPlain, Pixels, Studio, apart, backdrop, survey
from edge.rendering.unmix import inks, unmix

LONGEST = 400
"""Cells on the long side of the grid on which regions are found."""

SMALLEST = 48
"""Pixels on the short side under which the outline is most of the picture."""

LEAST_TRUST = 0.78
"""Found by eye on 300 shop photos: below it white on white, wet glass and whole flat lays begin."""

FULL_SHARE = 0.6
"""Of the border: with so much of it in sight the ground is known well."""

SHADED = 0.35
"""So much of what a product embraces may be shadow before it looks like an open outline."""

THIN_END = 0.04
"""Of the height: thinner than any product that the camera cut on both sides."""

TRACED, TRACES_COST = 0.02, 4.0
"""Of the subject's area: fine structure beside it that dust and a tiled floor explain, and how much
trust each part beyond costs. A white shirt on white paper leaves its folds, glass its rim, a cable
its end. Found by eye on 150 shop photos that were cut with confidence: most of the nine that left
more than twice as much had lost a part, one of them only showed a tiled floor."""

ALL_THERE, LEAST_WHOLE = 0.9, 0.86
"""Below the first a part that has the ground's colour may be lost. Traces may also be a reflection,
so they cost no more than lets a network decide that is sure."""

TINTED = 12.0
"""Levels of colourfulness from which no white material has the paper's colour by chance."""

PRINT_DEPTH = 0.04
"""On a ground of pure white a white print looks like a hole; prints lie deeper inside than straps
and handles are thick, as a share of the grid's long side."""

LARGE_HOLE = 0.1
"""Of the subject's area: larger than prints are."""

LOW, SOFT, SHADOWED = 0.6, 0.35, 0.065
"""Where the lower part of a subject begins; how much of the way from ground to subject a soft edge
may take within three cells; and the share of such edges from which a shadow may be left. Of 141
shop photos that were cut with confidence 24 are above, and nearly all of these show one."""

APART, APART_GRID, APART_ALPHA = (0.001, 0.2), 400, 100
"""Shares of the largest part between which another is something left beside it rather than a crumb
or a second product; the long side of the grid on which that is seen, and from which alpha on."""

LIT, DIM, UNSEEN = 0.98, 0.2, 64
"""Shares of the ground's light between which shadow may be; alpha under which a network sees no
subject."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A matte that can be trusted as far as `confidence` (0 to 1).

    `matte` is uint8 [H, W], 0 ground to 255 subject; `box` holds all of the subject; `ground` is
    the ground's usual colour. `flags`: `touches-left` and its like, `several`, `holes`, and
    `ground-coloured` where a part seems to be lost, `shadow` where one seems to be left, `apart`
    where something small stays beside the subject.
    """

    matte: Pixels = field(repr=False)
    box: Box
    confidence: float
    ground: Color
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Abstained:
    """Why no matte was made, in words, and as flags.

    `flags`: `tiny`, `not-plain`, `no-subject`, `ground-coloured`, `see-through`.
    """

    reason: str
    flags: tuple[str, ...]


_NOTHING = Abstained("nothing stands out from the ground", ("no-subject",))


@dataclass(frozen=True, slots=True)
class Doubts:
    """What speaks against a matte, each as a share from 0 (nothing) to 1.

    `weak`: of the outline, where subject and ground hardly differ. `leaked`: of the subject's
    bulk, what the walk over the ground took though it does not look like it. `alike`: of the
    subject, what has the ground's colour within. `lost`: faint traces beside it, as of glass.
    `traces`: fine structure in what counts as ground, measured by the subject.
    """

    weak: float
    leaked: float
    alike: float
    lost: float
    traces: float

    @property
    def trust(self) -> float:
        return (1 - self.weak) * (1 - min(1.0, 2 * self.leaked)) * (1 - self.alike)

    @property
    def whole(self) -> float:
        """How far the subject seems to be all there, from 1 down to `LEAST_WHOLE`."""
        return max(LEAST_WHOLE, 1 - TRACES_COST * max(0.0, self.traces - TRACED))


def cut_out(image: Image.Image, seen: Pixels | None = None) -> Cutout | Abstained:
    """The subject of an upright sRGB picture, mode RGB, of any size.

    `seen` (uint8 [H, W]) is a network's rough matte, from one that was asked what is shadow: what
    looks like shadow, and it takes for ground, is ground.
    """
    if min(image.size) < SMALLEST:
        return Abstained(f"the short side has fewer than {SMALLEST} pixels", ("tiny",))
    factor = -(-max(image.size) // LONGEST)
    grid = np.asarray(image.reduce(factor) if factor > 1 else image)
    studio = survey(grid)
    if isinstance(studio, NotPlain):
        return Abstained(studio.reason, ("not-plain",))
    if seen is not None:
        studio = _unshaded(grid, studio, seen)
    subject, parts, lost = _without_crumbs(~studio.open, grid, studio)
    if np.count_nonzero(shrunk(subject, 1)) < 0.002 * subject.size:
        return _NOTHING
    holes = find_holes(grid, studio, subject)
    subject &= ~holes
    if holes.any():
        studio = studio.with_open(grid, studio.open | holes)
    ink = inks(grid, studio, subject)
    doubts = doubt(grid, studio, subject, ink, lost)
    refused = _refusal(doubts)
    if refused:
        return refused
    matte = unmix(image, ink, studio, subject)
    found = _told(matte, studio, doubts, parts, bool(holes.any()))
    if isinstance(found, Cutout) and soft_edged(grid, studio, subject, ink) >= SHADOWED:
        return replace(found, flags=(*found.flags, "shadow"))
    return found


def _unshaded(grid: Pixels, studio: Studio, seen: Pixels) -> Studio:
    """The studio with its ground also where shadow is, and a network sees none of the subject."""
    size = (grid.shape[1], grid.shape[0])
    rough = np.asarray(Image.fromarray(seen).resize(size, Image.Resampling.BOX))
    light, tint = shade_of(grid.astype(np.float32), studio.backdrop.astype(np.float32))
    shade = ~studio.open & (tint <= TINT) & (light < LIT) & (light > DIM) & (rough < UNSEEN)
    shade = shrunk(flood(shade, shade & grown(studio.open, 1)), 1)
    if not shade.any():
        return studio
    penumbra = grown(shade, 2) & ~studio.open & (rough < HALF)
    return studio.with_open(grid, studio.open | penumbra)


def soft_edged(grid: Pixels, studio: Studio, subject: Mask, ink: Pixels) -> float:
    """Of the lower part of the outline, the share (0 to 1) that fades into the ground, in the
    ground's own colour: products end within a cell or two, shadows do not. A ground without any
    shade of its own left has no shadows either."""
    box = bounds(subject)
    if box is None or studio.blown_out:
        return 0.0
    light, tint = shade_of(grid.astype(np.float32), studio.backdrop.astype(np.float32))
    contrast = apart(ink, studio.backdrop)
    fades = (contrast >= 3 * studio.calm) & (studio.range < SOFT * contrast)
    fades &= (tint <= TINT) & (light < LIT)
    outline = shrunk(subject, 1) & ~shrunk(subject, 2)
    low = slice(round(box.top + LOW * box.size.height), None)
    count = int(np.count_nonzero(outline[low]))
    return int(np.count_nonzero((outline & fades)[low])) / max(1, count)


def find_holes(grid: Pixels, studio: Studio, subject: Mask) -> Mask:
    """Ground that the subject encloses: a mug's handle, a bag's, a chair's legs.

    A hole is bounded by edges all around and shows the ground as it would be there. A white print
    on white paper does so too: it drifts out of the ground's colour somewhere, or lies deeper
    inside the product than handles are thick.
    """
    calm = subject & (studio.range <= studio.calm)
    close = max(2.0, 0.5 * studio.calm - 1.0)
    off = np.minimum(apart(grid, studio.backdrop), _off_surface(grid, studio))
    tight = calm & (off <= close)
    labels, count = components(flood(calm, shrunk(tight, 1)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    same = np.bincount(labels[tight], minlength=count + 1) / np.maximum(sizes, 1)
    light, tint = shade_of(grid.astype(np.float32), studio.backdrop.astype(np.float32))
    paper = (tint <= 3.0) & (np.abs(light - 1) <= 0.07)
    alike = np.bincount(labels[paper], minlength=count + 1) / np.maximum(sizes, 1)
    reach = max(2, round(PRINT_DEPTH * max(subject.shape)))
    at_rim = np.bincount(labels[grown(studio.open, reach)], minlength=count + 1) > 0
    accepted = same >= 0.85
    if studio.blown_out:
        accepted &= at_rim | (sizes > LARGE_HOLE * np.count_nonzero(subject))
    elif colourfulness(studio.backdrop) >= TINTED:
        accepted |= alike >= 0.9
    else:
        accepted |= at_rim & (same >= 0.5) & (alike >= 0.95)
    accepted &= sizes >= 20
    accepted[0] = False
    holes: Mask = accepted[labels]
    return holes


def _off_surface(grid: Pixels, studio: Studio) -> Pixels:
    return apart(grid, np.rint(studio.surface).astype(np.uint8))


def doubt(grid: Pixels, studio: Studio, subject: Mask, ink: Pixels, lost: float) -> Doubts:
    """Measure what speaks against this subject on this ground."""
    solid = shrunk(subject, 1)
    outline = solid & ~shrunk(subject, 2)
    contrast = apart(ink, studio.backdrop)
    weak = float(np.mean(contrast[outline] < 2.0 * studio.calm)) if outline.any() else 1.0
    core = shrunk(subject, 4)
    near = apart(grid, studio.backdrop) < 1.5 * studio.calm
    alike = float(np.mean(near[core])) if core.any() else 0.0
    return Doubts(weak, _leaked(grid, studio, solid), alike, lost, _traces(grid, subject))


def _traces(grid: Pixels, subject: Mask) -> float:
    """Cells away from the subject where the picture bends sharply, by the subject's cells. Shadows
    and the light on a wall are smooth; what the ground does everywhere is its own."""
    cells, step = grid.astype(np.int16), 2
    bend = np.zeros(subject.shape, np.int16)
    inner = slice(step, -step)
    across = 2 * cells[:, inner] - cells[:, 2 * step :] - cells[:, : -2 * step]
    down = 2 * cells[inner] - cells[2 * step :] - cells[: -2 * step]
    bend[:, inner] = worst(np.abs(across))
    bend[inner] = np.maximum(bend[inner], worst(np.abs(down)))
    away = ~grown(subject, 6)
    away &= ~border(away.shape, step)
    if not away.any():
        return 0.0
    usual = float(np.median(bend[away]))
    sharp = int(np.count_nonzero(bend[away] > 4 * usual + 6))
    return sharp / max(1, int(np.count_nonzero(subject)))


def _leaked(grid: Pixels, studio: Studio, solid: Mask) -> float:
    """How much of the subject's bulk counts as ground but does not look like it.

    Counted are cells inside the closed outline, and with some allowance, for chairs stand on their
    shadows, those that the outline embraces from three sides.
    """
    bulk = filled(closed(solid, max(3, max(solid.shape) // 25)))
    embrace = (bulk | embraced(~studio.open)) & studio.open
    if not embrace.any():
        return 0.0
    behind = backdrop(grid, studio.open & ~grown(embrace, 2))
    strange = embrace & (apart(grid, behind) > 1.5 * studio.calm)
    inside = np.count_nonzero(strange & bulk) / np.count_nonzero(bulk)
    around = np.count_nonzero(strange)
    beside = around / (around + np.count_nonzero(solid))
    return float(max(inside, beside - SHADED))


def _refusal(doubts: Doubts) -> Abstained | None:
    if doubts.alike > 0.25:
        return Abstained("the ground's colour is seen within the subject", ("see-through",))
    if doubts.leaked > 0.08:
        return Abstained("the outline is open where it has the ground's colour", _SAME)
    if doubts.trust < LEAST_TRUST:
        return Abstained("too much of the subject has the ground's colour", _SAME)
    return None


_SAME = ("ground-coloured",)


def _told(
    matte: Pixels, studio: Studio, doubts: Doubts, parts: int, holes: bool
) -> Cutout | Abstained:
    box = bounds(matte >= HALF)
    if box is None:
        return _NOTHING
    scene = _scene(matte)
    if scene:
        return scene
    sides = touched(matte)
    flags = [f"touches-{side}" for side in sides]
    told = (("several", parts > 1), ("apart", _apart(matte)), ("holes", holes))
    flags += [name for name, found in told if found]
    if doubts.whole < ALL_THERE:
        flags.append("ground-coloured")
    confidence = doubts.trust * doubts.whole * min(1.0, studio.share / FULL_SHARE)
    colour = np.median(studio.backdrop.reshape(-1, 3)[::7], axis=0)
    ground = Color(*(int(value) for value in colour))
    return Cutout(matte, box, round(float(confidence), 3), ground, tuple(flags))


def _apart(matte: Pixels) -> bool:
    """Whether something small is left beside the subject: a hook, a table's edge, rags of a shadow
    or of a white outline; but a strap's end as well."""
    image = Image.fromarray(matte)
    scale = min(1.0, APART_GRID / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    labels, count = components(np.asarray(image.resize(size, Image.Resampling.BOX)) >= APART_ALPHA)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    least, most = (share * sizes.max(initial=0) for share in APART)
    return bool(((sizes >= least) & (sizes < most)).any())


def _scene(matte: Pixels) -> Abstained | None:
    """A table, a floor or a horizon is no product, though nothing plain is behind it."""
    left, right = (int(np.count_nonzero(matte[:, side] >= HALF)) for side in (0, -1))
    if min(left, right) > 0 and max(left, right) < THIN_END * matte.shape[0]:
        return Abstained("a line crosses the picture from left to right", ("not-plain",))
    if min(left, right) > 0 and np.mean(matte[-1] >= HALF) > 0.97:
        return Abstained("a table or a floor fills the lower edge", ("not-plain",))
    return None


def _without_crumbs(subject: Mask, grid: Pixels, studio: Studio) -> tuple[Mask, int, float]:
    """Without dust, noise and the cores of shadows lying apart from the product.

    Also says how many large parts there are, and how much went, as a share of what stays.
    """
    solid = shrunk(subject, 1)
    coarse = _halved(solid)
    labels, count = components(coarse)
    if count == 0:
        return solid, 0, 0.0
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    away = apart(grid, studio.backdrop)[::2, ::2][: coarse.shape[0], : coarse.shape[1]]
    strength = np.bincount(labels.ravel(), away.ravel(), count + 1) / np.maximum(sizes, 1)
    faint = strength < 4 * studio.calm
    kept = sizes >= np.where(faint, 0.02, 0.002) * sizes.max()
    kept[0] = False
    lost = float(sizes[~kept].sum() / sizes[kept].sum())
    parts = int(np.count_nonzero(sizes >= 0.2 * sizes.max()))
    seeds = np.zeros_like(subject)
    doubled = np.repeat(np.repeat(kept[labels], 2, axis=0), 2, axis=1)
    seeds[: doubled.shape[0], : doubled.shape[1]] = doubled
    return flood(subject, seeds), parts, lost


def _halved(cells: Mask) -> Mask:
    """Cells of twice the side, set where any of their four was."""
    height, width = (side // 2 * 2 for side in cells.shape)
    even = cells[:height, :width]
    halved: Mask = even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]
    return halved
