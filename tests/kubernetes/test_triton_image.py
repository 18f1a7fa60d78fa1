"""The image of Triton with edge in it, as far as it can be held without an engine and that image.

Its lines are carried out in a folder, and a real Triton, the wheel's, runs the product chain from
what they leave there. What is not tried: NVIDIA's own image, and Ubuntu's apt-get.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.tools.triton import server as wheel
from tests.kubernetes.chart import run
from tests.kubernetes.dockerfile import ROOT, owner, stages
from tests.models.servers import TritonServer, installation
from tests.rendering.chain import served
from tests.rendering.chain.photos import original, plain

pytestmark = pytest.mark.slow

EDGE, IMAGE = stages(ROOT / "Dockerfile.triton")
BUILD, FINAL = stages(ROOT / "Dockerfile")
PACKAGES = Path(sys.executable).parents[1] / "lib" / "python{}.{}".format(*sys.version_info)
COPIES = [tuple(text.split()) for text in IMAGE.of("COPY")]


def variables() -> dict[str, str]:
    return dict(text.split("=", 1) for text in IMAGE.of("ENV"))


def test_it_takes_from_the_edge_image_what_that_has() -> None:
    """The folder of networks, edge, and the packages of that very Python."""
    assert EDGE.name == "edge"
    python = re.search(r"ARG PYTHON=(\d+\.\d+)-slim", (ROOT / "Dockerfile").read_text())
    assert python
    for origin, source, target in COPIES:
        assert origin == "--from=edge"
        assert target.startswith("/")
        inside = source.removeprefix("/app/")
        if source.startswith("/usr/lib/"):
            [installing] = [text for text in FINAL.of("RUN") if "apt-get install" in text]
            assert owner(Path(source).name) in installing
        elif inside == "networks":
            assert any(" networks " in text for text in BUILD.of("RUN"))
        elif inside.startswith(".venv/"):
            assert f"lib/python{python[1]}/site-packages" in inside
        else:
            assert inside in {word for text in BUILD.of("COPY") for word in text.split()[:-1]}


def test_base_user_and_server_are_as_triton_s_documentation_has_them() -> None:
    """A release by number, no root, the ports of HTTP, gRPC and metrics, and the folder of models
    that is copied (docs.nvidia.com/deeplearning/triton-inference-server, "Quickstart")."""
    text = (ROOT / "Dockerfile.triton").read_text()
    assert re.search(r"^ARG RELEASE=\d\d\.\d\d$", text, re.MULTILINE)
    assert IMAGE.base == "nvcr.io/nvidia/tritonserver:${RELEASE}-py3"
    assert IMAGE.of("USER") == ["10001:10001"]
    assert IMAGE.of("EXPOSE") == ["8000 8001 8002"]
    folders = {source: target for _, source, target in COPIES}
    command = IMAGE.command("CMD")
    assert command[0] == "tritonserver"
    assert f"--model-repository={folders['/app/networks']}" in command


def test_every_library_that_the_engine_links_is_copied_or_installed() -> None:
    [installing] = [text for text in IMAGE.of("RUN") if "apt-get install" in text]
    there = set(re.findall(r"\blib[\w.+-]+", installing))
    copied = {Path(source).name for _, source, _ in COPIES}
    for extension in (PACKAGES / "site-packages" / "PIL").glob("_*.so"):
        for name in re.findall(r"NEEDED\s+(\S+)", run(["objdump", "-p", extension]).stdout):
            usual = re.match(r"lib(c|m|z|pthread|gcc_s|xcb|freetype|python.*)\b", name)
            assert usual or name in copied or owner(name) in there, f"{extension.name} needs {name}"


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the COPY lines leave below `/`; packages are those of this environment."""
    root = tmp_path_factory.mktemp("image")
    here = {"/app/edge": ROOT / "edge", "/app/networks": served.SHIPPED}
    for _, source, target in COPIES:
        place = root / target.lstrip("/")
        if source in here:
            shutil.copytree(here[source], place, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.endswith("site-packages"):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(PACKAGES / "site-packages")
    return root


@pytest.fixture
def server(
    laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TritonServer]:
    """The wheel's Triton with the chain of that folder, small networks beside it, and edge where
    the image's EDGE_CHAIN_PATH says."""
    models = served.small_networks(tmp_path / "models")
    for place in (laid_out / "models").glob(f"{served.CHAIN}*"):
        shutil.copytree(place, models / place.name)
    path = [laid_out / each.lstrip("/") for each in variables()["EDGE_CHAIN_PATH"].split(":")]
    monkeypatch.setattr(wheel, "chain_path", lambda: tuple(path))
    server = TritonServer(installation(), models, tmp_path / "log")
    yield server
    server.stop()


def test_a_picture_is_made_by_the_chain_from_what_lies_in_the_image(server: TritonServer) -> None:
    server.start()

    async def made() -> float:
        async with served.on_triton(server) as shop:
            await shop.made(original(plain((300, 260))), "fmt=amazon&w=1000&fm=png")
            return shop.count("edge_chain_pictures_total", outcome="made")

    assert asyncio.run(made()) == 1
    assert "EDGE_CHAIN_PATH" not in os.environ, "Triton alone was told"


def test_without_edge_there_the_chain_is_not_served_and_the_networks_are(
    server: TritonServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So the test above sees the image's folders, and not some other edge."""
    monkeypatch.setattr(wheel, "chain_path", lambda: (tmp_path,))
    server.start()
    ready = {state.name: state.ready for state in server.states}
    assert ready["matting"]
    assert not ready.get(served.CHAIN, False)
