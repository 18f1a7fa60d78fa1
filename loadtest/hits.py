"""Hits by processor time a request: from memory and from Redis, beside bare starlette and nginx.

Bare starlette answers the same body on the same uvicorn; nginx, where it is installed, serves it as
a file by sendfile from one worker. Times are of all threads of a contestant, Redis's own not among
them. Rounds go in turn, so that a busy machine is busy for all.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from common import ROOT, Run, cpu_ratios, free_port, in_turn, keep, server, wrk

BODIES = {"small": "w=480&fm=jpg", "large": "w=1600&fm=png"}
BARE = """
import sys, uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

bodies = {name: Path(sys.argv[1], name).read_bytes() for name in ("small", "large")}

async def answer(request):
    return Response(bodies[request.path_params["name"]], media_type="image/jpeg")

uvicorn.run(Starlette(routes=[Route("/{name}", answer)]), port=int(sys.argv[2]),
            log_level="critical", access_log=False, loop="uvloop", http="httptools")
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache max=10; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """The URL of each body, and the process group of the server."""

    urls: dict[str, str]
    group: int


def redis(stack: ExitStack) -> str:
    folder, port = stack.enter_context(tempfile.TemporaryDirectory()), free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
    stack.callback(process.terminate)
    time.sleep(1)
    return f"redis://127.0.0.1:{port}/0"


def edge(stack: ExitStack, root: Path, **settings: str) -> Contestant:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    env = {"EDGE_SERVER_PORT": str(port), "EDGE_SERVER_LOG_LEVEL": "error", **settings}
    command = [root / ".venv" / "bin" / "edge", "serve"]
    process = stack.enter_context(server(command, f"{base}/-/healthz", env, cwd=root))
    urls = {name: f"{base}/bottle.jpg?{query}" for name, query in BODIES.items()}
    for url in urls.values():
        for _ in range(2):
            with urlopen(url, timeout=120) as answer:
                answer.read()
        tier = "redis" if settings.get("EDGE_CACHE_MEMORY_BYTES") == "0" else "memory"
        assert answer.headers["cache-status"] == f"edge; hit; detail={tier}"
    return Contestant(urls, process.pid)


def bare(stack: ExitStack, folder: Path) -> Contestant:
    script, port = folder / "bare.py", free_port()
    script.write_text(BARE)
    base = f"http://127.0.0.1:{port}"
    python = ROOT / ".venv" / "bin" / "python"
    process = server([python, script, folder, str(port)], f"{base}/small")
    pid = stack.enter_context(process).pid
    return Contestant({name: f"{base}/{name}" for name in BODIES}, pid)


def nginx(stack: ExitStack, folder: Path) -> Contestant:
    config, port = folder / "nginx.conf", free_port()
    user = "user root;" if folder.owner() == "root" else ""
    config.write_text(NGINX.format(folder=folder, port=port, user=user))
    base = f"http://127.0.0.1:{port}"
    pid = stack.enter_context(server(["nginx", "-c", config], f"{base}/small")).pid
    return Contestant({name: f"{base}/{name}" for name in BODIES}, pid)


def contestants(stack: ExitStack, folder: Path, against: Path | None) -> dict[str, Contestant]:
    found = {"memory": edge(stack, ROOT)}
    for name, url in found["memory"].urls.items():
        with urlopen(url) as answer:
            (folder / name).write_bytes(answer.read())
    shared = {"EDGE_CACHE_MEMORY_BYTES": "0"}
    has_redis = shutil.which("redis-server")
    if has_redis:
        found["redis"] = edge(stack, ROOT, EDGE_CACHE_REDIS_URL=redis(stack), **shared)
    found["bare starlette"] = bare(stack, folder)
    if shutil.which("nginx"):
        found["nginx"] = nginx(stack, folder)
    if against:
        found["memory before"] = edge(stack, against.resolve())
        if has_redis:
            url = redis(stack)
            found["redis before"] = edge(stack, against, EDGE_CACHE_REDIS_URL=url, **shared)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--against", type=Path, help="another checkout of edge, with its .venv")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = contestants(stack, folder, given.against and given.against.resolve())
        for body in BODIES:

            def drive(name: str, url: str) -> Run:
                return wrk(
                    name, url, seconds=given.seconds, connections=given.connections,
                    group=found[name].group,
                )  # fmt: skip

            runs = {
                name: (lambda n=name, u=one.urls[body]: drive(n, u)) for name, one in found.items()
            }
            results = in_turn(given.rounds, runs)
            size = (folder / body).stat().st_size
            keep(f"hits-{body}", results, cpu_ratios=cpu_ratios(results, "memory"), bytes=size)
            print(f"{body}, {size / 1000:.0f} kB: microseconds of processor a request, and times")
            for name, each in results.items():
                spent = statistics.median(run.cpu for run in each) * 1000
                times = 1 / cpu_ratios(results, "memory").get(name, 1)
                print(f"  {name:<16} {spent:8.1f}  {times:5.2f} of a memory hit")


if __name__ == "__main__":
    main()
