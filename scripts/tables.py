"""Rewrites the tables that the docs share with the code; `--check` only says which are behind.

A generated table stands between `<!-- table: NAME -->` and `<!-- end -->` in a Markdown file.
"""

import csv
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge import settings
from edge.dialects import ALL
from edge.limits import Decode
from edge.rendering import numbers as numbers_module
from edge.rendering.source import libraries as libraries_module
from edge.telemetry import Metrics
from edge.tools.public_networks import fetching
from edge.variants import presets
from edge.variants.parameters import PARAMETERS
from edge.variants.tables import RULES
from edge.web import failures

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
ADVISORIES = ROOT / "scripts" / "advisories"
FETCHED_BY_DEFAULT = (ROOT / "scripts/networks").read_text().split()
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _row(*cells: object) -> str:
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _cell(text: str) -> str:
    """Text for Markdown: no bar ends the cell, and outside of code nothing reads as a tag."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|" + "---|" * len(names)


def decoders_table() -> Iterator[str]:
    """What decodes each format, in the locked version, and what is known against it."""
    yield from _head("format", "decoders", "where", "advisories that touch it, and what fixed them")
    locked, apart = _locked(), libraries_module.apart(Decode())
    for format, libraries in libraries_module.LIBRARIES.items():
        where = "a worker process" if format in apart else "a thread"
        yield _decoder(format.value.upper(), format.value, libraries, where, locked)
    yield _decoder("colour profiles", "profile", libraries_module.PROFILES, "a thread", locked)


def _decoder(
    name: str, kind: str, libraries: tuple[str, ...], where: str, locked: dict[str, str]
) -> str:
    known = [
        f"{row['id']} ({row['library']} {row['fixed']}"
        + (f"; no {row['never'].replace(' ', ', ')} reaches it)" if "never" in row else ")")
        for row in advisories()
        if kind in row["formats"] and row.get("within", row["library"]) in libraries
    ]
    versions = ", ".join(f"{library} {locked[library]}" for library in libraries)
    return _row(name, versions, where, ", ".join(known) or "none")


def advisories() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads(ADVISORIES.read_text())["advisory"]
    return rows


def _locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text()
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", lines, re.MULTILINE)[::-1])


def settings_table() -> Iterator[str]:
    yield from _head("variable", "default", "allowed", "meaning")
    for row in settings.rows():
        default = _shown_default(row.default)
        yield _row(f"`{row.variable}`", default, row.allowed, row.help)


def _shown_default(value: object) -> str:
    if value in ("", ()):
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`"
    if isinstance(value, str) and value.startswith(str(ROOT)):
        return f"`{Path(value).relative_to(ROOT)}`"
    return f"`{int(value) if isinstance(value, bool) else value}`"


def parameters_table() -> Iterator[str]:
    yield from _head("parameter", "meaning", "allowed", "also written")
    for row in PARAMETERS:
        aliases = " ".join(f"`{alias}`" for alias in row.aliases)
        yield _row(f"`{row.name}`", row.help, row.kind.allowed, aliases)


def presets_table() -> Iterator[str]:
    yield from _head("preset", "what it is", "words")
    for preset in presets.load(None):
        yield _row(f"`{preset.name}`", preset.title, f"`{_words(preset)}`")


def _words(preset: presets.Preset) -> str:
    """The canonical form in the order of the URL's table, without the preset's own name."""
    words = dict(word.split("=", 1) for word in preset.transform.canonical().split("&"))
    return "&".join(
        f"{p.name}={words[p.name]}" for p in PARAMETERS if p.name in words and p.name != "preset"
    )


def networks_table() -> Iterator[str]:
    yield from _head("name", "what it is", "role", "MB", "licence of the weights", "hash", "from")
    for row in fetching.table().values():
        fetched = " (fetched by scripts/serve)" if row.name in FETCHED_BY_DEFAULT else ""
        yield _row(
            f"`{row.name}`{fetched}",
            row.title, f"`{row.role}`", f"{row.expected.size / 1e6:.0f}", row.licence,
            "seen" if row.observed else "stated by others", "; ".join(map(str, row.sources)),
        )  # fmt: skip


def rules_table() -> Iterator[str]:
    yield from _head("rule", "holds when", "allowed")
    said = dict(_attributes(presets.Rules))
    for name, rule in RULES.items():
        allowed = f"a list, each {rule.kind.allowed}" if rule.many else rule.kind.allowed
        yield _row(f"`{name}`", said[name].rstrip("."), allowed)


def _attributes(kind: type) -> Iterator[tuple[str, str]]:
    """The names and sentences of a class's `Attributes:` section."""
    _, _, listed = inspect.getdoc(kind).partition("Attributes:\n")
    for entry in re.findall(r"^    (\S.*(?:\n     +.*)*)", listed, re.MULTILINE):
        names, _, said = " ".join(entry.split()).partition(": ")
        for name in names.split(", "):
            yield name, said


