"""Files that a setting names are read, or refused; none is waited for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.text_files import read_text


def test_a_file_is_read_also_through_a_link(tmp_path: Path):
    (tmp_path / "real").write_text("grün", "utf-8")
    (tmp_path / "link").symlink_to("real")
    assert read_text(str(tmp_path / "link")) == "grün"


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        read_text(str(tmp_path / "pipe"))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/"])
def test_neither_devices_nor_folders_are_read(path: str):
    with pytest.raises(OSError, match=r"regular file|directory"):
        read_text(path)


@pytest.mark.parametrize("setting", ["EDGE_PRESETS_FILE", "EDGE_ADMIN_FILE", "EDGE_SIGNING_FILE"])
def test_a_server_that_is_given_a_pipe_says_so_and_does_not_start(tmp_path: Path, setting: str):
    os.mkfifo(tmp_path / "pipe")
    ended = subprocess.run(
        [sys.executable, "-m", "edge", "serve"],
        check=False,
        env={**os.environ, setting: str(tmp_path / "pipe"), "EDGE_SERVER_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode != 0
    assert "no regular file" in ended.stderr + ended.stdout
    assert str(tmp_path / "pipe") in ended.stderr + ended.stdout
