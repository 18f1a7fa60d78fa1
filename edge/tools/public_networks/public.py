"""The table of public networks that `edge models fetch` knows: `public.toml` beside this file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from edge.errors import InvalidParameter
from edge.tools.add_model.request import SCALINGS, AddRequest
from edge.tools.public_networks.downloading import Expected, Release, Source, Wheel

TABLE = Path(__file__).parent / "public.toml"


@dataclass(frozen=True, slots=True)
class PublicNetwork:
    """One row: what the network is for, whose it is, and where its file can be had.

    `expected` are the file's size and hashes; `seen` says that they were taken from the file, else
    `hashes_from` says who states them. `without` is what is lost where it cannot be had. `words`
    are those of `edge models add`.
    """

    name: str
    title: str
    role: str
    without: str
    expected: Expected
    seen: bool
    hashes_from: str
    licence: str
    licence_read: str
    words: Mapping[str, Any]
    sources: tuple[Source, ...]

    def add_request(self, *, role: str = "", name: str = "", replace: bool = False) -> AddRequest:
        """The words for adding it, under its own role or another one."""
        words = dict(self.words)
        scaling = SCALINGS[words.pop("normalise")] if "normalise" in words else None
        return AddRequest(role or self.role, name, scaling=scaling, replace=replace, **words)


@cache
def table() -> Mapping[str, PublicNetwork]:
    """Every row by its name, in the order of the file."""
    rows = tomllib.loads(TABLE.read_text("utf-8"))
    return {name: _network(name, row) for name, row in rows.items()}


def network(name: str) -> PublicNetwork:
    """Raises `InvalidParameter` for a name that the table does not have."""
    rows = table()
    if name not in rows:
        near = get_close_matches(name, rows, 1)
        raise InvalidParameter(
            f"there is no public network {name!r} in the table",
            allowed=tuple(rows),
            nearest=near[0] if near else None,
        )
    return rows[name]


def _network(name: str, row: dict[str, Any]) -> PublicNetwork:
    sources = tuple(_source(source) for source in row.pop("sources"))
    expected = Expected(row.pop("bytes"), row.pop("sha256"), row.pop("md5", ""))
    seen = row.pop("hashes_seen", False)
    from_ = row.pop("hashes_from", "")
    return PublicNetwork(
        name, expected=expected, seen=seen, hashes_from=from_, sources=sources, **row
    )


def _source(row: dict[str, str]) -> Source:
    return Wheel(row["wheel"], row["file"], row["python"]) if "wheel" in row else Release(**row)
