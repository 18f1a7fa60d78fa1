"""How many outcomes change when a tuned number becomes 30 % smaller or larger.

    python -m training.calibrate PHOTOS --out DIR [--first 40] [--seconds 280] [--long 400]

After the photos come the pictures of `training.asking`, which lie near decisions for which no photo
asks. Each photo is made small, and each network is asked once for each picture that it is shown;
what it said lies in DIR/answers. Each stage of `STAGES` is run once as it is, and which numbers it
reads is noted. Then every number of `edge.rendering.numbers` is moved down and up, and the stages
that read it are run again; renders take the cut as it was. On the `--first` photos all numbers are
moved, on the rest those that have changed nothing so far, all of these at once first. What changed
stands in DIR/changes.jsonl, a line for each photo: a run that was stopped, or ended after
`--seconds`, goes on where it was. At the end the sums over all photos are printed, and written to
`--table`.

    cut      the alpha differs on more than 0.5 % of the pixels, or there is a matte or none
    review   what is noted of the photo, what is planned, or whether a person should look
    rules    the rules of the preset that the rendition breaks
    picture  more than 0.5 % of a rendition's pixels differ by more than 4 levels
    bytes    a file's length differs by more than 2 %, or one of the two is progressive
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import EdgeError
from edge.images import Original, Stamp
from edge.limits import Limits
from edge.models.base import Models, Priority
from edge.models.embedded import EmbeddedModels
from edge.rendering.analysis import degradation
from edge.rendering.analysis.analyze import analyze
from edge.rendering.analysis.own_alpha import flattened
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting.fusion import fuse
from edge.rendering.matting.mattes import Matte, Segmentation
from edge.rendering.matting.segment import search
from edge.rendering.matting.store import MatteStore, Sourced
from edge.rendering.numbers import Number, Value, numbers, tables
from edge.rendering.render import Renderer
from edge.rendering.request import Stopwatch
from edge.rendering.step import Tools
from edge.variants import presets
from edge.variants.query import AcceptClass, read
from edge.variants.transform import Transform
from training.asking import pictures

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("cut", "review", "rules", "picture", "bytes")
REQUESTS = {
    "flat": "fmt=amazon&w=320&h=320&up=off",
    "extended": "w=480&h=270&fit=product&frame=0.7&fm=png",
    "covered": "w=160&h=280&fit=cover&g=subject&sharp=auto&fm=webp",
    "shadow": "w=320&h=320&fit=product&bg=f2f2f0&matte=on&shadow=1&fm=jpg&maxbytes=7k",
    "scene": "w=320&h=320&fit=product&bg=scene:any&harmonize=1&fm=avif",
    "clear": "fmt=shopify-cutout&w=320&h=320&up=off",
    "blurred": "w=320&h=480&fit=pad&bg=blur&fm=jpg",
    "enlarged": "crop=0.4,0.4,0.2,0.2&w=120&up=2&fm=png",
    "large": "w=1500&fm=jpg",
    "reduced": "w=100&fm=png",
}
"""What is rendered; `reduced` of a JPEG, all else of pixels without loss."""

PLANNED = ("fmt=amazon", "w=500&up=auto", "w=860&up=auto")
"""What is only planned, for it would be enlarged by networks."""

STAGES = ("analysis", "cut", "alone", "planned", "verified", *REQUESTS)

Outcome = dict[str, Any]
Read = set[tuple[type, str]]


def moved(number: Number, factor: float) -> Value:
    """The value times `factor`; a whole number moves by one at least."""
    value = number.value * factor
    if isinstance(number.value, float):
        return value
    step = 1 if factor > 1 else -1
    return number.value + step if round(value) == number.value else round(value)


@contextmanager
def replaced(*pairs: tuple[Number, Value]) -> Iterator[None]:
    """Within, all of `edge.rendering` works with other values of some numbers."""
    others: dict[int, tuple[Any, Any]] = {}
    for number, value in pairs:
        _, other = others.get(id(number.table), (None, number.table))
        field = _put(getattr(other, number.name), number.index, value)
        other = dataclasses.replace(other, **{number.name: field})
        others[id(number.table)] = number.table, other
    for table, other in others.values():
        _bind(table, other)
    try:
        yield
    finally:
        for table, other in others.values():
            _bind(other, table)


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


@contextmanager
def noted() -> Iterator[Read]:
    """Which fields of which tables are read within."""
    read: Read = set()
    pairs = [(table, _spy(table, read)) for _, table in tables()]
    for table, spy in pairs:
        _bind(table, spy)
    try:
        yield read
    finally:
        for table, spy in pairs:
            _bind(spy, table)


def _spy(table: Any, read: Read) -> Any:
    kind = type(table)
    names = {one.name for one in dataclasses.fields(table)}

    def get(self: Any, name: str) -> Any:
        if name in names:
            read.add((kind, name))
        return object.__getattribute__(self, name)

    spy = object.__new__(type(kind.__name__, (kind,), {"__getattribute__": get}))
    vars(spy).update(vars(table))
    return spy


class Found(MatteStore):
    """Cut-outs are found once for a photo, by the numbers as they are."""

    kept: Segmentation | None = None

    async def of(self, *given: Any, **words: Any) -> Sourced:
        """What was found before, whatever number is moved now."""
        if self.kept is None:
            self.kept = (await super().of(*given, **words))[0]
        return self.kept, "made"


class Bench:
    """What runs a photo's stages. `photo` is an upright picture, RGB or RGBA."""

    def __init__(self, models: Models) -> None:
        self._models, self._engine = models, EngineThreads(1)
        self._presets = presets.load()
        self._found = Found(self._engine, models, "0")
        self._renderer = Renderer(
            self._engine, models, Limits(), _scene, self._presets, mattes=self._found
        )

    def close(self) -> None:
        self._engine.close()

    def another(self) -> None:
        """The next photo is another one."""
        self._found.kept = None

    async def outcome(self, stage: str, photo: Image.Image) -> Outcome:
        """What one stage says of a photo, in words of `KINDS`; an error is an outcome, too."""
        try:
            if stage in REQUESTS:
                kind = "JPEG" if stage == "reduced" else "PNG"
                return await self.rendered(REQUESTS[stage], photo, kind)
            return await getattr(self, f"_{stage}")(photo)
        except (EdgeError, ValueError, ArithmeticError, IndexError) as error:
            return {"cut": None, "review": type(error).__name__, "rules": type(error).__name__}

    async def _analysis(self, photo: Image.Image) -> Outcome:
        analysis, grain = analyze(photo), degradation.noise(flattened(photo))
        place = analysis.subject and tuple(round(edge * 50) for edge in analysis.subject.as_tuple())
        degraded = grain is not None and grain >= degradation.DEGRADATION.noisy_from
        strong = grain is not None and grain >= degradation.DEGRADATION.strong_from
        return {
            "review": (analysis.uniform, analysis.touches, analysis.flags, place, degraded, strong)
        }

    async def _cut(self, photo: Image.Image) -> Outcome:
        tools = Tools(self._models, self._engine, Deadline.after(600))
        found = (await search(photo, tools, Stopwatch())).found
        if not isinstance(found, Matte):
            return {"cut": None, "review": found.flags}
        return {"cut": np.asarray(found.matte), "review": (found.flags, found.doubted is None)}

    async def _alone(self, photo: Image.Image) -> Outcome:
        """The cut where there is no network."""
        found = fuse(flattened(photo), None)
        return {"cut": None if isinstance(found, str) else found.matte}

    async def _verified(self, photo: Image.Image) -> Outcome:
        """The photo as it is, held against the rules of a marketplace."""
        report = await self._renderer.verify(
            _original(photo).body, self._presets["amazon"], Deadline.after(600)
        )
        return {"rules": [finding.rule for finding in report.failed]}

    async def _planned(self, photo: Image.Image) -> Outcome:
        told = []
        for query in PLANNED:
            facts = await self._renderer.explain(
                _original(photo), self._transform(query), deadline=Deadline.after(600)
            )
            told.append((facts["plan"], facts["notes"]))
        return {"review": told}

    async def rendered(self, query: str, photo: Image.Image, kind: str = "PNG") -> Outcome:
        """What a request makes of a photo; `picture` is RGBA.

        Raises:
            EdgeError: whatever the renderer refuses.
        """
        transform = self._transform(query)
        done = await self._renderer.render(
            _original(photo, kind), transform, deadline=Deadline.after(600)
        )
        compliance = done.rendition.reported.compliance
        with Image.open(io.BytesIO(done.rendition.body)) as image:
            made, progressive = np.asarray(image.convert("RGBA")), "progressive" in image.info
        return {
            "rules": compliance and compliance.broken,
            "review": compliance and (compliance.review, compliance.notes),
            "picture": made,
            "bytes": (len(done.rendition.body), progressive),
        }

    def _transform(self, query: str) -> Transform:
        return read(query, self._presets, strict=True).resolve(AcceptClass.BASE, ".jpg")


