"""Classical misses beside others: processor time per picture, with the same files and no cache.

Beside it stands what came for it: bytes, PSNR and SSIM of six of the files (`likeness`).

Each contestant serves a folder; wrk walks through the files, so that nobody can answer two requests
with one render. edge runs without memory tier and without kept originals. Times are of all
processes that a contestant started, threads and workers included; rounds go in turn, so that a
busy machine is busy for all.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.request import urlopen

from common import ROOT, Run, cpu_ratios, free_port, in_turn, keep, server, wrk
from likeness import Likeness, likeness

FILES = 48
HERE = Path(__file__).resolve().parent / "contestants"
EFFORT = 1
"""Of AVIF, from 0 to 9, as sharp and vips count; edge's usual speed, counted the other way, is
7."""

WALK = """
local files, next = tonumber(os.getenv("FILES")), 0
request = function()
  next = (next + 7) % files
  return wrk.format("GET", (string.gsub(os.getenv("TARGET"), "{n}", next)))
end
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One row: which of the folder's files, and what is wished of them."""

    name: str
    file: str
    width: int
    format: str
    quality: int


CASES = (
    Case("2048 px to 400 px JPEG", "photo-{n}.jpg", 400, "jpg", 80),
    Case("2048 px to 1200 px WebP", "photo-{n}.jpg", 1200, "webp", 80),
    Case("2048 px to 800 px AVIF", "photo-{n}.jpg", 800, "avif", 60),
    Case("12 megapixels to 1200 px JPEG", "large-{n}.jpg", 1200, "jpg", 80),
    Case("PNG with alpha, 1200 px, to 600 px WebP", "cut-{n}.png", 600, "webp", 80),
)
THUMBOR_WORDS = {"jpg": "jpeg", "webp": "webp"}
IPX_WORDS = {"jpg": "jpeg", "webp": "webp"}


@dataclass(frozen=True, slots=True)
class Contestant:
    """Where a server answers, how it is asked, and the process group that it runs in."""

    base: str
    group: int
    kind: str

    def target(self, case: Case, quality: int) -> str | None:
        """The path of a request; None where this server cannot be asked for it fairly."""
        width, format = case.width, case.format
        if self.kind == "edge":
            return f"/{case.file}?w={width}&fm={format}&q={quality}"
        if self.kind == "thumbor":
            word = THUMBOR_WORDS.get(format)
            return word and (
                f"/unsafe/{width}x0/filters:quality({quality}):format({word})/{case.file}"
            )
        if self.kind == "ipx":
            word = IPX_WORDS.get(format)
            return word and f"/w_{width},f_{word},q_{quality}/{case.file}"
        return f"/{case.file}?w={width}&fm={format}&q={quality}&effort={EFFORT}"


def make_files(folder: Path, source: Path | None, kinds: frozenset[str]) -> None:
    """48 different files of each of the kinds, from photos where given, else from the samples.

    `photo`: JPEGs of 2048 px and quality 88; `large`: of 4000x3000 pixels and quality 90; `cut`:
    PNGs with a soft oval of alpha.
    """
    from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

    photos = sorted((source or ROOT / "edge" / "samples").glob("*.[jw][pe][gb]*"))
    oval = Image.new("L", (1200, 1200))
    ImageDraw.Draw(oval).ellipse((150, 60, 1050, 1140), fill=255)
    oval = oval.filter(ImageFilter.GaussianBlur(2))
    for number in range(FILES):
        picture = Image.open(photos[number % len(photos)]).convert("RGB")
        picture = ImageEnhance.Brightness(picture).enhance(0.8 + number / 120)
        if "photo" in kinds:
            scale = 2048 / max(picture.size)
            photo = picture.resize([round(side * scale) for side in picture.size], Image.LANCZOS)
            photo.save(folder / f"photo-{number}.jpg", quality=88)
        if "large" in kinds:
            large = picture.resize((4000, 3000), Image.LANCZOS)
            large.save(folder / f"large-{number}.jpg", quality=90)
        if "cut" in kinds:
            cut = picture.resize((1200, 1200), Image.LANCZOS)
            cut.putalpha(oval)
            cut.save(folder / f"cut-{number}.png", compress_level=3)