def dialects_table() -> Iterator[str]:
    yield from _head("dialect", "URLs", "read")
    for name, dialect in ALL.items():
        where = "by its path" if dialect.recognisable else f"under `/{name}/`"
        standard = " (by default)" if name in settings.QuerySettings().dialects else ""
        yield _row(f"`{name}`: {dialect.title}", dialect.shape, where + standard)


def dialect_words_table() -> Iterator[str]:
    yield from _head("dialect", "its word", "ours")
    for name, dialect in ALL.items():
        rows: dict[int, list[str]] = {}  # short names share the row of the long one
        for word, row in dialect.words.items():
            rows.setdefault(id(row), []).append(word)
        for words in rows.values():
            yield _row(name, " ".join(f"`{w}`" for w in words), dialect.words[words[0]].means)


def errors_table() -> Iterator[str]:
    yield from _head("type", "status", "kept", "title")
    for kind, row in failures.ROWS.items():
        kept = f"{row.keep} s" if row.keep else "no-store"
        yield _row(f"`{failures.slug(kind)}`", row.status, kept, row.title)


def metrics_table() -> Iterator[str]:
    yield from _head("metric", "labels", "meaning")
    for metric in vars(Metrics()).values():
        if describe := getattr(metric, "describe", None):
            described = next(iter(describe()))
            suffix = "_total" if described.type == "counter" else ""
            labels = ", ".join(metric._labelnames)
            yield _row(f"`{described.name}{suffix}`", labels, described.documentation)


def capacity_table() -> Iterator[str]:
    """Cores and Redis for pages a second, from the costs that were measured."""
    sys.path.insert(0, str(ROOT))
    from loadtest import fleet_capacity, fleet_costs

    costs = fleet_costs.load()
    yield from _head("pages a second", "the CDN holds", "cores", "of a Redis", "accelerators")
    for pages in (10, 100, 1000):
        for cdn in (0.0, 0.9, 0.98):
            want = fleet_capacity.need(costs, pages, cdn=cdn)
            cores, store, network = (_two(x) for x in (want.cores, want.redis, want.network))
            yield _row(f"{pages:,}", f"{cdn:.0%}", cores, store, network)


def _two(value: float) -> str:
    """Two significant digits, without an exponent."""
    return f"{float(f'{value:.2g}'):,.10g}"


def numbers_table() -> Iterator[str]:
    """Every tuned number of `edge/rendering`, beside which code it stands, and where it is from."""
    yield from _head("number", "value", "unit", "decides", "source", "moved by 30 %, changes")
    changes = _calibrated()
    for one in numbers_module.numbers():
        changed = changes.get(one.title, "not moved")
        value = f"{one.value:.3g}" if isinstance(one.value, float) else one.value
        yield _row(f"`{one.title}`", value, one.unit, one.decides, one.source, changed)


def _calibrated() -> dict[str, str]:
    """What `training.calibrate` has written: on how many photos each number changes what."""
    found = {}
    with (ROOT / "training" / "calibrated.tsv").open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            title, photos = row.pop("number"), row.pop("photos")
            kinds = [f"{kind} {count}" for kind, count in row.items() if count != "0"]
            found[title] = f"{', '.join(kinds) or 'nothing'} of {photos}"
    return found


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings_table,
    "parameters": parameters_table,
    "decoders": decoders_table,
    "presets": presets_table,
    "networks": networks_table,
    "rules": rules_table,
    "dialects": dialects_table,
    "dialect_words": dialect_words_table,
    "errors": errors_table,
    "metrics": metrics_table,
    "capacity": capacity_table,
    "numbers": numbers_table,
}


def renewed(text: str) -> str:
    """The page with every table as the code has it now."""

    def table(match: re.Match[str]) -> str:
        return match[1] + "\n".join(TABLES[match[2]]()) + "\n" + match[3]

    return _TABLE.sub(table, text)


def behind() -> list[Path]:
    """The pages whose tables are not what the code says."""
    return [page for page in PAGES if renewed(page.read_text()) != page.read_text()]


def main() -> int:
    pages = behind()
    for page in pages:
        print(page.relative_to(ROOT))
    if "--check" in sys.argv:
        return 1 if pages else 0
    for page in pages:
        page.write_text(renewed(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
