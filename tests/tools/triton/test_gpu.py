"""`edge triton` and its backend where there is a GPU, as far as that shows without one."""

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edge.cli import commands
from edge.cli.main import run as run_command
from edge.tools.triton import environment, server
from edge.tools.triton.environment import Installation
from edge.tools.triton.server import Ports, run
from tests.models import networks
from tests.models.servers import free_ports

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
BACKEND = Path(environment.__file__).parent / "backend" / "onnxruntime" / "model.py"
INSTALLED = Installation(Path("/env"), Path("/env/site"), Path("/lib/python"), Path("/backends"))


class Sessions:
    """ONNX Runtime's sessions: they run on processors, and keep what was asked of them."""

    def __init__(self, *, built: Sequence[str], loads: bool) -> None:
        self.built, self.loads = list(built), loads
        self.asked: list[list[Any]] = []
        self.ran: list[int] = []

    def get_available_providers(self) -> list[str]:
        return self.built

    def open(self, path: str, options: Any, providers: list[Any]) -> Any:
        self.asked.append(providers)
        real = onnxruntime.InferenceSession(path, providers=[CPU])
        on_gpu = providers != [CPU] and self.loads

        def ran(outputs: list[str], inputs: dict[str, Any]) -> Any:
            self.ran.append(len(inputs["image"]))
            return real.run(outputs, inputs)

        return SimpleNamespace(get_providers=lambda: [CUDA, CPU] if on_gpu else [CPU], run=ran)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, warnings: list[str]) -> ModuleType:
    """The backend's module as Triton's process imports it, but with this process's numpy."""
    utils = ModuleType("triton_python_backend_utils")
    utils.Logger = SimpleNamespace(log_warn=warnings.append)  # type: ignore[attr-defined]
    utils.triton_string_to_numpy = {"TYPE_UINT8": np.uint8}.get  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, utils.__name__, utils)
    monkeypatch.setattr(np, "__version__", "1.26.4")
    spec = importlib.util.spec_from_file_location("backend_under_test", BACKEND)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(folder: Path, *, kind: str, most: int = 8, side: int = 32) -> dict[str, str]:
    networks.nearest(folder, "tiny", 32, 2)
    image = {"name": "image", "data_type": "TYPE_UINT8", "dims": [side, side, 3]}
    config = {"input": [image], "output": [{"name": "enlarged"}], "max_batch_size": most}
    return {
        "model_name": "tiny",
        "model_config": json.dumps(config),
        "model_repository": str(folder / "tiny"),
        "model_version": "1",
        "model_instance_kind": kind,
        "model_instance_device_id": "3",
    }


def opened(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, sessions: Sessions, args: dict[str, str]
) -> Any:
    monkeypatch.setattr(module.onnxruntime, "get_available_providers", lambda: sessions.built)
    monkeypatch.setattr(
        module, "onnxruntime", SimpleNamespace(
            InferenceSession=sessions.open,
            get_available_providers=sessions.get_available_providers,
            SessionOptions=onnxruntime.SessionOptions,
        ),
    )  # fmt: skip
    model = module.TritonPythonModel()
    model.initialize(args)
    return model


