"""Serve a whole folder of photos at several sizes and formats: is every answer a right picture?

Each answer is decoded and held against what was asked; a contact sheet is made to look at.
"""

import argparse
import io
import json
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from common import ROOT, edge_on, photos
from PIL import Image

from edge.rendering.engine import pillow

pillow.check()  # opening AVIF may need a plug-in
SIZES = ("w=160", "w=320", "w=640", "w=1000&h=1000&fit=pad", "w=480&h=600&fit=cover&g=subject")
FORMATS = ("jpg", "webp", "avif")
KINDS = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF"}
THUMB, COLUMNS = 120, 15


@dataclass(frozen=True, slots=True)
class Served:
    """One answer: what was asked, what came, how long it took."""

    path: str
    query: str
    format: str
    status: int
    bytes: int
    seconds: float
    wrong: str = ""


def ask(base: str, path: str, size: str, kind: str) -> Served:
    query, start = f"{size}&fm={kind}", time.perf_counter()
    try:
        with urlopen(f"{base}/{quote(path)}?{query}", timeout=120) as answer:
            body = answer.read()
    except HTTPError as error:
        told = json.load(error).get("detail", "")
        return Served(path, query, kind, error.code, 0, time.perf_counter() - start, told)
    seconds = time.perf_counter() - start
    return Served(path, query, kind, 200, len(body), seconds, wrong(body, size, kind))


def wrong(body: bytes, size: str, kind: str) -> str:
    """What is not as asked, or nothing."""
    try:
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()
            found, format = picture.size, picture.format
    except (OSError, SyntaxError) as error:
        return f"cannot be decoded: {error}"
    if format != KINDS[kind]:
        return f"is {format}"
    asked = dict(word.split("=") for word in size.split("&"))
    if found[0] > int(asked["w"]) or found[1] > int(asked.get("h", 99999)):
        return f"is {found}"
    return ""


def sheet(base: str, paths: list[str], target: Path) -> None:
    """Every photo as a small square, to be looked at."""
    rows = -(-len(paths) // COLUMNS)
    canvas = Image.new("RGB", (COLUMNS * THUMB, rows * THUMB), "white")
    for place, path in enumerate(paths):
        url = f"{base}/{quote(path)}?w={THUMB}&h={THUMB}&fit=cover&g=subject&fm=png"
        try:
            with urlopen(url, timeout=60) as answer:
                thumb = Image.open(io.BytesIO(answer.read())).convert("RGB")
        except HTTPError:
            continue
        canvas.paste(thumb, (place % COLUMNS * THUMB, place // COLUMNS * THUMB))
    canvas.save(target, quality=85)


def report(served: list[Served], elapsed: float) -> int:
    failures = [one for one in served if one.status != 200 or one.wrong]
    print(f"{len(served)} answers in {elapsed:.0f} s, {len(failures)} not right")
    for one in failures[:20]:
        print(f"  {one.path}?{one.query}: {one.status} {one.wrong}")
    print(dict(Counter(one.status for one in served)))
    for kind in FORMATS:
        ours = [one for one in served if one.format == kind and one.status == 200]
        if ours:
            print(
                f"{kind:>5}: median {statistics.median(o.seconds for o in ours) * 1000:.0f} ms, "
                f"mean {statistics.mean(o.bytes for o in ours) / 1000:.1f} kB"
            )
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=ROOT / "edge" / "samples")
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--every", type=int, default=1, help="only every so many-th photo")
    parser.add_argument("--sheet", type=Path, help="where the contact sheet goes, such as out.jpg")
    options = parser.parse_args()
    kinds = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff")
    paths = photos(options.photos, kinds, options.every)
    with edge_on(options.photos) as base:
        requests = list(product(paths, SIZES, options.formats))
        start = time.perf_counter()
        with ThreadPoolExecutor(options.clients) as pool:
            served = list(pool.map(lambda image_request: ask(base, *image_request), requests))
        elapsed = time.perf_counter() - start
        if options.sheet:
            sheet(base, paths, options.sheet)
    folder = ROOT / "loadtest" / "results"
    folder.mkdir(exist_ok=True)
    (folder / "catalogue.json").write_text(json.dumps([asdict(one) for one in served]))
    return report(served, elapsed)


if __name__ == "__main__":
    sys.exit(main())
