"""Random materials, printed pictures and colours for random objects."""

from __future__ import annotations

import colorsys
import random

from PIL import Image, ImageDraw

from . import labels, materials
from .materials import Surface

WORDS = (
    "NORD", "LUMA", "PURE", "No.7", "OAT", "FRESH", "SALT", "STONE", "DAILY", "EXTRA",
    "TEA", "MINT", "PLAIN", "GO", "BIO", "SOFT", "CARE", "ATLAS", "500 ml", "12 oz", "NEW", "HALO",
)  # fmt: skip


def color(rng: random.Random, *, plain: float = 0.4) -> tuple[float, float, float]:
    """A linear RGB colour; `plain` of them white, grey, black or earthen, as products are."""
    pick = rng.random()
    if pick < plain * 0.4:
        v = rng.uniform(0.72, 0.92)
        return (v, v * rng.uniform(0.95, 1.0), v * rng.uniform(0.88, 1.0))
    if pick < plain * 0.75:
        v = rng.choice((rng.uniform(0.006, 0.04), rng.uniform(0.05, 0.5)))
        return (v, v, v * rng.uniform(0.9, 1.1))
    if pick < plain:
        return colorsys.hsv_to_rgb(
            rng.uniform(0.04, 0.11), rng.uniform(0.3, 0.8), rng.uniform(0.06, 0.5)
        )
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 0.98), rng.uniform(0.05, 0.85))


def shade(rgb: tuple, factor: float) -> tuple[float, float, float]:
    """A colour, lighter or darker."""
    return tuple(min(c * factor, 0.95) for c in rgb[:3])


def hexed(rgb: tuple) -> str:
    """A linear colour as `#rrggbb` (sRGB)."""
    out = "#"
    for c in rgb[:3]:
        s = 12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055
        out += f"{min(max(round(s * 255), 0), 255):02x}"
    return out


def print_image(rng: random.Random, width: int = 384, height: int = 384) -> Image.Image:
    """A made-up label or pattern: shapes, stripes, words."""
    paper = hexed(color(rng, plain=0.6))
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    inks = [hexed(color(rng, plain=0.25)) for _ in range(3)]
    kind = rng.choice(("stripes", "dots", "label", "label", "label", "blocks"))
    step = rng.randint(12, 60)
    if kind == "stripes":
        for x in range(0, width, step):
            draw.rectangle(
                (x, 0, x + step * rng.uniform(0.2, 0.6), height), fill=rng.choice(inks[:2])
            )
    elif kind == "dots":
        for x in range(0, width, step):
            for y in range(0, height, step):
                r = step * 0.25
                draw.ellipse((x - r, y - r, x + r, y + r), fill=inks[0])
    elif kind == "blocks":
        for _ in range(rng.randint(3, 14)):
            x, y = rng.randint(0, width), rng.randint(0, height)
            box = (x, y, x + rng.randint(10, width // 2), y + rng.randint(10, height // 2))
            rng.choice((draw.rectangle, draw.ellipse))(box, fill=rng.choice(inks))
    if kind == "label" or rng.random() < 0.4:
        _words(rng, draw, width, height, inks)
    return image


def _words(
    rng: random.Random, draw: ImageDraw.ImageDraw, width: int, height: int, inks: list
) -> None:
    y = height * rng.uniform(0.12, 0.3)
    while y < height * 0.92:
        size = rng.choice((14, 18, 26, 40, 64))
        words = " ".join(rng.sample(WORDS, rng.randint(1, 3)))
        labels.text(draw, (width / 2, y), words, size, rng.choice(inks))
        y += size * rng.uniform(1.2, 2.6)


def _varied(rng: random.Random, base: tuple) -> Surface:
    """A dielectric whose colour follows a procedural pattern."""
    s = Surface("pattern", base, roughness=rng.uniform(0.1, 0.9), coat=rng.choice((0, 0, 0.5, 1)))
    other = color(rng) if rng.random() < 0.6 else shade(base, rng.uniform(0.5, 1.5))
    scale = rng.choice((1, 2, 4, 9, 20))
    kind = rng.choice(("noise", "voronoi", "wave", "checker", "gradient"))
    space = rng.choice(("Object", "Generated"))
    where = s.where(space)
    if kind == "noise":
        low = rng.uniform(0.35, 0.5)
        factor = s.ramp(
            s.noise(scale, 3, space), (low, "#000000"), (low + rng.uniform(0.02, 0.2), "#ffffff")
        )
    elif kind == "voronoi":
        factor = s.node("TexVoronoi", "Distance", Vector=where, Scale=scale)
    elif kind == "wave":
        factor = s.node("TexWave", Vector=where, Scale=scale, Distortion=rng.choice((0.0, 3.0)))
    elif kind == "checker":
        factor = s.node("TexChecker", "Fac", Vector=where, Scale=scale)
    else:
        factor = s.node("SeparateXYZ", out=2, Vector=s.where("Generated"))
    s.set(color=s.mix(factor, (*base[:3], 1.0), (*other[:3], 1.0)))
    return s


def look(rng: random.Random, *, clear: float = 0.0, soft: bool = False):
    """A random material; `clear` is the chance of glass, `soft` asks for cloth or leather."""
    if rng.random() < clear:
        tint = (1, 1, 1) if rng.random() < 0.6 else shade(color(rng, plain=0), 1.6)
        return materials.glass(
            tint, rng.choice((0.0, 0.0, 0.0, 0.15, 0.4)), rng.uniform(1.33, 1.6)
        ).material
    base = (*color(rng), 1.0)
    makers = {
        "plastic": lambda: materials.plastic(
            base, rng.uniform(0.08, 0.8), coat=rng.choice((0, 0, 1))
        ),
        "leather": lambda: materials.leather(base, rng.uniform(0.3, 0.8), rng.uniform(8, 30)),
        "weave": lambda: materials.weave(
            base, rng.uniform(20, 120), second=rng.choice((None, color(rng)))
        ),
        "metal": lambda: materials.metal(_metal(rng), rng.uniform(0.03, 0.5), rng.choice((0, 0.5))),
        "ceramic": lambda: materials.ceramic(
            base, rng.uniform(0.08, 0.6), rng.choice((None, None, "#3a2c20"))
        ),
        "wood": lambda: materials.wood(
            shade(base, 0.5), base, rng.uniform(0.2, 0.7), rng.uniform(0.5, 2), rng.choice("XYZ")
        ),
        "varied": lambda: _varied(rng, base),
        "print": lambda: materials.printed(
            labels.to_blender(print_image(rng)), rng.uniform(0.2, 0.8)
        ),
    }
    names = (
        ["leather", "weave", "weave", "varied", "print"] if soft else [*makers, "plastic", "varied"]
    )
    return makers[rng.choice(names)]().material


def _metal(rng: random.Random) -> tuple:
    return rng.choice(
        (
            (0.9, 0.9, 0.88),
            (0.85, 0.62, 0.25),
            (0.8, 0.45, 0.3),
            (0.35, 0.36, 0.38),
            (0.05, 0.05, 0.055),
            color(rng, plain=0),
        )
    )


def metal(rng: random.Random):
    """A random metal."""
    return materials.metal(_metal(rng), rng.uniform(0.03, 0.45), rng.choice((0, 0, 0.6))).material
