"""The house stands as its plan says: imports go down only, and each library stays in its room."""

import re
from collections.abc import Iterator
from graphlib import CycleError
from pathlib import Path, PurePath

import pytest

from tests.house import ROOT, House, room_of, sources

EDGE = House(sources())

FLOORS = {
    0: (
        "arrays",
        "images",
        "kinds",
        "errors",
        "settings",
        "limits",
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
    ("drawing", "inspection"),
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
SEEN_WITHIN = {
    "analysis": {
        "analysis", "analyze", "backdrop", "background", "degradation", "detection", "own_alpha",
        "surface",
    },
    "chain": {"client"},
    "compliance": {"attempts", "checks", "reference", "report", "review", "verify"},
    "engine": {"children", "pillow", "processes", "stock", "threads"},
    "extend": {"extend"},
    "framing": {"framing", "product"},
    "matting": {"alpha", "doubt", "entry", "foreground", "mattes", "segment", "store"},
    "output": {"blurhash", "encode"},
    "source": {"decode", "facts", "libraries", "probe"},
}  # fmt: skip
"""Of the rooms inside `edge/rendering` the files that its other rooms may import; of those that are
not named here, `pixels` and `ops`, all."""
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
NEIGHBOURS_ALLOWED = {0, 7}
"""Floors whose rooms may know each other: values below, the wiring."""

LIBRARIES = {
    "PIL": {"models", "rendering"},
    "aiobotocore": {"buckets"},
    "aiohttp": {"buckets", "connections", "origins"},
    "botocore": {"buckets", "origins"},
    "cachetools": {"cache", "delivery", "jobs", "origins", "rendering"},
    "cv2": {"models", "rendering"},
    "defusedxml": {"jobs"},
    "dramatiq": {"jobs"},
    "google": {"models"},
    "httptools": {"http1"},
    "imagecodecs": {"rendering"},
    "isal": {"cache"},
    "multidict": {"origins"},
    "numpy": {"arrays", "jobs", "models", "rendering", "tools"},
    "onnx": {"tools"},
    "onnxruntime": {"models", "tools"},
    "opentelemetry": {"tracing"},
    "openvino": {"models"},
    "pillow_avif": {"rendering"},
    "pillow_heif": {"rendering"},
    "pip": {"tools"},
    "pooch": {"tools"},
    "prometheus_client": {"telemetry"},
    "redis": {"cache", "jobs"},
    "requests": {"tools"},
    "rich": {"cli"},
    "simplejpeg": {"rendering"},
    "starlette": {"app", "web"},
    "tifffile": {"rendering"},
    "tqdm": {"tools"},
    "triton_python_backend_utils": {"tools"},
    "tritonclient": {"models"},
    "uvicorn": {"http1", "serving"},
    "uvloop": {"serving", "working"},
    "yarl": {"origins"},
}
"""Every package of others, and the rooms that import it: no others may, and no other package."""
INNER_FLOOR = {room: floor for floor, rooms in enumerate(RENDERING) for room in rooms}
INSIDE = "edge.rendering."
LONGEST_CHAIN = 11
"""Files of `edge/rendering` in the longest chain of which each imports the next: so many have to be
known, at worst, before the first is understood."""
LONGEST_FILE = 300
"""Lines."""
ENVIRONMENT = re.compile(r"\b(environ|getenv)\b")


def without_a_floor(house: House) -> set[str]:
    """Rooms that have none, or floors without their room, in `edge` and in `edge/rendering`."""
    rooms = {room_of(path) for path in house.texts} - {""}
    inner = {inner_room(path) for path in house.texts if room_of(path) == "rendering"} - {""}
    return (rooms ^ FLOOR_OF.keys()) | (inner ^ INNER_FLOOR.keys())


def inner_room(path: str) -> str:
    """The room within rendering that a file is in; its own `__init__.py` is in none, ""."""
    return room_of(path.removeprefix("rendering/"))


def upward(house: House) -> list[str]:
    """Imports of rooms that do not lie below."""
    return [
        f"{path} imports {name}"
        for path in house.texts
        if (here := room_of(path))
        for name in house.imports(path)
        if (there := name.split(".")[1] if "." in name else "") in FLOOR_OF and there != here
        if FLOOR_OF[there] > FLOOR_OF[here]
        or (FLOOR_OF[there] == FLOOR_OF[here] and FLOOR_OF[here] not in NEIGHBOURS_ALLOWED)
    ]


def upward_inside(house: House) -> list[str]:
    """The same of the rooms inside rendering; the room as a whole is imported by none of them."""
    wrong = []
    for path in house.texts:
        here = inner_room(path)
        if room_of(path) != "rendering" or not here:
            continue
        for name in house.imports(path):
            there = name.removeprefix(INSIDE).split(".")[0]
            if name == "edge.rendering":
                wrong.append(f"{path} imports {name}")
            elif name.startswith(INSIDE) and there != here:
                above = INNER_FLOOR[there] - INNER_FLOOR[here]
                if above > 0 or (above == 0 and INNER_FLOOR[here] != INNER_FLOOR["run"]):
                    wrong.append(f"{path} imports {name}")
    return wrong


def past_the_front(house: House) -> list[str]:
    """What other rooms import of rendering beside its front."""
    return [
        f"{path} imports {name}"
        for path in house.texts
        if room_of(path) != "rendering"
        for name in house.imports(path)
        if f"{name}.".startswith(INSIDE) and name.removeprefix(INSIDE) not in SEEN_FROM_OUTSIDE
    ]


def between_inner_rooms(house: House) -> Iterator[tuple[str, str, str]]:
    """Each import of another room inside rendering that has a front: by whom, room and file."""
    for path in house.texts:
        for name in house.imports(path) if room_of(path) == "rendering" else ():
            room, _, file = name.removeprefix(INSIDE).partition(".")
            if room in SEEN_WITHIN and room != inner_room(path):
                yield path, room, file


def past_an_inner_front(house: House) -> list[str]:
    """What rooms inside rendering import of each other beside their fronts."""
    return [
        f"{path} imports {room}.{file}"
        for path, room, file in between_inner_rooms(house)
        if file not in SEEN_WITHIN[room]
    ]


def in_cycles(house: House) -> list[str]:
    """Modules of which each imports the next and the last the first."""
    try:
        house.order()
    except CycleError as error:
        return list(error.args[1])
    return []


def libraries_elsewhere(house: House) -> list[str]:
    """Packages of others in rooms that may not have them."""
    return [
        f"{path} imports {name}"
        for path in house.texts
        for name in house.libraries(path)
        if room_of(path) not in LIBRARIES.get(name, ())
    ]


def settings_in_rendering(house: House) -> list[str]:
    """Settings that rendering reads, which is given limits, of classes in `edge.limits`."""
    return [
        f"{path} imports {name}"
        for path in house.texts
        if room_of(path) == "rendering"
        for name in house.imports(path)
        if f"{name}.".startswith("edge.settings.")
    ]


RULES = (
    without_a_floor, upward, upward_inside, past_the_front, past_an_inner_front, in_cycles,
    libraries_elsewhere, settings_in_rendering,
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_its_rules(rule):
    assert not rule(EDGE)


@pytest.mark.parametrize(
    ("rule", "path", "more"),
    [
        (without_a_floor, "attic.py", ""),
        (without_a_floor, "rendering/attic/dust.py", ""),
        (upward, "cache/redis.py", "from edge.delivery import delivery"),
        (upward, "cache/redis.py", "import edge.delivery.delivery"),
        (upward, "cache/redis.py", "import edge.delivery.delivery as later"),
        (upward, "cache/redis.py", "from edge import web"),
        (upward, "cache/redis.py", "from edge.origins.base import Origin"),
        (upward, "cache/redis.py", "from ..delivery import delivery"),
        (upward, "cache/redis.py", "def late():\n    from edge.web import hits"),
        (upward, "cache/redis.py", "if TYPE_CHECKING:\n    from edge.web.hits import Hits"),
        (upward, "cache/redis.py", "import_module('edge.web.hits')"),
        (upward, "cache/redis.py", "importlib.util.find_spec('edge.web')"),
        (upward, "kinds.py", "from edge.variants.words import FIT"),
        (upward, "tools/triton/backend/onnxruntime/model.py", "import edge.web.hits"),
        (upward_inside, "rendering/pixels/levels.py", "from edge.rendering import plan"),
        (upward_inside, "rendering/pixels/levels.py", "from ..step import Step"),
        (upward_inside, "rendering/pixels/levels.py", "from edge.rendering.engine import pillow"),
        (upward_inside, "rendering/pixels/levels.py", "import edge.rendering"),
        (upward_inside, "rendering/matting/passes.py", "import edge.rendering.framing.window"),
        (upward_inside, "rendering/ops/blur.py", "def f(): from edge.rendering.plan import plan"),
        (past_the_front, "web/hits.py", "from edge.rendering.matting import regions as y"),
        (past_the_front, "web/hits.py", "from edge.rendering.matting.regions import x as y"),
        (past_the_front, "web/hits.py", "import edge.rendering.matting.regions"),
        (past_the_front, "web/hits.py", "from edge.rendering import matting"),
        (past_the_front, "web/hits.py", "from edge.rendering import run"),
        (past_the_front, "web/hits.py", "from edge import rendering"),
        (past_the_front, "web/hits.py", "import edge.rendering"),
        (past_the_front, "web/hits.py", "from edge.rendering.matting import *"),
        (past_the_front, "web/hits.py", "def f():\n    from ..rendering.matting import alpha"),
        (past_the_front, "__init__.py", "if TYPE_CHECKING: import edge.rendering.plan"),
        (past_an_inner_front, "rendering/plan.py", "from edge.rendering.matting import fusion"),
        (past_an_inner_front, "rendering/ops/pad.py", "import edge.rendering.extend.grain"),
        (past_an_inner_front, "rendering/memory.py", "from .source.decoders.jpeg import shape"),
        (past_an_inner_front, "rendering/run.py", "from edge.rendering import output"),
        (in_cycles, "kinds.py", "from edge.settings import kinds"),
        (in_cycles, "rendering/numbers.py", "def f(): from edge.rendering.pixels import scales"),
        (in_cycles, "cache/base.py", "if TYPE_CHECKING:\n    from .tiers import Tiers"),
        (libraries_elsewhere, "web/hits.py", "import numpy as np"),
        (libraries_elsewhere, "delivery/keys.py", "def f(): from redis.asyncio import Redis"),
        (libraries_elsewhere, "delivery/keys.py", "if TYPE_CHECKING: import aiohttp"),
        (libraries_elsewhere, "delivery/keys.py", "import unheard_of"),
        (libraries_elsewhere, "delivery/keys.py", "importlib.import_module('redis')"),
        (libraries_elsewhere, "__init__.py", "import numpy"),
        (settings_in_rendering, "rendering/run.py", "from edge import settings"),
        (settings_in_rendering, "rendering/run.py", "from edge.settings.http import Http"),
        (settings_in_rendering, "rendering/run.py", "import edge.settings.limits"),
    ],
)  # fmt: skip
def test_every_rule_bites(rule, path, more):
    assert rule(EDGE.changed(path, more))


def test_a_long_row_of_imports_is_no_cycle_and_its_end_can_be_one():
    rooms = {f"room{n}.py": f"import edge.room{n + 1}" for n in range(3000)}
    row = House({**rooms, "room3000.py": ""})
    assert not in_cycles(row)
    assert len(row.longest_chain("edge")) == 3001
    assert in_cycles(row.changed("room3000.py", "import edge.room0"))


def test_every_front_is_still_met_and_documented():
    met: dict[str, set[str]] = {}
    for _, room, file in between_inner_rooms(EDGE):
        met.setdefault(room, set()).add(file)
    assert met == SEEN_WITHIN
    page = (ROOT.parent / "docs/architecture.md").read_text()
    rows = re.findall(r"^- `(\w+)/`: ((?:`\w+`,? ?)+)$", page, re.MULTILINE)
    assert {room: set(re.findall(r"\w+", files)) for room, files in rows} == SEEN_WITHIN


def test_every_library_is_still_met_where_it_may_be():
    met = {name: set() for name in LIBRARIES}
    for path in EDGE.texts:
        for name in EDGE.libraries(path):
            met[name].add(room_of(path))
    assert met == LIBRARIES


def test_the_longest_chain_of_imports_in_rendering_does_not_grow():
    """Types come from where they are defined, and values from files that do not build them."""
    longest = EDGE.longest_chain("edge.rendering")
    assert len(longest) <= LONGEST_CHAIN, " -> ".join(longest)


def test_a_file_has_one_subject_and_can_be_read_in_one_go():
    lines = {path: len(text.splitlines()) for path, text in EDGE.texts.items()}
    assert not {path for path, count in lines.items() if count > LONGEST_FILE}


def test_grpc_is_met_in_the_triton_files_only():
    met = {path for path, text in EDGE.texts.items() if "tritonclient.grpc" in text}
    assert met == {"models/repository.py", "models/triton.py", "models/triton_channel.py"}


def test_conditional_requests_are_decided_in_one_file():
    met = {path for path, text in EDGE.texts.items() if 'b"if-none-match"' in text}
    assert met == {"web/hits.py"}


def test_only_graphs_are_chosen_by_the_class_of_a_step():
    """All else goes by what a step declares."""
    named = re.compile(r"rendering\.ops\.\w+ import \(?[\w\s,]*\b[A-Z]")
    met = {path for path, text in EDGE.texts.items() if named.search(text)}
    assert {path for path in met if "/ops/" not in path} == {"rendering/chain/graphed.py"}


def test_the_environment_is_read_by_settings_only():
    """Launching another program hands its environment on, and ONNX Runtime takes a word of ours
    from it; that is not reading settings."""
    readers = {path for path, text in EDGE.texts.items() if ENVIRONMENT.search(text)}
    assert readers == {
        "settings/kinds.py", "settings/loading.py", "models/__init__.py",
        "tools/triton/backend/onnxruntime/model.py", "tools/triton/environment.py",
        "tools/triton/server.py",
    }  # fmt: skip


OTHERS = {"chaos", "clients", "fuzz", "kubernetes", "loadtest", "training"}
"""Folders of tests of what is no room of `edge`."""


def test_tests_lie_where_what_they_test_does():
    """A test named after a file lies where that file does, and folders are those of `edge`; others
    are named after what they show."""
    places: dict[str, set[str]] = {}
    for path in map(PurePath, EDGE.texts):
        places.setdefault(path.stem, set()).add(path.parent.as_posix())
    folders = {path.parent.as_posix() for path in map(PurePath, EDGE.texts)}
    for test in Path(__file__).parent.rglob("test_*.py"):
        lies = test.relative_to(Path(__file__).parent).parent
        if lies.parts[:1] and lies.parts[0] in OTHERS:
            continue
        assert lies.as_posix() in folders, test
        named = places.get(test.stem.removeprefix("test_"), set())
        assert not named or lies.as_posix() in named, f"{test} belongs to {sorted(named)}"
