"""Classical misses against thumbor and ipx: the same files, cores and concurrency, no result cache.

Each contestant serves a folder of 2048 px JPEGs; wrk walks through the files, so that nobody can
answer two requests with one render. edge runs without memory tier and without kept originals.
"""

import argparse
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from common import EDGE, ROOT, Run, free_port, in_turn, keep, ratios, server, wrk

FILES = 48
CASES = {
    "w400-jpg": {
        "edge": "/{file}?w=400&fm=jpg&q=80",
        "thumbor": "/unsafe/400x0/filters:quality(80):format(jpeg)/{file}",
        "ipx": "/w_400,f_jpeg,q_80/{file}",
    },
    "w1200-webp": {
        "edge": "/{file}?w=1200&fm=webp&q=80",
        "thumbor": "/unsafe/1200x0/filters:quality(80):format(webp)/{file}",
        "ipx": "/w_1200,f_webp,q_80/{file}",
    },
}
WALK = """
local files, next = tonumber(os.getenv("FILES")), 0
request = function()
  next = (next + 7) % files
  return wrk.format("GET", (string.gsub(os.getenv("TARGET"), "{file}", next .. ".jpg")))
end
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Where a server answers, and the process group that it runs in."""

    base: str
    group: int


def make_files(folder: Path, source: Path | None) -> None:
    """48 different 2048 px JPEGs of quality 88, from photos where given, else from the samples."""
    from PIL import Image, ImageEnhance

    photos = sorted((source or ROOT / "edge" / "samples").glob("*.[jw][pe][gb]*"))
    for number in range(FILES):
        picture = Image.open(photos[number % len(photos)]).convert("RGB")
        scale = 2048 / max(picture.size)
        picture = picture.resize([round(side * scale) for side in picture.size], Image.LANCZOS)
        picture = ImageEnhance.Brightness(picture).enhance(0.8 + number / 120)
        picture.save(folder / f"{number}.jpg", quality=88)


def edge(stack: ExitStack, folder: Path) -> Contestant:
    port = free_port()
    env = {
        "EDGE_SERVER_PORT": str(port),
        "EDGE_ORIGIN_URL": str(folder),
        "EDGE_CACHE_MEMORY_BYTES": "0",
        "EDGE_CACHE_ORIGINAL_BYTES": "0",
        "EDGE_SERVER_LOG_LEVEL": "error",
    }
    process = server([EDGE, "serve"], f"http://127.0.0.1:{port}/-/healthz", env)
    return Contestant(f"http://127.0.0.1:{port}", stack.enter_context(process).pid)


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
    return Contestant(f"http://127.0.0.1:{port}", stack.enter_context(process).pid)


def ipx(stack: ExitStack, folder: Path, binary: str) -> Contestant:
    port = free_port()
    command = [binary, "serve", "--dir", str(folder)]
    env = {"PORT": str(port), "HOST": "127.0.0.1", "UV_THREADPOOL_SIZE": str(os.cpu_count())}
    process = server(command, f"http://127.0.0.1:{port}/w_16/0.jpg", env)
    return Contestant(f"http://127.0.0.1:{port}", stack.enter_context(process).pid)


def check(base: str, target: str) -> int:
    """The bytes of one answer; a contestant that does not render must not count."""
    with urlopen(base + target.replace("{file}", "0.jpg"), timeout=60) as answer:
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("image/"), answer.headers
        return len(answer.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--photos", type=Path, help="a folder of photos to make the files from")
    parser.add_argument("--thumbor", default=shutil.which("thumbor"), help="path of thumbor")
    parser.add_argument("--ipx", default=shutil.which("ipx"), help="path of ipx")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()), "photos")
        folder.mkdir()
        make_files(folder, options.photos)
        bases = {"edge": edge(stack, folder)}
        if options.thumbor:
            bases["thumbor"] = thumbor(stack, folder, options.thumbor)
        if options.ipx:
            bases["ipx"] = ipx(stack, folder, options.ipx)
        script = folder.parent / "walk.lua"
        script.write_text(WALK)
        for case, targets in CASES.items():
            sizes = {name: check(one.base, targets[name]) for name, one in bases.items()}
            print(f"{case}: bytes of one answer {sizes}")

            def drive(name: str, target: str) -> Run:
                os.environ |= {"FILES": str(FILES), "TARGET": target}
                return wrk(
                    name,
                    bases[name].base,
                    seconds=options.seconds,
                    connections=options.connections,
                    script=script,
                    group=bases[name].group,
                )

            results = in_turn(
                options.rounds,
                {name: lambda n=name, t=targets[name]: drive(n, t) for name in bases},
            )
            found = ratios(results, "edge")
            keep(f"misses-{case}", results, ratios=found, bytes=sizes)
            print(f"{case}: edge over {found}")


if __name__ == "__main__":
    main()
