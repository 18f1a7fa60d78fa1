"""Large bodies live on for as long as the system has not taken them, and no longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge.http1.sending import Outgoing


@asynccontextmanager
async def sending() -> AsyncIterator[tuple[Outgoing, asyncio.StreamReader]]:
    """The writing side of a connection, and who reads it."""
    made: asyncio.Future[asyncio.BaseTransport] = asyncio.get_running_loop().create_future()

    class Side(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport)

    server = await asyncio.get_running_loop().create_server(Side, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    transport = await made
    assert isinstance(transport, asyncio.Transport)
    yield Outgoing(transport), reader
    transport.abort()
    writer.transport.abort()
    server.close()
    await server.wait_closed()


async def test_a_body_that_was_taken_at_once_is_let_go_of_at_once() -> None:
    async with sending() as (out, reader):
        out.begin(b"head", b"x" * 50_000)
        assert out.body is None
        assert not out.pending
        assert await reader.readexactly(50_004) == b"head" + b"x" * 50_000


async def test_a_body_that_waits_for_its_reader_is_known() -> None:
    body = bytes(40_000_000)
    async with sending() as (out, _):
        out.begin(b"head", body)
        assert out.body is body
        assert out.pending
