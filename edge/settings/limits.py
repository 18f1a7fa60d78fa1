"""What rendering is held to: the only settings that it sees, handed to it as values."""

from dataclasses import dataclass

from edge.settings.kinds import BYTES, COUNT, SECONDS, TEXT, setting


@dataclass(frozen=True, slots=True)
class Limits:
    connections: int = setting(
        2048,
        COUNT,
        "Connections at once; 32 more are let in for probes. At the cap, the one that waits "
        "longest for its client is closed. Never more than the file descriptors allow.",
        low=1,
        high=1_000_000,
    )
    unread_bytes: int = setting(
        268_435_456,
        BYTES,
        "Bodies that their readers have not taken yet, together, those that many read counted "
        "once. Beyond it, who takes least is cut off.",
        low=1_000_000,
    )
    url_bytes: int = setting(8192, BYTES, "Longest URL of a request.", low=256)
    header_bytes: int = setting(
        32768, BYTES, "URL and header lines of a request together; its trailers may have as much.",
        low=1024,
    )  # fmt: skip
    headers: int = setting(100, COUNT, "Most header lines of a request.", low=8, high=10_000)
    pixels: int = setting(100_000_000, COUNT, "Most pixels of an original.", low=1)
    frames: int = setting(500, COUNT, "Most frames of an animated original.", low=1)
    output_side: int = setting(
        10_000, COUNT, "Longest side of a rendition, in pixels.", low=16, high=65_000
    )
    output_pixels: int = setting(40_000_000, COUNT, "Most pixels of a rendition.", low=256)
    origin_running: int = setting(
        32, COUNT, "Questions and fetches at once, for each origin.", low=1
    )
    origin_waiting: int = setting(256, COUNT, "Those that wait, for each origin.", low=0)
    classical_running: int = setting(
        0, COUNT, "Renders without a network at once; 0: one per engine thread.", low=0
    )
    classical_waiting: int = setting(256, COUNT, "Renders without a network that wait.", low=0)
    network_running: int = setting(2, COUNT, "Renders with a network at once.", low=1)
    network_waiting: int = setting(64, COUNT, "Renders with a network that wait.", low=0)
    memory_bytes: int = setting(
        0,
        BYTES,
        "Bytes that renders may take at once, by estimate; the others wait. 0: three quarters of "
        "what the machine or container has.",
        low=0,
    )


@dataclass(frozen=True, slots=True)
class Decode:
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
