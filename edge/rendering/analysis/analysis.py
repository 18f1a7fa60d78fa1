"""Look: what one cheap pass over a reduced picture says of the subject and what is behind it.

Classical and approximate: good enough to place a frame and to choose a path, not to cut out.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from edge.images import Box, Color, Size
from edge.rendering.analysis.background import worst
from edge.rendering.analysis.own_alpha import OWN_ALPHA, flattened, hides
from edge.rendering.pixels.arrays import Levels, Mask, Plane
from edge.rendering.pixels.geometry import Area

LONGEST = 384
"""Pixels on the long side of the picture that is looked at: a box is then good to a third of a
percent, and looking costs about as much as decoding."""


_TOLERANCE = 10.0  # of 255: JPEG noise and paper grain of studio photos stay below it
_UNIFORM_SHARE = 0.8  # of the border; the rest may be a subject that was cropped in camera
_TINY = 0.04  # of the picture's area
_PALE = 40.0  # of 255: a product that differs less than this from a white background


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was seen.

    `background` is the colour along the border and `deviation` how far the border strays from a
    smooth gradient (0 to 255, root mean square over the channels, the subject left out);
    `uniform` says that it is one studio background. `subject` is the subject's box in fractions of
    the picture (0 to 1), None where nothing stands out. `touches` names the sides that the subject
    reaches: left, top, right, bottom. `flags` names what makes this photo hard: `scene`,
    `white-on-white`, `touches-edge`, `tiny`, `no-subject`. `trimmed` is what a trim leaves, in
    fractions; None where it was not asked for or leaves everything. `cut_by` says who found the
    matte, None where there is none, and `doubt` (0 to 1) how probable it is that a person would
    reject it; where that is much, `doubted` is all that the subject may be, None otherwise.
    `covered` is how much of each side, in that order, the subject covers (0 to 1), as far as a
    matte tells. `asked` names the networks that looked for the subject.
    """

    background: Color
    deviation: float
    uniform: bool
    subject: Area | None = None
    touches: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    trimmed: Area | None = None
    cut_by: str | None = None
    doubt: float | None = None
    doubted: Area | None = None
    covered: tuple[float, ...] | None = None
    asked: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether a matte says where the subject is, and can be trusted."""
        return self.cut_by is not None and self.doubted is None

    def subject_in(self, size: Size) -> Area | None:
        """The subject's box in the pixels of a picture of that size."""
        return self.subject.scaled(size.width, size.height) if self.subject else None

    def kept_in(self, size: Size) -> Area | None:
        """The same of what has to stay whole where nothing is cut out: parts that a doubtful matte
        has lost may be the subject's."""
        kept = self.doubted or self.subject
        return kept.scaled(size.width, size.height) if kept else None

    def as_facts(self) -> dict[str, Any]:
        """JSON-able, for `explain`."""
        return asdict(self) | {
            "background": str(self.background),
            "subject": _rounded(self.subject),
            "doubted": _rounded(self.doubted),
            "trimmed": _rounded(self.trimmed),
            "touches": list(self.touches),
            "flags": list(self.flags),
            "covered": self.covered and list(self.covered),
            "asked": list(self.asked),
        }


def analyze(image: Image.Image) -> Analysis:
    """One pass over an upright sRGB picture, RGB or RGBA, of any size."""
    small = image.copy() if max(image.size) <= LONGEST else _reduced(image)
    if small.mode == "RGBA" and hides(small):
        return _look_at_alpha(np.asarray(small.getchannel("A")))
    pixels = np.asarray(flattened(small), dtype=np.float32)
    border = _border(pixels.shape[0], pixels.shape[1])
    background, inliers = _smooth_background(pixels, border)
    distance: Plane = worst(np.abs(pixels - background))
    uniform = float(inliers.mean()) >= _UNIFORM_SHARE
    deviation = float(np.sqrt(np.mean((pixels[border] - background[border])[inliers] ** 2)))
    color = Color(*(int(c) for c in np.median(pixels[border][inliers], axis=0).round()))
    mask = _solid(distance > _TOLERANCE + deviation) if uniform else _salient(pixels, border)
    subject = _bounds(mask)
    if subject and not uniform:
        subject = _with_margin(subject)
    return Analysis(
        color,
        round(deviation, 2),
        uniform,
        subject,
        _touched(subject),
        _flags(subject, uniform, color, distance, mask),
    )


