"""Recorded verdicts on renditions, found again by their bytes.

A rule may need more than a finished file shows: the matte, the original. So `edge render` notes its
verdicts in a folder of this user, jobs write theirs into the manifest of an export, and `edge
verify` uses them for the very same bytes. A manifest counts only where it is named: one that lies
beside the pictures may come from whoever sent them.
"""

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.errors import SettingsError
from edge.reported import Compliance
from edge.web.reported import compliance_line, read_compliance

_MOST_NOTED = 20_000
_LONGEST = 4096


def sha256(body: bytes) -> str:
    """The key of a picture: 64 hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()


class Verdicts:
    """The recorded verdicts.

    Args:
        folder: where they are noted; None: nowhere.
        manifest: of a job's export, as CSV or JSON lines; None: none.

    Raises:
        SettingsError: the manifest cannot be read, or is none.
    """

    def __init__(self, folder: Path | None, manifest: Path | None = None) -> None:
        self._folder = folder
        self._listed = _read(manifest) if manifest else {}

    def note(self, body: bytes, verdict: Compliance) -> None:
        """Remember the verdict of these bytes.

        A folder that cannot be written costs the note, never the picture.
        """
        if self._folder is None:
            return
        with suppress(OSError):
            place = self._place(sha256(body))
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = place.with_suffix(f".{os.getpid()}.part")
            beside.write_text(compliance_line(verdict), "utf-8")
            beside.replace(place)
            _thinned(place.parent)

    def find(self, body: bytes) -> Compliance | None:
        """The verdict of these bytes, as the manifest or a note has it."""
        name = sha256(body)
        return read_compliance(self._listed.get(name) or self._noted(name))

    def _noted(self, name: str) -> str:
        with suppress(OSError, ValueError):
            return self._place(name).read_bytes()[:_LONGEST].decode() if self._folder else ""
        return ""

    def _place(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / name[:2] / name[2:]


def _thinned(shard: Path) -> None:
    """Keep a shard to its share of the notes; the oldest go."""
    names = os.listdir(shard)
    if len(names) > _MOST_NOTED // 256:
        oldest = min((shard / name for name in names), key=lambda path: path.stat().st_mtime)
        oldest.unlink(missing_ok=True)


def _read(manifest: Path) -> dict[str, str]:
    """Verdicts by the pictures' hashes; rows of no picture are passed over."""
    try:
        with manifest.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines) if manifest.suffix == ".csv" else _objects(lines)
            return {
                str(row["sha256"]): str(row["compliance"])
                for row in rows
                if row.get("sha256") and row.get("compliance")
            }
    except OSError as error:
        raise SettingsError(f"{manifest} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise SettingsError(
            f"{manifest} is no manifest", allowed="manifest.csv or manifest.jsonl of a job"
        ) from error


def _objects(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        row = json.loads(line)
        if isinstance(row, dict):
            yield row
