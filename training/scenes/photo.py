"""From a clean render to the file a supplier would send: sensor noise, tone, JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter


def developed(
    image: Image.Image, *, noise: float = 1.2, soften: float = 0.0, seed: int = 0
) -> Image.Image:
    """Add sensor noise (about `noise` levels, less in highlights) and lens softness."""
    if soften:
        image = image.filter(ImageFilter.GaussianBlur(soften))
    rng = np.random.default_rng(seed)
    pixels = np.asarray(image, dtype=np.float32)
    luma = rng.normal(0, noise, (*pixels.shape[:2], 1))
    chroma = rng.normal(0, noise * 0.45, pixels.shape)
    weight = 0.55 + 0.9 * np.sqrt(np.clip(pixels / 255, 0, 1)) * (1.05 - pixels / 255)
    grainy = pixels + (luma + chroma) * weight
    return Image.fromarray(np.clip(grainy + 0.5, 0, 255).astype(np.uint8))


def save_jpeg(image: Image.Image, path: Path, *, quality: int = 90, limit: int = 120_000) -> int:
    """Write a JPEG of at most `limit` bytes, lowering the quality it returns if it must."""
    while True:
        image.save(path, quality=quality, subsampling=0 if quality >= 90 else 2, optimize=True)
        if path.stat().st_size <= limit or quality <= 60:
            return quality
        quality -= 2
