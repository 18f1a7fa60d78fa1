"""Reads of Redis: many callers share a few connections, and each batch is one write and one read.

redis-py takes a connection, two tasks' turns and a timer for each command, which costs several
times what a hit in memory does. Its connections still do the handshake (TLS, user, database); then
their transport is given to a protocol of ours, which only sends GET and reads answers in order.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from edge.cache.redis_answers import Answer, Answers, More

_log = logging.getLogger(__name__)

Callback = Callable[[Answer], None]
"""Called with a value, valid during the call; with None where there is no such key; or with an
error of redis-py."""

_CONNECTIONS = 4
_FULL = 32
"""Pending reads on a connection above which another is opened: large answers delay those behind
them, while few reads on each make small batches."""


class _Question:
    __slots__ = ("callback", "name", "sent_before", "since")

    def __init__(self, name: bytes, since: float, callback: Callback) -> None:
        self.name = name
        self.since = since
        self.callback = callback
        self.sent_before = False


class Reads:
    """GETs over at most four connections, opened when first needed.

    Reads on a connection that Redis closed are repeated once on another. A connection that is
    silent for `timeout` seconds while answers are due is dropped, and its reads fail.

    Args:
        client: knows how to connect; its own pool is not used.
        timeout: seconds.
    """

    def __init__(self, client: Redis, timeout: float) -> None:
        self._pool = client.connection_pool
        self._timeout = timeout
        self._lines: list[_Line] = []
        self._queue: deque[_Question] = deque()
        self._opening: asyncio.Task[None] | None = None

    def ask(self, name: bytes, callback: Callback) -> None:
        """Call `callback` once, later, on the event loop."""
        self._send(_Question(name, asyncio.get_running_loop().time(), callback))

    async def get(self, name: bytes) -> bytes | None:
        """Raises errors of redis-py."""
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def callback(answer: Answer) -> None:
            if future.done():
                return
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(None if answer is None else bytes(answer))

        self.ask(name, callback)
        return await future

    async def close(self) -> None:
        """Close the connections; pending reads get None."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait((self._opening,))
        for line in tuple(self._lines):
            line.drop(RedisConnectionError("closed"))
        self._fail(RedisConnectionError("closed"))

    def _send(self, question: _Question) -> None:
        line = None
        for line in self._lines:
            if len(line.waiting) < _FULL:
                return line.send(question)
        if line is None or len(self._lines) < _CONNECTIONS:
            self._open()
        if line is None:
            self._queue.append(question)
        else:
            min(self._lines, key=lambda one: len(one.waiting)).send(question)

    def _open(self) -> None:
        if self._opening is None:
            self._opening = asyncio.create_task(self._connect(), name="connect to Redis")

    async def _connect(self) -> None:
        try:
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            await connection.connect()  # type: ignore[no-untyped-call]
            self._lines.append(_Line(connection, self._timeout, self._lost))
        except Exception as error:
            if not self._lines:
                self._fail(error)
        finally:
            self._opening = None
        queued, self._queue = self._queue, deque()
        for question in queued:
            self._send(question)

    def _fail(self, error: Exception) -> None:
        queued, self._queue = self._queue, deque()
        for question in queued:
            _call_back(question, error)

    def _lost(self, line: "_Line", error: Exception, *, again: bool) -> None:
        self._lines.remove(line)
        for question in line.waiting:
            if again and not question.sent_before:
                question.sent_before = True
                self._send(question)
            else:
                _call_back(question, error)


class _Line(asyncio.BufferedProtocol):
    """One connection, after its handshake.

    Args:
        connection: of redis-py, connected and idle.
        lost: told once that it is gone, for which reason, and whether others may be asked again.
    """

    def __init__(self, connection: Any, timeout: float, lost: Callable[..., None]) -> None:
        self.waiting: deque[_Question] = deque()
        self._connection = connection
        self._timeout = timeout
        self._lost = lost
        self._gone = False
        self._answers = Answers()
        self._unsent: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._heard = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport = connection._writer.transport
        self._transport.set_protocol(self)

    def send(self, question: _Question) -> None:
        self.waiting.append(question)
        if not self._unsent:
            self._loop.call_soon(self._flush)
            if self._watch is None:
                self._watch = self._loop.call_later(self._timeout, self._check_overdue)
        name = question.name
        self._unsent.append(b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not self._gone:
            self._transport.write(b"".join(unsent))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._answers.room()

    def buffer_updated(self, nbytes: int) -> None:
        self._heard = self._loop.time()
        answers = self._answers
        answers.came(nbytes)
        try:
            while not isinstance(answer := answers.take(), More):
                _call_back(self.waiting.popleft(), answer)
        except (RedisConnectionError, IndexError):
            self.drop(RedisConnectionError("this is no answer of Redis"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(RedisConnectionError(str(exc or "closed by Redis")), again=True)

    def drop(self, error: Exception) -> None:
        self._end(error, again=False)

    def _end(self, error: Exception, *, again: bool) -> None:
        if self._gone:
            return
        self._gone = True
        if self._watch is not None:
            self._watch.cancel()
        self._transport.abort()
        self._connection._reader = self._connection._writer = None  # or it warns of being left open
        self._lost(self, error, again=again)

    def _check_overdue(self) -> None:
        """Drop the connection if an answer is overdue."""
        self._watch = None
        if self.waiting:
            left = max(self.waiting[0].since, self._heard) + self._timeout - self._loop.time()
            if left <= 0:
                self.drop(RedisTimeoutError("no answer in time"))
            else:
                self._watch = self._loop.call_later(left, self._check_overdue)


def _call_back(question: _Question, answer: Answer) -> None:
    try:
        question.callback(answer)
    except Exception:
        _log.exception("unexpected error")
