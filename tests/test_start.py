"""The page for newcomers is true: its lines are run as they stand, before the sample catalogue."""

import asyncio
import json
import re
import shlex
from glob import glob
from pathlib import Path

import pytest
from PIL import Image

from edge.app import SAMPLES
from edge.cli import main
from tests.running import Serve

PAGE = (Path(__file__).parent.parent / "docs" / "start.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
ASKED = [line for block in BLOCKS for line in block.splitlines() if line.startswith("curl ")]
RUN = [line for block in BLOCKS for line in block.splitlines() if line.startswith("edge ")]


async def told(line: str, server: str, folder: Path) -> str:
    """What a line of the page prints, run by the shell in a folder; fails where it fails."""
    shell = await asyncio.create_subprocess_exec(
        "bash", "-ec", line, cwd=folder, env={"E": server, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await shell.communicate()
    assert shell.returncode == 0, line
    return printed.decode()


@pytest.mark.slow
async def test_every_request_of_the_page_is_answered_as_it_says(serve: Serve, tmp_path: Path):
    server = await serve(origin=SAMPLES)
    printed = [await told(line, f"http://127.0.0.1:{server.port}", tmp_path) for line in ASKED]
    sizes = {}
    for name in ("bottle.jpg", "etsy.jpg", "story.jpg", "cutout.png", "small.avif"):
        with Image.open(tmp_path / name) as picture:
            sizes[name] = picture.size
    assert sizes["bottle.jpg"] == (2048, 2048)
    assert sizes["etsy.jpg"][0] * 3 == sizes["etsy.jpg"][1] * 4
    assert sizes["story.jpg"][0] * 16 == sizes["story.jpg"][1] * 9
    assert sizes["small.avif"][0] == 480
    assert "x-edge-compliance: amazon/" in printed[0].lower()
    assert json.loads(printed[-1])["plan"]


@pytest.mark.slow
def test_the_commands_of_the_page_make_and_check_pictures(tmp_path: Path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "bottle.jpg").write_bytes((SAMPLES / "bottle.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_MODELS_FETCHED", "")
    for line in RUN:
        given = shlex.split(line.replace("/my/photos", str(photos)))[1:]
        files = [file for word in given for file in (sorted(glob(word)) if "*" in word else [word])]
        assert main.run(files) == 0, line
    assert list((tmp_path / "export").rglob("*.jpg"))
