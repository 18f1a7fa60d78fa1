"""What a hit and a render cost, measured on a real edge and a real Redis, in processor time.

Processor time hardly depends on what else the machine does, so it can be taken on a busy one.
"""

import http.client
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import redis

from loadtest.fleet_model import Costs, Render
from loadtest.storefront import servers

STATED = Path(__file__).with_name("fleet_costs.toml")
KINDS: tuple[tuple[str, str, float], ...] = (
    ("thumbnail", "w=160&h=160&fit=cover&fm=webp&q={q}", 0.45),
    ("listing", "w=480&h=480&fit=cover&fm=webp&q={q}", 0.35),
    ("product", "w=960&fm=webp&q={q}", 0.15),
    ("zoom", "w=1920&fm=webp&q={q}", 0.05),
)
"""Name, query and share of all pictures of a shop; the quality makes each a picture of its own."""


def load(path: Path = STATED) -> Costs:
    """Costs as they were measured; see the file for what each means."""
    told = tomllib.loads(path.read_text())
    renders = tuple(Render(**row) for row in told.pop("renders"))
    return Costs(**told["seconds"], renders=renders)


def cpu(pid: int) -> float:
    """Seconds of a processor that all threads of a process have had, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def ask(base: str, paths: Sequence[str]) -> None:
    """One after the other, over one connection.

    Raises:
        RuntimeError: an answer was no 200.
    """
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=120)
    for path in paths:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    connection.close()


def each(work: Callable[[], None], count: int, now: Callable[[], float]) -> float:
    """Seconds that one of `count` took, by a clock that counts what was spent."""
    before = now()
    work()
    return (now() - before) / count


def spent_by(store: redis.Redis) -> float:
    """Seconds of its processor that a Redis has had."""
    told = store.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def environ(folder: Path, url: str) -> dict[str, str]:
    return {
        "EDGE_ORIGIN_URL": str(folder),
        "EDGE_CACHE_REDIS_URL": url,
        "EDGE_SERVER_LOG_LEVEL": "error",
        "EDGE_MODELS_FETCHED": "",
    }


def measure(hits: int = 4000, shared: int = 400, renders: int = 24) -> Costs:
    """Measure all but the origin and the networks, which are taken from the file.

    Raises:
        RuntimeError: no Redis is installed.
    """
    stated = load()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-costs-")))
        paths = servers.make_photos(work / "photos", renders)
        url = stack.enter_context(servers.redis_server(work))
        if url is None:
            raise RuntimeError("redis-server is needed: apt-get install redis-server")
        store = redis.Redis.from_url(url)
        replicas = stack.enter_context(servers.rotation(1, environ(work / "photos", url)))
        base, pid = replicas.replicas[0].base, replicas.replicas[0].process.pid
        ask(base, [f"/{path}?w=20&fm=jpg" for path in paths])  # originals are in memory now
        made, of_render = [], []
        for name, query, share in KINDS:
            asked = [f"/{path}?{query.format(q=80)}" for path in paths]
            before = spent_by(store)
            core = each(lambda a=asked: ask(base, a), renders, lambda: cpu(pid))
            of_render.append(share * (spent_by(store) - before) / renders)
            made.append(Render(name, share, core))
        hit = f"/{paths[0]}?{KINDS[1][1].format(q=80)}"
        memory = each(lambda: ask(base, [hit] * hits), hits, lambda: cpu(pid))
        many = [f"/{paths[n % renders]}?w={100 + n // renders}&fm=jpg" for n in range(shared)]
        ask(base, many)
        replicas.deploy()
        base, pid = replicas.replicas[0].base, replicas.replicas[0].process.pid
        ask(base, [hit])
        before = spent_by(store)
        far = each(lambda: ask(base, many), shared, lambda: cpu(pid))
        of_hit = (spent_by(store) - before) / shared
        store.close()
    networks = tuple(kind for kind in stated.renders if kind.network)
    left = 1 - sum(kind.share for kind in networks)
    ours = tuple(Render(kind.name, kind.share * left, kind.core) for kind in made)
    return Costs(memory, far, of_hit, sum(of_render), stated.origin, ours + networks)


def written(costs: Costs) -> str:
    """The file of these costs."""
    lines = [
        "# Seconds of service, measured by `python -m loadtest.fleet --measure FILE` in processor",
        "# time. Assumed: `origin`, a store that answers in 25 ms; `network`, an accelerator that",
        "# takes 60 ms for a marketplace picture, of which the core's part is half of what one",
        "# takes with the networks in the process (loadtest/README.md, Networks on Triton).",
        "",
        "[seconds]",
    ]
    for name in ("memory_hit", "redis_hit", "redis_of_hit", "redis_of_render", "origin"):
        lines.append(f"{name} = {getattr(costs, name):.3g}")
    for kind in costs.renders:
        lines += [
            "",
            "[[renders]]",
            f'name = "{kind.name}"',
            f"share = {kind.share:.3g}",
            f"core = {kind.core:.3g}",
            f"network = {kind.network:.3g}",
        ]
    return "\n".join(lines) + "\n"
