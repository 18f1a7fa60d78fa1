"""The documentation is held against the code: tables, links, commands, URLs, names, examples."""

import configparser
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from edge import settings
from edge.cli import main
from edge.rendering import plan
from edge.telemetry import Metrics
from edge.variants import paths, presets
from edge.variants.parameters import BY_NAME
from edge.variants.query import read
from edge.web import failures
from tests.cli.test_main import VERBS
from tests.test_house import FLOORS, RENDERING

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *DOCS]
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
OWN_GRAMMAR = pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "dialects.md"], ids=lambda page: page.name
)
SHIPPED = presets.load()


def script(name: str):
    """A program of scripts/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLES = script("tables")


def fences(text: str) -> list[str]:
    """The blocks of code of a page."""
    return re.findall(r"^```.*?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def inline(text: str) -> list[str]:
    """The words in backticks, outside of blocks."""
    return re.findall(
        r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )


def code_lines(text: str) -> list[str]:
    """Every line of code of a page; lines that a backslash continues are one."""
    blocks = [line for block in fences(text) for line in block.replace("\\\n", " ").splitlines()]
    return [*blocks, *inline(text)]


def docs(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_table_is_what_the_code_says():
    assert [page.name for page in TABLES.behind()] == [], "run scripts/document"


def test_the_charts_schema_is_what_settings_and_values_say():
    chart = script("chart")
    assert chart.text() == chart.TARGET.read_text(), "run scripts/document"


@pytest.mark.parametrize("name", sorted(TABLES.TABLES))
def test_every_table_stands_in_the_docs(name):
    assert any(f"<!-- table: {name} -->" in page.read_text() for page in DOCS)
    assert len(list(TABLES.TABLES[name]())) > 5


def test_a_table_that_is_behind_is_seen_and_mended():
    stale = "<!-- table: presets -->\n| old |\n<!-- end -->\n"
    fresh = TABLES.renewed(stale)
    assert "| old |" not in fresh
    assert "`amazon`" in fresh
    assert TABLES.renewed(fresh) == fresh


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@EACH_PAGE
def test_every_relative_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if urlsplit(target).scheme:
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in _anchors(there), f"{target}: no such heading"


def commands_in(text: str) -> list[list[str]]:
    """The arguments of every `edge ...` in some text's lines of code."""
    found = []
    for line in code_lines(text):
        line = line.strip().removeprefix("$ ").replace("\\|", "|")
        match = re.match(r"((?:[A-Z_]+=\S+ +)*)edge( .*|$)", line)
        if match and " | " not in line:
            found.append(shlex.split(match[2].partition(" < ")[0], comments=True))
    return found


def parses(arguments: list[str]) -> None:
    """Fails unless the command line takes the arguments, and their query even strictly.

    A verb alone is a mention of it.
    """
    if arguments in ([], *([verb] for verb in VERBS)):
        return
    code, options = 0, None
    try:
        options = main.parser().parse_args(arguments)
    except SystemExit as left:
        code = left.code
    assert not code, f"edge {shlex.join(arguments)} does not parse"
    queries = [getattr(options, "query", ""), *getattr(options, "inputs", ())]
    for query in queries:
        if query and "=" in query:
            read(query, SHIPPED, strict=True)
    named = getattr(options, "preset", None) or []
    for preset in [named] if isinstance(named, str) else named:
        assert preset in SHIPPED


@EACH_PAGE
def test_every_command_parses(page):
    for arguments in commands_in(page.read_text()):
        parses(arguments)


def test_commands_are_found_where_they_stand():
    found = {
        arguments[0] for page in PAGES for arguments in commands_in(page.read_text()) if arguments
    }
    assert found >= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_every_help_parse(verb, capsys):
    with pytest.raises(SystemExit):
        main.run([verb, "--help"])
    told = capsys.readouterr().out.partition("examples:")[2].partition("exit codes:")[0]
    examples = commands_in(f"```\n{told}```\n")
    assert examples
    for arguments in examples:
        assert arguments[0] == verb
        parses(arguments)


_URL = re.compile(r"(?:https?://[^/\s'\"]+)?(/[^\s?'\"{}|]+)\?([^\s'\"{}…]+)")


_NO_PICTURES = ("$", "/-/pictures", "/-/readyz", "/-/jobs", "/-/review")


def urls_in(text: str) -> list[tuple[str, str]]:
    """Path and query of every example of a picture's URL."""
    found = [match for line in code_lines(text) for match in _URL.findall(line)]
    return [
        (path.removeprefix("/-/explain"), query)
        for path, query in found
        if not query.startswith("$") and not path.startswith(_NO_PICTURES) and "…" not in path
    ]


@OWN_GRAMMAR
def test_every_url_is_one_that_even_the_strict_grammar_takes(page):
    for path, query in urls_in(page.read_text()):
        assert paths.read(path)
        read(query, SHIPPED, strict=True)


def test_urls_are_found_where_they_stand():
    assert len(urls_in(docs("urls.md"))) >= 8
    assert urls_in((ROOT / "README.md").read_text())


@OWN_GRAMMAR
def test_every_word_and_value_of_the_url_exists(page):
    for words in inline(page.read_text()):
        if re.fullmatch(r"[a-z]+=[^\s;…<>\"]*(&[a-z]+=[^\s;…<>\"]*)*", words.replace("\\|", "|")):
            read(words, SHIPPED, strict=True)


