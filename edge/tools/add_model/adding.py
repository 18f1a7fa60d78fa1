"""`edge models add`: a network made elsewhere becomes a model of the repository, whole or not."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edge.errors import EdgeError, InvalidParameter, ModelContractBroken, ModelUnavailable
from edge.models import roles, selftest
from edge.models.base import ModelSpec
from edge.models.embedded import EmbeddedModels, open_session
from edge.models.repository import Repository
from edge.tools.add_model import paperwork
from edge.tools.add_model.foreign import Foreign
from edge.tools.add_model.probing import ProbedNetwork, find_out
from edge.tools.add_model.request import AddOptions

LARGEST_BATCH = 8


@dataclass(frozen=True, slots=True)
class Added:
    """What stands in the repository now, and what was decided on the way, in sentences."""

    folder: Path
    spec: ModelSpec
    found: ProbedNetwork
    notes: tuple[str, ...]


async def add(source: Path, folder: Path, options: AddOptions) -> Added:
    """Wrap the network and write its folder: all of it, or nothing.

    Args:
        source: the .onnx file, with the files of its external data beside it.
        folder: the model repository; made where it is not there yet.

    Raises:
        InvalidParameter: what was said of it may not be said, or the name is taken.
        ModelMissing: there is no such file.
        ModelUnavailable: the package onnx is missing.
        ModelContractBroken: the network does not fit its role; says what would.
        EdgeError: the folder cannot be written.
    """
    options.check()
    _demand_onnx()
    target = folder / options.model
    if _there(target) and not options.replace:
        raise InvalidParameter(
            f"{target} is there already",
            param=options.model,
            allowed="another --name, or --replace",
        )
    with _stage(folder) as stage:
        added = _wrapped(source, stage, options)
        how = await _proven(stage, options)
        _move(stage, target)
    spec = Repository(folder).spec(options.model)  # it states its digest since it was proven
    return replace(added, folder=target, spec=spec, notes=(*added.notes, how))


def _demand_onnx() -> None:
    if find_spec("onnx") is None:
        raise ModelUnavailable(
            "adding a network needs the package onnx, which is not installed",
            allowed="pip install 'edge[models]', or pip install onnx",
        )


def _there(target: Path) -> bool:
    return target.exists() or target.is_symlink()


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """A folder inside the repository that nobody takes for a model: renaming from it is one step.

    Raises:
        EdgeError: the repository cannot be written.
    """
    try:
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".adding-", dir=folder))
        stage.chmod(0o755)
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            if new:
                with suppress(OSError):  # there is a model in it now
                    folder.rmdir()
    except OSError as error:
        raise EdgeError(f"{folder} cannot be written: {error.strerror or error}") from error


def _wrapped(source: Path, stage: Path, options: AddOptions) -> Added:
    """The whole folder of the model, in the stage."""
    from edge.tools.add_model import wrapping  # needs onnx, which is an extra

    foreign = Foreign(source, options.layout, free=options.free)
    found = find_out(foreign, options)
    body, names = wrapping.wrapped(foreign, options, found)
    shapes = wrapping.shapes_of(options, found)
    folder = stage / options.model
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(body)
    config = folder / "config.pbtxt"
    config.write_text(paperwork.config(options, found, names, shapes, 1), "utf-8")
    spec = _spec(stage, options)
    batch, note = _batch(spec, folder / "1" / "model.onnx", options)
    notes = (*found.notes, note)
    config.write_text(paperwork.config(options, found, names, shapes, batch), "utf-8")
    text = paperwork.card(foreign, options, found, names, shapes, batch, notes)
    (folder / "README.md").write_text(text, "utf-8")
    return Added(folder, _spec(stage, options), found, notes)


def _spec(stage: Path, options: AddOptions) -> ModelSpec:
    """As the repository will read it, and fit for its role and for its name."""
    spec = Repository(stage).spec(options.model)
    roles.check(spec)
    roles.check(replace(spec, name=options.role))
    return spec


def _batch(spec: ModelSpec, network: Path, options: AddOptions) -> tuple[int, str]:
    """The largest batch: more than one only if two pictures at once come out as one by one.

    Raises:
        ModelContractBroken: a batch was asked for that the network cannot take.
    """
    most = options.batch or LARGEST_BATCH
    if most == 1:
        return 1, "one picture at a time"
    session = open_session(spec, network, threads=0)
    one = selftest.picture(spec.inputs[0].shape)[None]
    other = np.ascontiguousarray(one[:, ::-1, ::-1] // 2)
    apart = [_answer(session, picture) for picture in (one, other)]
    try:
        together = _answer(session, np.concatenate([one, other]))
    except ModelContractBroken:
        together = np.empty(0, np.uint8)
    wanted = np.concatenate(apart)
    same = together.shape == wanted.shape and np.abs(together - wanted.astype(int)).max() <= 1
    if same:
        return most, "two pictures in one batch come out as one by one"
    if options.batch:
        raise ModelContractBroken(
            f"{network.name}: does not take {options.batch} pictures at once",
            param=spec.name,
            allowed="--batch 1, or an export with a free batch size",
        )
    return 1, "it takes one picture at a time: its batch size is fixed inside"


def _answer(session: Any, batch: Any) -> Any:
    name, options = session.get_inputs()[0].name, onnxruntime.RunOptions()
    options.log_severity_level = 4  # that it fails is an answer, too
    try:
        return session.run(None, {name: batch}, options)[0]
    except Exception as error:  # ONNX Runtime has no common base for what it raises
        raise ModelContractBroken(f"the wrapped network does not run: {error}") from error


async def _proven(stage: Path, options: AddOptions) -> str:
    """Put the known question to it, and store its answer beside it.

    Raises:
        ModelContractBroken: its answer is flat, or far from its source.
    """
    models, repository = EmbeddedModels(stage), Repository(stage)
    try:
        state = await selftest.examine(models, repository, options.model, seconds=600)
        if not state.ready and not options.unproven:
            raise ModelContractBroken(
                state.detail,
                param=options.model,
                allowed="other words for --normalise, --order, --answer, --output, --side; or "
                "--unproven, for a network that sees only people or sharpens without measure",
            )
        await selftest.record(models, repository, options.model)
    finally:
        await models.close()
    return f"its answer to a known picture {state.detail}" if state.ready else state.detail


def _move(stage: Path, target: Path) -> None:
    """From the stage into its place; what stood there comes back if that fails."""
    old = stage / ".old"
    if _there(target):
        target.rename(old)
    try:
        (stage / target.name).rename(target)
    except OSError:
        with suppress(OSError):
            old.rename(target)
        raise
