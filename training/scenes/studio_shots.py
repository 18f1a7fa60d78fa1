"""Catalogue pictures on paper sweeps: each sets up a scene and returns the product's parts."""

from __future__ import annotations

from . import accessories, backgrounds, gadgets, glassware, lighting, sneaker, soft, studio, vessels
from .modify import place


def bottle() -> list:
    parts = place(vessels.bottle(), turn=(0, 0, -9))
    backgrounds.sweep("#ffffff", depth=7, radius=3)
    lighting.surroundings("#d0d0d0", "#ffffff", 0.38)
    lighting.studio((0, 0, 1), 1.6, key=0.75, fill=0.22, rim=0.3, top=0.12)
    lighting.softbox((0, 3, 9), (0, 7, 2), (12, 6), 0.7)
    studio.camera(parts, elevation=7, fill=0.82, centre=(0.5, 0.49))
    return parts


def vase() -> list:
    parts = vessels.vase()
    backgrounds.sweep("#fdfdfb", depth=7, radius=3)
    lighting.surroundings("#e8e8e8", "#ffffff", 0.22)
    lighting.studio((0, 0, 1), 1.8, key=0.85, fill=0.03, rim=0.2, top=0.15)
    lighting.softbox((0, 3, 9), (0, 7, 2), (12, 6), 0.6)
    studio.camera(parts, elevation=9, fill=0.8, centre=(0.5, 0.49))
    return parts


def glass() -> list:
    parts = place(glassware.wine_glass(), at=(0, 0, 0.006))
    backgrounds.sweep("#b9bcc0", depth=8, radius=4)
    lighting.surroundings("#404448", "#a0a6ac", 0.4)
    lighting.softbox((0, 2.0, 7), (0, 8, 2.4), (7, 5), 0.9)
    lighting.softbox((-6, -1.5, 3), (0, 0, 1.3), (1.2, 6), 0.45)
    lighting.softbox((6, -0.5, 2.6), (0, 0, 1.3), (0.9, 6), 0.35)
    lighting.softbox((0, -2, 8), (0, 0, 0), (5, 5), 0.35)
    studio.camera(parts, elevation=8, fill=0.84, centre=(0.5, 0.49))
    return parts


def sunglasses() -> list:
    parts = place(accessories.sunglasses(), at=(0, 0, 0.277), turn=(0, 0, 28))
    backgrounds.sweep("#e3a58c", depth=9, radius=4)
    lighting.surroundings("#d9b8a8", "#ffffff", 0.4)
    lighting.softbox((-5, -1.5, 7), (0, 0, 0), (0.9, 0.9), 0.7, "#fff3e2")
    lighting.softbox((3, -3, 6), (0, 0, 0), (5, 3), 0.3)
    lighting.softbox((0, 6, 5), (0, 0, 0), (8, 2), 0.25)
    studio.camera(parts, elevation=17, fill=0.86, centre=(0.5, 0.47))
    return parts


def sneaker_() -> list:
    parts = place(sneaker.sneaker(), turn=(0, 0, 205))
    backgrounds.sweep("#ffffff", depth=9, radius=4)
    lighting.surroundings("#cfcfcf", "#ffffff", 0.3)
    lighting.studio((-1.2, 0.5, 0.5), 2.2, key=0.8, fill=0.12, rim=0.35, top=0.22)
    lighting.softbox((0, 3, 11), (0, 9, 2), (14, 6), 0.6)
    studio.camera(parts, elevation=16, fill=0.86, centre=(0.5, 0.47))
    return parts


def tote() -> list:
    parts = place(accessories.tote(), turn=(0, 0, -22))
    backgrounds.sweep("#cfc6ba", depth=6, radius=4, gradient="#8f8579")
    lighting.surroundings("#b5aca0", "#ffffff", 0.35)
    lighting.studio((0, 0, 1), 2.0, key=0.75, fill=0.18, rim=0.4, top=0.2)
    studio.camera(parts, elevation=10, fill=0.82, centre=(0.5, 0.48))
    return parts


def headphones() -> list:
    parts = place(gadgets.headphones(), turn=(0, 0, 32))
    backgrounds.sweep("#aebfc6", depth=8, radius=4, gradient="#8fa5ae")
    lighting.surroundings("#9fb2ba", "#ffffff", 0.3)
    lighting.studio((0, 0, 1), 2.0, key=0.75, fill=0.25, rim=0.7, top=0.3)
    studio.camera(parts, elevation=12, fill=0.8, centre=(0.5, 0.48))
    return parts


def plush() -> list:
    parts = place(soft.plush(), at=(0, 0, 0.06), turn=(0, 0, 18))
    backgrounds.sweep("#e8cf8f", depth=8, radius=4)
    lighting.surroundings("#e0cc9c", "#ffffff", 0.35)
    lighting.studio((0, 0, 1), 2.2, key=0.75, fill=0.18, rim=0.5, top=0.25)
    studio.camera(parts, elevation=10, fill=0.84, centre=(0.5, 0.48))
    return parts
