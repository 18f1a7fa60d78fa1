"""`edge triton`: the environment made once, the server started, signals obeyed, refusals clear."""

import asyncio
import os
import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import ModelUnavailable
from edge.tools.triton import environment, server
from edge.tools.triton.environment import Installation, prepare
from edge.tools.triton.server import Ports, command, run
from tests.models import networks
from tests.models.servers import free_ports, installation

INSTALLED = Installation(Path("/env"), Path("/env/site"), Path("/lib/python"), Path("/backends"))


def test_the_command_listens_on_this_machine_only_and_serves_the_folder() -> None:
    line = command(INSTALLED, Path("/models"), Ports(1, 2, 3), options=["--log-verbose=1"])
    assert line[0] == "/env/site/pytriton/tritonserver/bin/tritonserver"
    assert {"--model-repository=/models", "--backend-directory=/backends"} <= set(line)
    assert {"--http-port=1", "--grpc-port=2", "--metrics-port=3", "--log-verbose=1"} <= set(line)
    assert {f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc", "metrics")} <= set(line)


def test_the_backend_finds_its_own_python_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its interpreter is isolated: the first python3 on the PATH decides which numpy it sees."""
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    assert INSTALLED.variables["PATH"].startswith("/env/bin:")
    assert INSTALLED.variables["LD_LIBRARY_PATH"] == "/lib/python:/env/site/nvidia_pytriton.libs"


@pytest.mark.parametrize(
    ("system", "machine", "libc", "reason"),
    [
        ("Darwin", "arm64", ("", ""), "x86-64 Linux only, this is Darwin arm64"),
        ("Linux", "aarch64", ("glibc", "2.36"), "x86-64 Linux only, this is Linux aarch64"),
        ("Linux", "x86_64", ("glibc", "2.31"), "glibc 2.35, here is glibc 2.31"),
        ("Linux", "x86_64", ("", ""), "glibc 2.35, here is another"),
    ],
)
def test_another_machine_gets_one_line_with_what_to_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    system: str, machine: str, libc: tuple[str, str], reason: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    with pytest.raises(ModelUnavailable) as caught:
        prepare(tmp_path)
    assert reason in caught.value.detail
    assert "EDGE_TRITON_URL" in caught.value.detail
    assert "container" in caught.value.detail
    assert "\n" not in caught.value.detail
    assert list(tmp_path.iterdir()) == [], "nothing was fetched"


def test_a_python_without_a_stub_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "PYTHONS", ((3, 8),))
    monkeypatch.setattr(environment, "obstacle", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r"python3\.8 on the PATH"):
        prepare(tmp_path)


@pytest.mark.slow
def test_what_cannot_be_fetched_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "obstacle", lambda: None)
    lock = tmp_path / "server.lock"
    lock.write_text(f"{tmp_path / 'nothing.whl'} --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(environment, "SERVER", lock)
    with pytest.raises(ModelUnavailable, match="failed: ") as caught:
        prepare(tmp_path / "cache", say=lambda _: None)
    assert "\n" not in caught.value.detail


def test_a_taken_port_is_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server, "prepare", lambda cache, say, gpu: INSTALLED)
    first, second = free_ports(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = Ports(first, taken.getsockname()[1], second)
        with pytest.raises(ModelUnavailable, match=f"port {ports.grpc} is taken.*--grpc-port"):
            run(tmp_path, ports)


@pytest.mark.slow
def test_the_environment_is_made_once() -> None:
    made = installation()
    said: list[str] = []
    stamp = made.binary.stat().st_mtime_ns
    assert prepare(say=said.append) == made
    assert said == []
    assert made.binary.stat().st_mtime_ns == stamp


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_it_says_when_it_serves_and_ends_cleanly_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    installation()
    networks.nearest(tmp_path, "tiny", 32, 2)
    ports = free_ports(3)
    program = (
        "import sys; from pathlib import Path; from edge.tools.triton.server import Ports, run;"
        f"sys.exit(run(Path({str(tmp_path)!r}), Ports({ports[0]}, {ports[1]}, {ports[2]})))"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "Triton serves" in line:
            break
    assert "tiny: ready" in "".join(said)
    assert f"EDGE_TRITON_URL=grpc://127.0.0.1:{ports[1]}" in said[-1]
    process.send_signal(number)
    assert process.wait(120) == 0
    process.stdout.close()
    assert not list(Path("/dev/shm").glob(f"edge-triton-{ports[1]}-*"))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports[1])) != 0


@pytest.mark.slow
def test_the_server_ends_with_the_one_who_started_it(tmp_path: Path) -> None:
    """Killed without a word, `edge triton` must not leave a server behind that holds the ports."""
    installation()
    networks.nearest(tmp_path, "tiny", 32, 2)
    ports = free_ports(3)
    program = (
        "from pathlib import Path; from edge.tools.triton.server import Ports, run;"
        f"run(Path({str(tmp_path)!r}), Ports({ports[0]}, {ports[1]}, {ports[2]}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert any("Triton serves" in line for line in process.stdout)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    asyncio.run(nobody_listens(ports[1], seconds=120))


async def nobody_listens(port: int, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return
            await asyncio.sleep(0.2)
