import numpy as np
import pytest
from PIL import Image

from edge.rendering.ops.sharpen import auto_percent
from edge.variants.transform import Transform
from edge.variants.values import AUTO
from tests.rendering.stage import made, noise, planned


def edge_picture() -> Image.Image:
    return noise(40, 40).resize((400, 400), Image.Resampling.BICUBIC)


def contrast(image: Image.Image) -> float:
    return float(np.abs(np.diff(np.asarray(image, dtype=float), axis=1)).mean())


def test_sharpening_raises_the_contrast_of_edges_with_its_strength():
    image = edge_picture()
    strengths = [contrast(made(Transform(width=200, sharpen=s), image)) for s in (0, 30, 90)]
    assert strengths == sorted(strengths)
    assert strengths[2] > 1.05 * strengths[0]


def test_auto_sharpens_only_what_was_made_smaller():
    ops = {
        width: [step.op for step in planned(Transform(width=width, sharpen=AUTO), 800, 800).steps]
        for width in (800, 750, 400)
    }
    assert "sharpen" not in ops[800] + ops[750]
    assert "sharpen" in ops[400]


@pytest.mark.parametrize(("reduction", "percent"), [(0.5, 0), (1.1, 0), (2, 30), (4, 45), (99, 59)])
def test_auto_grows_with_the_reduction_up_to_a_mild_most(reduction, percent):
    assert auto_percent(reduction) == percent


def test_alpha_is_not_sharpened():
    image = edge_picture().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((400, 400)))
    plain = made(Transform(width=200, format="webp"), image)
    sharp = made(Transform(width=200, sharpen=90, format="webp"), image)
    assert sharp.getchannel("A").tobytes() == plain.getchannel("A").tobytes()
    assert sharp.tobytes() != plain.tobytes()
