"""Detects by networks on a finished picture: letters beside the product, and faces.

Each network runs on a reduced picture, only where a rule needs it, and for letters only where parts
beside the product could be some.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Levels
from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, ModelError, ModelMissing
from edge.images import Box, Color, Size
from edge.models import roles
from edge.models.base import Models, Priority
from edge.models.matting import coarse_matte
from edge.rendering.analysis.parts import PARTS, Parts, parts_of, reduced, second_views
from edge.rendering.engine.threads import Engine
from edge.rendering.pixels.levels import LEVELS

Place = tuple[float, float, float, float]


_TEXT, _LINE, _LEAST, _UNCLIPPED = 77, 153, 3, 1.6
"""Score (levels) from which a pixel is text and least mean score of a line, least height of a line
(pixels), and by how much of area / perimeter a line is larger than what the detector draws of it:
those with which it was published (Liao et al. 2020, "Real-time Scene Text Detection with
Differentiable Binarization", and PaddleOCR's detector, DBPostProcess)."""

_STRIP = 40
"""Pixels: the height of the strip below the picture on which a known line of letters stands."""


@dataclass(frozen=True, slots=True)
class Detected:
    """Places in fractions of the picture, left, top, right, bottom. None: not inspected."""

    text: tuple[Place, ...] | None = None
    heads: tuple[Place, ...] | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Detections:
    """A finished picture to inspect: its `parts` where its background is known, and those of them
    that look like a second view."""

    small: Image.Image
    parts: Parts | None
    views: tuple[Box, ...] = ()

    @classmethod
    def at(
        cls, image: Image.Image, background: Color | None, matte: Image.Image | None = None
    ) -> "Detections":
        """Pixel work; `background` is the colour that the rules name, None for what the border
        shows. `matte` (L) is that of a picture that the server made itself."""
        small = reduced(image)
        parts = parts_of(small, background, matte)
        return cls(small, parts, second_views(parts) if parts else ())


async def detect(
    detections: Detections, *, text: bool, heads: bool, models: Models, engine: Engine,
    deadline: Deadline, priority: Priority = Priority.INTERACTIVE,
) -> Detected:  # fmt: skip
    """Run the networks that are installed; where one fails or is late, its result stays None.

    Args:
        text, heads: what is asked.
    """
    found: dict[str, tuple[Place, ...]] = {}
    failed = False
    if text and detections.parts and not detections.parts.apart:
        found["text"] = ()
    for what, role, wanted in (
        ("text", roles.TEXT_DETECTION, text and detections.parts is not None),
        ("heads", roles.FACE_DETECTION, heads),
    ):
        if not wanted or what in found:
            continue
        pixels = await engine.run(_network_input, what, detections.small)
        try:
            scores = await coarse_matte(
                models, pixels, deadline, priority, role=role, run=engine.run
            )
        except ModelMissing:
            continue
        except (ModelError, DeadlineExceeded):
            failed = True
            continue
        scores = scores[: detections.small.height]
        found[what] = await engine.run(_places, what, scores, detections.parts)
    return Detected(**found, failed=failed)


def _network_input(what: str, small: Image.Image) -> Levels:
    pixels = np.asarray(small.convert("RGB"))
    return _underlined(pixels) if what == "text" else pixels


def _underlined(pixels: Levels) -> Levels:
    """The picture [H, W, 3] with a line of letters below it.

    The detector looks for what is most like letters. With true ones to compare it with, it no
    longer takes a balloon for a glyph: of 60 cut-out shop photos six were called written upon
    before, none after.
    """
    strip = np.full((_STRIP, pixels.shape[1], 3), 255, np.uint8)
    scale = min(1.0, pixels.shape[1] / 400)
    cv2.putText(
        strip, "A line of letters to compare", (8, _STRIP - 14), cv2.FONT_HERSHEY_SIMPLEX,
        0.8 * scale, (0, 0, 0), 2, cv2.LINE_AA,
    )  # fmt: skip
    return np.concatenate([pixels, strip])


def _places(what: str, scores: Levels, parts: Parts | None) -> tuple[Place, ...]:
    size = Size(scores.shape[1], scores.shape[0])
    boxes = lines(scores, parts) if what == "text" else faces(scores)
    return tuple(place_of(box, size) for box in boxes)


def lines(scores: Levels, parts: Parts | None) -> tuple[Box, ...]:
    """Lines of text that are not on the product, from the detector's map (uint8 [H, W])."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((scores > _TEXT).astype(np.uint8))
    found = []
    for number, (x, y, wide, high, area) in enumerate(stats[1:].tolist(), 1):
        inside = labels[y : y + high, x : x + wide] == number
        short = min(wide, high)
        # A line may be twice as high as the least second view, which a square card may be.
        most = PARTS.inset_side * min(2, max(wide, high) / short)
        if not _LEAST <= short <= most * max(scores.shape):
            continue
        if scores[y : y + high, x : x + wide][inside].mean() < _LINE:
            continue
        on_product = parts is not None and parts.product[y : y + high, x : x + wide][inside].mean()
        if on_product > LEVELS.majority:
            continue
        more = round(area * _UNCLIPPED / (2 * (wide + high)))
        found.append(Box(x - more, y - more, x + wide + more, y + high + more))
    size = Size(scores.shape[1], scores.shape[0])
    return tuple(box.clamped(size) for box in found)


def faces(scores: Levels) -> tuple[Box, ...]:
    """The middles of faces, from the detector's map of them (uint8 [H, W])."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((scores >= LEVELS.half).astype(np.uint8))
    return tuple(Box(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:].tolist())


def place_of(box: Box, size: Size) -> Place:
    left, top, right, bottom = box.as_tuple()
    wide, high = size.width, size.height
    return (round(left / wide, 3), round(top / high, 3), round(right / wide, 3),
            round(bottom / high, 3))  # fmt: skip
