"""BlurHashes are those of the published algorithm: a client's decoder gives the picture back."""

import json

import numpy as np
import pytest
from PIL import Image

from edge.rendering.output.blurhash import blurhash
from tests.clients.running import CLIENTS, run


def decoded(hash: str, width: int, height: int) -> np.ndarray:
    """[H, W, 3] as our JavaScript client decodes it, which follows the algorithm's own text."""
    script = (
        f"import {{ blurhash }} from {json.dumps((CLIENTS / 'js' / 'edge.js').as_uri())};"
        f"console.log(JSON.stringify([...blurhash({json.dumps(hash)}, {width}, {height})]));"
    )
    levels = json.loads(run("node", "--input-type=module", "--eval", script))
    return np.array(levels, dtype=np.float64).reshape(height, width, 4)[..., :3]


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 60)])
def test_one_colour_is_that_colour_everywhere(colour):
    pixels = decoded(blurhash(Image.new("RGB", (80, 60), colour)), 8, 6)
    assert np.abs(pixels - colour).max() <= 12  # its cosines are not quite orthogonal


def test_a_gradient_comes_back():
    ramp = np.linspace(0, 255, 96)[None, :, None].repeat(64, 0).repeat(3, 2).astype(np.uint8)
    pixels = decoded(blurhash(Image.fromarray(ramp)), 24, 16)
    assert pixels[:, 0].mean() < 60 < 200 < pixels[:, -1].mean()
    assert np.abs(pixels[0] - pixels[-1]).max() < 12


@pytest.mark.parametrize(("size", "length"), [((120, 60), 28), ((60, 120), 28), ((1, 1), 28)])
def test_it_has_four_components_by_three(size, length):
    hash = blurhash(Image.new("RGB", size, "teal"))
    assert len(hash) == length
    assert hash[0] == ("L" if size[0] >= size[1] else "T")


def test_what_is_see_through_counts_as_white():
    clear = Image.new("RGBA", (50, 50), (255, 0, 0, 0))
    assert blurhash(clear) == blurhash(Image.new("RGB", (50, 50), "white"))
