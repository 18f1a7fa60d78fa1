"""Pictures of which something is known: made, measured or hidden, from a folder of data."""

import asyncio
import io
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from edge.images import Format, Size
from edge.rendering.analysis.analyze import analyze
from training.calibrate import Bench, Recorded, small
from training.matting.verdicts import verdicts

LONG = 400
"""Pixels of a picture's long side, as in the calibration."""

PAPERS = ((250, 250, 250), (238, 232, 220), (205, 207, 210), (120, 150, 190), (45, 45, 48))
"""What composites are laid on."""


@dataclass(frozen=True)
class Given:
    """The folder of data, and the networks."""

    data: Path
    models: Recorded
    bench: Bench
    loop: asyncio.AbstractEventLoop

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def files(self, folder: str, every: int, ends: str = "") -> list[Path]:
        """Every so manieth file of a folder."""
        return sorted(p for p in (self.data / folder).iterdir() if p.name.endswith(ends))[::every]


def pairs(given: Given) -> list[tuple[Image.Image, Image.Image]]:
    """Photographs and their alphas, which no network of this project has learnt from."""
    found = []
    for path in given.files("matting_dev", 1, ".jpg"):
        image = small(path, LONG)
        with Image.open(path.with_name(path.stem + "_alpha.png")) as alpha:
            found.append((image, alpha.convert("L").resize(image.size, Image.Resampling.BOX)))
    return found


def composites(given: Given) -> list[tuple[Image.Image, Image.Image, Image.Image]]:
    """Cut-outs with a shadow on paper with grain, as a JPEG; alphas; the cut-outs' own colours."""
    found = []
    for number, path in enumerate(given.files("cutouts", 25, ".webp")):
        dice = np.random.default_rng(number)
        cut = Image.open(path).convert("RGBA").resize((300, 300), Image.Resampling.LANCZOS)
        own, alpha = Image.new("RGB", (LONG, LONG)), Image.new("L", (LONG, LONG))
        own.paste(cut.convert("RGB"), (50, 50))
        alpha.paste(cut.getchannel("A"), (50, 50))
        cover = np.asarray(alpha)
        if np.mean(cover[cover > 0] < 250) > 0.15:
            continue  # a shadow or glass
        light = np.linspace(1, dice.uniform(0.9, 1), LONG)[:, None, None]
        paper = np.array(PAPERS[number % len(PAPERS)]) * light * np.ones((LONG, LONG, 3))
        shade = np.asarray(alpha.filter(ImageFilter.GaussianBlur(14)), np.float64) / 255
        paper *= 1 - 0.35 * np.roll(shade, 12, axis=0)[..., None]
        share = cover[..., None] / 255
        seen = share * np.asarray(own) + (1 - share) * paper + dice.normal(0, 1.5, paper.shape)
        body = io.BytesIO()
        Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8)).save(body, "JPEG", quality=90)
        found.append((Image.open(body).convert("RGB"), alpha, own))
    return found


def without_border(folder: str, every: int) -> Callable[[Given], list[Any]]:
    """Photos without a fifth of their width or height; the whole; the subject's box."""

    def cases(given: Given) -> list[Any]:
        found = []
        for path in given.files(folder, every):
            for turned in (False, True):
                whole = small(path, LONG).convert("RGB")
                whole = whole.transpose(Image.Transpose.TRANSPOSE) if turned else whole
                left = whole.width * 4 // 5
                shown, seen = whole.crop((0, 0, left, whole.height)), analyze(whole)
                if folder == "plain" and not (seen.subject and seen.subject.right < 0.8):
                    continue
                box = analyze(shown).subject_in(Size(*shown.size)) if folder == "plain" else None
                found.append((shown, whole, box and box.outward(Size(*shown.size))))
        return found

    return cases


def photos(given: Given, every: int, long: int) -> Iterator[Image.Image]:
    for path in given.files("sr_train", every):
        yield small(path, long).convert("RGB")


