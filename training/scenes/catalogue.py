"""Every picture that the project keeps: where it goes and how it is set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import case_shots, scene_shots, studio_shots


@dataclass(frozen=True)
class Shot:
    """One picture; `build` sets up its scene and returns the product's parts, if any."""

    title: str
    background: str
    build: Callable[[], list]
    traits: tuple[str, ...] = ()
    view: dict = field(default_factory=dict)
    size: tuple[int, int] = (600, 800)
    noise: float = 1.1
    soften: float = 0.35
    folder: str = "edge/samples"
    limit: int = 120_000


AGX = {"view": "AgX", "look": "AgX - Medium High Contrast"}
CASE = {"folder": "tests/photos", "limit": 80_000}
SCENE = {"folder": "edge/samples/scenes", "limit": 250_000, "size": (1600, 1600), "noise": 0.6}

SAMPLES: dict[str, Shot] = {
    "bottle": Shot("Body wash, 500 ml", "white", studio_shots.bottle),
    "mug": Shot("Stoneware mug", "scene", scene_shots.mug, view=AGX),
    "sneaker": Shot("Suede sneaker", "white", studio_shots.sneaker_),
    "tote": Shot("Leather tote", "gradient", studio_shots.tote),
    "chair": Shot("Shell chair", "scene", scene_shots.chair, ("thin-parts",), view=AGX),
    "sunglasses": Shot(
        "Tortoise sunglasses", "coloured", studio_shots.sunglasses, ("see-through",)
    ),
    "vase-white": Shot("Fluted vase, bisque", "white", studio_shots.vase, ("white-on-white",)),
    "glass": Shot("Crystal wine glass", "grey", studio_shots.glass, ("see-through",)),
    "headphones": Shot("Over-ear headphones", "coloured", studio_shots.headphones, ("hole",)),
    "watch": Shot("Dress watch", "scene", scene_shots.watch, view=AGX),
    "lamp": Shot("Table lamp", "scene", scene_shots.lamp, view=AGX),
    "plush": Shot("Teddy bear", "coloured", studio_shots.plush, ("fur",)),
}

CASES: dict[str, Shot] = {
    "two-products": Shot(
        "Body wash and tea", "coloured", case_shots.two, ("two-products",), **CASE
    ),
    "cut-by-edge": Shot("Shell chair, cut off", "grey", case_shots.cut, ("cut-by-edge",), **CASE),
    "tiny": Shot("Yellow mug", "white", case_shots.tiny, ("tiny",), size=(240, 320), **CASE),
}

GROUNDS: dict[str, Shot] = {
    "oak": Shot("Oak table by a window", "scene", case_shots.oak, view=AGX, **SCENE),
    "marble": Shot("Pale marble", "scene", case_shots.marble, view=AGX, **SCENE),
    "pastel": Shot("Pastel sweep", "coloured", case_shots.pastel, **SCENE),
}

SHOTS: dict[str, Shot] = {**SAMPLES, **CASES, **GROUNDS}


def as_toml() -> str:
    """The catalogue's text: one table per sample picture."""
    rows = [
        "# The sample catalogue, written by scripts/render_samples from training/scenes.",
        "# background: white, grey, coloured, gradient (studio) or scene. "
        "traits: what makes it hard.",
    ]
    for name, shot in SAMPLES.items():
        traits = ", ".join(f'"{t}"' for t in shot.traits)
        rows += [
            "",
            f"[{name}]",
            f'title = "{shot.title}"',
            f'file = "{name}.jpg"',
            f'background = "{shot.background}"',
            f"traits = [{traits}]",
        ]
    return "\n".join(rows) + "\n"
