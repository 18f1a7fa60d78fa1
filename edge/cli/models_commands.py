"""What `edge models` does, as tables; printing and exit codes are the command line's."""

import sys
from collections.abc import Sequence
from pathlib import Path

from edge.app.networks import open_models
from edge.cli.commands import Table
from edge.errors import EdgeError, InvalidParameter
from edge.models.base import ModelState
from edge.settings import Settings
from edge.tools import catalogue
from edge.tools.add_model import adding
from edge.tools.add_model.request import AddOptions
from edge.tools.public_networks import fetching


async def models_table(
    given: Settings, what: str, names: Sequence[str] = (), runs: int = 5
) -> tuple[bool, Table]:
    """Whether all is well, and the rows of `list`, `check` or `bench` (of `names`, or of all)."""
    folders = given.models.folders
    if what == "list":
        return _listed(catalogue.list(folders))
    models = open_models(given)
    try:
        if what == "check":
            return _checked(await catalogue.check(models, folders))
        return _timed(await catalogue.bench(models, folders, names, runs=runs))
    finally:
        await models.close()


async def add_model(given: Settings, file: Path, options: AddOptions) -> Table:
    """Bring a network made elsewhere into the repository; what was decided, a row each.

    Raises:
        ModelError, InvalidParameter, EdgeError: as `adding.add` has it.
    """
    added = await adding.add(file, Path(given.models.folder), options)
    spec, found = added.spec, added.found
    takes, gives = ("x".join(map(str, t[0].shape)) for t in (spec.inputs, spec.outputs))
    return [
        ("added", f"{added.folder}, digest {spec.digest}"),
        ("contract", f"{takes} -> {gives}, batch {spec.max_batch_size}, overlap {found.overlap}"),
        ("network", f"{found.side} pixels, {found.scaling.name}; {found.output}: {found.answer}"),
        *(("note", note) for note in added.notes),
    ]


def public_table(folder: Path) -> Table:
    """The public networks that can be fetched, and which of them stand in the folder."""
    heads = ("network", "role", "size", "licence", "fetched", "what it is")
    rows = []
    for row in fetching.table().values():
        place = fetching.fetched(row, folder)
        size = f"{row.expected.size / 1e6:.1f} MB"
        there = place.name if place else "-"
        rows.append((row.name, row.role, size, row.licence, there, row.title))
    return [heads, *rows]


async def fetch_models(
    folder: Path,
    names: Sequence[str],
    *,
    role: str = "",
    replace: bool = False,
    quiet: bool = False,
) -> tuple[bool, Table]:
    """Bring public networks into the folder: whether all are there, and what is to be said.

    One that cannot be had is said with what is lost without it, and the others are brought.

    Raises:
        InvalidParameter: the table has no such network, or another model stands in its place.
    """
    rows, good = [], True
    for network in [fetching.network(name) for name in names]:
        options = network.options(role=role, replace=replace)
        try:
            done = await fetching.fetch(network, folder, options, _say)
        except InvalidParameter:
            raise
        except EdgeError as error:
            good = False
            rows.append((network.name, f"not fetched, so {network.without} ({error.detail})"))
            continue
        if not (quiet and done.again):
            how = "is" if done.again else "now stands"
            rows.append((network.name, f"{how} in {done.folder} ({network.licence})"))
        rows += [("", note) for note in done.notes if not quiet]
    return good, rows


def _say(text: str) -> None:
    print(f"edge: {text}", file=sys.stderr, flush=True)


def _listed(rows: Sequence[catalogue.Listed]) -> tuple[bool, Table]:
    lines = [
        (
            row.name,
            row.digest or "-",
            f"{row.bytes / 1e6:.1f} MB",
            ", ".join(row.inputs) or "-",
            ", ".join(row.outputs) or "-",
            str(row.max_batch_size),
            row.problem or "ok",
        )
        for row in rows
    ]
    heads = ("model", "digest", "size", "takes", "gives", "batch", "state")
    return not any(row.problem for row in rows), [heads, *lines]


def _checked(states: Sequence[ModelState]) -> tuple[bool, Table]:
    lines = []
    for state in states:
        seconds = f"{state.facts['seconds']:.2f}" if state.facts else "-"
        lines.append((state.name, "ok" if state.ready else "FAIL", seconds, state.detail))
    return all(s.ready for s in states), [("model", "state", "seconds", "answer"), *lines]


def _timed(rows: Sequence[catalogue.Timed]) -> tuple[bool, Table]:
    lines = [
        (
            row.name,
            row.runtime,
            str(row.batch),
            f"{row.median * 1000:.1f}",
            f"{row.slowest * 1000:.1f}",
            f"{row.per_piece * 1000:.1f}",
        )
        for row in rows
    ]
    heads = ("model", "runtime", "batch", "median ms", "slowest ms", "ms a piece")
    return True, [heads, *lines]
