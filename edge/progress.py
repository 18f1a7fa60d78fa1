"""The stage that a request is in, for clients that poll its progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

WAITING = "waiting"
"""Before the first stage, and while another request makes the same picture."""


class Progress:
    """The stage of one request; stages are named as in `Server-Timing`."""

    __slots__ = ("stage",)

    def __init__(self) -> None:
        self.stage = WAITING


_watched: ContextVar[Progress | None] = ContextVar("progress", default=None)


def entered(stage: str) -> None:
    """Note that a stage begins; does nothing where the request is not watched."""
    if progress := _watched.get():
        progress.stage = stage


@contextmanager
def watched(progress: Progress) -> Iterator[None]:
    """Note in `progress` every stage that begins within, in tasks and engine threads too."""
    token = _watched.set(progress)
    try:
        yield
    finally:
        _watched.reset(token)
