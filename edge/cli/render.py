"""`edge render` of one file, many, or a pipe: inputs, outputs, and the report on each."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.cli import commands, local
from edge.cli.verdicts import Verdicts
from edge.errors import DuplicateParameter, EdgeError, SettingsError
from edge.images import Original
from edge.settings import Settings
from edge.variants.query import ImageRequest

_PIPE = local.STDIN
_STANDARD_OUTPUT = (_PIPE, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


@dataclass(frozen=True, slots=True)
class Order:
    """One rendition to be made: of which file, by which request, written where (None: standard
    output); `target` has no extension yet where the format decides about it."""

    file: Path | None
    image_request: ImageRequest
    target: Path | None
    named: bool

    @property
    def shown(self) -> str:
        return str(self.file or _PIPE)


def fill(render: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    render.add_argument(
        "inputs", nargs="+", metavar="FILE",
        help="originals: files, folders, 'patterns/**/*.jpg', - for standard input; and at most "
        "one QUERY, as in a URL: 'fmt=webp&w=800'",
    )  # fmt: skip
    render.add_argument(
        "-o", "--output", required=True, metavar="OUT",
        help="a file (its extension is the format where QUERY names none), a folder for several "
        "renditions, - for standard output",
    )  # fmt: skip
    render.add_argument(
        "--preset", action="append", default=[], metavar="PRESET",
        help="one rendition of each file by this preset; may be given several times",
    )  # fmt: skip
    render.add_argument("--json", action="store_true", help="what was made as JSON, one list")


def run(options: argparse.Namespace, given: Settings) -> bool:
    """Whether all was made; the reasons of what was not are on standard error."""
    orders = orders_of(options.inputs, options.output, options.preset, given)
    return asyncio.run(_carry_out(orders, given, as_json=options.json))


def orders_of(
    inputs: Sequence[str], output: str, names: Sequence[str], given: Settings
) -> list[Order]:
    """The renditions to make; nothing is rendered yet.

    Raises:
        SettingsError: inputs and output do not fit each other.
        RequestError: the query, or a preset that there is none of.
    """
    output = _PIPE if output in _STANDARD_OUTPUT else output
    named, query = _taken_apart(inputs)
    requests = _requests(query, names, given)
    files = _files(named)
    one = len(files) == 1 and len(requests) == 1 and not _is_folder(output, named)
    if one:
        [(file, _)], [(_, image_request)] = files, requests
        return [Order(file, image_request, None if output == _PIPE else Path(output), named=True)]
    if output == _PIPE:
        raise SettingsError("several renditions do not go to standard output: give -o a folder")
    if Path(output).is_file():
        raise SettingsError(f"several renditions do not go into one file: {output} is no folder")
    return [
        Order(file, image_request, Path(output, inner.parent, _stem(inner, preset)), named=False)
        for file, inner in files
        for preset, image_request in requests
    ]


def _taken_apart(inputs: Sequence[str]) -> tuple[list[str], str]:
    """The inputs, and the query among them."""
    queries = [text for text in inputs if "=" in text and not Path(text).exists()]
    if len(queries) > 1:
        raise SettingsError(f"there are two queries: {queries[0]!r} and {queries[1]!r}")
    named = [text for text in inputs if text not in queries]
    if not named:
        raise SettingsError("name a file to render")
    return named, queries[0] if queries else ""


def _requests(query: str, names: Sequence[str], given: Settings) -> list[tuple[str, ImageRequest]]:
    """Each request with its preset's name; empty for the query alone."""
    if not names:
        return [("", commands.image_request_of(given, query))]
    known = [commands.preset_named(given, name).name for name in dict.fromkeys(names)]
    if commands.image_request_of(given, query).transform.preset:
        raise DuplicateParameter("the query names a preset, and so does --preset", param="preset")
    rest = query.lstrip("?")
    return [
        (name, commands.image_request_of(given, f"preset={name}{'&' if rest else ''}{rest}"))
        for name in known
    ]


