"""How many outcomes change when a tuned number becomes 30 % smaller or larger.

    python -m training.calibrate PHOTOS --out DIR [--sample 40] [--only matting.fusion] [--long 320]

Each photo is made small, and each network is asked once for each picture that it is shown; what it
said lies in DIR/answers. Then every number of `edge.rendering.numbers` is moved down and up, and
only the stage that it belongs to is run again: `photo` (analysis, degradation), `cut` (the matte
and its doubt) or `render` (two whole requests, without upscaling). What changed stands in
DIR/changes.jsonl, a line for each photo: a run that was stopped goes on where it was. At the end
the sums over all photos are printed, and written to `--table`, which `docs/numbers.md` shows.

    cut      the alpha differs on more than 0.5 % of the pixels, or there is a matte or none
    review   what is noted of the photo, or whether a person should look
    rules    the rules of the preset that the rendition breaks
    picture  more than 0.5 % of a rendition's pixels differ by more than 4 levels
"""

import argparse
import asyncio
import dataclasses
import hashlib
import io
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge.deadline import Deadline
from edge.errors import EdgeError
from edge.images import Original, Stamp
from edge.models.base import Models, Priority, Tensor
from edge.models.embedded import EmbeddedModels
from edge.rendering.analysis import degradation
from edge.rendering.analysis.analysis import analyze
from edge.rendering.analysis.own_alpha import flattened
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting.segment import Matte, search
from edge.rendering.numbers import Number, Value, numbers
from edge.rendering.render import Renderer
from edge.rendering.request import Stopwatch
from edge.rendering.step import Tools
from edge.settings import Limits
from edge.variants import presets
from edge.variants.query import AcceptClass, read

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("cut", "review", "rules", "picture")
REQUESTS = ("fmt=amazon&w=320&h=320&up=off", "w=360&h=240&fit=pad&bg=extend&up=off&fm=png")
STAGES = {
    "photo": ("analysis.analysis", "analysis.degradation"),
    "cut": ("analysis.background", "analysis.own_alpha", "matting", "pixels.levels"),
}
"""The modules whose numbers are judged without a whole render."""

Outcome = dict[str, Any]


def stage_of(number: Number) -> str:
    """`photo`, `cut` or `render`."""
    for stage, modules in STAGES.items():
        if number.title.startswith(modules):
            return stage
    return "render"


def moved(number: Number, factor: float) -> Value:
    """The value times `factor`; a whole number moves by one at least."""
    value = number.value * factor
    if isinstance(number.value, float):
        return value
    step = 1 if factor > 1 else -1
    return number.value + step if round(value) == number.value else round(value)


@contextmanager
def replaced(number: Number, value: Value) -> Iterator[None]:
    """Within, all of `edge.rendering` works with another value of that number."""
    field = _put(getattr(number.table, number.name), number.index, value)
    other = dataclasses.replace(number.table, **{number.name: field})
    _bind(number.table, other)
    try:
        yield
    finally:
        _bind(other, number.table)


def _put(field: Any, index: tuple[int, ...], value: Value) -> Any:
    if not index:
        return value
    first, *rest = index
    part = _put(field[first], tuple(rest), value)
    return (*field[:first], part, *field[first + 1 :])


def _bind(table: Any, other: Any) -> None:
    for name, module in tuple(sys.modules.items()):
        if name.startswith("edge.rendering"):
            for word, held in tuple(vars(module).items()):
                if held is table:
                    setattr(module, word, other)


