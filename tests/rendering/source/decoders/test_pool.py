"""A photo that ends, stops or bloats its decoder costs that one job, and nothing else."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from edge.deadline import Deadline
from edge.errors import Busy, DeadlineExceeded, OriginalCorrupt, OriginalTooLarge
from edge.limits import Decode, Limits
from edge.rendering.source import decoders, headers, libraries
from edge.rendering.source.decoders import messages
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.decoders.pool import DecoderPool, possible
from tests.rendering.originals import photo, saved

pytestmark = pytest.mark.skipif(not possible(), reason="no files in memory here")
MEMORY = 1024 * 2**20


@pytest.fixture(scope="module")
def pool():
    """Two workers, shared by the tests that leave them alive."""
    workers = DecoderPool(2, MEMORY, 120.0)
    yield workers
    workers.close()


@pytest.fixture
def frail():
    """One worker of its own, and what it was replaced for."""
    reasons: list[str] = []
    workers = DecoderPool(1, MEMORY, 120.0, reasons.append)
    yield workers, reasons
    workers.close()


def job(body: bytes) -> tuple[bytes, DecodeOptions]:
    header = headers.read(body, Limits())
    return header.picture(body), DecodeOptions.of(header, None)


def slow() -> tuple[bytes, DecodeOptions]:
    """A file that keeps its decoder busy for seconds."""
    return job(saved(Image.new("RGB", (10_000, 7_000)), "TIFF", compression="tiff_lzw"))


FORMATS = ("TIFF", "HEIF", "AVIF", "GIF", "JPEG", "PNG", "WEBP")
KINDS = [(format, mode) for format in FORMATS for mode in ("RGB", "RGBA", "L")]
KINDS.remove(("JPEG", "RGBA"))


@pytest.mark.parametrize(("format", "mode"), KINDS)
def test_another_process_answers_the_same_pixels(pool, format, mode):
    data, request = job(saved(photo(97, 61, mode), format))
    there, here = pool.decode(data, request), decoders.load(data, request)
    assert there.image.mode == here.image.mode
    assert np.array_equal(np.asarray(there.image), np.asarray(here.image))
    assert (there.alpha is None) == (here.alpha is None)
    if there.alpha and here.alpha:
        assert there.alpha.tobytes() == here.alpha.tobytes()


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_ink_and_lab_come_back_as_they_are(pool, mode):
    image = photo(40, 30, "RGB").convert("CMYK") if mode == "CMYK" else _lab()
    data, request = job(saved(image, "TIFF"))
    loaded = pool.decode(data, request)
    assert loaded.image.mode == mode
    assert loaded.image.tobytes() == image.tobytes()


def _lab() -> Image.Image:
    random = np.random.default_rng(3)
    return Image.frombytes("LAB", (40, 30), random.integers(0, 256, 3600, np.uint8).tobytes())


def test_what_comes_back_can_be_changed_and_outlives_its_worker():
    workers = DecoderPool(1, MEMORY, 120.0)
    image = workers.decode(*job(saved(photo(), "TIFF"))).image
    before = image.tobytes()
    workers.close()
    image.paste((1, 2, 3), (0, 0, 5, 5))
    assert image.getpixel((0, 0)) == (1, 2, 3)
    assert image.tobytes() != before


def test_a_refusal_comes_back_as_it_was_raised_and_keeps_its_worker(frail):
    workers, reasons = frail
    body = saved(photo(200, 150), "TIFF", compression="tiff_lzw")
    data, request = job(body)
    middle = len(data) // 2
    with pytest.raises(OriginalCorrupt):
        workers.decode(data[:middle] + bytes(len(data) - middle), request)
    workers.decode(data, request)
    assert reasons == []


def test_a_decoder_that_dies_costs_one_job(frail):
    workers, reasons = frail
    workers.decode(*job(saved(photo(), "TIFF")))
    with stopped_at_work(workers) as (pid, decoding):
        os.kill(pid, signal.SIGSEGV)
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(OriginalCorrupt, match="ends its decoder"):
            decoding.result(120)
    assert reasons == ["died"]
    assert workers.decode(*job(saved(photo(), "TIFF"))).image.size == (96, 64)


@contextmanager
def stopped_at_work(workers: DecoderPool) -> Iterator[tuple[int, Future[Loaded]]]:
    """The process that has a job and goes on with it once it is told to, and what becomes of it."""
    pid, small = workers._idle[0]._process.pid, job(saved(photo(), "TIFF"))
    send, sent = messages.send, threading.Event()

    def sending(*message: Any) -> None:
        send(*message)
        sent.set()

    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads, patch.object(messages, "send", sending):
        decoding = threads.submit(workers.decode, *small)
        assert sent.wait(120)
        yield pid, decoding


def test_a_decoder_that_was_ended_between_two_jobs_is_replaced_and_costs_none(frail):
    workers, reasons = frail
    workers.decode(*job(saved(photo(), "TIFF")))
    workers._idle[0]._process.kill()
    os.waitid(os.P_PID, workers._idle[0]._process.pid, os.WEXITED | os.WNOWAIT)
    assert workers.decode(*job(saved(photo(), "TIFF"))).image.size == (96, 64)
    assert reasons == ["died"]


@contextmanager
def failing_starts(monkeypatch, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The next so many decoders end before they are ready; all that were started."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def popen(command, **how):
        program = "raise SystemExit(1)" if len(started) < count else command[3]
        started.append(start([*command[:3], program, *command[4:]], **how))
        return started[-1]

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", popen)
        yield started


def test_a_decoder_that_ends_at_its_start_is_replaced_and_costs_no_job(monkeypatch, frail):
    workers, _ = frail
    with failing_starts(monkeypatch, 2) as started:
        assert workers.decode(*job(saved(photo(), "PNG"))).image.size == photo().size
    assert [process.returncode for process in started] == [1, 1, None]


def test_where_none_can_be_started_none_is_left_behind(monkeypatch, frail):
    workers, _ = frail
    with failing_starts(monkeypatch, 99) as started, pytest.raises(Busy, match="be started"):
        workers.decode(*job(saved(photo(), "PNG")))
    assert started
    assert all(process.returncode == 1 for process in started), "each was waited for"
    assert workers.decode(*job(saved(photo(), "PNG"))).image.size == photo().size


def test_a_picture_that_takes_too_long_is_given_up():
    reasons: list[str] = []
    workers = DecoderPool(1, MEMORY, 0.05, reasons.append)
    try:
        with pytest.raises(OriginalCorrupt, match="too long"):
            workers.decode(*slow())
    finally:
        workers.close()
    assert reasons == ["late"]


def test_the_request_s_deadline_ends_its_decoder(frail):
    workers, reasons = frail
    workers.decode(*job(saved(photo(), "TIFF")))
    slow_job = slow()
    with pytest.raises(DeadlineExceeded):
        workers.decode(*slow_job, Deadline.after(0.05))
    assert reasons == ["late"]


def test_a_picture_that_needs_more_memory_than_a_worker_has_is_too_large():
    workers = DecoderPool(1, 256 * 2**20, 120.0)
    image = Image.new("RGB", (11_000, 9_000))
    try:
        with pytest.raises(OriginalTooLarge):
            workers.decode(*job(saved(image, "TIFF", compression="tiff_lzw")))
        assert workers.decode(*job(saved(photo(), "TIFF"))).image.size == (96, 64)
    finally:
        workers.close()


def test_jobs_wait_for_a_free_worker_no_longer_than_their_deadline(frail):
    workers, _ = frail
    workers.decode(*job(saved(photo(), "TIFF")))
    small = job(saved(photo(), "TIFF"))
    with stopped_at_work(workers) as (pid, decoding):
        with pytest.raises(Busy):
            workers.decode(*small, Deadline.after(0.02))
        os.kill(pid, signal.SIGCONT)
        assert decoding.result(120).image.size == (96, 64)


def test_closing_ends_every_process():
    workers = DecoderPool(2, MEMORY, 120.0)
    workers.decode(*job(saved(photo(), "TIFF")))
    process = workers._idle[0]._process
    workers.close()
    assert process.poll() is not None
    assert workers._idle == []


def test_nothing_is_started_before_it_is_needed():
    workers = DecoderPool(2, MEMORY, 120.0)
    assert workers._started == 0
    chosen = libraries.Decoding(Decode(isolate="risky"))
    assert chosen.in_worker(*job(saved(photo(), "JPEG")), None) is None


@pytest.mark.parametrize(
    ("word", "apart"), [("none", set()), ("risky", {"tiff", "heic", "avif", "gif"})]
)
def test_the_setting_says_which_formats_are_decoded_apart(word, apart):
    assert {format.value for format in libraries.Decoding(Decode(isolate=word)).apart} == apart


def test_all_formats_may_be_decoded_apart():
    chosen = libraries.Decoding(Decode(isolate="all", workers=1))
    try:
        assert chosen.in_worker(*job(saved(photo(), "JPEG")), None)
        assert len(chosen.workers._idle) == 1
    finally:
        chosen.workers.close()


FORBIDDEN = {
    "open a file": "open('/etc/hostname')",
    "write a file": "open('/tmp/edge-worker', 'w')",
    "reach the network": "__import__('socket').socket()",
    "start a process": "os.fork()",
    "run a program": "os.execv('/bin/true', ['true'])",
    "look into another process": "os.kill(os.getppid(), 0)",
}


@pytest.mark.parametrize("attempt", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_worker_may_not(attempt):
    program = f"""
import os, socket, sys
from edge.rendering.source.decoders import sandbox
if sandbox.close() != "seccomp":
    os._exit(77)
try:
    {attempt}
except PermissionError:
    os._exit(0)
os._exit(1)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    if done.returncode == 77:
        pytest.skip("no seccomp here")
    assert done.returncode == 0


def test_a_worker_knows_no_secret_of_the_server_s(monkeypatch, frail):
    monkeypatch.setenv("EDGE_SIGNING_KEYS", "a:secret")
    workers, _ = frail
    workers.decode(*job(saved(photo(), "TIFF")))
    with open(f"/proc/{workers._idle[0]._process.pid}/cmdline", "rb") as cmdline:
        assert b"secret" not in cmdline.read()
    from edge.rendering.source.decoders import pool

    assert not [name for name in pool._ENVIRONMENT if name.startswith("EDGE_")]
