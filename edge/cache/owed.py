"""Purges that did not reach every tier and replica, kept until they have.

In a file where there is a folder that outlives the process, so that a restart forgets none.
"""

import json
import logging
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger(__name__)

MOST = 10_000
"""Tags that are kept; a purge beyond them is refused, and its caller is told."""


class OwedPurges:
    """What is still owed for which tag: names of tiers, and `replicas`.

    Args:
        file: where they are kept across restarts, each process beside the others in a file of its
            own; None: in memory alone.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._start = file
        self._file = file and file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        self._owed: dict[str, frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._owed)

    def load(self) -> tuple[str, ...]:
        """Take over what earlier processes have left, and what others that live owe as well, for it
        does no harm to do it twice; the tags."""
        left = list(self._start.parent.glob(f"{self._start.name}.*")) if self._start else []
        for file in left:
            with suppress(OSError, ValueError, TypeError, AttributeError):
                for tag, parts in json.loads(file.read_text()).items():
                    self.add(str(tag), map(str, parts))
        self.save()
        for file in left:
            with suppress(OSError):
                file.unlink()
        return tuple(self._owed)

    def add(self, tag: str, parts: Iterable[str]) -> bool:
        """Keep it; False where too many are kept already."""
        if tag not in self._owed and len(self._owed) >= MOST:
            return False
        self._owed[tag] = self._owed.get(tag, frozenset()) | frozenset(parts)
        return True

    def settle(self, tag: str, parts: Iterable[str]) -> bool:
        """These parts were reached; whether nothing more is owed for the tag."""
        left = self._owed.get(tag, frozenset()) - frozenset(parts)
        if left:
            self._owed[tag] = left
        else:
            self._owed.pop(tag, None)
        return not left

    def all(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Each tag with what is owed for it, the oldest first."""
        return tuple(self._owed.items())

    def save(self) -> None:
        """Write the file; one that cannot be written leaves them in memory, and is told once."""
        if self._file is None:
            return
        try:
            if not self._owed:
                self._file.unlink(missing_ok=True)
                return
            beside = self._file.with_name(f".{self._file.name}")
            beside.write_text(json.dumps({tag: sorted(parts) for tag, parts in self.all()}))
            beside.replace(self._file)
        except OSError as error:
            _log.warning("owed purges are kept in memory alone", extra={"why": str(error)})
