"""Render catalogue shots to files; the command behind scripts/render_samples."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from . import photo, studio
from .catalogue import SHOTS, Shot, as_toml

ROOT = Path(__file__).resolve().parents[2]


def shoot(name: str, shot: Shot, out: Path, samples: int, scale: float = 1.0) -> None:
    """Render one shot: `name`.jpg and its alpha(s), under `out`."""
    started = time.perf_counter()
    width, height = (round(side * scale) for side in shot.size)
    studio.begin(width, height, **shot.view)
    product = shot.build()
    pictures, alphas = out / shot.folder, out / "tests/alphas"
    pictures.mkdir(parents=True, exist_ok=True)
    image = photo.developed(studio.picture(samples), noise=shot.noise, soften=shot.soften)
    photo.save_jpeg(image, pictures / f"{name}.jpg", limit=shot.limit)
    if product and scale >= 1:
        _alphas(name, shot, product, alphas)
    print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def _alphas(name: str, shot: Shot, product: list, folder: Path) -> None:
    """Write the exact alpha; for see-through products also the one that lets light through."""
    folder.mkdir(parents=True, exist_ok=True)
    studio.alpha(product).save(folder / f"{name}.png", optimize=True)
    if "see-through" in shot.traits:
        studio.alpha(product, through_glass=True).save(
            folder / f"{name}-through.png", optimize=True
        )


def main() -> None:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(
        description="Render the sample catalogue with Blender (pip install bpy)."
    )
    parser.add_argument(
        "--only", nargs="*", metavar="NAME", choices=sorted(SHOTS), help="these shots only"
    )
    parser.add_argument("--samples", type=int, default=48, help="rays per pixel (default 48)")
    parser.add_argument("--scale", type=float, default=1.0, help="below 1: a small draft, no alpha")
    parser.add_argument(
        "--out", type=Path, default=ROOT, help="write under this folder (default: repo)"
    )
    args = parser.parse_args()
    catalogue = args.out / "edge/samples/catalogue.toml"
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    catalogue.write_text(as_toml(), encoding="utf-8")
    for name in args.only or SHOTS:
        shoot(name, SHOTS[name], args.out, args.samples, args.scale)


if __name__ == "__main__":
    main()
