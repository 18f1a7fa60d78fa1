"""The background pictures of `bg=scene:<name>`: fetched like originals, decoded like them."""

from collections.abc import Awaitable, Callable, Sequence

from PIL import Image

from edge.deadline import Deadline
from edge.errors import InvalidParameter, OriginalNotFound
from edge.images import Original
from edge.kinds import nearest
from edge.limits import Limits
from edge.rendering.engine.threads import Engine
from edge.rendering.source.decode import decode
from edge.rendering.source.facts import Facts
from edge.rendering.source.probe import read_facts

Fetch = Callable[[str, Deadline], Awaitable[Original]]


SceneNames = Callable[[], Sequence[str]]
"""Names of scenes; none where they cannot be listed."""


class Scenes:
    """Brings one scene by its name: sRGB, mode RGB.

    Args:
        fetch: the picture's file for a path such as `oak.jpg`.
        names: those that there are, as far as that can be told; asked where one is missing.
    """

    def __init__(
        self, fetch: Fetch, engine: Engine, limits: Limits, names: SceneNames = tuple
    ) -> None:
        self._names = names
        self._fetch = fetch
        self._engine = engine
        self._limits = limits

    async def __call__(self, name: str, deadline: Deadline) -> Image.Image:
        """Raises: InvalidParameter where there is no such scene; OriginalError, OriginError."""
        original = await self._original(name, deadline)
        return await self._engine.run(self._decode, original.body)

    async def facts(self, name: str, deadline: Deadline) -> Facts:
        """What its header says; the same errors."""
        original = await self._original(name, deadline)
        return await self._engine.run(read_facts, original.body, self._limits)

    async def _original(self, name: str, deadline: Deadline) -> Original:
        try:
            return await self._fetch(scene_path(name), deadline)
        except OriginalNotFound as error:
            raise no_scene(name, self._names()) from error

    def _decode(self, body: bytes) -> Image.Image:
        return decode(body, read_facts(body, self._limits)).image.convert("RGB")


def no_scene(name: str, names: Sequence[str]) -> InvalidParameter:
    """What is told of a scene that is not there."""
    words = tuple(f"scene:{known}" for known in names)
    return InvalidParameter(
        f"there is no scene named {name!r}",
        param="bg",
        allowed=words or "scene:<name>",
        nearest=nearest(f"scene:{name}", frozenset(words)),
    )


def scene_path(name: str) -> str:
    """Where a scene lies; the origin finds a neighbour of another format by the same stem."""
    return f"{name}.jpg"