def test_an_instance_on_a_gpu_runs_there(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    warnings: list[str], capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sessions = Sessions(built=[CUDA, CPU], loads=True)
    opened(backend, monkeypatch, sessions, arguments(tmp_path, kind="GPU"))
    (name, options), last = sessions.asked[0]
    assert (name, last, options["device_id"]) == (CUDA, CPU, "3")
    assert "tiny: CUDA on GPU 3" in capfd.readouterr().out
    assert warnings == []


@pytest.mark.parametrize("built", [[CPU], [CUDA, CPU]])
def test_an_instance_on_processors_asks_for_no_gpu(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    warnings: list[str], built: list[str],
) -> None:  # fmt: skip
    sessions = Sessions(built=built, loads=True)
    opened(backend, monkeypatch, sessions, arguments(tmp_path, kind="CPU"))
    assert sessions.asked == [[CPU]]
    assert warnings == []


@pytest.mark.parametrize(
    ("built", "why"), [([CPU], "built without CUDA"), ([CUDA, CPU], "cannot be loaded")]
)
def test_without_cuda_it_runs_on_processors_and_says_so(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    warnings: list[str], built: list[str], why: str,
) -> None:  # fmt: skip
    sessions = Sessions(built=built, loads=False)
    model = opened(backend, monkeypatch, sessions, arguments(tmp_path, kind="GPU"))
    assert len(warnings) == 1
    assert "tiny: on processors" in warnings[0]
    assert why in warnings[0]
    tiles = np.zeros((3, 32, 32, 3), np.uint8)
    assert model._run({"image": tiles})[0].shape == (3, 64, 64, 3)
    assert sessions.ran == [3]


def test_on_a_gpu_only_sizes_that_are_warmed_up_are_run(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """cuDNN plans anew for each shape, which takes longer than a picture may."""
    sessions = Sessions(built=[CUDA, CPU], loads=True)
    model = opened(backend, monkeypatch, sessions, arguments(tmp_path, kind="GPU", most=6))
    assert sessions.ran == [1, 2, 4, 6]
    tiles = np.random.default_rng(1).integers(0, 255, (6, 32, 32, 3), np.uint8)
    for number in range(1, 7):
        answer = model._run({"image": tiles[:number]})[0]
        assert np.array_equal(answer, tiles[:number].repeat(2, 1).repeat(2, 2))
    assert sessions.ran[4:] == [1, 2, 4, 4, 6, 6]


@pytest.mark.parametrize("changed", [{"most": 0}, {"side": -1}])
def test_tiles_of_any_size_are_run_as_they_come(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, int]
) -> None:
    sessions = Sessions(built=[CUDA, CPU], loads=True)
    model = opened(backend, monkeypatch, sessions, arguments(tmp_path, kind="GPU", **changed))
    model._run({"image": np.zeros((3, 32, 32, 3), np.uint8)})
    assert sessions.ran == [3]


def test_cuda_is_found_in_its_wheels_and_where_the_caller_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("cu13", "cudnn"):
        (tmp_path / "nvidia" / name / "lib").mkdir(parents=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/driver:/more")
    made = Installation(Path("/env"), tmp_path, Path("/lib/python"), Path("/backends"))
    assert made.variables["LD_LIBRARY_PATH"].split(":") == [
        "/lib/python", f"{tmp_path}/nvidia_pytriton.libs",
        f"{tmp_path}/nvidia/cu13/lib", f"{tmp_path}/nvidia/cudnn/lib", "/driver", "/more",
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "has"), [(0, True), (9, False)])
def test_a_driver_that_answers_is_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, has: bool
) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has a driver")
    asked = tmp_path / "nvidia-smi"
    asked.write_text(f"#!/bin/sh\nexit {status}\n")
    asked.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.has_gpu() is has


@pytest.mark.parametrize(
    ("there", "wanted", "used"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_the_environment_and_what_triton_sees_follow_the_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool, wanted: bool | None, used: bool
) -> None:
    told: list[tuple[str, bool]] = []

    class Stopped(Exception):
        pass

    def prepared(cache: Path | None, say: Any, *, gpu: bool) -> Installation:
        told.append(("environment", gpu))
        return INSTALLED

    def popen(command: Any, *, env: dict[str, str], **more: Any) -> Any:
        told.append(("sees", env.get("CUDA_VISIBLE_DEVICES") != ""))
        raise Stopped

    monkeypatch.setattr(server, "has_gpu", lambda: there)
    monkeypatch.setattr(server, "prepare", prepared)
    monkeypatch.setattr(server, "Popen", popen)
    with pytest.raises(Stopped):
        run(tmp_path, Ports(*free_ports(3)), gpu=wanted)
    assert told == [("environment", used), ("sees", used)]


@pytest.mark.parametrize(
    ("words", "gpu"), [([], None), (["--gpu", "on"], True), (["--gpu", "off"], False)]
)
def test_the_command_line_hands_the_request_on(
    monkeypatch: pytest.MonkeyPatch, words: list[str], gpu: bool | None
) -> None:
    told: list[bool | None] = []

    def ran(given: Any, ports: Any, options: Any, *, gpu: bool | None) -> int:
        told.append(gpu)
        return 0

    monkeypatch.setattr(commands, "run_triton", ran)
    assert run_command(["triton", *words]) == 0
    assert told == [gpu]
