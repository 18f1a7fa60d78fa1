"""The sample catalogue's plain grounds against their exact alphas; elsewhere an honest no."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.rendering.plain_ground import Abstained, Cutout, cut_out

SAMPLES = Path(__file__).parents[2] / "edge" / "samples"
ALPHAS = Path(__file__).parents[1] / "alphas"
CATALOGUE = {
    name: entry
    for name, entry in tomllib.loads((SAMPLES / "catalogue.toml").read_text()).items()
    if (SAMPLES / entry["file"]).exists()
}
EXACT, FURRY = 0.01, 0.015
"""Mean error of alpha, 0 to 1; with fur the tips of which are finer than a pixel."""
NEEDS_A_NETWORK = {"white-on-white", "see-through"}


def names(plain: bool) -> list[str]:
    return [
        name
        for name, entry in CATALOGUE.items()
        if plain == (entry["ground"] != "scene" and not NEEDS_A_NETWORK & set(entry["traits"]))
    ]


def cut(name: str) -> Cutout | Abstained:
    with Image.open(SAMPLES / CATALOGUE[name]["file"]) as picture:
        return cut_out(picture.convert("RGB"))


def error(found: Cutout, name: str) -> float:
    """Mean absolute error of alpha, 0 to 1."""
    with Image.open(ALPHAS / f"{name}.png") as exact:
        alpha = np.asarray(exact.convert("L"), np.float32)
    return float(np.abs(found.matte - alpha).mean() / 255)


@pytest.mark.parametrize("name", names(plain=True))
def test_a_plain_ground_gives_the_exact_alpha(name: str) -> None:
    found = cut(name)
    assert isinstance(found, Cutout), found
    assert error(found, name) <= (FURRY if "fur" in CATALOGUE[name]["traits"] else EXACT)


@pytest.mark.parametrize("name", names(plain=False))
def test_a_scene_glass_and_white_on_white_are_cut_right_or_not_at_all(name: str) -> None:
    found = cut(name)
    assert isinstance(found, Abstained) or error(found, name) <= 0.01, found


def test_there_are_samples_of_both_kinds() -> None:
    assert names(plain=True)
    assert names(plain=False)
