"""Hard photos over HTTP: each is named, and none is served silently as compliant."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent
SAMPLES = ROOT.parent / "edge" / "samples"
SERVED = {"two-products": "several", "cut-by-edge": "cut-by-edge", "tiny": "small"}
REFUSED = ("vase-white", "glass")
"""White on white, and see-through: nothing tells them without a network."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in SERVED:
        shutil.copy(ROOT / "photos" / f"{name}.jpg", folder)
    for name in (*REFUSED, "bottle"):
        shutil.copy(SAMPLES / f"{name}.jpg", folder)
    body = (SAMPLES / "tote.jpg").read_bytes()
    (folder / "corrupt.jpg").write_bytes(body[:300] + bytes(200))
    return folder


def pixels(body: bytes) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image.convert("RGB"), np.int16)


@pytest.mark.parametrize(("name", "case"), SERVED.items(), ids=SERVED.keys())
async def test_what_is_special_about_a_photo_is_noted(serve, name, case):
    server = await serve()
    answer = await server.get(f"/{name}.jpg?fmt=amazon&w=1600&h=1600")
    assert answer.status_code == 200
    said = answer.headers["x-edge-compliance"]
    assert case in said.partition("notes=")[2].split(",")
    again = await server.get(f"/{name}.jpg?fmt=amazon&w=1600&h=1600")
    assert again.headers["x-edge-compliance"] == said, "a hit says so as well"
    explained = (await server.get(f"/-/explain/{name}.jpg?fmt=amazon&w=1600&h=1600")).json()
    assert case in explained["notes"]


async def test_an_easy_photo_needs_no_review(serve):
    server = await serve()
    answer = await server.get("/bottle.jpg?fmt=amazon&w=1600&h=1600")
    assert answer.headers["x-edge-compliance"].endswith("; pass")


async def test_several_products_all_stay_whole_in_the_frame(serve):
    server = await serve()
    answer = await server.get("/two-products.jpg?fmt=amazon&w=1600&h=1600")
    inked = (pixels(answer.content) < 235).any(axis=(0, 2))
    starts = np.flatnonzero(inked[1:] & ~inked[:-1])
    assert len(starts) >= 2, "both are there, background between them"
    assert not inked[0]
    assert not inked[-1]


async def test_what_the_camera_cut_stays_on_the_edge_that_cut_it(serve):
    server = await serve()
    answer = await server.get("/cut-by-edge.jpg?fmt=amazon&w=1600&h=1600")
    inked = (pixels(answer.content) < 200).any(axis=2)
    assert inked[:, 0].any()
    assert inked[-1].any()
    assert not inked[:, -1].any()
    assert not inked[0].any()


@pytest.mark.parametrize("strict", ["", "&strict=1"], ids=["plain", "strict"])
@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_cut_is_refused_with_its_reason(serve, tmp_path, name, strict):
    (tmp_path / "none").mkdir()
    server = await serve(EDGE_MODELS_FOLDER=str(tmp_path / "none"))
    answer = await server.get(f"/{name}.jpg?fmt=amazon&w=400{strict}")
    assert answer.status_code == 503
    problem = answer.json()
    assert "not-plain" in problem["diagnostics"]["flags"]
    assert problem["diagnostics"]["reason"]
    assert "matting" in problem["detail"]


async def test_a_corrupt_file_is_refused(serve):
    server = await serve()
    answer = await server.get("/corrupt.jpg?fmt=amazon")
    assert answer.status_code == 422
    assert answer.json()["title"] == "The original is damaged"
