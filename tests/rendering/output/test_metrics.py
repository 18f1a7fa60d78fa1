"""The measures agree with their definitions."""

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge.rendering.output.metrics import chroma_loss, luma, psnr, ssim
from tests.rendering.originals import photo


def plain_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """The definition, window by window."""
    found = []
    for top in range(0, first.shape[0] - 7, 4):
        for left in range(0, first.shape[1] - 7, 4):
            a = first[top : top + 8, left : left + 8].astype(float)
            b = second[top : top + 8, left : left + 8].astype(float)
            common = ((a - a.mean()) * (b - b.mean())).mean()
            c1, c2 = 6.5025, 58.5225
            found.append(
                (2 * a.mean() * b.mean() + c1) * (2 * common + c2)
                / ((a.mean() ** 2 + b.mean() ** 2 + c1) * (a.var() + b.var() + c2))
            )  # fmt: skip
    return float(np.mean(found))


@pytest.mark.parametrize("size", [(8, 8), (96, 64), (33, 50)], ids=str)
def test_ssim_is_the_mean_over_windows(size):
    first = luma(photo(*size))
    second = luma(photo(*size).filter(ImageFilter.GaussianBlur(2)))
    assert ssim(first, second) == pytest.approx(plain_ssim(first, second), abs=1e-3)
    assert ssim(first, second) < 0.99
    assert ssim(first, first) == pytest.approx(1)


def test_psnr_is_in_decibels_and_infinite_between_equals():
    black, grey = Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), (1, 1, 1))
    assert psnr(black, grey) == pytest.approx(48.13, abs=0.01)
    assert psnr(black, black) == math.inf


def test_chroma_loss_is_what_halving_moves():
    """Stripes of red and white, one pixel each, lose half of what lies between them."""
    stripes = Image.new("RGB", (32, 32), "white")
    stripes.paste((255, 0, 0), (0, 0, 32, 32), Image.fromarray(
        np.tile(np.array([255, 0], dtype=np.uint8), (32, 16))
    ))  # fmt: skip
    red, white = (
        Image.new("RGB", (1, 1), c).convert("YCbCr").getpixel((0, 0)) for c in ("red", "white")
    )
    assert chroma_loss(stripes) == pytest.approx((red[2] - white[2]) / 2, abs=1)
    assert chroma_loss(photo().convert("L").convert("RGB")) == 0
    assert chroma_loss(Image.new("RGB", (1, 5))) == 0