def trim(image: Image.Image, tolerance: int, within: Area | None = None) -> Area | None:
    """What is left of `within` (fractions; default: all) without its border, in fractions.

    The border differs from the colour that most corners share by no more than `tolerance` (8-bit
    steps) in any channel, or is see-through to within it. None: nothing to trim, no two corners
    alike, or nothing would be left.
    """
    part = _pixels(within, image).clamped(Size(*image.size)) if within else _all(image)
    seen = image.crop(part.as_tuple())
    if seen.mode == "RGBA":
        solid = seen.getchannel("A").point(lambda alpha: 255 if alpha > tolerance else 0)
        box = solid.getbbox()
    else:
        box = _unlike_corners(seen, tolerance)
    if box is None or box == (0, 0, *seen.size):
        return None
    left = Area(*map(float, box)).moved(part.left, part.top)
    return left.scaled(1 / image.width, 1 / image.height)


def _pixels(fractions: Area, image: Image.Image) -> Box:
    return fractions.scaled(image.width, image.height).outward(Size(*image.size))


def _all(image: Image.Image) -> Box:
    return Box(0, 0, image.width, image.height)


def _unlike_corners(image: Image.Image, tolerance: int) -> tuple[int, int, int, int] | None:
    """The box of what differs from the colour that most corners share; at least two must."""
    right, bottom = image.width - 1, image.height - 1
    places = ((0, 0), (right, 0), (0, bottom), (right, bottom))
    corners = np.asarray([image.getpixel(place) for place in places], dtype=np.int16)
    alike = np.abs(corners[:, None] - corners[None]).max(axis=2) <= tolerance
    most = int(alike.sum(axis=1).argmax())
    if alike[most].sum() < 2:
        return None
    color = tuple(int(value) for value in np.median(corners[alike[most]], axis=0).round())
    stray_components = ImageChops.difference(image, Image.new("RGB", image.size, color))
    beyond = [
        band.point(lambda value: 255 if value > tolerance else 0)
        for band in stray_components.split()
    ]
    return ImageChops.lighter(ImageChops.lighter(*beyond[:2]), beyond[2]).getbbox()


def _rounded(area: Area | None) -> list[float] | None:
    return [round(edge, 4) for edge in area.as_tuple()] if area else None


def _reduced(image: Image.Image) -> Image.Image:
    scale = LONGEST / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX, reducing_gap=1.0)


def _look_at_alpha(alpha: Levels) -> Analysis:
    """The merchant has cut the subject out already."""
    subject = _bounds(alpha >= OWN_ALPHA.visible)
    flags = () if subject else ("no-subject",)
    return Analysis(Color(255, 255, 255, 0), 0.0, False, subject, _touched(subject), flags)


