"""The house stands as its plan says: imports go down only, and each library stays in its room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "edge"

FLOORS = {
    0: (
        "arrays",
        "images",
        "kinds",
        "errors",
        "settings",
        "telemetry",
        "accounting",
        "single_flight",
        "admission",
        "background_tasks",
        "breaker",
        "deadline",
        "access",
        "watched",
        "connections",
        "progress",
        "tracing",
        "logs",
        "reported",
        "cores",
        "freed_memory",
        "garbage",
        "text_files",
        "in_thread",
        "thread_priority",
    ),
    1: ("variants", "buckets"),
    2: ("cache", "origins", "models", "dialects"),
    3: ("rendering", "tools"),
    4: ("delivery",),
    5: ("jobs",),
    6: ("web",),
    7: ("app", "serving", "http1", "working", "reloading", "sparing", "cli", "__main__"),
}
RENDERING = (
    ("numbers",),
    ("pixels", "engine", "request", "tile_cache"),
    ("output",),
    ("source",),
    ("analysis",),
    ("step",),
    ("matting", "framing"),
    ("extend",),
    ("ops",),
    ("plan",),
    ("prepare", "memory", "run", "provenance", "networks"),
    ("compliance",),
    ("chain",),
    ("drawing", "looking"),
    ("render",),
)
"""The floors inside `edge/rendering`, the lowest first; rooms of one floor do not know each other,
but for the files of `run`'s, which are steps of one render."""
SEEN_FROM_OUTSIDE = {
    "render", "memory", "tile_cache", "provenance", "source.scenes", "source.libraries",
    "chain.client", "engine.pillow", "engine.processes", "engine.threads", "matting.store",
    "compliance.report",
}  # fmt: skip
"""The files of `edge/rendering` that other rooms may import."""
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
NEIGHBOURS_ALLOWED = {0, 7}
"""Floors whose rooms may know each other: values below, the wiring."""

LIBRARIES = {
    "redis": {"cache", "jobs"},
    "dramatiq": {"jobs"},
    "defusedxml": {"jobs"},
    "rich": {"cli"},
    "aiobotocore": {"buckets"},
    "botocore": {"buckets", "cache", "origins"},
    "aiohttp": {"buckets", "connections", "origins"},
    "tritonclient": {"models", "tools"},
    "onnxruntime": {"models", "tools"},
    "pooch": {"tools"},
    "requests": {"tools"},
    "starlette": {"web", "app"},
    "uvicorn": {"serving", "http1"},
    "PIL": {"rendering", "models", "tools"},
    "cv2": {"rendering", "models"},
    "prometheus_client": {"telemetry"},
    "opentelemetry": {"tracing"},
}

SOURCES = sorted(p for p in ROOT.rglob("*.py") if "backend" not in p.parts)


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def rooms_entered(path: Path) -> set[str]:
    return {
        name.split(".")[1]
        for name in imported(path)
        if name.startswith("edge.") and name.split(".")[1] in FLOOR_OF
    } - {room_of(path)}


def test_every_room_has_a_floor():
    rooms = {room_of(p) for p in SOURCES} - {"__init__", "samples"}
    assert rooms == set(FLOOR_OF)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path):
    if path == ROOT / "__init__.py":
        return
    here = FLOOR_OF[room_of(path)]
    for room in rooms_entered(path):
        there = FLOOR_OF[room]
        assert there < here or (there == here and here in NEIGHBOURS_ALLOWED), (
            f"{path.name} on floor {here} imports edge.{room} of floor {there}"
        )


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_libraries_stay_in_their_rooms(path):
    for name in imported(path):
        rooms = LIBRARIES.get(name.split(".")[0])
        assert rooms is None or room_of(path) in rooms, f"{path} imports {name}"


def test_tritonclient_is_met_in_the_triton_files_only():
    met = {p.name for p in SOURCES if any(n.startswith("tritonclient.grpc") for n in imported(p))}
    assert met <= {"triton.py", "triton_channel.py", "repository.py", "server.py"}, met