@EACH_PAGE
def test_every_setting_and_metric_that_is_named_exists(page):
    text = page.read_text()
    variables = {row.variable for row in settings.rows()}
    metrics = set(re.findall(r"^(edge_\w+)", _scrape(), re.MULTILINE))
    for name in re.findall(r"\bEDGE_[A-Z0-9]\w*", text):
        assert name in variables
    for name in re.findall(r"\bedge_[a-z_]+\b", text):
        whole = name.removesuffix("_bucket").removesuffix("_sum")
        assert whole in metrics or f"{whole}_count" in metrics


def _scrape() -> str:
    """The names of all metrics, as an empty server tells them."""
    told = Metrics().exposition().decode()
    return "\n".join(line.removeprefix("# TYPE ") for line in told.splitlines())


@EACH_PAGE
def test_every_problem_type_that_is_named_exists(page):
    slugs = {failures.slug(kind) for kind in failures.ROWS}
    for slug in re.findall(r"/-/problems/([a-z-]+)", page.read_text()):
        assert slug in slugs


@EACH_PAGE
def test_every_script_and_file_that_is_named_exists(page):
    for line in code_lines(page.read_text()):
        for name in re.findall(r"\bscripts/\w+", line):
            assert (ROOT / name).exists(), name
        if re.fullmatch(r"(edge|tests|docs|loadtest|training)/[\w./]+", line):
            assert (ROOT / line).exists(), line


def test_the_floors_of_the_docs_are_those_of_the_code():
    rows = re.findall(r"^\| (\d) \| (.+?) \|", docs("architecture.md"), re.MULTILINE)
    assert {int(floor): set(re.findall(r"`(\w+)`", rooms)) for floor, rooms in rows} == {
        floor: set(rooms) for floor, rooms in FLOORS.items()
    }
    inside = docs("architecture.md").split("| room | does |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`.+?`) \|", inside, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)/?`", rooms)) for rooms in rows] == [
        set(rooms) for rooms in reversed(RENDERING)
    ]


def test_the_order_of_the_docs_is_that_of_the_code():
    told = re.search(r"The order is fixed .*?:(.*?), encode", docs("urls.md"), re.DOTALL)
    words = [word.strip() for word in told[1].split(",")]
    assert words == [step.__module__.rpartition(".")[2] for step in plan.ORDER]


def test_the_example_of_a_presets_file_is_one(tmp_path):
    [example] = [block for block in fences(docs("presets.md")) if block.startswith("[")]
    file = tmp_path / "presets.toml"
    file.write_text(example)
    mine = presets.load(str(file))["my-shop"]
    assert (mine.transform.width, mine.transform.height) == (1200, 1500)
    assert mine.rules.fill_min == 0.8


def test_the_python_example_signs_as_we_do():
    [example] = [block for block in fences(docs("urls.md")) if block.startswith("import hashlib")]
    code, told = example.rsplit("\nsign(", 1)
    call, expected = told.split("\n# ")
    names: dict[str, object] = {}
    exec(code, names)
    assert eval(f"sign({call}", names) == expected.strip()
    parts = urlsplit(expected.strip())
    from edge.variants import signing

    keys = signing.SigningKeys.of([("2026", "shop-secret-do-not-use")])
    signing.verify(paths.read(parts.path), parts.query, keys, required=True)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_shell_example_signs_as_we_do():
    [example] = [block for block in fences(docs("urls.md")) if block.startswith("path=")]
    told = subprocess.run(["bash", "-c", example], capture_output=True, text=True, check=True)
    [python] = [block for block in fences(docs("urls.md")) if block.startswith("import hashlib")]
    assert told.stdout.strip() == python.strip().rpartition("# ")[2]


def test_every_dependency_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = project["optional-dependencies"]
    told = set(re.split(r"[\s,|]+", docs("dependencies.md")))
    for requirement in (*project["dependencies"], *groups["dev"], *groups["training"]):
        name = re.match(r"[\w-]+", requirement)[0]
        assert name in told, name


def test_every_parameter_is_in_the_docs_with_its_aliases():
    page = docs("urls.md")
    for name in BY_NAME:
        assert f"`{name}`" in page, name


def test_the_index_names_every_page_once():
    named = re.findall(r"\]\((\w[\w-]*\.md)\)", docs("README.md"))
    pages = {page.name for page in DOCS} - {"README.md"}
    assert sorted(named) == sorted(pages)


def blocks(page: Path) -> list[tuple[str, str]]:
    """The language and text of every block of code of a page."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [(language, text) for language, text in found]


READERS = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "python": lambda text: compile(text, "docs", "exec"),
    "sh": lambda text: subprocess.run(["bash", "-n"], input=text, text=True, check=True),
    "ini": lambda text: configparser.ConfigParser(strict=False).read_string(text),
    "html": lambda text: HTMLParser().feed(text),
}
RUN_ELSEWHERE = {"js", "ts", "liquid", "php"}
"""Languages whose blocks the tests of the clients run with their real programs."""


@EACH_PAGE
def test_every_block_of_code_is_of_its_language(page):
    for language, text in blocks(page):
        assert language in READERS or language in RUN_ELSEWHERE, language
        if language in READERS:
            READERS[language](text)
