"""Keeps a broken part from being asked by everybody again and again."""

import time


class Breaker:
    """After a failure, one caller in `rest` seconds may try; all others are told to pass by."""

    __slots__ = ("_broken", "_next_try", "_rest")

    def __init__(self, rest: float = 2.0) -> None:
        self._rest = rest
        self._broken = False
        self._next_try = 0.0

    def allows(self) -> bool:
        if not self._broken:
            return True
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + self._rest
        return True

    def failed(self) -> None:
        self._broken = True
        self._next_try = time.monotonic() + self._rest

    def worked(self) -> None:
        self._broken = False