def _files(named: Sequence[str]) -> list[tuple[Path | None, Path]]:
    """Each file with the path it has below what was named; None is standard input."""
    if _PIPE in named:
        if len(named) > 1:
            raise SettingsError("- is standard input, and stands alone")
        return [(None, Path("picture"))]
    return [(path, inner) for path, inner in local.files_of(named)]


def _is_folder(output: str, named: Sequence[str]) -> bool:
    several = any(Path(text).is_dir() for text in named)
    return several or output.endswith(("/", "\\")) or Path(output).is_dir()


def _stem(inner: Path, preset: str) -> str:
    return f"{inner.stem}-{preset}" if preset else inner.stem


async def _carry_out(orders: Sequence[Order], given: Settings, *, as_json: bool) -> bool:
    results: list[dict[str, Any]] = []
    taken: dict[Path, str] = {}
    failed = False
    verdicts = Verdicts(given.files.verdicts_folder)
    async with local.open_local_renderer(given) as renderer:
        for order in orders:
            try:
                facts = await _one(order, renderer, taken, verdicts)
            except EdgeError as error:
                if len(orders) == 1 and not as_json:
                    raise
                failed = True
                facts = {"file": order.shown, "error": error.detail} | _more(error)
            results.append(facts)
            if not as_json:
                _say(facts, sys.stderr if order.target is None or "error" in facts else sys.stdout)
    if as_json:
        whole = json.dumps(results, indent=2)
        print(whole, file=sys.stderr if orders[0].target is None else sys.stdout)
    return not failed


async def _one(
    order: Order, renderer: local.LocalRenderer, taken: dict[Path, str], verdicts: Verdicts
) -> dict[str, Any]:
    original = await asyncio.to_thread(_original, order.file)
    suffix = order.target.suffix if order.target and order.named else ""
    suffix = suffix or (order.file.suffix if order.file else "")
    rendered = await renderer.make(original, order.image_request, suffix)
    if compliance := rendered.rendition.reported.compliance:
        await asyncio.to_thread(verdicts.note, rendered.rendition.body, compliance)
    if order.target is None:
        await asyncio.to_thread(_to_stdout, rendered.rendition.body)
        return {"file": order.shown, "output": _PIPE, **rendered.as_facts()}
    target = order.target
    if not order.named:
        target = target.with_name(f"{target.name}.{rendered.rendition.format.value}")
        if target in taken:
            raise EdgeError(f"{target} is already that of {taken[target]}")
        taken[target] = order.shown
        target.parent.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(write_whole, target, rendered.rendition.body)
    return {"file": order.shown, "output": str(target), **rendered.as_facts()}


def _original(file: Path | None) -> Original:
    if file is None:
        return local.original_from("picture", sys.stdin.buffer.read())
    return local.original_of(file)


def _to_stdout(body: bytes) -> None:
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def _more(error: EdgeError) -> dict[str, Any]:
    extra = getattr(error, "report", None)
    return {"type": type(error).__name__} | ({"report": extra} if extra else {})


def _say(facts: dict[str, Any], stream: Any) -> None:
    """Where the reader of the output has gone, the rest is still rendered."""
    try:
        print(*_lines(facts), sep="\n", file=stream)
    except BrokenPipeError:
        local.read_by_nobody(stream)


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    if "error" in facts:
        yield f"edge: {facts['file']}: {facts['error']}"
        return
    wide, high = facts["size"]
    kept = "" if facts["source"] == "render" else f", from {facts['source']}"
    yield (
        f"{facts['output']}: {facts['format']} {wide}x{high}, {facts['bytes']:,} bytes, "
        f"{facts['seconds']:.2f} s{kept}"
    )
    if facts.get("compliance"):
        yield f"  {facts['compliance']}"


def write_whole(target: Path, body: bytes) -> None:
    """Never leave a partial file: write beside the target, then rename. A device or a pipe is
    written to and never replaced."""
    beside = target.with_name(f".{target.name}.part")
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(body)
            return
        beside.write_bytes(body)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise EdgeError(f"{target} cannot be written: {error.strerror}") from error
