"""What a server is held to."""

from dataclasses import dataclass

from edge.kinds import BYTES, COUNT, setting
from edge.limits import Limits


@dataclass(frozen=True, slots=True)
class ServerLimits(Limits):
    """Those of rendering, and those of connections, requests and work at once."""

    connections: int = setting(
        2048,
        COUNT,
        "Connections at once; 32 more are accepted for probes. At the cap, the one that waits "
        "longest for its client is closed. Never more than the file descriptors allow.",
        low=1,
        high=1_000_000,
    )
    unread_bytes: int = setting(
        268_435_456,
        BYTES,
        "Bodies that their readers have not taken yet, together, those that many read counted "
        "once. Beyond it, the slowest readers are disconnected.",
        low=1_000_000,
    )
    url_bytes: int = setting(8192, BYTES, "Longest URL of a request.", low=256)
    header_bytes: int = setting(
        32768, BYTES, "URL and header lines of a request together; its trailers may have as much.",
        low=1024,
    )  # fmt: skip
    headers: int = setting(100, COUNT, "Most header lines of a request.", low=8, high=10_000)
    origin_running: int = setting(32, COUNT, "Requests at once, for each origin.", low=1)
    origin_waiting: int = setting(256, COUNT, "Requests that wait, for each origin.", low=0)
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
