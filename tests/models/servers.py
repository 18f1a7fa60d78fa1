"""The real Triton for the tests: started from its wheel, killed, frozen, started again."""

import asyncio
import os
import re
import signal
import urllib.request
from pathlib import Path
from subprocess import Popen

from edge.errors import ModelUnavailable
from edge.models.base import ModelState
from edge.tools.triton.environment import Installation, prepare
from edge.tools.triton.server import Ports, kill, start, stop, wait_until_ready
from tests.parts import absent, free_port


def installation() -> Installation:
    """The server's environment; where it cannot be made the test is skipped, but never in CI."""
    try:
        return prepare()
    except ModelUnavailable as error:
        absent(f"no real Triton: {error.detail}")
        raise


class TritonServer:
    """A tritonserver on free ports of 127.0.0.1, serving one folder."""

    def __init__(self, installed: Installation, repository: Path, log: Path) -> None:
        self.repository = repository
        self.ports = Ports(*free_ports(3))
        self.states: tuple[ModelState, ...] = ()
        self._installed = installed
        self._log = log
        self._process: Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.ports.url

    @property
    def launched(self) -> bool:
        return self._process is not None

    def start(self) -> "TritonServer":
        """Start and wait for the first answers; outside of a running loop."""
        self.launch()
        self.states = asyncio.run(self.ready())
        return self

    def launch(self) -> None:
        """Start, or start again on the same ports; from the main thread, as `start` has it."""
        with self._log.open("ab") as log:
            self._process = start(
                self._installed, self.repository, self.ports, threads=1, log=log.fileno()
            )

    async def ready(self) -> tuple[ModelState, ...]:
        assert self._process is not None
        return await wait_until_ready(self._process, self.repository, self.ports, 300)

    def kill(self) -> None:
        """As a power cut would: no goodbye."""
        assert self._process is not None
        kill(self._process)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> int:
        assert self._process is not None
        return stop(self._process, self.ports)

    def metric(self, name: str, model: str) -> float:
        """The sum of one of Triton's own metrics over a model's series."""
        url = f"http://{self.ports.host}:{self.ports.metrics}/metrics"
        with urllib.request.urlopen(url, timeout=60) as answer:
            text = answer.read().decode()
        pattern = rf'^{name}{{[^}}]*model="{model}"[^}}]*}} (\S+)$'
        return sum(float(value) for value in re.findall(pattern, text, re.MULTILINE))

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)


def free_ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