def test_conditional_requests_are_decided_in_one_file():
    met = {p.relative_to(ROOT).as_posix() for p in SOURCES if 'b"if-none-match"' in p.read_text()}
    assert met == {"web/hits.py"}


def test_the_environment_is_read_by_settings_only():
    """Launching another program hands its environment on, and ONNX Runtime takes a word of ours
    from it; that is not reading settings."""
    readers = {p.relative_to(ROOT).as_posix() for p in SOURCES if "os.environ" in p.read_text()}
    assert readers <= {
        "settings/kinds.py", "settings/loading.py", "models/__init__.py",
        "tools/triton/environment.py", "tools/triton/server.py",
    }  # fmt: skip


def inner_room(path: Path) -> str:
    return path.relative_to(ROOT / "rendering").parts[0].removesuffix(".py")


INNER = [p for p in SOURCES if room_of(p) == "rendering" and p.name != "__init__.py"]
INNER_FLOOR = {room: floor for floor, rooms in enumerate(RENDERING) for room in rooms}


def test_every_room_of_rendering_has_a_floor():
    assert {inner_room(p) for p in INNER} == set(INNER_FLOOR)


@pytest.mark.parametrize("path", INNER, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_inside_rendering_go_down_only(path):
    here = INNER_FLOOR[inner_room(path)]
    for name in imported(path):
        room = name.removeprefix("edge.rendering.").split(".")[0]
        if not name.startswith("edge.rendering.") or room == inner_room(path):
            continue
        there = INNER_FLOOR[room]
        assert there < here or (there == here == INNER_FLOOR["run"]), (
            f"{path.name} on inner floor {here} imports {name} of floor {there}"
        )


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_other_rooms_know_the_front_of_rendering_only(path):
    if room_of(path) == "rendering":
        return
    met = {n.removeprefix("edge.rendering.") for n in imported(path) if "edge.rendering." in n}
    known = {
        name for name in met for seen in SEEN_FROM_OUTSIDE if (name + ".").startswith(seen + ".")
    }
    rooms = {seen.split(".")[0] for seen in SEEN_FROM_OUTSIDE}
    assert met - known <= rooms, met - known


def test_rendering_is_given_its_limits_and_reads_no_settings():
    for path in INNER:
        read = {n for n in imported(path) if n.startswith("edge.settings")}
        assert all(n.startswith("edge.settings.limits") for n in read), path


LONGEST_CHAIN = 14
"""Files of `edge/rendering` in the longest chain of which each imports the next: so many have to be
known, at worst, before the first is understood."""


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def chain_below(module: str, files: dict[str, Path], known: dict[str, list[str]]) -> list[str]:
    """The longest chain that begins with a module; `known` remembers those that were found."""
    if module not in known:
        below = (chain_below(name, files, known) for name in imported_files(files[module], files))
        known[module] = [module, *max(below, key=len, default=[])]
    return known[module]


def imported_files(path: Path, files: dict[str, Path]) -> set[str]:
    """Of these modules those that a file imports; a package where it names something of its own."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & files.keys()) or {node.module}
    return found & files.keys()


def test_the_longest_chain_of_imports_in_rendering_does_not_grow():
    """Types come from where they are defined, and values from files that do not build them."""
    files = {dotted(path): path for path in SOURCES if room_of(path) == "rendering"}
    known: dict[str, list[str]] = {}
    longest = max((chain_below(module, files, known) for module in files), key=len)
    assert len(longest) <= LONGEST_CHAIN, " -> ".join(longest)


LONGEST_FILE = 300
"""Lines."""


def test_a_file_has_one_subject_and_can_be_read_in_one_go():
    lines = {
        p.relative_to(ROOT).as_posix(): len(p.read_text().splitlines()) for p in ROOT.rglob("*.py")
    }
    assert not {name for name, count in lines.items() if count > LONGEST_FILE}
