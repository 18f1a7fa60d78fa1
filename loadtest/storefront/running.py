"""One run: starts the servers and the visitors, walks through the phases, and stops all."""

import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadtest.common import elsewhere
from loadtest.storefront import servers
from loadtest.storefront.recording import Recorder
from loadtest.storefront.shop import Popularity

COLD, WARM = 0.4, 0.65
"""Shares of the run after which the warm phase and the deploy begin."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is run: seconds in all, how many of each visitor, and the shop."""

    seconds: float
    shoppers: int
    feeds: int
    bots: int
    replicas: int
    products: int
    photos: Path | None
    presets: tuple[str, ...]
    exponent: float = 0.8
    settings: tuple[str, ...] = ()
    """Of edge's, each as NAME=VALUE."""


def run(load: Load) -> Recorder:
    """Drive the load, and answer with everything that was seen."""
    from locust.env import Environment

    from loadtest.storefront.users import Bot, Feed, Shopper, Visitor, World

    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-storefront-")))
        folder, paths = _photos(load, work)
        redis = stack.enter_context(servers.redis_server(work))
        print(f"{len(paths)} photos; {'with Redis' if redis else 'no Redis is installed'}")
        replicas = stack.enter_context(
            servers.rotation(load.replicas, _environ(load, folder, redis))
        )
        recorder = Recorder()
        popular = Popularity(len(paths), load.exponent)
        world = World(paths, load.presets, replicas, recorder, popular)
        Visitor.world = world
        for kind, count in ((Shopper, load.shoppers), (Feed, load.feeds), (Bot, load.bots)):
            kind.fixed_count = count
        kinds = [kind for kind in (Shopper, Feed, Bot) if kind.fixed_count]
        visitors = Environment(user_classes=kinds).create_local_runner()
        watching = threading.Event()
        watcher = threading.Thread(target=_watch, args=(world, watching))
        watcher.start()
        count = load.shoppers + load.feeds + load.bots
        with elsewhere():
            visitors.start(count, spawn_rate=count)
            _phases(world, load.seconds)
            visitors.quit()
        watching.set()
        watcher.join()
    _exits(replicas, recorder)
    return recorder


def _photos(load: Load, work: Path) -> tuple[Path, list[str]]:
    if load.photos is not None:
        return load.photos.resolve(), servers.photos_in(load.photos)
    folder = work / "photos"
    return folder, servers.make_photos(folder, load.products)


def _environ(load: Load, folder: Path, redis: str | None) -> dict[str, str]:
    return {
        "EDGE_ORIGIN_URL": str(folder),
        "EDGE_CACHE_REDIS_URL": redis or "",
        "EDGE_CACHE_MEMORY_BYTES": "64MiB",
        "EDGE_SERVER_LOG_LEVEL": "error",
        "EDGE_MODELS_FETCHED": "",
        **dict(each.split("=", 1) for each in load.settings),
    }


def _phases(world, seconds: float) -> None:
    world.start = time.monotonic()
    for phase, until in (("cold", COLD), ("warm", WARM)):
        world.phase = phase
        print(f"{phase} ...", flush=True)
        time.sleep(max(0.0, world.start + until * seconds - time.monotonic()))
    world.phase = "deploy"
    print("deploy ...", flush=True)
    world.rotation.deploy()
    world.phase = "after"
    print("after ...", flush=True)
    time.sleep(max(0.1 * seconds, world.start + seconds - time.monotonic()))


def _watch(world, end: threading.Event) -> None:
    """Once a second: readiness, memory and what the servers count."""
    while not end.wait(1.0):
        replicas = list(world.rotation.replicas)
        world.rotation.probe()
        counted = {each.base: each.metrics() for each in replicas}
        resident = [each.resident() for each in replicas]
        world.recorder.state(time.monotonic() - world.start, resident, counted)


def _exits(replicas: servers.Rotation, recorder: Recorder) -> None:
    for code in replicas.exits:
        if code:
            recorder.wrong[f"a replica ended with {code}"] += 1
