"""Names the variants of requests: the variant, its cache key, and its last known ETag."""

from dataclasses import dataclass, replace

from cachetools import LRUCache

from edge.cache.base import tagged_key
from edge.deadline import Deadline
from edge.delivery.originals import Originals
from edge.errors import OriginalNotFound
from edge.models.base import Priority
from edge.rendering.render import RENDER_VERSION, Renderer
from edge.rendering.source.scenes import SceneNames, no_scene, scene_path
from edge.variants.transform import Transform
from edge.variants.variant import Variant, tagged_original

_NAMES = 4_096
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One request for one rendition of an original, and how long its caller waits.

    `version` is the URL's `v`: for a new one the origin is asked at once. `wait` is how many
    seconds to wait for a render with networks, None: the server's default; `strict` refuses
    renditions that break a rule, and fallbacks. `priority` is that of network calls.
    """

    path: str
    transform: Transform
    deadline: Deadline
    version: str | None = None
    wait: float | None = None
    strict: bool = False
    priority: Priority = Priority.INTERACTIVE


@dataclass(frozen=True, slots=True)
class KeyedVariant:
    """A variant and its cache key; `settled` is that of its original's stamp."""

    variant: Variant
    key: str
    settled: bool = True


class CacheKeys:
    """Names the variants of requests, and remembers names and ETags.

    Args:
        originals: where originals come from.
        scenes: the background pictures of `bg=scene:<name>`.
        renderer: knows the networks that may have a part.
        origin: names where originals live, so that two catalogues never share a cache key.
        scene_names: those that there are, for who asks for another.
    """

    def __init__(
        self,
        originals: Originals,
        scenes: Originals,
        renderer: Renderer,
        origin: str,
        scene_names: SceneNames = tuple,
    ) -> None:
        self._scene_names = scene_names
        self._originals = originals
        self._scenes = scenes
        self._renderer = renderer
        self._origin = origin
        self._etags: LRUCache[str, tuple[str, tuple[str, ...]]] = LRUCache(_REMEMBERED)
        self._latest: LRUCache[tuple[str, str], str] = LRUCache(_REMEMBERED)
        self._names: LRUCache[tuple[str, str, str, str], KeyedVariant] = LRUCache(_NAMES)

    async def name(self, request: DeliveryRequest) -> KeyedVariant:
        """The variant of a request; asks the origin only where the original's stamp is not
        remembered."""
        stamp = self._originals.known(request.path, request.version)
        if stamp is None:
            stamp = await self._originals.stamp(request.path, request.version, request.deadline)
        named = await self.of(request, stamp.version)
        return named if stamp.settled else replace(named, settled=False)

    def known(self, path: str, transform: Transform, version: str | None) -> KeyedVariant | None:
        """The variant, if it was named before and its original's stamp is still trusted; no I/O."""
        if transform.background and transform.background.scene:
            return None
        stamp = self._originals.known(path, version)
        if stamp is None or not stamp.settled:
            return None
        try:
            return self._names[path, stamp.version, transform.canonical(), ""]
        except KeyError:
            return None

    async def of(self, request: DeliveryRequest, stamp: str) -> KeyedVariant:
        """The variant of this version of the original."""
        scene = await scene_version(
            request.transform, self._scenes, self._scene_names, request.deadline
        )
        known = (request.path, stamp, request.transform.canonical(), scene)
        try:
            return self._names[known]
        except KeyError:
            self._names[known] = named = self._new(request, stamp, scene)
            return named

    def etag(self, named: KeyedVariant) -> str | None:
        """The ETag that this variant had when it was last delivered."""
        known = self._etags.get(named.key)
        return known[0] if known else None

    def delivered(self, named: KeyedVariant, etag: str) -> None:
        self._etags[named.key] = (etag, named.variant.tags)

    def rendered(self, named: KeyedVariant) -> None:
        """Note that this process made the variant's final rendition."""
        self._latest[_request_of(named)] = named.key

    def before(self, named: KeyedVariant) -> str | None:
        """The key of the same request for the previous version of the original, if its rendition
        was made here."""
        key = self._latest.get(_request_of(named))
        return None if key == named.key else key

    def forget(self, tag: str) -> None:
        """Forget the ETags of variants with this tag; for an original's tag, its stamp and bytes
        too, so that the next request asks the origin."""
        self._etags.pop(tagged_key(tag) or "", None)
        for key in [key for key, (_, tags) in self._etags.items() if tag in tags]:
            del self._etags[key]
        if (path := tagged_original(tag)) is not None:
            for requested in [requested for requested in self._latest if requested[0] == path]:
                del self._latest[requested]
            self._originals.forget(path)
            self._scenes.forget(path)

    def _new(self, request: DeliveryRequest, stamp: str, scene: str) -> KeyedVariant:
        digests = self._renderer.model_digests(request.transform)
        variant = Variant(request.path, self._origin, stamp, request.transform, digests, scene)
        return KeyedVariant(variant, variant.key(RENDER_VERSION))


def _request_of(named: KeyedVariant) -> tuple[str, str]:
    return named.variant.path, named.variant.transform.canonical()


async def scene_version(
    transform: Transform, scenes: Originals, names: SceneNames, deadline: Deadline
) -> str:
    """The version of the transform's background picture; empty where it has none.

    Raises:
        InvalidParameter: there is no scene of that name; says which of `names` is near.
        OriginError: the origin of the scenes does not answer.
    """
    name = transform.background.scene if transform.background else ""
    if not name:
        return ""
    try:
        return (await scenes.stamp(scene_path(name), None, deadline)).version
    except OriginalNotFound as error:
        raise no_scene(name, names()) from error
