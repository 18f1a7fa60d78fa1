"""Limits of one connection and of all together."""

from dataclasses import dataclass, replace

from edge.settings import Settings


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one connection and of all; sizes in bytes, times in seconds.

    Attributes:
        url_bytes: longest request target (RFC 9112 section 3.2).
        header_bytes: request target and header lines of one request together; the trailers and
            chunk extensions of one body may have as much again.
        headers: most header lines of one request.
        connections: most at once. `reserve` more are let in while all of them are busy, and get
            answers from the probes only.
        head_timeout: from the first byte of a request, or the connection's begin, to the end of
            the head.
        body_timeout: from the end of the head to the end of the body.
        keep_alive: between two requests.
        reader_timeout: time in which a reader must take `reader_timeout` times `LEAST_RATE` bytes,
            or all that is left.
        unread_bytes: of bodies that their readers have not taken yet, each counted once.
    """

    url_bytes: int = 8192
    header_bytes: int = 32768
    headers: int = 100
    connections: int = 2048
    reserve: int = 32
    head_timeout: float = 10.0
    body_timeout: float = 30.0
    keep_alive: float = 75.0
    reader_timeout: float = 30.0
    unread_bytes: int = 268_435_456

    @classmethod
    def of(cls, given: Settings) -> "ConnectionLimits":
        """The bounds that the settings name."""
        server, limits = given.server, given.limits
        return cls(
            url_bytes=limits.url_bytes,
            header_bytes=limits.header_bytes,
            headers=limits.headers,
            connections=limits.connections,
            head_timeout=server.head_timeout,
            body_timeout=server.deadline,
            keep_alive=server.keep_alive,
            reader_timeout=server.reader_timeout,
            unread_bytes=limits.unread_bytes,
        )

    def within(self, files: int) -> "ConnectionLimits":
        """The same with fewer connections where the process may open only so many `files`.

        Some descriptors are left for originals, caches, origins, Redis and Triton.
        """
        spare = min(_OTHER_FILES, files // 4)
        most = max(1, files - spare - self.reserve)
        return replace(self, connections=min(self.connections, most))

    @property
    def tick(self) -> float:
        """Seconds between two checks of all connections: short against every time above."""
        times = (self.head_timeout, self.body_timeout, self.keep_alive, self.reader_timeout)
        return min(1.0, *(time / 4 for time in times))


_OTHER_FILES = 512
"""Descriptors kept for originals, caches, origins, Redis and Triton."""

LEAST_RATE = 1024
"""Bytes a second below which a reader counts as stalled."""
