"""A public network as a teacher: its ONNX graph run by PyTorch, on any device and in any batch.

    python -m training.matting.teacher NETWORK.onnx --out TEACHER.npz [--bits 8]
    python -m training.matting.teacher NETWORK.onnx --pack TEACHER.npz --photos DIR   # compares

The pack holds the graph with the sizes of one square folded in, and its kernels as integers of
`--bits` bits with one step per output channel: a tenth to a quarter of the file. Only graphs of
convolutions, rectifiers, pools, sums, joints and bilinear resizing, as the U2-Net family has them
(Qin et al. 2020, Pattern Recognition 106).
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

SIDE = 320
"""The square that the family was trained for."""

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What its pictures are normalised by, after division by their own brightest value."""

HEAVY = ("Conv", "Relu", "MaxPool", "Resize", "Concat", "Add", "Sigmoid")
Step = dict[str, Any]


def attributes(node: Any) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def plan(path: Path, side: int = SIDE) -> tuple[list[Step], dict[str, np.ndarray]]:
    """The steps that compute the first output, and the weights that they read.

    Everything about shapes is computed once, for a picture [1, 3, `side`, `side`].
    """
    graph = onnx.load(str(path)).graph
    known = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    shapes: dict[str, tuple[int, ...]] = {graph.input[0].name: (1, 3, side, side)}
    steps: list[Step] = []
    for node in graph.node:
        if all(name in known for name in node.input if name) or node.op_type == "Shape":
            known[node.output[0]] = _folded(node, known, shapes)
            continue
        step = _step(node, known, shapes)
        shapes[node.output[0]] = _shape(step, known, shapes)
        steps.append(step)
    steps = _needed(steps, graph.output[0].name)
    names = {name for step in steps if step["kind"] == "Conv" for name in step["reads"][1:]}
    return steps, {name: known[name] for name in names}


def _folded(node: Any, known: dict[str, Any], shapes: dict[str, Any]) -> np.ndarray:
    """The value of a node that only reads constants and shapes."""
    given = [known.get(name) for name in node.input]
    of = attributes(node)
    match node.op_type:
        case "Shape":
            return np.array(shapes[node.input[0]], np.int64)
        case "Constant":
            return np.asarray(numpy_helper.to_array(of["value"]))
        case "Gather":
            return np.take(given[0], given[1], of.get("axis", 0))
        case "Unsqueeze":
            axes = of.get("axes") or given[1].tolist()
            return np.expand_dims(given[0], tuple(axes))
        case "Concat":
            return np.concatenate(given, of["axis"])
        case "Cast":
            return np.asarray(given[0], np.int64)
        case "Slice":
            first, last = (int(value[0]) for value in given[1:3])
            return given[0][first:last]
    raise ValueError(f"cannot fold {node.op_type}")


def _step(node: Any, known: dict[str, Any], shapes: dict[str, Any]) -> Step:
    of = attributes(node)
    step: Step = {"kind": node.op_type, "reads": list(node.input), "makes": node.output[0]}
    match node.op_type:
        case "Conv":
            step |= {"stride": of["strides"][0], "pad": of["pads"][0], "spread": of["dilations"][0]}
        case "MaxPool":
            step |= {"side": of["kernel_shape"][0], "stride": of["strides"][0]}
            step |= {"ceil": bool(of.get("ceil_mode", 0))}
        case "Resize":
            way = of.get("coordinate_transformation_mode", b"half_pixel").decode()
            sizes = known[node.input[3]].tolist()
            step |= {"reads": [node.input[0]], "size": sizes[2:], "corners": way == "align_corners"}
        case kind if kind not in HEAVY:
            raise ValueError(f"cannot run {kind}")
    return step


