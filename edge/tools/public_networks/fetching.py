"""`edge models fetch`: a public network from its sources into the folder of fetched networks."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from edge.errors import EdgeError, InvalidParameter, ModelUnavailable
from edge.tools.add_model import adding
from edge.tools.add_model.request import SCALINGS, AddOptions
from edge.tools.public_networks.downloading import (
    DownloadSource,
    Expected,
    Release,
    Say,
    Wheel,
    check,
)

TABLE = Path(__file__).parent / "public.toml"


@dataclass(frozen=True, slots=True)
class PublicNetwork:
    """One row: what the network is for, whose it is, and where its file can be had.

    `expected` are the file's size and hashes; `observed` says that they were taken from the file,
    else `hashes_from` says who states them. `without` is what is lost where it cannot be had.
    `words` are those of `edge models add`.
    """

    name: str
    title: str
    role: str
    without: str
    expected: Expected
    observed: bool
    hashes_from: str
    licence: str
    licence_read: str
    words: Mapping[str, Any]
    sources: tuple[DownloadSource, ...]

    def options(self, *, role: str = "", name: str = "", replace: bool = False) -> AddOptions:
        """The words for adding it, under its own role or another one."""
        words = dict(self.words)
        scaling = SCALINGS[words.pop("normalise")] if "normalise" in words else None
        return AddOptions(role or self.role, name, scaling=scaling, replace=replace, **words)


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
    expected = Expected(row.pop("bytes"), row.pop("sha256"))
    observed = row.pop("hashes_seen", False)
    from_ = row.pop("hashes_from", "")
    return PublicNetwork(
        name, expected=expected, observed=observed, hashes_from=from_, sources=sources, **row
    )


def _source(row: dict[str, str]) -> DownloadSource:
    return Wheel(row["wheel"], row["file"], row["python"]) if "wheel" in row else Release(**row)


MARK = "fetched.json"
"""In a model's folder: which file it was made from, with which words."""

_WRAPPER = 2
"""Raised when `edge models add` writes other nodes around a network than before."""


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """The folder of the model, and remarks on it, in sentences."""

    folder: Path
    notes: tuple[str, ...]
    again: bool


async def fetch(
    network: PublicNetwork, folder: Path, options: AddOptions, say: Say
) -> FetchedModel:
    """Bring the file, check it, and add it to the repository; a second call finds it done.

    Args:
        folder: the model repository. The file itself stays in `downloads` beside it.
        request: what it shall become. What was fetched before is replaced, another model only
            with `replace`.

    Raises:
        ModelUnavailable: no source has it, or what they have is another file.
        ModelError, InvalidParameter, EdgeError: as `adding.add` has it.
    """
    options.check()
    target = folder / options.model
    mark = {"network": network.name, "sha256": network.expected.sha256, "role": options.role,
            "words": dict(network.words), "wrapper": _WRAPPER}  # fmt: skip
    there = _mark_of(target)
    if there == mark:
        return FetchedModel(target, (), again=True)
    file = _file(network, folder.parent / "downloads")
    if not _whole(file, network.expected):
        bring(network.sources, file, network.expected, say)
    added = await adding.add(
        file, folder, replace(options, replace=options.replace or there is not None)
    )
    (target / MARK).write_text(json.dumps(mark, indent=1) + "\n", "utf-8")
    return FetchedModel(target, (*_remarks(network), *added.notes), again=False)


def fetched(network: PublicNetwork, folder: Path) -> Path | None:
    """Where a network of the table stands in the folder, under whatever name; None: nowhere."""
    if folder.is_dir():
        for entry in sorted(folder.iterdir()):
            mark = _mark_of(entry)
            if mark is not None and mark.get("network") == network.name:
                return entry
    return None


def bring(sources: Sequence[DownloadSource], file: Path, expected: Expected, say: Say) -> None:
    """The file from the first source that has it.

    Raises:
        ModelUnavailable: none has; says what each of them answered.
        EdgeError: the folder cannot be written.
    """
    reasons = []
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for source in sources:
            try:
                return source.bring(file, expected, say)
            except ModelUnavailable as error:
                reasons.append(f"{source}: {error.detail}")
    except OSError as error:
        raise EdgeError(f"{file.parent} cannot be written: {error.strerror or error}") from error
    raise ModelUnavailable("; ".join(reasons))


def _file(network: PublicNetwork, folder: Path) -> Path:
    suffix = Path(str(network.sources[0]).rpartition("/")[2]).suffix
    return folder / f"{network.name}{suffix if suffix == '.pth' else '.onnx'}"


def _whole(file: Path, expected: Expected) -> bool:
    """Whether an earlier fetch left the right file; a wrong one is removed."""
    if not file.exists():
        return False
    try:
        check(file, expected)
    except ModelUnavailable:
        file.unlink()
        return False
    return True


def _mark_of(folder: Path) -> dict[str, object] | None:
    try:
        mark = json.loads((folder / MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return mark if isinstance(mark, dict) else None


def _remarks(network: PublicNetwork) -> tuple[str, ...]:
    licence = f"licence of the weights: {network.licence} ({network.licence_read})"
    if network.observed:
        return (licence,)
    return licence, f"its hash is not verified by us, but stated by others: {network.hashes_from}"
