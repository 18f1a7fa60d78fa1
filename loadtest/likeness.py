"""How near a contestant's answer is to what the file shows, so that nobody is fast by giving less.

PSNR and SSIM against every pixel of the file, decoded and resampled once by Lanczos.
"""

import io
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from edge.rendering.engine import pillow
from edge.rendering.output.metrics import luma, psnr, ssim

GREY = (119, 119, 119, 255)
"""What see-through pictures are laid on."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Medians over the files: decibels over red, green and blue; mean SSIM of the luma; bytes."""

    psnr: float
    ssim: float
    bytes: float


def likeness(files: Sequence[Path], width: int, answer: Callable[[Path], bytes]) -> Likeness:
    """What `answer` sends for these files at that width, against the reference."""
    pillow.check()
    found = []
    for file in files:
        body = answer(file)
        with Image.open(file) as opened, Image.open(io.BytesIO(body)) as answered:
            whole, shown = _flat(opened), _flat(answered)
        wanted = whole.resize((width, round(whole.height * width / whole.width)), Image.LANCZOS)
        if shown.size != wanted.size:
            raise ValueError(f"{file.name}: {shown.size} instead of {wanted.size}")
        found.append((psnr(wanted, shown), ssim(luma(wanted), luma(shown)), len(body)))
    return Likeness(*(statistics.median(each) for each in zip(*found, strict=True)))


def _flat(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    sheet = Image.new("RGBA", image.size, GREY)
    sheet.alpha_composite(image)
    return sheet.convert("RGB")