def _border(height: int, width: int) -> Mask:
    ring = max(1, min(height, width) // 50)
    border = np.ones((height, width), dtype=np.bool_)
    border[ring : height - ring, ring : width - ring] = False
    return border


def _smooth_background(pixels: Plane, border: Mask) -> tuple[Plane, Mask]:
    """A colour gradient fitted to the border, and which border pixels it explains.

    Three rounds from the median on, each fitted to what the last one explained: a subject that
    crosses the border must not tilt the background.
    """
    height, width = border.shape
    seen, (down, across) = pixels[border], np.nonzero(border)
    places = np.stack([np.ones(len(down)), down / height, across / width], axis=1)
    fit = np.zeros((3, 3), dtype=np.float32)
    fit[0] = np.median(seen, axis=0)
    inliers = worst(np.abs(seen - fit[0])) <= 3 * _TOLERANCE
    for _ in range(2):
        if inliers.sum() < 16:
            break
        fit = np.linalg.lstsq(places[inliers], seen[inliers], rcond=None)[0].astype(np.float32)
        inliers = worst(np.abs(seen - (places @ fit))) <= _TOLERANCE
    if not inliers.any():
        inliers = np.ones(len(seen), dtype=np.bool_)
    rows = np.linspace(0, 1, height, endpoint=False, dtype=np.float32)[:, None, None]
    columns = np.linspace(0, 1, width, endpoint=False, dtype=np.float32)[None, :, None]
    return fit[0] + rows * fit[1] + columns * fit[2], inliers


def _salient(pixels: Plane, border: Mask) -> Mask:
    """In a scene: colours that are rarer along the border than in the whole, nearer the middle."""
    bins = (pixels.astype(np.uint8) >> 4).astype(np.int32)
    codes = (bins[..., 0] << 8) | (bins[..., 1] << 4) | bins[..., 2]
    everywhere = np.bincount(codes.ravel(), minlength=4096).astype(np.float32) + 1
    outside = np.bincount(codes[border], minlength=4096).astype(np.float32)
    share = border.mean()
    own = 1.0 - np.clip(outside / (everywhere * share), 0, 1)
    height, width = border.shape
    down = np.exp(-((np.linspace(-0.5, 0.5, height, dtype=np.float32)) ** 2) / 0.18)
    across = np.exp(-((np.linspace(-0.5, 0.5, width, dtype=np.float32)) ** 2) / 0.18)
    weighted: Plane = own[codes] * down[:, None] * across
    saliency = _blurred(weighted, max(2, width // 40))
    return _solid(saliency > saliency.mean() + 0.5 * saliency.std())


def _blurred(values: Plane, radius: float) -> Plane:
    """Values and result 0 to 1."""
    image = Image.fromarray((values * 255).astype(np.uint8))
    blurred = image.filter(ImageFilter.BoxBlur(radius))
    return np.asarray(blurred, dtype=np.float32) / np.float32(255)


def _solid(mask: Mask) -> Mask:
    """Without specks: a pixel stays where at least a third of its 5x5 surroundings is set."""
    result: Mask = mask & (_blurred(mask.astype(np.float32), 2) > 0.33)
    return result


def _bounds(mask: Mask) -> Area | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    height, width = mask.shape
    return Area(
        columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
    )


def _with_margin(subject: Area) -> Area:
    """Saliency fades towards the subject's outline; a tenth of its box makes up for that."""
    wide, high = subject.width / 20, subject.height / 20
    return Area(
        max(0.0, subject.left - wide),
        max(0.0, subject.top - high),
        min(1.0, subject.right + wide),
        min(1.0, subject.bottom + high),
    )


def _touched(subject: Area | None, hair: float = 0.004) -> tuple[str, ...]:
    if subject is None:
        return ()
    reached = {
        "left": subject.left <= hair,
        "top": subject.top <= hair,
        "right": subject.right >= 1 - hair,
        "bottom": subject.bottom >= 1 - hair,
    }
    return tuple(side for side, is_reached in reached.items() if is_reached)


def _flags(
    subject: Area | None, uniform: bool, background: Color, distance: Plane, mask: Mask
) -> tuple[str, ...]:
    if subject is None:
        return ("no-subject",)
    pale = min(background.rgb) >= 240 and float(np.median(distance[mask])) < _PALE
    found = {
        "scene": not uniform,
        "white-on-white": uniform and pale,
        "touches-edge": bool(_touched(subject)),
        "tiny": subject.width * subject.height < _TINY,
    }
    return tuple(flag for flag, is_found in found.items() if is_found)
