"""The least that a hit can cost on a machine: one loop that answers every request with one file.

It speaks no more HTTP than a load test needs: a request is what arrives at once. Run beside a
server under load, it shows how long any process waits there for a core.
"""

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

from edge.thread_priority import answer_first


class Answering(asyncio.Protocol):
    """One connection."""

    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(self.answer)


async def serve(port: int, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-length: {len(body)}\r\n\r\n"
    Answering.answer = head.encode() + body
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    answer_first()  # as edge does
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
