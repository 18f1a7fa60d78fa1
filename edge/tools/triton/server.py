"""Starts the real Triton of the wheel on a model repository: everything behind `edge triton`."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import numpy as np

import edge
from edge.errors import ModelUnavailable
from edge.models.base import ModelState
from edge.models.triton import TritonModels
from edge.tools.triton.environment import Installation, Say, has_gpu, prepare

_log = logging.getLogger(__name__)

READY_SECONDS = 300.0
"""Longest wait for the first answers: warm-up runs full batches of every model."""
_STOP_SECONDS = 20.0
_LAUNCH = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Asks the kernel for SIGTERM when the parent ends (PR_SET_PDEATHSIG), then becomes the server.

A program of its own, because a function between fork and exec hangs where gRPC has threads."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the server listens."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """For `EDGE_TRITON_URL`."""
        return f"grpc://{self.host}:{self.grpc}"


def command(
    installation: Installation, repository: Path, ports: Ports, *, options: Sequence[str] = ()
) -> tuple[str, ...]:
    """The command line of tritonserver; `options` are handed to it as they are."""
    return (
        str(installation.binary),
        f"--model-repository={repository}",
        f"--backend-directory={installation.backends}",
        f"--backend-config=python,shm-region-prefix-name={_prefix(ports)}",
        *(f"--{kind}-address={ports.host}" for kind in ("http", "grpc", "metrics")),
        f"--http-port={ports.http}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-port={ports.metrics}",
        "--allow-gpu-metrics=false",  # without a GPU it looks for DCGM, in vain and loudly
        "--exit-on-error=false",  # one broken model must not take the others down
        "--exit-timeout-secs=10",
        "--log-info=false",
        *options,
    )


def start(
    installation: Installation,
    repository: Path,
    ports: Ports,
    *,
    threads: int = 0,
    options: Sequence[str] = (),
    log: int | None = None,
    gpu: bool = True,
) -> "Popen[bytes]":
    """Start tritonserver in a process group of its own; it ends when the calling thread does.

    So call it from the main thread: the kernel watches the thread, not its process.

    Args:
        threads: cores for one run of a network; 0 means all.
        log: a file descriptor for its output; by default it shares ours.
        gpu: whether it may see the machine's GPUs.
    """
    _sweep(ports)
    server = command(installation, repository.resolve(), ports, options=options)
    return Popen(
        (str(installation.environment / "bin" / "python"), "-ISc", _LAUNCH, *server),
        env={
            **os.environ,
            **installation.variables,
            **({} if gpu else {"CUDA_VISIBLE_DEVICES": ""}),
            "EDGE_TRITON_THREADS": str(threads),
            "EDGE_CHAIN_PATH": ":".join(map(str, chain_path())),
        },
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def chain_path() -> tuple[Path, ...]:
    """Where the product chain finds edge and what it imports: as this process does."""
    return Path(edge.__file__).parents[1], Path(np.__file__).parents[1]


async def wait_until_ready(
    process: "Popen[bytes]", repository: Path, ports: Ports, seconds: float = READY_SECONDS
) -> tuple[ModelState, ...]:
    """Wait until the server answers, and ask every model of the repository its known question.

    Returns:
        One state per model; one that is not ready says why.

    Raises:
        ModelUnavailable: the server ended, or did not answer in time.
    """
    models = TritonModels(ports.url, repository)
    end = time.monotonic() + seconds
    try:
        while not await models.alive():
            if process.poll() is not None:
                raise ModelUnavailable(f"tritonserver ended with status {process.returncode}")
            if time.monotonic() > end:
                raise ModelUnavailable(f"tritonserver does not answer after {seconds:.0f} s")
            await asyncio.sleep(0.2)
        return await models.states()  # it listens only after it has loaded all that it can
    finally:
        await models.close()


def stop(process: "Popen[bytes]", ports: Ports, seconds: float = _STOP_SECONDS) -> int:
    """End the server and its backends: asked first, then forced. Answers its exit status."""
    process.terminate()
    try:
        process.wait(seconds)
    except TimeoutExpired:
        _log.warning("tritonserver did not end in %.0f s and was killed", seconds)
    kill(process)
    _sweep(ports)
    return process.returncode


def kill(process: "Popen[bytes]") -> None:
    """End the server and its backends at once, frozen or not."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(
    repository: Path,
    ports: Ports,
    *,
    cache: Path | None = None,
    threads: int = 0,
    options: Sequence[str] = (),
    say: Say = print,
    gpu: bool | None = None,
) -> int:
    """Make the environment, start the server, say when it serves, stay until it ends or a signal.

    Args:
        gpu: run the networks on the GPUs of this machine; None: where it has some.

    Returns:
        The exit status: 0 after SIGTERM or SIGINT, else the server's.

    Raises:
        ModelUnavailable: this machine cannot run it, a port is taken, or it does not come up.
    """
    by_gpu = has_gpu() if gpu is None else gpu
    installation = prepare(cache, say, gpu=by_gpu)
    _check_free(ports)
    process = start(installation, repository, ports, threads=threads, options=options, gpu=by_gpu)
    return asyncio.run(_attend(process, repository, ports, say))


async def _attend(process: "Popen[bytes]", repository: Path, ports: Ports, say: Say) -> int:
    stop_requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_requested.set)
    ended = asyncio.create_task(asyncio.to_thread(process.wait))
    ready = asyncio.create_task(_announce(process, repository, ports, say))
    signalled = asyncio.create_task(stop_requested.wait())
    try:
        await asyncio.wait({ended, signalled}, return_when=asyncio.FIRST_COMPLETED)
        return 0 if stop_requested.is_set() else process.returncode
    finally:
        ready.cancel()
        signalled.cancel()
        await asyncio.to_thread(stop, process, ports)
        await asyncio.gather(ended, ready, signalled, return_exceptions=True)


async def _announce(process: "Popen[bytes]", repository: Path, ports: Ports, say: Say) -> None:
    say(f"starting Triton on {repository}; the networks are warmed up first")
    try:
        states = await wait_until_ready(process, repository, ports)
    except ModelUnavailable as error:
        say(error.detail)
        process.terminate()
        return
    for state in states:
        say(f"{state.name}: {'ready' if state.ready else 'NOT READY'}, {state.detail}")
    say(f"Triton serves: EDGE_TRITON_URL={ports.url}, metrics at "
        f"http://{ports.host}:{ports.metrics}/metrics")  # fmt: skip


def _check_free(ports: Ports) -> None:
    for kind in ("http", "grpc", "metrics"):
        port = getattr(ports, kind)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ports.host, port))
            except OSError as error:
                raise ModelUnavailable(
                    f"port {port} is taken; choose another one with --{kind}-port"
                ) from error


def _prefix(ports: Ports) -> str:
    return f"edge-triton-{ports.grpc}-"


def _sweep(ports: Ports) -> None:
    """A killed server leaves its backends' shared memory behind."""
    for left in Path("/dev/shm").glob(f"{_prefix(ports)}*"):
        left.unlink(missing_ok=True)
