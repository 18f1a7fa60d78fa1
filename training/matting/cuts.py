"""Judge the server's own cuts, through its renderer as a request goes.

    python -m training.matting.cuts error PAIRS    mean absolute error of `matte=on` over
                                                   NAME.jpg with NAME_alpha.png, per kind
    python -m training.matting.cuts sheet PHOTOS OUT [--request fmt=amazon&w=700]
                                                   sheets to look at: photo, rendition, header
    python -m training.matting.cuts evidence PHOTOS OUT.json
                                                   what each cut gives to doubt, for `doubt.py`
    python -m training.matting.cuts table PHOTOS   what becomes of the photos of `verdicts.tsv` by
                                                   one network and, where they are there, by more

`--models` names the repository; by default the bundled networks serve, under those of `--fetched`.
"""

import argparse
import asyncio
import io
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from edge.arrays import Pixels
from edge.deadline import Deadline
from edge.images import Original, Size, Stamp
from edge.limits import Limits
from edge.models import roles
from edge.models.base import Models
from edge.models.embedded import EmbeddedModels
from edge.models.matting import small_matte
from edge.rendering.analysis.background import Grid
from edge.rendering.analysis.own_alpha import flattened
from edge.rendering.drawing import Rendered
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting.doubt import Evidence, doubt_of
from edge.rendering.matting.fusion import Fused, fuse
from edge.rendering.matting.passes import (
    PASSES,
    close_up_box,
    mean,
    median,
    placed,
    with_close_up,
    with_traces_of,
)
from edge.rendering.matting.segment import has
from edge.rendering.render import Renderer
from edge.variants import presets
from edge.variants.query import AcceptClass, read
from training.matting.verdicts import table

ROOT = Path(__file__).resolve().parents[2]
KINDS = (".jpg", ".jpeg", ".png", ".webp")
CELL, ACROSS = 420, 4
PRESETS = presets.load()


def photos(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in KINDS and not path.stem.endswith("_alpha")
    )


async def renditions(
    paths: list[Path], query: str, models: Models
) -> AsyncIterator[tuple[Path, Rendered | Exception, float]]:
    """Each photo's rendition and the processor's seconds that it took."""
    engine = EngineThreads(1)
    renderer = Renderer(engine, models, Limits(), presets=PRESETS)
    transform = read(query, PRESETS, strict=True).resolve(AcceptClass.BASE, ".jpg")
    for path in paths:
        original = Original(path.name, path.read_bytes(), Stamp("1"))
        start = time.process_time()
        try:
            made: Rendered | Exception = await renderer.render(
                original, transform, deadline=Deadline.after(600)
            )
        except Exception as error:  # a refusal is an answer too
            made = error
        yield path, made, time.process_time() - start
    engine.close()


async def errors(folder: Path, models: Models) -> None:
    found, spent = defaultdict(list), 0.0
    async for path, made, seconds in renditions(photos(folder), "fm=png&matte=on", models):
        with Image.open(path.with_name(f"{path.stem}_alpha.png")) as exact:
            truth = np.asarray(exact.convert("L"), np.float32)
        alpha = np.zeros_like(truth)
        if isinstance(made, Rendered):
            with Image.open(io.BytesIO(made.rendition.body)) as image:
                alpha = np.asarray(image.convert("RGBA").getchannel("A"), np.float32)
        error = float(np.abs(alpha - truth).mean() / 255)
        found["_".join(path.stem.split("_")[:2])].append(error)
        spent += seconds
    every = [error for errors in found.values() for error in errors]
    for kind, errors in sorted(found.items()):
        print(f"{kind:24} {len(errors):4} {np.mean(errors):.4f}")
    print(f"{'all':24} {len(every):4} {np.mean(every):.4f}  {spent / len(every):.2f} s each")


