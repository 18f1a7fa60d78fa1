"""The environment that the real Triton runs in: made once, kept under the cache folder, reused.

The wheel `nvidia-pytriton` carries the tritonserver binary and its Python backend. Both pin numpy
below 2, so they live apart from edge, in a virtual environment of their own.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelUnavailable

SERVER = Path(__file__).with_name("triton_server.lock")
"""The wheel that carries the server, with its hashes."""
LIBRARIES = Path(__file__).with_name("triton_libraries.lock")
"""What the backend imports, with hashes; numpy 1.26 is the last one below 2."""
GPU_LIBRARIES = Path(__file__).with_name("triton_gpu_libraries.lock")
"""The same with ONNX Runtime for CUDA 13 and NVIDIA's libraries that it loads."""
PYTHONS = ((3, 12), (3, 11))
"""Versions with a stub in the server's wheel, a wheel of numpy 1.26 and one of that onnxruntime."""
LEAST_GLIBC = (2, 35)
"""The platform tag of the server's wheel: manylinux_2_35_x86_64."""

_BACKEND = Path(__file__).parent / "backend" / "onnxruntime" / "model.py"
_MARK = "complete.json"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the parts of a Triton that can be started lie."""

    environment: Path
    site: Path
    library: Path
    backends: Path

    @property
    def binary(self) -> Path:
        return self.site / "pytriton" / "tritonserver" / "bin" / "tritonserver"

    @property
    def variables(self) -> dict[str, str]:
        """What the server's process needs on top of (or instead of) ours."""
        # The backend's interpreter is isolated, so PYTHONPATH says nothing to it: it takes the
        # environment of the first python3 on the PATH.
        return {
            "PATH": f"{self.environment / 'bin'}:{os.environ.get('PATH', '')}",
            "LD_LIBRARY_PATH": ":".join(map(str, self._libraries())),
        }

    def _libraries(self) -> Iterator[Path | str]:
        yield self.library
        yield self.site / "nvidia_pytriton.libs"
        yield from sorted(self.site.glob("nvidia/*/lib"))  # CUDA and cuDNN, of their wheels
        # Where the driver, or a CUDA of the machine's own, is found in this way alone.
        yield from filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":"))


def default_cache() -> Path:
    """~/.cache/edge/triton, or where XDG_CACHE_HOME points."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge" / "triton"


def obstacle() -> str | None:
    """Why this machine cannot run the wheel's server, in one line; None where it can."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        return f"the Triton of the wheel runs on x86-64 Linux only, this is {system} {machine}"
    name, version = platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split(".")[:2])) < LEAST_GLIBC:
        least = ".".join(map(str, LEAST_GLIBC))
        return f"the Triton of the wheel needs glibc {least}, here is {name or 'another'} {version}"
    return None


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA driver that runs."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    smi = shutil.which("nvidia-smi")  # under WSL and some sandboxes there is no /proc/driver
    return smi is not None and subprocess.run([smi, "-L"], capture_output=True).returncode == 0


def prepare(cache: Path | None = None, say: Say = print, *, gpu: bool = False) -> Installation:
    """Make the environment if it is not there yet.

    Some 60 MB are fetched and 300 MB stay on disk; for a GPU 1.6 GB and 3 GB.

    Args:
        gpu: with ONNX Runtime for CUDA 13, which wants NVIDIA's driver 580 or newer.

    Raises:
        ModelUnavailable: this machine cannot run it, or something could not be fetched.
    """
    hindrance = obstacle()
    if hindrance:
        raise ModelUnavailable(
            f"{hindrance}. Run the networks in the process (leave EDGE_TRITON_URL empty), or serve "
            "the same model repository with NVIDIA's tritonserver container"
        )
    python, version = _python()
    libraries = GPU_LIBRARIES if gpu else LIBRARIES
    root = (cache or default_cache()) / f"python{version}-{_fingerprint(libraries)}"
    with _locked(root):
        installation = _read(root) or _make(root, python, version, libraries, say)
        _lay_out_backends(installation, version)
    return installation


