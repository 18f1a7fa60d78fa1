"""The messages between edge and the product chain on a Triton host: JSON, and pixels beside it.

Each message names the version of edge; messages of another version are refused.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from edge.arrays import Tensor
from edge.errors import ModelContractBroken
from edge.images import Box, Format, Rendition, Size
from edge.limits import Limits
from edge.models.roles import CHAIN
from edge.rendering.matting import entry as entries
from edge.rendering.matting.mattes import Segmentation
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import Plan
from edge.rendering.source.facts import Facts, Mode, OriginalFormat
from edge.reported import Synthesized
from edge.variants.presets import Presets
from edge.variants.query import read
from edge.variants.transform import Transform

_NO_PRESETS = Presets({})


@dataclass(frozen=True, slots=True)
class ChainTask:
    """One picture as it is wanted.

    Attributes:
        version: of the renderer that asks; the same everywhere in a fleet that shares a cache.
        networks: name and digest of those that may have a part in it, as the asking side has them.
        image: the decoded original, upright sRGB, every pixel of it, RGB or RGBA.
        segmentation: where the subject is, if that is known.
        seconds: until nobody waits any more.
    """

    version: str
    networks: tuple[tuple[str, str], ...]
    transform: Transform
    facts: Facts
    limits: Limits
    image: Image.Image = field(repr=False)
    segmentation: Segmentation | None
    seconds: float

    def packed(self) -> tuple[bytes, list[Tensor]]:
        """What goes over the wire: words, and uint8 arrays [...] of any shape; pixel work."""
        entry = _Entry.of(self.segmentation)
        words = {
            "version": self.version,
            "networks": self.networks,
            "transform": wordy(self.transform),
            "facts": self.facts.as_dict(),
            "limits": [self.limits.output_side, self.limits.output_pixels],
            "mode": self.image.mode,
            "size": self.image.size,
            "entry": entry and entry.note,
            "entry_bytes": len(entry.body) if entry else 0,
            "seconds": self.seconds,
        }
        return _json(words), [
            array_of(self.image), *([np.frombuffer(entry.body, np.uint8)] if entry else []),
        ]  # fmt: skip

    @classmethod
    def unpacked(cls, words: Mapping[str, Any], photo: Tensor) -> "ChainTask":
        """The reverse, `photo` being its arrays as one, uint8 [length]; pixel work.

        Raises:
            ModelContractBroken: this is nothing that edge says.
        """
        with _contract():
            width, height = words["size"]
            image, rest = _image(photo, words["mode"], (width, height))
            side, pixels = words["limits"]
            facts = _facts(words["facts"])
            segmentation = None
            if words["entry"] is not None:
                body = rest[: words["entry_bytes"]].tobytes()
                segmentation = _Entry(body, words["entry"]).segmentation(facts.size)
            return cls(
                words["version"],
                tuple((name, digest) for name, digest in words["networks"]),
                unworded(words["transform"]),
                facts,
                replace(Limits(), output_side=side, output_pixels=pixels),
                image,
                segmentation,
                float(words["seconds"]),
            )


@dataclass(frozen=True, slots=True)
class ChainResult:
    """What became of one.

    Attributes:
        segmentation: where the subject is; None where the asking side knew.
        picture: after the first `steps` of the plan; None where the plan failed, which the asking
            side finds out as well when it plans.
        plan: `name_of` the plan that was carried out.
        graphs: whether graphs did the pixel work; else this processor.
        timings: seconds by stage.
    """

    segmentation: Segmentation | None
    picture: Picture | None
    plan: str = ""
    steps: int = 0
    graphs: bool = False
    timings: tuple[tuple[str, float], ...] = ()

    def packed(self) -> tuple[bytes, list[Tensor]]:
        """What goes over the wire: words, and uint8 arrays [...] of any shape; pixel work."""
        entry = _Entry.of(self.segmentation)
        parts: list[Tensor] = []
        words: dict[str, Any] = {
            "entry": entry and entry.note,
            "entry_bytes": len(entry.body) if entry else 0,
            "picture": None,
            "plan": self.plan,
            "steps": self.steps,
            "graphs": self.graphs,
            "timings": self.timings,
        }
        if self.picture is not None:
            words["picture"], parts = _packed_picture(self.picture)
        if entry:
            parts.append(np.frombuffer(entry.body, np.uint8))
        return _json(words), parts

    @classmethod
    def unpacked(cls, answer: bytes, pixels: Tensor, original: Size) -> "ChainResult":
        """The reverse, `pixels` being its arrays as one, uint8 [length]; pixel work.

        Raises:
            ModelContractBroken: this is nothing that the chain says.
        """
        with _contract():
            words = json.loads(answer)
            picture, rest = None, pixels
            if words["picture"] is not None:
                picture, rest = _unpacked_picture(words["picture"], pixels)
            segmentation = None
            if words["entry"] is not None:
                body = rest[: words["entry_bytes"]].tobytes()
                segmentation = _Entry(body, words["entry"]).segmentation(original)
            timings = tuple((str(stage), float(spent)) for stage, spent in words["timings"])
            return cls(
                segmentation, picture, words["plan"], words["steps"], words["graphs"], timings
            )


def most_bytes(transform: Transform, original: Size, limits: Limits) -> int:
    """The most that an answer may take: the canvas and its matte, and the matte of the original."""
    sides = transform.width, transform.height
    canvas = sides[0] * sides[1] if sides[0] and sides[1] else limits.output_pixels
    return 5 * canvas + 2 * original.pixels + 2**16


def name_of(plan: Plan, steps: int) -> str:
    """The same for the same first steps, whoever planned them."""
    return json.dumps([step.facts() for step in plan.steps[:steps]], default=float)


def wordy(transform: Transform) -> str:
    """A transform as a query; of its preset only what it decided."""
    return replace(transform, preset="").canonical()


def unworded(query: str) -> Transform:
    """The reverse."""
    return read(query, _NO_PRESETS).transform


@dataclass(frozen=True, slots=True)
class _Entry:
    """A segmentation in the form in which it is stored."""

    body: bytes = field(repr=False)
    note: str

    @classmethod
    def of(cls, segmentation: Segmentation | None) -> "_Entry | None":
        if segmentation is None:
            return None
        packed = entries.pack(segmentation, ())
        return cls(packed.body, packed.note(entries.NOTE) or "")

    def segmentation(self, original: Size) -> Segmentation:
        notes = ((entries.NOTE, self.note),)
        packed = Rendition.of(self.body, Format.PNG, Size(1, 1), notes=notes)
        segmentation = entries.unpack(packed, original)
        if segmentation is None:
            raise ValueError("the segmentation cannot be read")
        return segmentation


def _packed_picture(picture: Picture) -> tuple[dict[str, Any], list[Tensor]]:
    synthesized = picture.synthesized
    words = {
        "mode": picture.image.mode,
        "size": picture.image.size,
        "matte": picture.matte is not None,
        "subject": picture.subject and picture.subject.as_tuple(),
        "synthesized": synthesized and asdict(synthesized),
        "decontaminated": picture.decontaminated,
        "rough": picture.rough,
        "exact": picture.exact,
    }
    layers = [picture.image] if picture.matte is None else [picture.image, picture.matte]
    return words, [array_of(layer) for layer in layers]


def _unpacked_picture(words: Mapping[str, Any], pixels: Tensor) -> tuple[Picture, Tensor]:
    width, height = words["size"]
    image, rest = _image(pixels, words["mode"], (width, height))
    matte, synthesized = None, words["synthesized"]
    if words["matte"]:
        matte, rest = _image(rest, "L", (width, height))
    picture = Picture(
        image,
        matte,
        Box(*words["subject"]) if words["subject"] else None,
        Synthesized(**synthesized) if synthesized else None,
        decontaminated=words["decontaminated"],
        rough=words["rough"],
        exact=words["exact"],
    )
    return picture, rest


def _image(pixels: Tensor, mode: str, size: tuple[int, int]) -> tuple[Image.Image, Tensor]:
    """The picture that flat bytes begin with, and what follows it."""
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    length = size[0] * size[1] * channels
    if len(pixels) < length or not length:
        raise ValueError(f"{len(pixels)} bytes hold no {mode} picture of {size}")
    return Image.frombytes(mode, size, pixels[:length].tobytes()), pixels[length:]


def _facts(words: Mapping[str, Any]) -> Facts:
    return Facts(
        **{
            **words,
            "format": OriginalFormat(words["format"]),
            "mode": Mode(words["mode"]),
            "size": Size(*words["size"]),
            "stored": Size(*words["stored"]),
        }
    )


class _contract:
    """Makes whatever a malformed message raises a `ModelContractBroken`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ValueError | KeyError | TypeError | IndexError):
            raise ModelContractBroken(
                f"{CHAIN}: the message cannot be read: {error}", param=CHAIN
            ) from error


def _json(words: Mapping[str, Any]) -> bytes:
    return json.dumps(words, separators=(",", ":"), default=float).encode()
