"""Writes the graphs of the product chain: `.venv/bin/python -m scripts.product_chain [FOLDER]`.

Each stands for code of `edge/rendering` and is held against it by `tests/rendering/chain`. All take
pictures of any size. Pixels are computed in float32, where they lie in doubles.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.rendering.chain.graphed import COMPOSE, DECONTAMINATE, RESIZE
from edge.rendering.matting.foreground import FOREGROUND

ROOT = Path(__file__).parent.parent
OPSET, IR = 17, 8
U8, I32, I64, F32, F64, BOOL = (
    getattr(TensorProto, name) for name in ("UINT8", "INT32", "INT64", "FLOAT", "DOUBLE", "BOOL")
)
LOBES = 3
"""Of the Lanczos kernel: Pillow's `LANCZOS` has three."""


class Graph:
    """Nodes in the order in which they are written, with a new name for each result."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._prefix = prefix

    def __call__(self, op: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        made = to or f"{self._prefix}{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [made], **attributes))
        return made

    def const(self, value: Any, dtype: Any) -> str:
        tensor = numpy_helper.from_array(np.array(value, dtype))
        return self("Constant", value=tensor)

    def f32(self, value: Any) -> str:
        return self.const(value, np.float32)

    def f64(self, value: Any) -> str:
        return self.const(value, np.float64)

    def i32(self, value: Any) -> str:
        return self.const(value, np.int32)

    def i64(self, value: Any) -> str:
        return self.const(value, np.int64)

    def cast(self, what: str, kind: int, to: str = "") -> str:
        made = to or f"{self._prefix}cast{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [what], [made], to=kind))
        return made

    def side(self, picture: str, axis: int) -> str:
        """The length of an axis, a scalar int64."""
        shape = self("Shape", picture, start=axis, end=axis + 1)
        return self("Squeeze", shape)

    def counted(self, length: str) -> str:
        """0.5, 1.5, ... up to a length (scalar int64): the middles of pixels, float64 [length]."""
        whole = self("Range", self.i64(0), length, self.i64(1))
        return self("Add", self.cast(whole, F64), self.f64(0.5))

    def by_255(self, product: str) -> str:
        """int32 products of two levels over 255, rounded as Pillow rounds them."""
        raised = self("Add", product, self.i32(128))
        more = self("Add", raised, self("Div", raised, self.i32(256)))
        return self("Div", more, self.i32(256))

    def levels(self, values: str) -> str:
        """Floats rounded half up and kept within 0 to 255, still float32."""
        rounded = self("Floor", self("Add", values, self.f32(0.5)))
        return self("Clip", rounded, self.f32(0), self.f32(255))

    def part(self, what: str, start: int, end: int, axis: int) -> str:
        return self("Slice", what, self.i64([start]), self.i64([end]), self.i64([axis]))


def value(name: str, kind: int, *shape: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def resize() -> onnx.ModelProto:
    """`Picture.resized`: Lanczos between colours weighted by alpha, columns first, as Pillow's
    `Image.resize` on RGBA and RGB."""
    g = Graph()
    alpha = g.cast("alpha", I32)
    weighted = g.by_255(g("Mul", g.cast("image", I32), alpha))
    planes = g.cast(g("Concat", weighted, alpha, axis=2), F32)
    left, top, right, bottom = (g("Gather", "box", g.i64(index)) for index in range(4))
    high, wide = (g("Gather", "size", g.i64(index)) for index in (0, 1))
    across = _lanczos(g, g.side(planes, 1), wide, left, right)
    down = _lanczos(g, g.side(planes, 0), high, top, bottom)
    rows = g.levels(g("MatMul", across, planes))
    flat = g("Reshape", rows, g.i64([0, -1]))
    both = g.levels(g("MatMul", down, flat))
    shape = g("Concat", "size", g.i64([4]), axis=0)
    levels = g.cast(g("Reshape", both, shape), I32)
    colours, cover = g.part(levels, 0, 3, 2), g.part(levels, 3, 4, 2)
    sure = g("Max", cover, g.i32(1))
    own = g("Div", g("Mul", colours, g.i32(255)), sure)
    own = g("Min", own, g.i32(255))
    plain = g("Or", g("Equal", cover, g.i32(0)), g("Equal", cover, g.i32(255)))
    g.cast(g("Where", plain, colours, own), U8, "resized")
    g.cast(cover, U8, "resized_alpha")
    return _model(
        RESIZE,
        g,
        [
            value("image", U8, "height", "width", 3),
            value("alpha", U8, "height", "width", 1),
            value("box", F32, 4),
            value("size", I64, 2),
        ],
        [value("resized", U8, "high", "wide", 3), value("resized_alpha", U8, "high", "wide", 1)],
    )


def _lanczos(g: Graph, length: str, made: str, start: str, end: str) -> str:
    """Weights float32 [made, length] of an axis that is resampled from `start` to `end`."""
    kept = g.cast(g("Sub", end, start), F64)  # in single precision, as the engine's own
    scale = g("Div", kept, g.cast(made, F64))
    middles = g("Add", g("Mul", g.counted(made), scale), g.cast(start, F64))
    across = g("Unsqueeze", g.counted(length), g.i64([0]))
    down = g("Unsqueeze", middles, g.i64([1]))
    x = g("Div", g("Sub", across, down), g("Max", scale, g.f64(1)))
    kernel = g("Mul", _sinc(g, x), _sinc(g, g("Div", x, g.f64(LOBES))))
    weights = g("Where", g("Less", g("Abs", x), g.f64(LOBES)), kernel, g.f64(0))
    weights = g("Div", weights, g("ReduceSum", weights, g.i64([1]), keepdims=1))
    return g.cast(_in_whole_numbers(g, weights), F32)


def _in_whole_numbers(g: Graph, weights: str) -> str:
    """Weights as precise as pillow-simd has them: the largest of an axis fills
    15 bits. With exact ones
    one level in 300 would come out another, and stock Pillow is nearer to them than that."""
    room = g("Div", g.f64(2**15 - 0.5), g("ReduceMax", weights, keepdims=0))
    bits = g("Floor", g("Div", g("Log", room), g.f64(np.log(2))))
    unit = g("Pow", g.f64(2), g("Min", bits, g.f64(22)))
    whole = g("Floor", g("Add", g("Mul", g("Abs", weights), unit), g.f64(0.5)))
    return g("Div", g("Mul", g("Sign", weights), whole), unit)


def _sinc(g: Graph, x: str) -> str:
    angle = g("Mul", x, g.f64(np.pi))
    middle = g("Less", g("Abs", angle), g.f64(1e-9))
    safe = g("Where", middle, g.f64(1), angle)
    return g("Where", middle, g.f64(1), g("Div", g("Sin", safe), safe))


def decontaminate() -> onnx.ModelProto:
    """F and B of `matting/foreground.py`: the subject's colours and the background's, by levels.

    The method is that of Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground
    Estimation" (2020, arXiv:2006.14970). Every pixel of a level is solved, which suits a GPU; only
    those at soft places count.
    """
    g = Graph()
    start = g.cast("start", F32)
    count = g.side("levels", 0)
    body = _level()
    last = [f"last_{name}" for name in ("fore", "back")]
    loop = helper.make_node("Loop", [count, "", start, start], last, body=body)
    g.nodes.append(loop)
    g.cast("last_fore", U8, "foreground")
    g.cast("last_back", U8, "background")
    return _model(
        DECONTAMINATE,
        g,
        [
            value("image", U8, "height", "width", 3),
            value("alpha", U8, "height", "width", 1),
            value("start", U8, "least_high", "least_wide", 3),
            value("levels", I64, "count", 2),
            value("starts", I64, "count", 2),
            *(
                value(f"{axis}_of_{source}", I64, f"all_{axis}")
                for source in ("image", "level")
                for axis in ("rows", "columns")
            ),
            value("sweeps", I64, "count"),
            value("whole", BOOL, "count"),
        ],
        [
            value("foreground", U8, "last_high", "last_wide", 3),
            value("background", U8, "last_high", "last_wide", 3),
        ],
    )


def _level() -> onnx.GraphProto:
    g = Graph("level_")
    pixels = g.cast(_nearest(g, "image", "image"), F32)
    alpha = g.cast(_nearest(g, "alpha", "image"), F32)
    whole = g("Gather", "whole", "index")
    partly = g("Not", whole)
    full, empty = (g("Equal", alpha, g.f32(level)) for level in (255, 0))
    fore, back = (_nearest(g, name, "level") for name in ("fore", "back"))
    fore = g("Where", g("And", partly, full), pixels, fore)
    back = g("Where", g("And", partly, empty), pixels, back)
    soft = g("Not", g("Or", full, empty))
    solved = g("Or", whole, soft)
    share = g("Div", alpha, g.f32(255))
    weights = [
        g("Add", g("Abs", g("Sub", near, share)), g.f32(FOREGROUND.smoothness))
        for near in _beside(g, share)
    ]
    total = weights[0]
    for weight in weights[1:]:
        total = g("Add", total, weight)
    rest = g("Sub", g.f32(1), share)
    own_fore = g("Add", g("Mul", share, share), total)
    own_back = g("Add", g("Mul", rest, rest), total)
    mixed = g("Mul", share, rest)
    determinant = g("Sub", g("Mul", own_fore, own_back), g("Mul", mixed, mixed))
    inverse = g("Div", g.f32(1), determinant)
    names = {
        "to_fore": g("Mul", own_back, inverse),
        "to_back": g("Mul", own_fore, inverse),
        "across": g("Mul", mixed, inverse),
        "lit": g("Mul", share, pixels),
        "shaded": g("Mul", rest, pixels),
        "solved": solved,
        **{f"weight{index}": weight for index, weight in enumerate(weights)},
    }
    sweeps = g("Gather", "sweeps", "index")
    swept = ["swept_fore", "swept_back"]
    g.nodes.append(helper.make_node("Loop", [sweeps, "", fore, back], swept, body=_sweep(names)))
    g("Round", swept[0], to="next_fore")
    g("Round", swept[1], to="next_back")
    g("Identity", "going", to="goes_on")
    return helper.make_graph(
        g.nodes,
        "level",
        [
            value("index", I64),
            value("going", BOOL),
            value("fore", F32, None, None, 3),
            value("back", F32, None, None, 3),
        ],
        [
            value("goes_on", BOOL),
            value("next_fore", F32, None, None, 3),
            value("next_back", F32, None, None, 3),
        ],
    )


def _sweep(names: dict[str, str]) -> onnx.GraphProto:
    """One round of Jacobi: every pixel from all of the last round."""
    g = Graph("sweep_")
    sums = []
    for layer in ("was_fore", "was_back"):
        parts = [
            g("Mul", names[f"weight{index}"], near) for index, near in enumerate(_beside(g, layer))
        ]
        total = parts[0]
        for part in parts[1:]:
            total = g("Add", total, part)
        sums.append(total)
    lighter, darker = g("Add", sums[0], names["lit"]), g("Add", sums[1], names["shaded"])
    found = (
        g("Sub", g("Mul", names["to_fore"], lighter), g("Mul", names["across"], darker)),
        g("Sub", g("Mul", names["to_back"], darker), g("Mul", names["across"], lighter)),
    )
    for layer, new in zip(("fore", "back"), found, strict=True):
        kept = g("Clip", new, g.f32(0), g.f32(255))
        g("Where", names["solved"], kept, f"was_{layer}", to=f"is_{layer}")
    g("Identity", "sweeping", to="sweeps_on")
    return helper.make_graph(
        g.nodes,
        "sweep",
        [
            value("round", I64),
            value("sweeping", BOOL),
            value("was_fore", F32, None, None, 3),
            value("was_back", F32, None, None, 3),
        ],
        [
            value("sweeps_on", BOOL),
            value("is_fore", F32, None, None, 3),
            value("is_back", F32, None, None, 3),
        ],
    )


def _nearest(g: Graph, picture: str, source: str) -> str:
    """A picture resized to this level by the nearest pixel, at places that the caller gives."""
    for axis, places in enumerate(("rows", "columns")):
        first = g("Gather", "starts", "index")
        end = g("Add", first, g("Gather", "levels", "index"))
        taken = g(
            "Slice",
            f"{places}_of_{source}",
            *(g("Gather", edge, g.i64([axis])) for edge in (first, end)),
        )
        picture = g("Gather", picture, taken, axis=axis)
    return picture


def _beside(g: Graph, layer: str) -> list[str]:
    """Each pixel's neighbour to the left, to the right, above, below; at the edge itself."""
    padded = g("Pad", layer, g.i64([1, 1, 0, 1, 1, 0]), mode="edge")
    far = np.iinfo(np.int64).max
    inner_rows, inner_columns = g.part(padded, 1, -1, 0), g.part(padded, 1, -1, 1)
    return [
        g.part(inner_rows, 0, -2, 1),
        g.part(inner_rows, 2, far, 1),
        g.part(inner_columns, 0, -2, 0),
        g.part(inner_columns, 2, far, 0),
    ]


