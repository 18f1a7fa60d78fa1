"""What rendering is held to: given to it as values, for it reads no settings."""

from dataclasses import dataclass

from edge.kinds import BYTES, COUNT, SECONDS, TEXT, setting


@dataclass(frozen=True, slots=True)
class Limits:
    """Of originals and renditions."""

    pixels: int = setting(100_000_000, COUNT, "Most pixels of an original.", low=1)
    frames: int = setting(500, COUNT, "Most frames of an animated original.", low=1)
    output_side: int = setting(
        10_000, COUNT, "Longest side of a rendition, in pixels.", low=16, high=65_000
    )
    output_pixels: int = setting(40_000_000, COUNT, "Most pixels of a rendition.", low=256)


@dataclass(frozen=True, slots=True)
class Decode:
    """How formats with a risk are decoded."""

    isolate: str = setting(
        "risky",
        TEXT,
        "Formats decoded in worker processes of their own: risky (TIFF, HEIC, AVIF, GIF), all, "
        "none.",
        choices=("risky", "all", "none"),
    )
    workers: int = setting(
        0, COUNT, "Worker processes that decode; 0: one per core.", low=0, high=256
    )
    memory_bytes: int = setting(
        1536 * 2**20, BYTES, "Bytes that one worker may take for itself.", low=256 * 2**20
    )
    seconds: float = setting(
        20.0, SECONDS, "Longest time that a worker may take for one picture.", low=0.1, high=600
    )
