"""Glasses and a carafe: turned shapes in clear glass. Each returns the parts of one product."""

from __future__ import annotations

from . import materials
from .mesh import lathe, spline


def wine_glass(color: str = "#ffffff") -> list:
    """A stemmed wine glass in thin crystal, empty."""
    outer = spline(
        [
            (0.365, 0.012),
            (0.25, 0.030),
            (0.12, 0.062),
            (0.058, 0.13),
            (0.038, 0.3),
            (0.034, 0.6),
            (0.038, 0.88),
            (0.07, 1.0),
            (0.19, 1.09),
            (0.345, 1.25),
            (0.425, 1.48),
            (0.425, 1.72),
            (0.375, 2.0),
            (0.315, 2.28),
        ],
        14,
    )
    inner = spline(
        [
            (0.303, 2.28),
            (0.363, 2.0),
            (0.413, 1.72),
            (0.413, 1.49),
            (0.333, 1.265),
            (0.185, 1.115),
            (0.06, 1.055),
            (0.001, 1.045),
        ],
        14,
    )
    rows = [
        (0.0, 0.0),
        (0.36, 0.0),
        (0.367, 0.006),
        *((p.x, p.y) for p in outer),
        (0.309, 2.287),
        *((p.x, p.y) for p in inner),
    ]
    return [lathe("glass", rows, materials.glass(color, ior=1.5).material, segments=200)]


def carafe(color: str = "#f4fffb", water: bool = True) -> list:
    """A water carafe in clear glass, half full, with a cork ball."""
    rows = [
        (0, 0.0),
        (0.42, 0.0, 0.07),
        (0.47, 0.22, 0.2),
        (0.44, 0.85, 0.4),
        (0.17, 1.42, 0.3),
        (0.165, 1.85, 0.2),
        (0.235, 2.12, 0.03),
        (0.215, 2.125, 0.02),
        (0.142, 1.85, 0.2),
        (0.146, 1.43, 0.3),
        (0.412, 0.85, 0.4),
        (0.44, 0.24, 0.18),
        (0.39, 0.05, 0.06),
        (0, 0.07),
    ]
    parts = [
        lathe("carafe", rows, materials.glass(color, ior=1.5).material, segments=160, steps=14)
    ]
    if water:
        wet = [
            (0, 0.072),
            (0.386, 0.055, 0.06),
            (0.4415, 0.24, 0.18),
            (0.414, 0.84, 0.3),
            (0.36, 0.99),
            (0, 0.99),
        ]
        parts.append(
            lathe(
                "water", wet, materials.glass("#ffffff", ior=1.33).material, segments=160, steps=14
            )
        )
    cork = materials.wood("#8d6b48", "#c9a67c", 0.8)
    cork.bump(cork.noise(30, 5), 0.5, 0.02)
    parts.append(
        lathe(
            "cork",
            [
                (0.0, 2.06),
                (0.14, 2.06, 0.05),
                (0.25, 2.2, 0.1),
                (0.25, 2.32, 0.12),
                (0.12, 2.46, 0.1),
                (0, 2.47),
            ],
            cork.material,
            segments=64,
        )
    )
    return parts