def _python() -> tuple[str, str]:
    """An interpreter that the wheel has a stub for, and its version."""
    running = sys.version_info[:2]
    if running in PYTHONS:
        return sys.executable, "{}.{}".format(*running)
    for major, minor in PYTHONS:
        found = shutil.which(f"python{major}.{minor}")
        if found:
            return found, f"{major}.{minor}"
    wanted = ", ".join(f"python{major}.{minor}" for major, minor in PYTHONS)
    raise ModelUnavailable(f"the Triton of the wheel needs one of {wanted} on the PATH")


def _fingerprint(libraries: Path) -> str:
    parts = "\n".join(path.read_text("utf-8") for path in (SERVER, libraries, _BACKEND))
    return hashlib.sha256(parts.encode()).hexdigest()[:10]


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """One maker at a time; a second one waits and then finds it made."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(root: Path) -> Installation | None:
    try:
        paths = json.loads((root / _MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    installation = Installation(**{name: Path(path) for name, path in paths.items()})
    whole = installation.binary.exists() and (installation.environment / "bin" / "python").exists()
    return installation if whole else None


def _make(root: Path, python: str, version: str, libraries: Path, say: Say) -> Installation:
    size = "1.6 GB" if libraries == GPU_LIBRARIES else "60 MB"
    say(f"making the environment of Triton in {root} (once; some {size} to fetch)")
    shutil.rmtree(root, ignore_errors=True)
    environment = root / "environment"
    _call(python, "-m", "venv", str(environment))
    own = str(environment / "bin" / "python")
    pip = (
        *(own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--only-binary", ":all:", "--require-hashes"),
    )
    # The wheel's own dependencies serve its Python API, which is not used here.
    _call(*pip, "--no-deps", "-r", str(SERVER))
    _call(*pip, "-r", str(libraries))
    facts = json.loads(_call(own, "-c", _FACTS))
    site = Path(facts["site"])
    installation = Installation(environment, site, _library(facts), root / "backends")
    stub = _stub(installation, version)
    if not stub.exists():
        raise ModelUnavailable(f"the server's wheel has no stub for Python {version}")
    paths = {name: str(getattr(installation, name)) for name in Installation.__dataclass_fields__}
    (root / _MARK).write_text(json.dumps(paths), "utf-8")
    return installation


_FACTS = """
import json, sysconfig
names = "LIBDIR", "MULTIARCH", "prefix"
facts = {name: sysconfig.get_config_var(name) or "" for name in names}
facts["name"] = "libpython" + sysconfig.get_python_version() + ".so.1.0"
facts["base"] = sysconfig.get_config_var("installed_base")
print(json.dumps(facts | {"site": sysconfig.get_path("platlib")}))
"""


def _library(facts: dict[str, str]) -> Path:
    """The folder of libpython, which the backend's stub is linked against."""
    libdir = Path(facts["LIBDIR"])
    folders = (libdir, libdir / facts["MULTIARCH"], Path(facts["base"]) / "lib")
    for folder in (*folders, Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib64")):
        if (folder / facts["name"]).exists():
            return folder
    raise ModelUnavailable(
        f"Triton's Python backend needs {facts['name']}; on Debian and Ubuntu: "
        f"apt install {facts['name'].removesuffix('.so.1.0')}"
    )


def _stub(installation: Installation, version: str) -> Path:
    stubs = installation.site / "pytriton" / "tritonserver" / "python_backend_stubs"
    return stubs / version / "triton_python_backend_stub"


def _lay_out_backends(installation: Installation, version: str) -> None:
    """Triton's Python backend, and beside it ours, which Triton runs by means of it."""
    python, ours = installation.backends / "python", installation.backends / "onnxruntime"
    if (ours / "model.py").exists():
        return
    python.mkdir(parents=True, exist_ok=True)
    ours.mkdir(exist_ok=True)
    parts = installation.site / "pytriton" / "tritonserver" / "backends" / "python"
    for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
        shutil.copy(parts / name, python)
    shutil.copy(_stub(installation, version), python)
    (python / _stub(installation, version).name).chmod(0o755)
    shutil.copy(_BACKEND, ours)  # last: it says that the others are there


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise ModelUnavailable(f"`{' '.join(command[:6])} ...` failed: {last[0]}")
    return done.stdout
