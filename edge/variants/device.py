"""Client hints on screen and connection, reduced to few classes of devices.

Every number in it may end up in a cache key, so there are ten values of it in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.variants.values import AUTO, UpscaleMode

DPR, VIEWPORT, SAVE = "Sec-CH-DPR", "Sec-CH-Viewport-Width", "Save-Data"
"""The request headers that decide it, as they stand in `Vary`."""

DENSE = 1.5
"""Device pixels per pixel of the page from which a photo of its own size looks soft: phones."""
LARGE = 3600
"""Device pixels across from which a desktop counts as 4K; a scroll bar takes some of the 3840."""
SAVING_QUALITY = 50
"""The quality for a client that asks to save data."""

_DENSEST = 3


@dataclass(frozen=True, slots=True)
class Device:
    """`density` is 1, 2 or 3 device pixels per pixel of the page; `enlarge` is by how much a photo
    should be enlarged to look sharp at its own size: 0, 2 (phones) or 4 (4K desktops); `saves`:
    the client asks for less data, and the other two say nothing then."""

    density: int = 1
    enlarge: int = 0
    saves: bool = False


PLAIN = Device()


def classed(dpr: float | None, viewport: float | None, *, saves: bool) -> Device:
    """The class of some measurements: device pixels per pixel, pixels of the page across."""
    if saves:
        return Device(saves=True)
    ratio = dpr or 1.0
    density = max(1, min(_DENSEST, int(ratio + 0.5)))
    if (viewport or 0) * ratio >= LARGE:
        return Device(density, 4)
    return Device(density, 2 if ratio >= DENSE else 0)


def suited(fields: Mapping[str, Any], device: Device, *, ruled: bool) -> dict[str, Any]:
    """The fields of a transform as they are best for a device.

    `up=auto` without a size enlarges by what the device shows; for a client that saves data it
    enlarges nothing, and a quality that nobody set is low. What a preset with rules asks for
    (`ruled`) is the same for everybody.
    """
    fitted = dict(fields)
    if ruled:
        return fitted
    if fields.get("upscale") is UpscaleMode.AUTO:
        if device.saves:
            fitted["upscale"] = UpscaleMode.OFF
        elif device.enlarge and not sized(fields):
            fitted["upscale"] = UpscaleMode(str(device.enlarge))
    if device.saves and fields.get("quality", AUTO) is AUTO:
        fitted["quality"] = SAVING_QUALITY
    return fitted


def hints_read(fields: Mapping[str, Any], dpr: Any, *, ruled: bool) -> tuple[str, ...]:
    """The headers that `suited`, and a `dpr` of AUTO, look at for these fields."""
    grows = not ruled and fields.get("upscale") is UpscaleMode.AUTO
    found = {
        DPR: dpr is AUTO or (grows and not sized(fields)),
        VIEWPORT: grows and not sized(fields),
        SAVE: dpr is AUTO or grows or (not ruled and fields.get("quality", AUTO) is AUTO),
    }
    return tuple(name for name, is_looked_at in found.items() if is_looked_at)


def sized(fields: Mapping[str, Any]) -> bool:
    """Some length in pixels is asked for."""
    return any(fields.get(side) is not None for side in ("width", "height", "long_side"))
