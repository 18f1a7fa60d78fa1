"""Finds out what a network made elsewhere means by its numbers: it is asked known pictures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.arrays import Floats, Tensor
from edge.models.roles import MATTING_SIDE
from edge.models.selftest import FAITHFUL_LEVELS, picture
from edge.tools.add_model import request as said
from edge.tools.add_model.foreign import Foreign
from edge.tools.add_model.request import AddOptions, Scaling

TILE = 224
"""Side of an upscaler's tiles where the network leaves it free."""

NEAR_LEVELS = 6.0
"""Mean distance of an enlarged picture from its source: networks that sharpen come to 3 or 4."""

FAR = 0.1
"""Mean error of a matte of a disc, 0 to 1: from here on other numbers than ImageNet's are tried."""


@dataclass(frozen=True, slots=True)
class ProbedNetwork:
    """All that must be known to wrap a network; `notes` say, word by word, what was guessed.

    `side` is that of its input, `given` that of its output; `planes` says that the output has no
    channel axis, `last` that channels come last in it.
    """

    side: int
    scaling: Scaling
    output: str
    answer: str
    given: int
    planes: bool
    last: bool
    overlap: int
    notes: tuple[str, ...]


def find_out(foreign: Foreign, options: AddOptions) -> ProbedNetwork:
    """Ask the network until all is known.

    Raises:
        ModelContractBroken: its output is not what the role needs.
    """
    side = _side(foreign, options)
    known = picture((side, side, 3))
    output, example = _output(
        foreign, options, foreign.run(numbers(known, said.UNIT, options.order))
    )
    form = _Form(foreign, options, output, example.ndim == 3, _last(example, options))
    judge = _enlarging if options.scale else _matting
    scaling, answer, notes = judge(form, known)
    overlap = 0
    if options.scale:
        overlap, remarks = _overlap(form, side, scaling, answer)
        notes += remarks
    if len(foreign.outputs) > 1 and options.output is None:
        notes += (f"output {output}: the first that fits of {len(foreign.outputs)}",)
    given = example.shape[1] if form.planes or form.last else example.shape[2]
    return ProbedNetwork(
        side, scaling, output, answer, given, form.planes, form.last, overlap, notes
    )  # fmt: skip


def numbers(image: Tensor, scaling: Scaling, order: str) -> Floats:
    """uint8 [H, W, 3] RGB -> float32 [1, 3, H, W] in a network's own range."""
    scaled = (image / 255 - scaling.mean) / scaling.std
    ordered = scaled if order == "rgb" else scaled[..., ::-1]
    return np.ascontiguousarray(ordered.transpose(2, 0, 1)[None], np.float32)


@dataclass(frozen=True, slots=True)
class _Form:
    """A network, and where its answer lies among what it gives."""

    foreign: Foreign
    options: AddOptions
    output: str
    planes: bool
    last: bool

    def ask(self, image: Tensor, scaling: Scaling) -> Floats:
        """uint8 [H, W, 3] -> what it answers, float32 [h, w, C] in RGB order."""
        raw = self.foreign.run(numbers(image, scaling, self.options.order))[self.output]
        answer = np.asarray(raw, np.float32)[0]
        if self.planes:
            answer = answer[..., None]
        elif not self.last:
            answer = answer.transpose(1, 2, 0)
        turned: Floats = answer[..., ::-1] if self.options.order == "bgr" else answer
        return turned


def _side(foreign: Foreign, options: AddOptions) -> int:
    if foreign.side and options.side and foreign.side != options.side:
        raise foreign.refused(f"takes {foreign.side} pixels, not {options.side}", f"{foreign.side}")
    return foreign.side or options.side or (TILE if options.scale else MATTING_SIDE)


def _last(answer: Any, options: AddOptions) -> bool:
    channels = 3 if options.scale else 1
    return bool(answer.ndim == 4 and answer.shape[1] != channels)


def _output(foreign: Foreign, options: AddOptions, answers: Mapping[str, Any]) -> tuple[str, Any]:
    """The output that fits the role: the one that was named, or the first."""
    if options.output is not None and options.output not in answers:
        raise foreign.refused(f"has no output {options.output!r}", ", ".join(answers))
    names = [options.output] if options.output else list(answers)
    for name in names:
        if _fits(foreign, options, answers[name]):
            return name, answers[name]
    shapes = "; ".join(
        f"{name} {answers[name].dtype} {list(answers[name].shape)}" for name in names
    )
    needed = f"{options.scale}H,{options.scale}W" if options.scale else "h,h"
    allowed = (
        f"float [N,3,{needed}] or channels last"
        if options.scale
        else f"float [N,1,{needed}], channels last, or [N,{needed}]"
    )
    raise foreign.refused(f"gives nothing that {options.role} can use: {shapes}", allowed)


def _fits(foreign: Foreign, options: AddOptions, answer: Any) -> bool:
    if not np.issubdtype(answer.dtype, np.floating) or len(answer) != 1:
        return False
    shape = answer.shape[1:]
    if not options.scale:
        sides = shape if len(shape) == 2 else shape[1:] if shape[0] == 1 else shape[:2]
        one = len(shape) == 2 or (len(shape) == 3 and 1 in (shape[0], shape[2]))
        return one and sides[0] == sides[1] and sides[0] >= 16
    side = options.scale * _side(foreign, options)
    return shape in ((3, side, side), (side, side, 3))