def _original(photo: Image.Image, kind: str = "PNG") -> Original:
    body = io.BytesIO()
    (photo if kind == "PNG" else photo.convert("RGB")).save(body, kind, compress_level=0)
    return Original("photo.png", body.getvalue(), Stamp("1"))


async def _scene(_name: str, _deadline: Deadline) -> Image.Image:
    """A wall over a floor."""
    rows = np.linspace((224, 214, 200), (150, 120, 96), 400)
    return Image.fromarray(np.repeat(rows[:, None], 400, axis=1).astype(np.uint8))


def changes(one: Outcome, other: Outcome) -> set[str]:
    """The words of `KINDS` in which two outcomes of a photo differ."""
    return {kind for kind in KINDS if _differ(kind, one.get(kind), other.get(kind))}


def _differ(kind: str, one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _pixels_differ(one, other, 4 if kind == "picture" else 0)
    if kind == "bytes" and one and other:
        return bool(one[1] != other[1] or abs(one[0] - other[0]) > 0.02 * one[0])
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


def asked(folder: Path, sample: int, long: int) -> Iterator[tuple[str, Callable[[], Image.Image]]]:
    """What numbers are moved on, by name: the photos of a folder, then what `asking` draws."""
    for path in sampled(folder, sample):
        yield path.name, partial(small, path, long)
    for name, picture in pictures().items():
        yield f"drawn: {name}", lambda picture=picture: picture  # type: ignore[misc]


async def measure(
    bench: Bench, photo: Image.Image, chosen: list[Number], *, together: bool = False
) -> dict[str, list[str]]:
    """For each number that changes anything on this photo: what. `together`: all are moved at once
    first, and one by one where that changes anything."""
    bench.another()
    before, reads = {}, {}
    for stage in STAGES:
        with noted() as reads[stage]:
            before[stage] = await bench.outcome(stage, photo)

    async def changed(*some: Number) -> set[str]:
        fields = {(type(number.table), number.name) for number in some}
        kinds: set[str] = set()
        for stage in (stage for stage in STAGES if fields & reads[stage]):
            for factor in (0.7, 1.3):
                with replaced(*((number, moved(number, factor)) for number in some)):
                    kinds |= changes(before[stage], await bench.outcome(stage, photo))
        return kinds

    if together and not await changed(*chosen):
        return {}
    found = {number.title: sorted(await changed(number)) for number in chosen}
    return {title: kinds for title, kinds in found.items() if kinds}


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
    models = EmbeddedModels([folder for folder in (given.models, given.fetched) if folder], 1)
    bench, start = Bench(Recorded(models, given.out / "answers")), time.monotonic()
    photos = list(asked(given.photos, given.sample, given.long))
    for place, (name, opened) in enumerate(photos):
        if given.seconds and time.monotonic() - start > given.seconds:
            break
        everything = place < given.first
        left = to_move(chosen, lines, name, all_of_them=everything)
        if left:
            changed = await measure(bench, opened(), left, together=not everything)
            titles = [one.title for one in left]
            lines.append({"photo": name, "moved": titles, "changed": changed})
            with kept.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            spent = time.monotonic() - start
            told = f"{len(changed)} of {len(left)} numbers change something"
            print(f"{place + 1} of {len(photos)}: {name}, {told}, {spent:.0f} s", file=sys.stderr)
    bench.close()
    await models.close()
    _print(table(lines), given.table)


def sampled(folder: Path, count: int) -> list[Path]:
    """So many photos of a folder, or all for 0, in an order drawn once for all."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    random.Random(1).shuffle(paths)
    return paths[: count or len(paths)]


def to_move(
    chosen: list[Number], lines: list[dict[str, Any]], photo: str, *, all_of_them: bool
) -> list[Number]:
    """The numbers to move on a photo: those that were not yet, and where not all of them are asked
    for, that changed nothing on any photo so far."""
    had = {title for line in lines if line["photo"] == photo for title in line["moved"]}
    if not all_of_them:
        had |= {title for line in lines for title in line["changed"]}
    return [one for one in chosen if one.title not in had]


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
    parser.add_argument("--first", type=int, default=40, help="photos on which all are moved")
    parser.add_argument("--seconds", type=float, default=0.0, help="after which no photo is begun")
    parser.add_argument("--long", type=int, default=400, help="working size in pixels")
    parser.add_argument("--models", type=Path, default=ROOT / "triton_models")
    parser.add_argument("--fetched", type=Path)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
