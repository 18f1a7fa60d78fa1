"""Which quality: the one that a picture needs, or the one that fits so many bytes."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from edge.arrays import Plane
from edge.deadline import Deadline
from edge.errors import OutputTooLarge
from edge.images import Format
from edge.rendering.engine import pillow
from edge.rendering.numbers import tuned
from edge.rendering.output.metrics import WINDOW, luma, ssim
from edge.rendering.output.write import Effort, Writer


@dataclass(frozen=True)
class QualityNumbers:
    """Which quality `auto` takes, and how bytes are fitted."""

    lowest: int = tuned(
        10,
        "quality",
        "least quality that `maxbytes` goes down to; below it pictures are of no use to a shop",
        "the manual of libjpeg-turbo's cjpeg, to which 5 to 10 are good for the index of a "
        "library of pictures",
    )
    loss: float = tuned(
        0.015,
        "1 - SSIM",
        "loss of structure that is aimed at, on the parts that are not flat",
        "median of 36 product photos at JPEG 75, WebP 83 and AVIF 69; on the sample it goes with"
        " that of the whole picture (correlation 0.87 to 0.95)",
    )
    decay: float = tuned(
        0.035,
        "log of the ratio",
        "by which one step of quality divides that loss; bytes grow by less in nine of ten",
        "measured in all three formats, from 50 to 85",
    )
    jpeg: int = tuned(
        78,
        "quality of JPEG",
        "where `auto` starts",
        "18 files of 6 photographs are off the loss aimed at by 0.0058; 0.0134 from 39 on, 0.0060 "
        "from 90",
    )
    webp: int = tuned(
        82,
        "quality of WebP",
        "where `auto` starts",
        "the same 0.0058; 0.0154 from 41 on, 0.0062 from 90",
    )
    avif: int = tuned(
        67,
        "quality of AVIF",
        "where `auto` starts",
        "the same 0.0058; 0.0188 from 34 on, 0.0047 from 90",
    )
    reach: int = tuned(
        8,
        "steps of quality",
        "how far from there `auto` goes; a first guess half as near is not tried out",
        "the same 0.0058; 0.0076 with half of it, 0.0066 with twice",
    )


QUALITY = QualityNumbers()


def usual(format: Format) -> int:
    """The quality for a picture that is not looked at; 100 for a format without loss."""
    starts = {Format.JPEG: QUALITY.jpeg, Format.WEBP: QUALITY.webp, Format.AVIF: QUALITY.avif}
    return starts.get(format, 100)


def auto(sample: Image.Image, format: Format) -> int:
    """The quality at which this picture loses as much structure as a good picture may.

    Two encodings of a sample at most: the loss at the usual quality says how far to go, a second
    one corrects a long step.
    """
    first = usual(format)
    if not format.lossy or min(sample.size) < WINDOW:
        return first
    loss = _loss_at(sample, Writer(format, Effort.FAST))
    second = _held(first + _steps(loss(first)), first)
    if abs(second - first) <= QUALITY.reach / 2:
        return second
    return _held(second + _steps(loss(second)), first)


def _held(quality: float, start: int) -> int:
    return max(start - QUALITY.reach, min(start + QUALITY.reach, round(quality)))


def _steps(loss: float) -> float:
    """How much more quality brings this loss to the one aimed at."""
    return math.log(max(loss, 1e-4) / QUALITY.loss) / QUALITY.decay


def _loss_at(sample: Image.Image, writer: Writer) -> Callable[[int], float]:
    before: Plane = luma(sample)

    def loss(quality: int) -> float:
        stream = io.BytesIO(writer.write(sample, quality))
        after = pillow.open_as(stream, writer.format.name)
        return 1 - ssim(before, luma(after))

    return loss


def fit(
    write: Callable[[int], bytes],
    quality: int,
    max_bytes: int,
    deadline: Deadline | None,
    body: bytes,
) -> tuple[bytes, int]:
    """The bytes at the highest quality, up to the given one, that needs no more than `max_bytes`;
    `body` is what is written at that one.

    Bisects, after a first guess from the size; done early where the file is nearly full.

    Raises:
        OutputTooLarge: not even the lowest quality does.
        DeadlineExceeded: between two attempts.
    """
    if len(body) <= max_bytes:
        return body, quality
    low, high, best = min(QUALITY.lowest, quality) - 1, quality, None
    guess = round(quality * max_bytes / len(body))
    while high - low > 1:
        if deadline:
            deadline.check("the next attempt at maxbytes")
        tried = max(low + 1, min(high - 1, guess))
        body = write(tried)
        if len(body) > max_bytes:
            high = tried
        else:
            low, best = tried, (body, tried)
            if len(body) >= (1 - QUALITY.decay) * max_bytes:  # a step more is too much
                break
        guess = (low + high) // 2
    if best is None:
        raise too_large(len(body), max_bytes)
    return best


def too_large(needed: int, max_bytes: int) -> OutputTooLarge:
    """What the caller is told where nothing fits."""
    return OutputTooLarge(
        f"the picture needs {needed} bytes at the least; maxbytes is {max_bytes}",
        param="maxbytes",
        allowed=f"at least {needed} for this size and format, or a smaller w or h",
        diagnostics={"bytes": needed, "maxbytes": max_bytes},
    )
