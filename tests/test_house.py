"""The house stands as its plan says: imports go down only, and each library stays in its room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "edge"

FLOORS = {
    0: (
        "images",
        "errors",
        "settings",
        "telemetry",
        "coalesce",
        "gate",
        "background tasks",
        "deadline",
        "access",
        "watched",
        "connections",
        "progress",
    ),
    1: ("variants", "buckets"),
    2: ("cache", "origins", "models", "dialects"),
    3: ("rendering",),
    4: ("delivery", "names", "originals", "recall"),
    5: ("jobs",),
    6: ("web",),
    7: (
        "app",
        "serving",
        "http1",
        "working",
        "reloading",
        "commands",
        "jobs_commands",
        "jobs_remote",
        "jobs_text",
        "cli",
        "cli_models",
        "cli_jobs",
        "cli_render",
        "local",
        "__main__",
    ),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
NEIGHBOURS_ALLOWED = {0, 4, 7}
"""Floors whose rooms may know each other: values below, those of delivery, the wiring."""

LIBRARIES = {
    "redis": {"cache", "jobs"},
    "dramatiq": {"jobs"},
    "defusedxml": {"jobs"},
    "rich": {"cli_jobs"},
    "aiobotocore": {"buckets"},
    "botocore": {"buckets", "cache", "origins"},
    "aiohttp": {"buckets", "connections", "origins"},
    "tritonclient": {"models"},
    "onnxruntime": {"models"},
    "pooch": {"models"},
    "requests": {"models"},
    "starlette": {"web", "app"},
    "uvicorn": {"serving", "http1"},
    "PIL": {"rendering", "models"},
    "cv2": {"rendering"},
    "prometheus_client": {"telemetry"},
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
    assert met <= {"triton.py", "repository.py", "server.py"}, met


def test_the_environment_is_read_by_settings_only():
    """Launching another program hands its environment on, and ONNX Runtime takes a word of ours
    from it; that is not reading settings."""
    readers = {p.relative_to(ROOT).as_posix() for p in SOURCES if "os.environ" in p.read_text()}
    assert readers <= {
        "settings.py", "models/__init__.py", "tools/triton/environment.py", "tools/triton/server.py",
    }  # fmt: skip