def compose() -> onnx.ModelProto:
    """`Pad` and `PlainBackground`: the subject at its place on one colour, as Pillow's
    `Image.paste` with a mask."""
    g = Graph()
    image, alpha = (
        g.cast(g("Pad", g.cast(name, F32), "pads", mode="constant"), I32)
        for name in ("image", "alpha")
    )
    rest = g("Sub", g.i32(255), alpha)
    both = g("Add", g("Mul", image, alpha), g("Mul", g.cast("color", I32), rest))
    g.cast(g.by_255(both), U8, "composed")
    g.cast(alpha, U8, "composed_alpha")
    return _model(
        COMPOSE,
        g,
        [
            value("image", U8, "height", "width", 3),
            value("alpha", U8, "height", "width", 1),
            value("pads", I64, 6),
            value("color", U8, 3),
        ],
        [value("composed", U8, "high", "wide", 3), value("composed_alpha", U8, "high", "wide", 1)],
    )


def _model(
    name: str,
    g: Graph,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    graph = helper.make_graph(g.nodes, name, inputs, outputs)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="edge"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


GRAPHS = {RESIZE: resize, DECONTAMINATE: decontaminate, COMPOSE: compose}


def write(folder: Path) -> None:
    """Each graph into its place in a model repository."""
    for name, make in GRAPHS.items():
        place = folder / name / "1"
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.onnx").write_bytes(make().SerializeToString(deterministic=True))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "triton_models")
