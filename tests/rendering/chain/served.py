"""A repository with the product chain in it, edge's renderers on it, and what Triton counts."""

import io
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import tritonclient.grpc as grpc
from PIL import Image

from edge.cache.memory import MemoryTier
from edge.cache.tiers import Tiers
from edge.deadline import Deadline
from edge.images import Original
from edge.limits import Limits
from edge.models.base import Chain, Models
from edge.models.triton import TritonChain, TritonModels
from edge.rendering.chain import client as chain_client
from edge.rendering.chain.client import ChainClient
from edge.rendering.drawing import Rendered
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting.store import MatteStore
from edge.rendering.render import RENDER_VERSION, Renderer
from edge.telemetry import Metrics
from edge.variants.presets import load
from edge.variants.query import read
from tests.models import networks
from tests.models.servers import TritonServer

SHIPPED = Path(__file__).parents[3] / "triton_models"
CHAIN = "product_chain"
PRESETS = load()


def add_chain(folder: Path, *, graphs: str = "off") -> Path:
    """The chain's folders as they are shipped, but for who does the pixel work."""
    for place in SHIPPED.glob(f"{CHAIN}*"):
        shutil.copytree(place, folder / place.name)
    config = folder / CHAIN / "config.pbtxt"
    config.write_text(config.read_text().replace('"off"', f'"{graphs}"'))
    return folder


def shipped_networks(folder: Path) -> Path:
    """The networks as they are shipped, but for their warming up, which takes minutes on a busy
    machine."""
    for place in SHIPPED.iterdir():
        if not place.name.startswith(CHAIN):
            shutil.copytree(place, folder / place.name)
            config = folder / place.name / "config.pbtxt"
            warm = re.compile(r"^model_warmup \[.*?^\]\n", re.DOTALL | re.MULTILINE)
            config.write_text(warm.sub("", config.read_text()))
    return folder


def small_networks(folder: Path) -> Path:
    """Networks that take no time: darkness is the subject, and every pixel becomes several."""
    networks.luminance_matte(folder, side=128)
    networks.nearest(folder, "upscale_x2", 64, 2, overlap=4)
    networks.nearest(folder, "upscale_x4", 64, 4, overlap=4)
    return folder


@dataclass(frozen=True)
class Shop:
    """One edge, as far as it renders."""

    renderer: Renderer
    models: Models
    client: ChainClient | None
    metrics: Metrics

    async def made(self, original: Original, query: str, tags: tuple[str, ...] = ()) -> Rendered:
        """One picture; its matte is kept where the original has a tag that starts `original:`."""
        transform, deadline = read(query, PRESETS).transform, Deadline.after(120)
        return await self.renderer.render(original, transform, deadline=deadline, tags=tags)

    def count(self, name: str, **labels: str) -> float:
        """The sum of a counter of edge's over the series that carry these labels."""
        found = 0.0
        for line in self.metrics.exposition().decode().splitlines():
            match = re.match(rf"{name}\{{(.*)\}} (\S+)$", line)
            if match and all(f'{key}="{value}"' in match[1] for key, value in labels.items()):
                found += float(match[2])
        return found


@asynccontextmanager
async def shop(
    models: Models, chain: Chain | None, metrics: Metrics, *, version: str = RENDER_VERSION
) -> AsyncIterator[Shop]:
    engine = EngineThreads(2)
    client = (
        ChainClient(chain, models, version, Limits(), metrics=metrics, required=True)
        if chain
        else None
    )
    mattes = MatteStore(engine, models, version, tiers=Tiers([MemoryTier(2**24)], 1.0))
    renderer = Renderer(engine, models, Limits(), presets=PRESETS, mattes=mattes, chain=client)
    yield Shop(renderer, models, client, metrics)
    await models.close()
    engine.close()


@asynccontextmanager
async def on_triton(
    server: TritonServer, *, shared: bool = False, version: str = RENDER_VERSION
) -> AsyncIterator[Shop]:
    """An edge beside that server, with the chain. A chain whose handshake is late, as on a busy
    machine, would be left alone for half a minute."""
    metrics = Metrics()
    models = TritonModels(server.url, server.repository, shared_memory=shared, metrics=metrics)
    with patch.object(chain_client, "HANDSHAKE_SECONDS", 60.0):
        async with shop(models, TritonChain(models), metrics, version=version) as made:
            yield made


def pixels(rendered: Rendered) -> np.ndarray[Any, Any]:
    image = Image.open(io.BytesIO(rendered.rendition.body))
    return np.asarray(image.convert("RGBA" if image.mode == "RGBA" else "RGB")).astype(int)


def requests(server: TritonServer, model: str) -> int:
    """By Triton's own statistics: those that a model has answered."""
    return int(_statistics(server, model)["inference_stats"]["success"].get("count", 0))


def runs(server: TritonServer, model: str) -> int:
    """How often it ran for them."""
    return int(_statistics(server, model).get("execution_count", 0))


def _statistics(server: TritonServer, model: str) -> dict[str, Any]:
    """Once they have not changed for half a second: Triton counts a request behind its answer."""
    client = grpc.InferenceServerClient(server.url.removeprefix("grpc://"))
    try:
        last = client.get_inference_statistics(model, as_json=True)
        unchanged = 0
        while unchanged < 5:
            time.sleep(0.1)
            now = client.get_inference_statistics(model, as_json=True)
            unchanged = unchanged + 1 if now == last else 0
            last = now
    finally:
        client.close()
    return last["model_stats"][0]
