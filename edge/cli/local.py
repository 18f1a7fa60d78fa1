"""Renditions of local files, as the server would make them, through the tiers that it has."""

import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from edge.app import sources
from edge.app.rendering import open_engine, open_renderer
from edge.app.stores import open_stores
from edge.background_tasks import BackgroundTasks
from edge.cache.tiers import Tiers
from edge.deadline import Deadline
from edge.delivery.keys import scene_version
from edge.delivery.originals import Originals
from edge.errors import OriginalNotFound, SettingsError
from edge.images import Original, Rendition, Stamp, digest
from edge.origins.paths import EXTENSIONS
from edge.reloading import presets_of
from edge.rendering.engine import pillow
from edge.rendering.render import RENDER_VERSION, Renderer
from edge.rendering.tile_cache import TileCache
from edge.settings import Settings
from edge.telemetry import Metrics
from edge.variants.query import AcceptClass, ImageRequest
from edge.variants.variant import Variant
from edge.web.reported import texts

ORIGIN = "local files"
"""Their name in cache keys; the version of a local file is a digest of its bytes."""

STDIN = "-"
_DEADLINES = 10
"""Deadline of a local render, in deadlines of a request: no client waits."""


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One rendition; `source` is the tier that held it, or `render`."""

    rendition: Rendition
    source: str
    seconds: float

    def as_facts(self) -> dict[str, Any]:
        """JSON-able."""
        rendition = self.rendition
        return {
            "format": rendition.format.value,
            "size": [rendition.size.width, rendition.size.height],
            "bytes": len(rendition.body),
            "source": self.source,
            "seconds": round(self.seconds, 3),
            **texts(rendition.reported),
        }


class LocalRenderer:
    """A renderer with the tiers in front of it."""

    def __init__(
        self, given: Settings, renderer: Renderer, tiers: Tiers, backgrounds: Originals
    ) -> None:
        self.renderer = renderer
        self._given = given
        self._tiers = tiers
        self._backgrounds = backgrounds

    def deadline(self) -> Deadline:
        return Deadline.after(self._given.server.deadline * _DEADLINES)

    async def make(
        self, original: Original, image_request: ImageRequest, suffix: str
    ) -> RenderedFile:
        """Found in a tier, or made and kept there.

        Args:
            suffix: of the output, the format where the request names none.

        Raises:
            NotCompliant: `strict=1`, and a rule of the preset is broken.
            EdgeError: everything that a server would answer.
        """
        start, deadline = time.monotonic(), self.deadline()
        transform = image_request.resolve(AcceptClass.BASE, suffix)
        names = partial(sources.scene_names, self._given)
        scene = await scene_version(transform, self._backgrounds, names, deadline)
        digests = self.renderer.model_digests(transform)
        variant = Variant(
            original.path, ORIGIN, original.stamp.version, transform, digests,
            scene,
        )  # fmt: skip
        key = variant.key(RENDER_VERSION)
        found = await self._tiers.get(key)
        if found is None:
            rendered = await self.renderer.render(
                original, transform, tags=variant.tags, deadline=deadline
            )
            await self._tiers.put(key, rendered.rendition, start)
            found = rendered.rendition, "render"
        if image_request.strict and found[0].reported.breaks_rules:
            self.renderer.require_compliance(found[0], transform)
        return RenderedFile(*found, time.monotonic() - start)


@asynccontextmanager
async def open_local_renderer(given: Settings) -> AsyncIterator[LocalRenderer]:
    """Everything that a render needs, opened and closed."""
    pillow.check(given.server.engine)
    metrics, presets = Metrics(), presets_of(given)
    tile_cache = TileCache(given.cache.enlarged_bytes, metrics)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        engine = await enter(open_engine(given, metrics))
        scenes = sources.open_scenes(given)
        stack.push_async_callback(scenes.close)
        backgrounds = sources.remembered(given, scenes, metrics)
        stores = await enter(open_stores(given, metrics, BackgroundTasks()))
        renderer = await enter(
            open_renderer(given, engine, stores, presets, backgrounds, tile_cache, metrics)
        )
        yield LocalRenderer(given, renderer, stores.tiers, backgrounds)


def original_of(file: Path) -> Original:
    """Raises `OriginalNotFound` where it cannot be read."""
    return original_from(file.name, bytes_of(file))


def original_from(name: str, body: bytes) -> Original:
    return Original(name, body, Stamp(digest(body), len(body)))


def bytes_of(file: Path) -> bytes:
    """Raises `OriginalNotFound` where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise OriginalNotFound(f"{file} cannot be read: {error.strerror}") from error


def files_of(inputs: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """Each file with the path that it has below what was named: files, folders with all pictures in
    them, and patterns such as `photos/**/*.jpg` that no shell has filled in.

    Raises:
        SettingsError: a pattern or a folder holds no picture.
    """
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            yield from _below(path)
        elif not path.exists() and any(letter in text for letter in "*?["):
            yield from _fitting(text)
        else:
            yield path, Path(path.name)


def _below(folder: Path) -> Iterator[tuple[Path, Path]]:
    found = sorted(p for p in folder.rglob("*") if _is_picture(p.relative_to(folder), p))
    if not found:
        raise SettingsError(f"there is no picture in the folder {folder}")
    yield from ((path, path.relative_to(folder)) for path in found)


def _fitting(pattern: str) -> Iterator[tuple[Path, Path]]:
    parts = Path(pattern).parts
    fixed = next(i for i, part in enumerate(parts) if any(letter in part for letter in "*?["))
    start = Path(*parts[:fixed])
    found = sorted(p for p in start.glob(str(Path(*parts[fixed:]))) if p.is_file())
    if not found:
        raise SettingsError(f"no file fits the pattern {pattern}")
    yield from ((path, path.relative_to(start)) for path in found)


def _is_picture(inner: Path, path: Path) -> bool:
    hidden = any(part.startswith(".") for part in inner.parts)
    return not hidden and path.suffix[1:].lower() in EXTENSIONS and path.is_file()


def read_by_nobody(stream: IO[str]) -> None:
    """After its reader has left, as `head` does: what is in its buffer and what follows goes
    nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