def edge(stack: ExitStack, folder: Path, root: Path) -> Contestant:
    port = free_port()
    env = {
        "EDGE_SERVER_PORT": str(port),
        "EDGE_ORIGIN_URL": str(folder),
        "EDGE_CACHE_MEMORY_BYTES": "0",
        "EDGE_CACHE_ORIGINAL_BYTES": "0",
        "EDGE_SERVER_LOG_LEVEL": "error",
    }
    command = [root / ".venv" / "bin" / "edge", "serve"]
    process = server(command, f"http://127.0.0.1:{port}/-/healthz", env, cwd=root)
    return Contestant(f"http://127.0.0.1:{port}", stack.enter_context(process).pid, "edge")


def thumbor(stack: ExitStack, folder: Path, binary: str) -> Contestant:
    port = free_port()
    config = folder.parent / "thumbor.conf"
    config.write_text(
        "LOADER = 'thumbor.loaders.file_loader'\n"
        f"FILE_LOADER_ROOT_PATH = {str(folder)!r}\n"
        "STORAGE = 'thumbor.storages.no_storage'\n"
        "RESULT_STORAGE = None\nAUTO_WEBP = False\n"
        f"ENGINE_THREADPOOL_SIZE = {os.cpu_count()}\n"
    )
    command = [binary, f"--port={port}", "--ip=127.0.0.1", f"--conf={config}", "--log-level=error"]
    process = server(command, f"http://127.0.0.1:{port}/healthcheck")
    return Contestant(f"http://127.0.0.1:{port}", stack.enter_context(process).pid, "thumbor")


def ipx(stack: ExitStack, folder: Path, binary: str) -> Contestant:
    port = free_port()
    command = [binary, "serve", "--dir", str(folder)]
    env = {"PORT": str(port), "HOST": "127.0.0.1", "UV_THREADPOOL_SIZE": str(os.cpu_count())}
    process = server(command, f"http://127.0.0.1:{port}/w_16/photo-0.jpg", env)
    return Contestant(f"http://127.0.0.1:{port}", stack.enter_context(process).pid, "ipx")


def small(stack: ExitStack, command: list[str | Path], folder: Path, cwd: Path) -> Contestant:
    """One of the servers in `contestants`, which share their URLs."""
    port = free_port()
    env = {"UV_THREADPOOL_SIZE": str(os.cpu_count()), "VIPS_CONCURRENCY": "1"}
    process = server([*command, folder, str(port)], f"http://127.0.0.1:{port}/", env, cwd=cwd)
    return Contestant(f"http://127.0.0.1:{port}", stack.enter_context(process).pid, "small")


def fetched(base: str, target: str, number: str = "0") -> bytes:
    """One answer; a contestant that does not render must not count."""
    with urlopen(base + target.replace("{n}", number), timeout=60) as answer:
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("image/"), answer.headers
        return bytes(answer.read())


def matched(one: Contestant, case: Case, wanted: int) -> int:
    """The quality at which a contestant's AVIF is about as large as edge's."""
    sizes = {
        quality: len(fetched(one.base, one.target(case, quality) or ""))
        for quality in range(36, 76, 2)
    }
    return min(sizes, key=lambda quality: abs(sizes[quality] - wanted))