def halved(given: Given) -> list[tuple[bytes, Image.Image, Size]]:
    """JPEGs, what is in them, and sizes from the half of it down."""
    found = []
    for number, image in enumerate(photos(given, 14, 1000)):
        body = io.BytesIO()
        image.save(body, "JPEG", quality=90)
        wide = image.width * (50 - 2 * number) // 100
        found.append((body.getvalue(), image, Size(wide, image.height * wide // image.width)))
    return found


def on_white(given: Given) -> list[tuple[Image.Image, np.ndarray]]:
    """Cut-outs on white, and the white pixels within 8 of them [H, W]."""
    found = []
    for path in given.files("cutouts", 25, ".webp"):
        cut = _long(Image.open(path).convert("RGBA"), 300)
        sheet, alpha = Image.new("RGB", (LONG, LONG), "white"), Image.new("L", (LONG, LONG))
        sheet.paste(cut, (50, 50), cut)
        alpha.paste(cut.getchannel("A"), (50, 50))
        near = np.asarray(alpha.filter(ImageFilter.MaxFilter(17))) > 0
        found.append((sheet, near & (np.asarray(sheet).min(axis=2) == 255)))
    return found


def grainy(given: Given) -> list[Any]:
    """Clean photos with grain of known strength, the same in all channels; that strength."""
    found = []
    for number, image in enumerate(photos(given, 16, 800)):
        dice = np.random.default_rng(number)
        for sigma in (0, 1, 1.5, 2, 3, 5):
            grain = dice.normal(0, sigma, (image.height, image.width, 1))
            seen = np.clip(np.asarray(image) + grain + 0.5, 0, 255).astype(np.uint8)
            found.append((Image.fromarray(seen), sigma, image))
    return found


def in_each_format(given: Given) -> list[Any]:
    formats = (Format.JPEG, Format.WEBP, Format.AVIF)
    return [(image, format) for image in photos(given, 12, 640) for format in formats]


def framed(given: Given) -> list[Any]:
    """Cut-outs, and requests for 0.85 of a canvas of many sizes."""
    query = "fit=product&frame=0.85&bg=white&matte=on&up=off&fm=jpg&w={0}&h={0}"
    paths = given.files("cutouts", 25, ".webp")
    return [(small(path, LONG), query.format(90 + 7 * i)) for i, path in enumerate(paths)]


def with_a_second_view(given: Given) -> list[Any]:
    """A product on white with itself, smaller, turned a little and lit otherwise; with a part of
    itself; with another product; with a picture in a frame of its own; or with itself as large, as
    pairs stand: and whether that is a second view."""
    cuts = [Image.open(path).convert("RGBA") for path in given.files("cutouts", 7, ".webp")]
    cuts = [cut.crop(cut.getchannel("A").getbbox()) for cut in cuts]
    found = []
    for number, (one, other) in enumerate(zip(cuts, [*cuts[1:], cuts[0]], strict=True)):
        dice = np.random.default_rng(number)
        width, height = one.size
        part = one.crop((0, 0, width, height // 3) if number % 2 else (0, 0, width // 3, height))
        framed = Image.new("RGBA", other.size, "grey")
        framed.alpha_composite(other)
        for beside in (one, part, other, framed):
            image = Image.new("RGB", (1000, 1000), "white")
            large, little = _long(one, 600), _long(beside, dice.uniform(150, 300))
            little = little.rotate(dice.uniform(-4, 4), Image.Resampling.BICUBIC, expand=True)
            light = dice.uniform(0.93, 1)
            image.paste(large, (30, 200), large)
            image.paste(little.convert("RGB").point(lambda v, s=light: v * s), (660, 650), little)
            found.append((image, beside is one or beside is framed))
        pair = Image.new("RGB", (1000, 1000), "white")
        for left, side in ((20, 470), (510, dice.uniform(400, 470))):
            shoe = _long(one, side)
            pair.paste(shoe, (left, 200), shoe)
        found.append((pair, False))
    return found


def weighted_or_not(given: Given) -> list[tuple[Image.Image, np.ndarray]]:
    """Cut-outs whose colours are weighted by alpha or not, without loss and as a WebP with it; and
    the cut-outs."""
    found = []
    for path in given.files("cutouts", 10, ".webp"):
        with Image.open(path) as file:
            cut = np.asarray(file.convert("RGBA"))
        weight = cut[..., 3:].astype(np.float64) / 255
        for told in (True, False):
            colours = np.rint(cut[..., :3] * weight) if told else cut[..., :3]
            whole = Image.fromarray(np.dstack([colours, cut[..., 3:]]).astype(np.uint8))
            body = io.BytesIO()
            whole.save(body, "WEBP", quality=85, exact=True)
            found += [(whole, cut), (Image.open(body).convert("RGBA"), cut)]
    return found


def with_a_drop_shadow(given: Given) -> list[tuple[Image.Image, Image.Image]]:
    """Cut-outs with a drop shadow in their alpha, and the alphas without it."""
    found = []
    for number, path in enumerate(given.files("cutouts", 12, ".webp")):
        dice = np.random.default_rng(number)
        cut, sheet = _long(Image.open(path).convert("RGBA"), 280), Image.new("RGBA", (LONG, LONG))
        sheet.paste(cut, (50, 40))
        alpha = sheet.getchannel("A")
        soft = alpha.filter(ImageFilter.GaussianBlur(dice.uniform(6, 16)))
        share = dice.uniform(0.25, 0.7)
        dark = soft.point(lambda v, s=share: v * s)
        below = Image.new("RGBA", (LONG, LONG))
        below.putalpha(dark.transform(dark.size, Image.Transform.AFFINE, (1, 0, 0, 0, 1, -20)))
        below.alpha_composite(sheet)
        found.append((below, alpha))
    return found


def judged(given: Given) -> list[tuple[Image.Image, bool]]:
    """Shop photos, and whether a person rejects the cut by the first network."""
    verdict = verdicts()
    return [
        (small(path, LONG).convert("RGB"), verdict[path.name, "first"])
        for path in given.files("products", 3)
        if (path.name, "first") in verdict
    ]


def _long(image: Image.Image, side: float) -> Image.Image:
    scale = side / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