async def sheets(folder: Path, out: Path, query: str, models: Models) -> None:
    cells: list[Image.Image] = []
    doubted = total = 0
    async for path, made, _ in renditions(photos(folder), query, models):
        total += 1
        if isinstance(made, Exception):
            told = str(made)[:60]
        else:
            compliance = made.rendition.reported.compliance
            told = str(compliance)
            doubted += bool(compliance and compliance.review)
        cells.append(_cell(path, made, f"{path.stem}: {told}"))
    rows = 2 * ACROSS
    for number, start in enumerate(range(0, len(cells), rows)):
        sheet = Image.new("RGB", (ACROSS * CELL, 2 * (CELL // 2 + CELL)), (60, 60, 60))
        for place, cell in enumerate(cells[start : start + rows]):
            sheet.paste(cell, (place % ACROSS * CELL, place // ACROSS * (CELL // 2 + CELL)))
        sheet.save(out / f"sheet-{number:02}.png")
    print(f"{total} photos, doubted {doubted / max(1, total):.0%}")


def _cell(path: Path, made: Rendered | Exception, told: str) -> Image.Image:
    cell = Image.new("RGB", (CELL, CELL // 2 + CELL), (60, 60, 60))
    with Image.open(path) as photo:
        small = flattened(photo.convert("RGBA"))
    small.thumbnail((CELL, CELL // 2 - 14))
    cell.paste(small, (0, 14))
    if isinstance(made, Rendered):
        with Image.open(io.BytesIO(made.rendition.body)) as image:
            large = flattened(image.convert("RGBA"))
        large.thumbnail((CELL, CELL))
        cell.paste(large, (0, CELL // 2))
    ImageDraw.Draw(cell).text((2, 1), told, fill=(255, 255, 120))
    return cell


async def _close_up(
    segmented: Callable[..., Awaitable[Pixels]], image: Image.Image, role: str, *masks: Pixels
) -> Pixels | None:
    box = close_up_box(*masks, size=Size(*image.size))
    return placed(await segmented(role=role, part=box), box, Size(*image.size)) if box else None


async def evidence(folder: Path, models: Models) -> dict[str, dict[str, dict[str, float]]]:
    """The evidence of every cut that one, two or three networks may yield, by the names of
    `verdicts.tsv`; a detail is no cut."""
    told = {}
    there = [role for role in roles.MATTERS if has(models, role)]
    for path in photos(folder):
        with Image.open(path) as photo:
            image = flattened(photo.convert("RGBA"))
        deadline, known = Deadline.after(600), Grid.of(image)
        segmented = partial(small_matte, models, image, deadline)
        one, *others = [await segmented(role=role) for role in there]
        first, cuts = fuse(image, one, known), {}
        if others:
            mattes = {"mean": mean(one, others[0], PASSES.second), "second": others[0]}
            for third in others[1:]:
                mattes |= {"median": median(one, others[0], third), "third": third}
            cuts = {
                name: with_traces_of(first, fuse(image, matte, known))
                for name, matte in mattes.items()
            }
            if (near := await _close_up(segmented, image, there[1], one, others[0])) is not None:
                cuts = {name: with_close_up(cut, near) for name, cut in cuts.items()}
        if (near := await _close_up(segmented, image, there[0], one)) is not None:
            cuts["close_up"] = with_traces_of(first, fuse(image, mean(one, near), known))
        told[path.name] = {
            name: {key: float(value) for key, value in asdict(fused.evidence).items()}
            for name, fused in {"first": first, **cuts}.items()
            if isinstance(fused, Fused) and not fused.detail
        }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=("error", "sheet", "evidence", "table"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("out"))
    parser.add_argument("--request", default="fmt=amazon&w=700")
    parser.add_argument("--models", type=Path, default=ROOT / "triton_models")
    parser.add_argument("--fetched", type=Path)
    given = parser.parse_args()
    if given.what == "sheet":
        given.out.mkdir(parents=True, exist_ok=True)
    folders = [folder for folder in (given.fetched, given.models) if folder]

    async def run() -> None:
        models = EmbeddedModels(folders, 1)
        try:
            if given.what == "error":
                await errors(given.folder, models)
            elif given.what == "sheet":
                await sheets(given.folder, given.out, given.request, models)
            else:
                told.update(await evidence(given.folder, models))
        finally:
            await models.close()

    told: dict[str, dict[str, dict[str, float]]] = {}
    asyncio.run(run())
    if given.what == "evidence":
        given.out.write_text(json.dumps(told, indent=1))
    elif told:
        doubts = {
            (photo, cut): doubt_of(Evidence(**shares))
            for photo, cuts in told.items()
            for cut, shares in cuts.items()
        }
        for networks in range(1, 2 + len({"second", "third"} & {cut for _, cut in doubts})):
            table(doubts, networks)


if __name__ == "__main__":
    main()
