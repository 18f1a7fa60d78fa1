"""What stands beside an added network: config.pbtxt, and the card that says where it came from."""

from edge.tools.add_model.foreign import Foreign
from edge.tools.add_model.probing import ProbedNetwork
from edge.tools.add_model.request import AddOptions

Shape = tuple[int, int, int]

_CONFIG = """\
# Written by `edge models add`. README.md beside this file says from what.
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}

input [ {{ name: "{source}" data_type: TYPE_UINT8 dims: [ {taken} ] }} ]
output [ {{ name: "{target}" data_type: TYPE_UINT8 dims: [ {given} ] }} ]

# Pixels of source on each side of a tile that decide about its inside.
parameters {{ key: "overlap" value {{ string_value: "{overlap}" }} }}
# How a whole picture comes into the square.
parameters {{ key: "fit" value {{ string_value: "{fit}" }} }}

dynamic_batching {{
  max_queue_delay_microseconds: 2000
  # 1: someone waits; 2: a fallback rendition is being replaced; 3: prewarming.
  priority_levels: 3
  default_priority_level: 2
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: 60000000
    allow_timeout_override: true
    max_queue_size: 256
  }}
}}

instance_group [ {{ kind: KIND_AUTO }} ]

model_warmup [
  {{
    name: "one"
    batch_size: 1
    inputs {{
      key: "{source}" value {{ data_type: TYPE_UINT8 dims: [ {taken} ] random_data: true }}
    }}
  }}
]
"""

_CARD = """\
# {name}

A network made elsewhere, put behind the contract of `{role}` by `edge models add`. Its weights are
untouched; nodes around its graph turn bytes into its numbers and its numbers into bytes.

- `{source}` uint8 [N,{taken}] sRGB in, `{target}` uint8 [N,{given}] out; largest batch {batch}.

## From

| | |
|---|---|
| file | `{file}`, SHA-256 `{digest}` |
| made by | {producer} |
| its input | `{input}`, {kind}, {layout}, {side} x {side} |
| its output | `{output}` of {outputs} |

Its licence, its training data and its figures are those of whoever made it: **look there before
you use it**.

## What was decided

| | |
|---|---|
| normalisation | {scaling}: (level / 255 - mean) / std |
| mean, std | {mean}; {std} |
| channels | {order} |
| its answer's numbers | {answer} |
| overlap | {overlap} |
| a picture that is not square | {fit} |

{notes}
"""


def config(
    options: AddOptions, found: ProbedNetwork, names: tuple[str, str], shapes: tuple[Shape, Shape],
           batch: int) -> str:  # fmt: skip
    """The text of config.pbtxt; `names` and `shapes` are those of the wrapped input and output."""
    return _CONFIG.format(
        name=options.model, batch=batch, source=names[0], target=names[1],
        overlap=found.overlap,
        taken=", ".join(map(str, shapes[0])), given=", ".join(map(str, shapes[1])),
        fit="stretch" if options.stretched else "letterbox",
    )  # fmt: skip


def card(
    foreign: Foreign, options: AddOptions, found: ProbedNetwork, names: tuple[str, str],
    shapes: tuple[Shape, Shape], batch: int, notes: tuple[str, ...],
) -> str:  # fmt: skip
    """The text of README.md."""
    return _CARD.format(
        name=options.model, role=options.role, source=names[0], target=names[1],
        taken=",".join(map(str, shapes[0])), given=",".join(map(str, shapes[1])), batch=batch,
        file=_plain(foreign.path.name), digest=foreign.digest(), producer=_plain(foreign.producer),
        input=_plain(foreign.input), kind="float16" if foreign.half else "float32",
        layout=foreign.layout.upper(), side=found.side, output=_plain(found.output),
        outputs=len(foreign.outputs), scaling=found.scaling.name, mean=_row(found.scaling.mean),
        std=_row(found.scaling.std), order=options.order,
        answer=found.answer, overlap=found.overlap,
        fit="stretched" if options.stretched else "letterboxed",
        notes="\n".join(f"- {note}." for note in notes),
    )  # fmt: skip


def _row(numbers: tuple[float, float, float]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers)


def _plain(text: str) -> str:
    """Words of others, kept from breaking the table."""
    return "".join(c if c.isprintable() and c not in "|`" else "_" for c in text)[:200] or "unknown"
