"""Where an original is decoded: in the thread that asks, or in a worker process.

One pool serves the process, like the engine that it imported. It starts nothing before it is
needed; `use` gives it a server's settings, and without it the defaults hold.
"""

import atexit
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from threading import Lock

from edge.cores import cores
from edge.deadline import Deadline
from edge.limits import Decode
from edge.rendering.engine import stock
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.decoders.pool import DecoderPool, possible
from edge.rendering.source.facts import Facts, OriginalFormat

_RISKY = frozenset(
    {OriginalFormat.TIFF, OriginalFormat.HEIC, OriginalFormat.AVIF, OriginalFormat.GIF}
)
_APART = {"risky": _RISKY, "all": frozenset(OriginalFormat), "none": frozenset[OriginalFormat]()}
"""The formats that are decoded in worker processes, by the setting's word."""


def apart(given: Decode) -> frozenset[OriginalFormat]:
    """The formats that go to worker processes."""
    return _APART[given.isolate] if possible() else frozenset()


class Decoding:
    """The pool of one server's settings, and which formats go there."""

    def __init__(self, given: Decode, replaced: Callable[[str], None] = lambda reason: None):
        self.apart = apart(given)
        self.workers = DecoderPool(
            given.workers or cores(), given.memory_bytes, given.seconds, replaced
        )

    def in_worker(
        self, data: bytes, request: DecodeOptions, deadline: Deadline | None
    ) -> Loaded | None:
        if request.format in self.apart or (request.hdr and self.apart):
            return self.workers.decode(data, request, deadline)
        return None


LIBRARIES = {
    OriginalFormat.JPEG: ("simplejpeg", "pillow"),
    OriginalFormat.PNG: ("pillow", "imagecodecs"),
    OriginalFormat.WEBP: ("pillow",),
    OriginalFormat.AVIF: ("pillow", "imagecodecs"),
    OriginalFormat.GIF: ("pillow",),
    OriginalFormat.TIFF: ("tifffile", "imagecodecs", "simplejpeg", "pillow"),
    OriginalFormat.HEIC: ("pillow-heif",),
}
"""What decodes each format, as PyPI names it; `pillow` is the stock one, and imagecodecs decodes
PNG and AVIF of high dynamic range alone."""

PROFILES = ("pillow",)
"""What reads colour profiles: LittleCMS in the wheel of the stock Pillow."""


@cache
def versions() -> dict[str, str]:
    """Which version of each library decodes here."""
    names = {name for libraries in LIBRARIES.values() for name in libraries}
    return {name: stock.version() if name == "pillow" else version(name) for name in sorted(names)}


def describe() -> dict[str, str]:
    """For people: what decodes each format, and whether in a process of its own."""
    found, apart = versions(), _now().apart
    return {
        format.value: ", ".join(f"{name} {found[name]}" for name in libraries)
        + (" in a worker process" if format in apart else "")
        for format, libraries in LIBRARIES.items()
    }


_lock = Lock()
_current: Decoding | None = None


def use(given: Decode, replaced: Callable[[str], None]) -> Callable[[], None]:
    """Decode by these settings from now on; call what is answered to end their processes."""
    global _current
    own = Decoding(given, replaced)
    with _lock:
        _current = own

    def close() -> None:
        global _current
        with _lock:
            _current = None if _current is own else _current
        own.workers.close()

    return close


def in_worker(data: bytes, request: DecodeOptions, deadline: Deadline | None) -> Loaded | None:
    """What `decoders.load` answers, from a worker process; None where this format needs none.

    Raises:
        OriginalError, DeadlineExceeded, Busy: as `DecoderPool.decode` says.
    """
    return _now().in_worker(data, request, deadline)


def stays(facts: Facts) -> bool:
    """Whether this process has to see to the decoding, since it may take a worker process."""
    return facts.format in _now().apart | _RISKY or facts.bits > 8


def _now() -> Decoding:
    global _current
    with _lock:
        if _current is None:
            _current = Decoding(Decode())
            atexit.register(_current.workers.close)
        return _current
