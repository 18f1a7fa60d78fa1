"""The sample catalogue without any network: plain backgrounds are cut, the rest is refused."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.rendering.matting.fusion import Fused, fuse

SAMPLES = Path(__file__).parents[2] / "edge" / "samples"
ALPHAS = Path(__file__).parents[1] / "alphas"
CATALOGUE = {
    name: entry
    for name, entry in tomllib.loads((SAMPLES / "catalogue.toml").read_text()).items()
    if (SAMPLES / entry["file"]).exists()
}
BLIND = 0.02
"""Mean error of alpha, 0 to 1, that is allowed where no network has said what is shadow."""

FURRY = 0.05
NEEDS_A_NETWORK = {"white-on-white", "see-through"}


def names(plain: bool) -> list[str]:
    return [
        name
        for name, entry in CATALOGUE.items()
        if plain == (entry["background"] != "scene" and not NEEDS_A_NETWORK & set(entry["traits"]))
    ]


def cut(name: str) -> Fused | str:
    with Image.open(SAMPLES / CATALOGUE[name]["file"]) as picture:
        return fuse(picture.convert("RGB"), None)


def error(found: Fused, name: str) -> float:
    """Mean absolute error of alpha, 0 to 1."""
    with Image.open(ALPHAS / f"{name}.png") as exact:
        alpha = np.asarray(exact.convert("L"), np.float32)
    return float(np.abs(found.matte - alpha).mean() / 255)


@pytest.mark.parametrize("name", names(plain=True))
def test_a_plain_background_is_cut_without_a_network(name: str) -> None:
    found = cut(name)
    assert isinstance(found, Fused), found
    assert error(found, name) <= (FURRY if "fur" in CATALOGUE[name]["traits"] else BLIND)


@pytest.mark.parametrize("name", names(plain=False))
def test_a_scene_glass_and_white_on_white_are_cut_nearly_right_or_not_at_all(name: str) -> None:
    found = cut(name)
    assert isinstance(found, str) or error(found, name) <= 0.03, found


def test_there_are_samples_of_both_kinds() -> None:
    assert names(plain=True)
    assert names(plain=False)