def contestants(stack: ExitStack, folder: Path, given: argparse.Namespace) -> dict[str, Contestant]:
    small_server = HERE / "small_server.py"
    python = ROOT / ".venv" / "bin" / "python"
    found = {"edge": edge(stack, folder, ROOT)}
    if given.against:
        found["edge before"] = edge(stack, folder, given.against.resolve())
    if given.sharp:
        command = [shutil.which("node") or "node", HERE / "sharp_server.mjs"]
        found["sharp"] = small(stack, command, folder, given.sharp)
    if given.pyvips:
        command = [given.pyvips / "bin" / "python", small_server, "vips"]
        found["pyvips"] = small(stack, command, folder, HERE)
    found["engine alone"] = small(stack, [python, small_server, "engine"], folder, HERE)
    if given.thumbor:
        found["thumbor"] = thumbor(stack, folder, given.thumbor)
    if given.ipx:
        found["ipx"] = ipx(stack, folder, given.ipx)
    return found


def targets(found: Mapping[str, Contestant], case: Case) -> Iterator[tuple[str, str, int]]:
    """Name, path and bytes of one answer of everybody who can be asked for this row."""
    ours = 0
    for name, one in found.items():
        quality = case.quality
        if case.format == "avif" and one.kind == "small":
            quality = matched(one, case, ours)
        if target := one.target(case, quality):
            size = len(fetched(one.base, target))
            ours = ours or size
            yield name, target, size


def compared(one: Contestant, target: str, case: Case, folder: Path) -> Likeness:
    """How like their files a contestant's answers are, over one file in eight."""
    numbers = {case.file.replace("{n}", str(n)): str(n) for n in range(0, FILES, 8)}
    files = [folder / name for name in numbers]
    return likeness(files, case.width, lambda file: fetched(one.base, target, numbers[file.name]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=os.cpu_count())
    parser.add_argument("--photos", type=Path, help="a folder of photos to make the files from")
    parser.add_argument("--case", default="", help="only the rows whose names hold this")
    parser.add_argument("--against", type=Path, help="another checkout of edge, with its .venv")
    parser.add_argument("--sharp", type=Path, help="a folder in which `npm install sharp` was run")
    parser.add_argument("--pyvips", type=Path, help="a virtual environment with pyvips[binary]")
    parser.add_argument("--thumbor", default=shutil.which("thumbor"), help="path of thumbor")
    parser.add_argument("--ipx", default=shutil.which("ipx"), help="path of ipx")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()), "photos")
        folder.mkdir()
        cases = [case for case in CASES if given.case in case.name]
        make_files(folder, given.photos, frozenset(case.file.split("-")[0] for case in cases))
        found = contestants(stack, folder, given)
        script = folder.parent / "walk.lua"
        script.write_text(WALK)

        def drive(name: str, target: str) -> Run:
            os.environ |= {"FILES": str(FILES), "TARGET": target}
            one = found[name]
            return wrk(
                name, one.base, seconds=given.seconds, connections=given.connections,
                script=script, group=one.group,
            )  # fmt: skip

        rows = []
        for case in cases:
            asked = list(targets(found, case))
            runs = {name: (lambda n=name, t=target: drive(n, t)) for name, target, _ in asked}
            results = in_turn(given.rounds, runs)
            slug = case.name.replace(" ", "-").replace(",", "")
            sizes = {name: size for name, _, size in asked}
            ratios = cpu_ratios(results, "edge")
            alike = {name: compared(found[name], target, case, folder) for name, target, _ in asked}
            keep(
                f"misses-{slug}", results, case=case.name, cpu_ratios=ratios, bytes=sizes,
                likeness={name: asdict(each) for name, each in alike.items()},
            )  # fmt: skip
            cells = [
                f"{name} {statistics.median(run.cpu for run in results[name]):.1f} ms"
                f" ({ratios.get(name, 1):.2f}, {alike[name].bytes / 1000:.1f} kB,"
                f" {alike[name].psnr:.2f} dB, SSIM {alike[name].ssim:.4f})"
                for name in results
            ]
            rows.append(f"| {case.name} | " + " | ".join(cells) + " |")
            print(rows[-1], flush=True)
        print("\n".join(rows))


if __name__ == "__main__":
    main()
