"""Colours that were weighted by alpha without a word are taken for what they are."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts


def soft_disc(size: int = 240, softness: float = 4) -> np.ndarray:
    """Alpha of a disc with a soft edge: uint8 [H, W]."""
    alpha = Image.new("L", (size, size))
    ImageDraw.Draw(alpha).ellipse((size // 6, size // 6, size * 5 // 6, size * 5 // 6), fill=255)
    return np.asarray(alpha.filter(ImageFilter.GaussianBlur(softness)))


def cut_out(colour: tuple[int, int, int], alpha: np.ndarray, *, weighted: bool) -> Image.Image:
    """One colour under an alpha, its colours weighted by it or not."""
    colours = np.broadcast_to(np.array(colour, np.uint8), (*alpha.shape, 3))
    if weighted:
        colours = (colours.astype(np.uint16) * alpha[..., None] // 255).astype(np.uint8)
    return Image.fromarray(np.dstack([colours, alpha]), "RGBA")


def decoded(image: Image.Image, target: Size | None = None, kind: str = "PNG") -> np.ndarray:
    stream = io.BytesIO()
    image.save(stream, kind, lossless=True)
    body = stream.getvalue()
    return np.asarray(decode(body, read_facts(body, Limits()), target=target).image, dtype=int)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_weighted_cut_out_has_no_dark_fringe(kind):
    alpha = soft_disc()
    pixels = decoded(cut_out((220, 180, 90), alpha, weighted=True), kind=kind)
    edge = (alpha >= 32) & (alpha < 255)
    assert np.abs(pixels[edge][:, :3] - (220, 180, 90)).max() <= 8
    assert (pixels[..., 3] == alpha).all()


def test_a_weighted_cut_out_has_none_either_where_it_is_decoded_smaller():
    small = decoded(cut_out((220, 180, 90), soft_disc(960, 12), weighted=True), Size(120, 120))
    edge = (small[..., 3] >= 64) & (small[..., 3] < 255)
    assert edge.any()
    assert np.abs(small[edge][:, :3] - (220, 180, 90)).max() <= 8


@pytest.mark.parametrize("colour", [(220, 180, 90), (25, 20, 22), (0, 0, 0), (255, 255, 255)])
def test_colours_that_are_as_they_are_stay(colour):
    image = cut_out(colour, soft_disc(), weighted=False)
    seen = np.asarray(image)[..., 3] > 0
    assert (decoded(image)[seen] == np.asarray(image, dtype=int)[seen]).all()


def test_a_black_shadow_beside_a_product_stays():
    alpha = soft_disc(softness=14)
    pixels = np.dstack([np.zeros((240, 240, 3), np.uint8), alpha])
    pixels[90:150, 90:150] = (240, 240, 235, 255)
    assert (decoded(Image.fromarray(pixels, "RGBA")) == pixels).all()


def test_a_dark_pane_in_a_bright_frame_stays():
    pixels = np.zeros((200, 200, 4), np.uint8)
    pixels[20:180, 20:180] = (230, 230, 230, 255)
    pixels[40:160, 40:160] = (20, 24, 30, 150)
    assert (decoded(Image.fromarray(pixels, "RGBA")) == pixels).all()
