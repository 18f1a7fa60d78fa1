"""A clock that goes on where the event loop would wait, and stands still otherwise."""

import asyncio
import time

import pytest


@pytest.fixture
async def virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.sleep` and timeouts take no time, and `time.monotonic` says what they would take.

    So what depends on the order of moments is the same on every machine. Not for tests with
    threads, sockets or processes: those are not waited for.
    """
    loop, now = asyncio.get_running_loop(), time.monotonic()
    select = loop._selector.select

    def skip(timeout: float | None = None) -> list:
        nonlocal now
        events = select(None if timeout is None else 0)
        if timeout and not events:
            now += timeout
        return events

    monkeypatch.setattr(loop._selector, "select", skip)
    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(time, "monotonic", lambda: now)