class Recorded:
    """Networks whose answers are kept in a folder: each is asked once for the same input."""

    def __init__(self, models: Models, folder: Path) -> None:
        self._models, self._folder = models, folder
        self.close, self.spec, self.states = models.close, models.spec, models.states
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def runtime(self) -> str:
        return self._models.runtime

    async def infer(
        self, name: str, inputs: Mapping[str, Tensor], *, deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:  # fmt: skip
        shown = hashlib.sha256(f"{name} {self._models.spec(name).digest}".encode())
        for tensor in inputs.values():
            shown.update(str(tensor.shape).encode() + np.ascontiguousarray(tensor).tobytes())
        path = self._folder / f"{shown.hexdigest()}.npz"
        if not path.exists():
            said = await self._models.infer(name, inputs, deadline=deadline, priority=priority)
            np.savez_compressed(path.with_suffix(".part.npz"), **said)
            os.replace(path.with_suffix(".part.npz"), path)
        with np.load(path) as kept:
            return {word: kept[word] for word in kept.files}


class Bench:
    """What runs a photo's stages. `photo` is an upright picture, RGB or RGBA."""

    def __init__(self, models: Models) -> None:
        self._models, self._engine = models, EngineThreads(1)
        self._presets = presets.load()
        self._renderer = Renderer(self._engine, models, Limits(), presets=self._presets)

    def close(self) -> None:
        self._engine.close()

    async def outcome(self, stage: str, photo: Image.Image) -> Outcome:
        """What one stage says of a photo, in words of `KINDS`; an error is an outcome, too."""
        try:
            return await getattr(self, f"_{stage}")(photo)
        except (EdgeError, ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError) as error:
            return {"cut": None, "review": type(error).__name__, "rules": type(error).__name__}

    async def _photo(self, photo: Image.Image) -> Outcome:
        seen, grain = analyze(photo), degradation.noise(flattened(photo))
        place = seen.subject and tuple(round(edge * 50) for edge in seen.subject.as_tuple())
        worn = grain is not None and grain >= degradation.DEGRADATION.noisy_from
        strong = grain is not None and grain >= degradation.DEGRADATION.strong_from
        return {"review": (seen.uniform, seen.touches, seen.flags, place, worn, strong)}

    async def _cut(self, photo: Image.Image) -> Outcome:
        tools = Tools(self._models, self._engine, Deadline.after(600))
        found = (await search(photo, tools, Stopwatch())).found
        if not isinstance(found, Matte):
            return {"cut": None, "review": found.flags}
        return {"cut": np.asarray(found.matte), "review": (found.flags, found.doubted is None)}

    async def _render(self, photo: Image.Image) -> Outcome:
        body, told, made = io.BytesIO(), [], []
        photo.save(body, "PNG", compress_level=1)
        original = Original("photo.png", body.getvalue(), Stamp("1"))
        for query in REQUESTS:
            transform = read(query, self._presets, strict=True).resolve(AcceptClass.BASE, ".jpg")
            done = await self._renderer.render(original, transform, deadline=Deadline.after(600))
            told.append(str(done.rendition.reported.compliance or ""))
            with Image.open(io.BytesIO(done.rendition.body)) as image:
                made.append(np.asarray(image.convert("RGBA")))
        words = told[0].split("; ")
        rules = [word for word in words if word.startswith("rule=")]
        return {"rules": rules, "review": words[2:] if not rules else words[3:], "picture": made}


def changes(one: Outcome, other: Outcome) -> set[str]:
    """The words of `KINDS` in which two outcomes of a photo differ."""
    return {kind for kind in KINDS if _differ(kind, one.get(kind), other.get(kind))}


def _differ(kind: str, one: Any, other: Any) -> bool:
    if kind == "picture" and one is not None and other is not None:
        return any(_pixels_differ(*pair, 4) for pair in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _pixels_differ(one, other, 0)
    return type(one) is not type(other) or bool(one != other)


def _pixels_differ(one: Tensor, other: Tensor, most: int) -> bool:
    if one.shape != other.shape:
        return True
    apart = np.abs(one.astype(np.int16) - other)
    return float(np.mean((apart if apart.ndim == 2 else apart.max(axis=2)) > most)) > 0.005


def small(path: Path, long: int) -> Image.Image:
    """A photo at most so long."""
    with Image.open(path) as photo:
        image = photo.convert("RGBA" if photo.has_transparency_data else "RGB")
    image.thumbnail((long, long), Image.Resampling.BOX)
    return image


async def measure(bench: Bench, photo: Image.Image, chosen: list[Number]) -> dict[str, list[str]]:
    """For each number that changes anything on this photo: what."""
    stages = sorted(set(map(stage_of, chosen)))
    before = {stage: await bench.outcome(stage, photo) for stage in stages}
    found: dict[str, list[str]] = {}
    for number in chosen:
        changed: set[str] = set()
        for factor in (0.7, 1.3):
            with replaced(number, moved(number, factor)):
                after = await bench.outcome(stage_of(number), photo)
            changed |= changes(before[stage_of(number)], after)
        if changed:
            found[number.title] = sorted(changed)
    return found


def table(lines: list[dict[str, Any]]) -> list[tuple[str, int, Counter[str]]]:
    """Number, photos on which it was moved, and on how many each kind of outcome changed."""
    photos: Counter[str] = Counter()
    sums: dict[str, Counter[str]] = {}
    for line in lines:
        photos.update(line["moved"])
        for title, kinds in line["changed"].items():
            sums.setdefault(title, Counter()).update(kinds)
    return [(title, count, sums.get(title, Counter())) for title, count in photos.items()]


async def run(given: argparse.Namespace) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    kept = given.out / "changes.jsonl"
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    chosen = [one for one in numbers() if one.title.startswith(tuple(given.only or [""]))]
    paths = sorted(path for path in given.photos.iterdir() if path.is_file())
    random.Random(1).shuffle(paths)
    paths = paths[: given.sample or len(paths)]
    models = EmbeddedModels([folder for folder in (given.fetched, given.models) if folder], 1)
    bench, start = Bench(Recorded(models, given.out / "answers")), time.monotonic()
    for place, path in enumerate(paths, 1):
        had = {title for line in lines if line["photo"] == path.name for title in line["moved"]}
        left = [one for one in chosen if one.title not in had]
        if left:
            changed = await measure(bench, small(path, given.long), left)
            moved_ones = [one.title for one in left]
            lines.append({"photo": path.name, "moved": moved_ones, "changed": changed})
            with kept.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            spent = time.monotonic() - start
            told = f"{len(changed)} of {len(left)} numbers change something"
            print(f"{place} of {len(paths)}: {path.name}, {told}, {spent:.0f} s", file=sys.stderr)
    bench.close()
    await models.close()
    _print(table(lines), given.table)


def _print(rows: list[tuple[str, int, Counter[str]]], path: Path | None) -> None:
    text = "\t".join(("number", "photos", *KINDS)) + "\n"
    for title, photos, counts in rows:
        text += "\t".join(map(str, (title, photos, *(counts[kind] for kind in KINDS)))) + "\n"
    print(text, end="")
    if path:
        path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.calibrate")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="answers and changes are kept here")
    parser.add_argument("--table", type=Path, help="where the sums are written")
    parser.add_argument("--only", nargs="*", help="beginnings of the numbers' names")
    parser.add_argument("--sample", type=int, default=0, help="so many photos, drawn once for all")
    parser.add_argument("--long", type=int, default=320, help="working size in pixels")
    parser.add_argument("--models", type=Path, default=ROOT / "triton_models")
    parser.add_argument("--fetched", type=Path)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
