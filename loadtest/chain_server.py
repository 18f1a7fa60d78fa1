"""The Triton that `chain.py` measures, what can be seen of it, and the machine that it is on."""

import argparse
import os
import re
import shutil
import subprocess
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from common import cpu_seconds
from instant import instant
from triton import triton


@dataclass
class Server:
    """A Triton, and what can be seen of it."""

    url: str
    metrics: str | None
    group: int | None

    def processor(self) -> float:
        """Seconds so far; not a number where it runs elsewhere."""
        return cpu_seconds(self.group) if self.group else float("nan")

    def counted(self) -> Counter[str]:
        """Executions and pictures or tiles in them, by model, as `kind model`."""
        found: Counter[str] = Counter()
        if self.metrics:
            with urlopen(self.metrics, timeout=30) as answer:
                text = answer.read().decode()
            pattern = r'^nv_inference_(exec_count|count)\{[^}]*model="([^"]+)"[^}]*\} (\S+)$'
            for kind, model, number in re.findall(pattern, text, re.MULTILINE):
                found[f"{kind} {model}"] += int(float(number))
        return found


def served(stack: ExitStack, work: Path, options: argparse.Namespace) -> Server:
    """The Triton that is measured, started where none runs; `options` are those of `chain.py`."""
    url, metrics = options.url, options.metrics
    if not url:
        folder = work / "models"
        if options.instant:
            options.models = instant(options.models, folder)
        else:
            shutil.copytree(options.models, folder)
        config = folder / "product_chain" / "config.pbtxt"
        wanted = f"instance_group [ {{ count: {options.chains}"
        config.write_text(re.sub(r"instance_group \[ \{ count: \d+", wanted, config.read_text()))
        url, metrics = stack.enter_context(triton(folder, options.threads))
    return Server(url, metrics, group_of(url.rpartition(":")[2]))


def group_of(port: str) -> int | None:
    """The processes of the tritonserver of this machine that listens there for gRPC."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            program, *words = (place / "cmdline").read_bytes().decode().split("\0")
            if program.endswith("tritonserver") and f"--grpc-port={port}" in words:
                return os.getpgid(int(place.name))
    return None


def hardware(accelerator: str) -> str:
    """The card and what runs on it, or the processor, and its cores."""
    cores = f"{len(os.sched_getaffinity(0))} cores"
    if shutil.which("nvidia-smi"):
        asked = "--query-gpu=name,driver_version,memory.total"
        done = subprocess.run(
            ["nvidia-smi", asked, "--format=csv,noheader"], capture_output=True, text=True
        )
        if done.returncode == 0 and done.stdout.strip():
            return f"{' + '.join(done.stdout.strip().splitlines())}, {accelerator}; {cores}"
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"no GPU: {models[0] if models else 'a processor'}, {cores}"