def _shape(step: Step, known: dict[str, Any], shapes: dict[str, Any]) -> tuple[int, ...]:
    first = shapes[step["reads"][0]]
    match step["kind"]:
        case "Conv":
            kernel = known[step["reads"][1]].shape
            reach = step["spread"] * (kernel[2] - 1) + 1
            sides = ((side + 2 * step["pad"] - reach) // step["stride"] + 1 for side in first[2:])
            return (1, kernel[0], *sides)
        case "MaxPool":
            more = step["stride"] - 1 if step["ceil"] else 0
            return (*first[:2], *((s - step["side"] + more) // step["stride"] + 1
                                  for s in first[2:]))  # fmt: skip
        case "Resize":
            return (*first[:2], *step["size"])
        case "Concat":
            return (1, sum(shapes[name][1] for name in step["reads"]), *first[2:])
    return first


def _needed(steps: list[Step], output: str) -> list[Step]:
    wanted, kept = {output}, []
    for step in reversed(steps):
        if step["makes"] in wanted:
            wanted.update(step["reads"])
            kept.append(step)
    return kept[::-1]


def rounded(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers and the step of each output channel: int8 or int16 [O, ...], float32 [O]."""
    most = 2 ** (bits - 1) - 1
    flat = np.abs(weight.reshape(len(weight), -1)).max(1)
    step = (np.maximum(flat, 1e-12) / most).astype(np.float32)
    whole = np.rint(weight / step.reshape(-1, *[1] * (weight.ndim - 1)))
    return whole.astype(np.int8 if bits <= 8 else np.int16), step


def pack(path: Path, out: Path, bits: int) -> None:
    steps, weights = plan(path)
    stored: dict[str, np.ndarray] = {"plan": np.array(json.dumps(steps))}
    for name, value in weights.items():
        if value.ndim == 4:
            stored[f"{name}|whole"], stored[f"{name}|step"] = rounded(value, bits)
        else:
            stored[f"{name}|bias"] = value.astype(np.float32)
    np.savez_compressed(out, **stored)


class Teacher(nn.Module):
    """Pictures [N, 3, 320, 320] in [0, 1] -> alpha [N, 1, 320, 320] in [0, 1], without
    gradients."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        with np.load(path) as stored:
            self.steps: list[Step] = json.loads(str(stored["plan"]))
            values = {name: stored[name] for name in stored.files if name != "plan"}
        self.names: dict[str, str] = {}
        for key in values:
            name, kind = key.split("|")
            if kind == "step":
                continue
            self.names[name] = f"w{len(self.names)}"
            value = values[key].astype(np.float32)
            if kind == "whole":
                value = value * values[f"{name}|step"].reshape(-1, 1, 1, 1)
            self.register_buffer(self.names[name], torch.from_numpy(value))
        self.input = self.steps[0]["reads"][0]
        self.last = {name: i for i, step in enumerate(self.steps) for name in step["reads"]}
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(SPREAD).view(1, 3, 1, 1))

    @torch.no_grad()
    def forward(self, picture: Tensor) -> Tensor:
        brightest = picture.amax((1, 2, 3), keepdim=True).clamp_min(1e-6)
        inputs = (picture / brightest - self.mean) / self.spread
        values = {self.input: inputs.to(self.mean.dtype)}
        for i, step in enumerate(self.steps):
            values[step["makes"]] = self._run(step, values)
            for name in step["reads"]:  # what nobody reads any more
                if self.last.get(name) == i:
                    values.pop(name, None)
        return values[self.steps[-1]["makes"]].float()

    def _run(self, step: Step, values: dict[str, Tensor]) -> Tensor:
        reads = step["reads"]
        match step["kind"]:
            case "Conv":
                weight, bias = (getattr(self, self.names[name]) for name in reads[1:3])
                how = step["stride"], step["pad"], step["spread"]
                return functional.conv2d(values[reads[0]], weight, bias, *how)
            case "Relu":
                return functional.relu(values[reads[0]])
            case "MaxPool":
                way = {"ceil_mode": step["ceil"]}
                return functional.max_pool2d(values[reads[0]], step["side"], step["stride"], **way)
            case "Resize":
                size, way = step["size"], {"mode": "bilinear", "align_corners": step["corners"]}
                return functional.interpolate(values[reads[0]], size, **way)
            case "Concat":
                return torch.cat([values[name] for name in reads], 1)
            case "Add":
                return values[reads[0]] + values[reads[1]]
        return values[reads[0]].sigmoid()


def compare(path: Path, packed: Path, photos: Path, most: int) -> None:
    """Prints how far the pack's answers lie from the file's own, in levels of 255."""
    import onnxruntime
    from PIL import Image

    run = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    teacher, wrong = Teacher(packed).eval(), []
    for photo in sorted(photos.glob("*.jpg"))[:most]:
        with Image.open(photo) as image:
            small = np.asarray(image.convert("RGB").resize((SIDE, SIDE)), np.float32)
        inputs = torch.from_numpy(small).permute(2, 0, 1)[None] / 255
        given = ((inputs / inputs.max() - teacher.mean) / teacher.spread).numpy()
        truth = run.run([run.get_outputs()[0].name], {run.get_inputs()[0].name: given})[0]
        wrong.append(255 * np.abs(teacher(inputs).numpy() - truth).mean())
    print(f"{packed}: off by {np.mean(wrong):.2f} levels in the mean, {max(wrong):.2f} at worst")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path, help="of the U2-Net family, as ONNX")
    parser.add_argument("--out", type=Path, help="pack to write")
    parser.add_argument("--bits", type=int, default=8, help="of a weight, 2 to 16")
    parser.add_argument("--pack", type=Path, help="pack to compare with the network")
    parser.add_argument("--photos", type=Path, help="to compare on")
    parser.add_argument("--most", type=int, default=6, help="photos")
    options = parser.parse_args()
    if options.out:
        pack(options.network, options.out, options.bits)
        print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
    if options.pack:
        compare(options.network, options.pack, options.photos, options.most)


if __name__ == "__main__":
    main()