def _enlarging(form: _Form, known: Tensor) -> tuple[Scaling, str, tuple[str, ...]]:
    """The first numbers with which its answer, made small again, is near the picture.

    Not the nearest: what a network adds to an interpolation is small, so several can come near, and
    0 to 1 is what nearly all are made for.
    """
    best: tuple[float, Scaling, str] | None = None
    for attempt in _attempts(form, known):
        if best is None or attempt[0] < best[0]:
            best = attempt
        if best[0] <= NEAR_LEVELS:
            break
    if best is None or best[0] > FAITHFUL_LEVELS:
        far = "numbers that are none" if best is None else f"{best[0]:.0f} levels away"
        raise form.foreign.refused(
            f"its answer, made small again, is not its source: {far}",
            "a network that enlarges faithfully; or say --normalise, --answer, --order",
        )
    away, scaling, meaning = best
    note = f"made small again, its answer is {away:.1f} levels from the source with these numbers"
    return scaling, meaning, (note,)


def _attempts(form: _Form, known: Tensor) -> Iterator[tuple[float, Scaling, str]]:
    """Mean distance in levels for every way to read its numbers, the likely ways first."""
    options, side = form.options, known.shape[0]
    for scaling in [options.scaling] if options.scaling else [said.UNIT, said.LEVELS, said.SIGNED]:
        raw = form.ask(known, scaling)
        small = raw.reshape(side, options.scale, side, options.scale, 3).mean((1, 3))
        means = [options.answer] if options.answer else said.PICTURES
        for meaning in sorted(means, key=lambda name: name != scaling.name):
            back = said.SCALINGS[meaning]
            away = float(np.abs((small * back.std + back.mean) * 255 - known).mean())
            if np.isfinite(away):
                yield away, scaling, meaning


def _matting(form: _Form, known: Tensor) -> tuple[Scaling, str, tuple[str, ...]]:
    """ImageNet's numbers, unless the disc comes out badly with them and well with others."""
    tried = [form.options.scaling] if form.options.scaling else list(said.SCALINGS.values())
    results = {}
    for scaling in tried:
        raw = form.ask(known, scaling)
        meaning = form.options.answer or _meaning(raw)
        results[scaling.name] = (_error(alpha_of(raw, meaning)), scaling, meaning, raw)
    first = next(iter(results))
    best = min(results, key=lambda name: results[name][0])
    if results[first][0] > FAR and results[best][0] < results[first][0] / 2:
        first = best
    error, scaling, meaning, raw = results[first]
    notes = [f"its numbers on a known picture go from {raw.min():.3g} to {raw.max():.3g}"]
    if form.options.scaling is None:
        others = ", ".join(f"{name} {row[0]:.3f}" for name, row in results.items())
        notes.append(f"mean error of a disc's matte by normalisation: {others}; "
                     f"{scaling.name} is taken, say --normalise if you know better")  # fmt: skip
    else:
        notes.append(f"mean error of a disc's matte: {error:.3f}")
    return scaling, meaning, tuple(notes)


def _meaning(raw: Floats) -> str:
    """Which of `ALPHAS` numbers are, by their range."""
    low, high = float(raw.min()), float(raw.max())
    if low >= -0.001 and high <= 1.001:
        return "unit"
    return "levels" if low >= -0.5 and 32 < high < 256 else "sigmoid"


def alpha_of(raw: Floats, meaning: str) -> Floats:
    """A network's numbers, float32 [h, w, C], as an alpha of the same shape, 0 to 1.

    Args:
        meaning: one of `ALPHAS`.
    """
    values: Any
    if meaning == "sigmoid":
        values = 0.5 * (1 + np.tanh(raw / 2))
    elif meaning == "minmax":
        values = (raw - raw.min()) / max(float(np.ptp(raw)), 1e-6)
    else:
        values = raw / 255 if meaning == "levels" else raw
    alpha: Floats = np.clip(values, 0, 1)
    return alpha


def _error(alpha: Floats) -> float:
    truth = picture((*alpha.shape[:2], 1)) / 255
    error = float(np.abs(alpha - truth).mean())
    return error if np.isfinite(error) else 1.0


def _overlap(form: _Form, side: int, scaling: Scaling, answer: str) -> tuple[int, tuple[str, ...]]:
    """How deep a change of a tile's rim reaches, in pixels of source; at most a quarter of it."""
    most = side // 4
    if form.options.overlap is not None:
        if 2 * form.options.overlap >= side:
            raise form.foreign.refused(
                f"an overlap of {form.options.overlap} leaves nothing of {side} pixels",
                f"0 to {(side - 1) // 2}",
            )
        return form.options.overlap, ()
    whole = np.random.default_rng(5).integers(0, 256, (side, side, 3), np.uint8)
    changed = 255 - whole
    changed[1:-1, 1:-1] = whole[1:-1, 1:-1]
    moved = np.abs(form.ask(whole, scaling) - form.ask(changed, scaling)).max(-1)
    levels = moved * max(said.SCALINGS[answer].std) * 255
    reached = np.argwhere(levels > 1) // form.options.scale
    depth = np.minimum(reached, side - 1 - reached).min(1).max(initial=0)
    note = f"a change of a tile's rim moves pixels by more than a level up to {depth} deep"
    if depth > most:
        note += f"; the overlap is held at {most}, so seams may show"
    return min(int(depth), most), (note,)
