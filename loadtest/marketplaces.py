"""Ask for a folder of photos in marketplace presets: how many hold the rules? How do they look?

Prints, per preset, the share that passes and the rules that are broken, by the way in which the
subject was cut out. `--sheets DIR` writes a contact sheet per preset, framed green where the rules
are held, amber where a person should look, red where a rule is broken; and `crops.png`: of each
photo a piece of its outline on the first preset's background, twice as large.
"""

import argparse
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
from common import ROOT, edge_on, photos
from PIL import Image, ImageDraw

from edge.variants import presets

KINDS = (".jpg", ".jpeg", ".png", ".webp")
THUMB, EDGE_WIDTH, COLUMNS = 150, 4, 10
SAND = (232, 196, 170)
"""Behind what is see-through."""

CROP = 90
"""Pixels of a rendition in a crop's side."""

COLOURS = {"pass": (60, 160, 80), "review": (230, 160, 40), "fail": (200, 40, 40)}


@dataclass(frozen=True, slots=True)
class Result:
    """One answer: the verdict, what was broken, how long it took."""

    path: str
    preset: str
    cut: str
    verdict: str
    rules: tuple[str, ...]
    seconds: float
    body: bytes = field(default=b"", repr=False)


def fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urlopen(url, timeout=180) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read()


def cut_by(base: str, path: str, preset: str) -> str:
    """How the subject was found: `plain-background`, `network`, `alpha`, or the problem's name."""
    _, _, body = fetch(f"{base}/-/explain/{quote(path)}?fmt={preset}")
    return cut_named(json.loads(body))


def cut_named(explained: dict[str, Any]) -> str:
    """`cut_by` of what explain answers, "not" where no subject was cut out; the problem's name."""
    if "type" in explained:
        return str(explained["type"]).rpartition("/")[2]
    analysis = explained["analysis"]
    return (analysis and analysis["cut_by"]) or "not"


def ask(base: str, path: str, preset: str, cut: str) -> Result:
    start = time.perf_counter()
    status, headers, body = fetch(f"{base}/{quote(path)}?fmt={preset}&wait=120000")
    seconds = time.perf_counter() - start
    if status != 200:
        kind = json.loads(body)["type"].rpartition("/")[2]
        return Result(path, preset, cut, "refused", (kind,), seconds)
    reported = headers.get("x-edge-compliance", "")
    rules = tuple(filter(None, reported.partition("rule=")[2].partition(";")[0].split(",")))
    verdict = "fail" if rules else "review" if "review=" in reported else "pass"
    return Result(path, preset, cut, verdict, rules, seconds, body)


def flat(body: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(body)).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*SAND, 255)), picture).convert(
        "RGB"
    )


def tiled(cells: list[Image.Image], side: int, columns: int) -> Image.Image:
    canvas = Image.new("RGB", (columns * side, -(-len(cells) // columns) * side), "white")
    for place, cell in enumerate(cells):
        canvas.paste(cell, (place % columns * side, place // columns * side))
    return canvas


def framed(one: Result) -> Image.Image:
    cell = Image.new("RGB", (THUMB, THUMB), COLOURS.get(one.verdict, (40, 40, 40)))
    if one.body:
        thumb, most = flat(one.body), THUMB - 2 * EDGE_WIDTH
        thumb.thumbnail((most, most), Image.Resampling.BOX)
        cell.paste(thumb, ((THUMB - thumb.width) // 2, (THUMB - thumb.height) // 2))
    else:
        ImageDraw.Draw(cell).text((8, 60), f"{one.path[:20]}\n{one.rules[0]}", fill="white")
    return cell


def outline(one: Result) -> Image.Image:
    """A piece of the outline, by chance but always the same, twice as large."""
    picture = Image.open(io.BytesIO(one.body)).convert("RGB")
    background = np.asarray(picture.convert("L")) >= 254
    rim = background[1:-1, 1:-1] & ~(background[2:, 1:-1] & background[1:-1, 2:])
    places = np.argwhere(rim)
    if len(places):
        row, column = places[np.random.default_rng(len(places)).integers(len(places))]
    else:
        row, column = picture.height // 2, picture.width // 2
    left = int(np.clip(column - CROP // 2, 0, picture.width - CROP))
    top = int(np.clip(row - CROP // 2, 0, picture.height - CROP))
    part = picture.crop((left, top, left + CROP, top + CROP))
    return part.resize((2 * CROP, 2 * CROP), Image.Resampling.NEAREST)


def share(count: int, of: int) -> str:
    return f"{count} of {of} ({count / of:.0%})" if of else "-"


def rows(made: list[Result], names: list[str]) -> Iterator[str]:
    ways = sorted({one.cut for one in made})
    yield f"| preset | pass | and nobody need look | broken or refused | {' | '.join(ways)} |"
    yield "|---" * (4 + len(ways)) + "|"
    for name in names:
        ours = [one for one in made if one.preset == name]
        good = [one for one in ours if one.verdict in ("pass", "review")]
        sure = [one for one in ours if one.verdict == "pass"]
        wrong = Counter(rule for one in ours for rule in one.rules)
        told = ", ".join(f"{rule} {count}" for rule, count in wrong.most_common())
        by_way = [
            share(sum(one.cut == way for one in good), sum(one.cut == way for one in ours))
            for way in ways
        ]
        passed, alone = share(len(good), len(ours)), share(len(sure), len(ours))
        yield f"| {name} | {passed} | {alone} | {told} | {' | '.join(by_way)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT / "edge" / "samples")
    parser.add_argument("--presets", nargs="+", default=[p.name for p in presets.load(None)])
    parser.add_argument("--every", type=int, default=1, help="only every so many-th photo")
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--sheets", type=Path, help="folder for the contact sheets")
    options = parser.parse_args()
    paths = photos(options.photos, KINDS, options.every)
    names, made = options.presets, []
    cells: dict[str, list[Image.Image]] = {name: [] for name in (*names, "crops")}

    def whole(base: str, path: str) -> list[tuple[Result, dict[str, Image.Image]]]:
        """Each rendition is kept as what the sheets show of it, not as its bytes."""
        cut, told = cut_by(base, path, names[0]), []
        for name in names:
            one = ask(base, path, name, cut)
            shown = {name: framed(one)} if options.sheets else {}
            if shown and name == names[0] and one.body:
                shown["crops"] = outline(one)
            told.append((replace(one, body=b""), shown))
        return told

    with (
        edge_on(options.photos, EDGE_SERVER_DEADLINE="120") as base,
        ThreadPoolExecutor(options.clients) as pool,
    ):
        for done, some in enumerate(pool.map(partial(whole, base), paths), start=1):
            for one, shown in some:
                made.append(one)
                for name, cell in shown.items():
                    cells[name].append(cell)
            print(f"\r{done}/{len(paths)} photos", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print("\n".join(rows(made, names)))
    if options.sheets:
        options.sheets.mkdir(parents=True, exist_ok=True)
        for name, some in cells.items():
            if some:
                tiled(some, some[0].width, COLUMNS).save(options.sheets / f"{name}.png")
    folder = ROOT / "loadtest" / "results"
    folder.mkdir(exist_ok=True)
    told = [{k: v for k, v in asdict(one).items() if k != "body"} for one in made]
    (folder / "marketplaces.json").write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
