"""The parts of an op: the context of its plan, the step that it returns, the tools that the step
uses.

An op is one file in `ops/`, and decides before it does:

- `plan(transform, context) -> Step | None` says whether it is wanted and computes every number. It
  sees no pixels. None means: nothing to do.
- The step is a small frozen dataclass with those numbers. `after(state)` says what the picture is
  once the step is done, so that the next op plans on it; `apply` does it, with pixels only.

A step never learns of the request, and what it promises in `after` is what `apply` must yield.
All numbers of a plan are in pixels of the whole, upright original. A decoder may hand over a
smaller picture; a step before the resize then has its numbers brought to it by `scaled`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self, TypeVar

from PIL import Image

from edge.deadline import Deadline
from edge.images import Box, Color, Size
from edge.limits import Limits
from edge.models.base import Models, Priority
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.engine.threads import Engine
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.source.facts import Facts
from edge.rendering.tile_cache import TileCache
from edge.variants.transform import Transform

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Framing:
    """Where the picture sits in the canvas.

    `region` is what is kept of the picture, in its pixels and inside it; it becomes `content`
    pixels large and lies with its left top corner at `at` in a canvas of `canvas` pixels.
    """

    region: Area
    content: Size
    canvas: Size
    at: tuple[int, int] = (0, 0)

    @property
    def enlargement(self) -> float:
        """How many pixels the output needs for one pixel of the picture, the greater axis."""
        return max(self.content.width / self.region.width, self.content.height / self.region.height)


@dataclass(frozen=True, slots=True)
class PlanState:
    """The state of the picture at one point of the plan.

    `size` is that of the picture; `view` is the part of it that counts: crop and trim narrow it
    and leave the pixels alone, so that one resampling can do all. `subject` is the subject's box,
    None while unknown. `framing` stands once the frame op has decided. Views, boxes and framings
    are in pixels of the picture as it then is. `reduced` is how many pixels of the original's side
    go into one of the canvas (below 1: enlarged), 1 until the frame op. `alpha` says that pixels
    may be see-through; `matted` says that the picture carries a matte, `upscaled` that a network
    drew its pixels, `decontaminated` that the old background is out of the
    subject's soft pixels.
    """

    size: Size
    view: Area
    subject: Area | None = None
    framing: Framing | None = None
    reduced: float = 1.0
    alpha: bool = False
    matted: bool = False
    upscaled: bool = False
    decontaminated: bool = False

    @classmethod
    def first(cls, size: Size, subject: Area | None = None, *, alpha: bool = False) -> Self:
        return cls(size, Area.whole(size), subject, alpha=alpha)

    def narrowed(self, view: Area) -> Self:
        """After only `view` of the picture counts."""
        return replace(self, view=view)

    def cropped(self, box: Box) -> Self:
        """After only `box` of the picture is left."""
        return self.mapped(box.size, lambda area: area.moved(-box.left, -box.top))

    def enlarged(self, factor: int) -> Self:
        """After every side of the picture is `factor` times as long."""
        size = Size(self.size.width * factor, self.size.height * factor)
        return self.mapped(size, lambda area: area.scaled(factor, factor))

    def padded(self, canvas: Size, at: tuple[int, int]) -> Self:
        """After the picture lies at `at` in a canvas that it does not fill."""
        moved = self.mapped(canvas, lambda area: area.moved(*at))
        framing = moved.framing and replace(moved.framing, content=canvas, at=(0, 0))
        return replace(moved, view=Area.whole(canvas), framing=framing).framed_whole()

    def framed_whole(self) -> Self:
        """After the framing's region is the whole picture, free of rounding errors."""
        framing = self.framing and replace(self.framing, region=Area.whole(self.size))
        return replace(self, framing=framing)

    def mapped(self, size: Size, move: Callable[[Area], Area]) -> Self:
        """After a change that makes the picture `size` large and moves every area by `move`."""
        framing = self.framing and replace(self.framing, region=move(self.framing.region))
        return replace(
            self,
            size=size,
            view=move(self.view).within(size),
            subject=self.subject and move(self.subject).within(size),
            framing=framing,
        )


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The input of an op's `plan`."""

    facts: Facts
    analysis: Analysis | None
    limits: Limits
    state: PlanState

    @property
    def whole(self) -> bool:
        """Whether the photo is delivered whole; see `Analysis`."""
        return self.analysis is not None and self.analysis.whole


SceneFetch = Callable[[str, Deadline], Awaitable[Image.Image]]
"""Fetches the background picture of `bg=scene:<name>`: sRGB, RGB."""

SceneFacts = Callable[[str, Deadline], Awaitable[Facts]]
"""Fetches the facts of that picture's header."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a step; `tile_cache` keeps recently enlarged tiles and subjects, under the
    `tags` of the original."""

    models: Models
    engine: Engine
    deadline: Deadline
    priority: Priority = Priority.INTERACTIVE
    scene: SceneFetch | None = field(default=None, repr=False)
    tile_cache: TileCache | None = field(default=None, repr=False)
    tags: tuple[str, ...] = ()


class SourceType(StrEnum):
    """Terms of IPTC's vocabulary of digital source types, the strongest last."""

    ENHANCED = "algorithmicallyEnhanced"
    """A photo edited by a program: enlarged, or its subject cut out."""
    COMPOSITE = "composite"
    """A subject on another background than it was taken on, be that one colour."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What one step changes of a photo, as provenance records it: its source type, and in words."""

    source_type: SourceType
    words: str


@dataclass(frozen=True, slots=True)
class _Step:
    """One op with its numbers, and what it declares to others.

    `wants_matte` says that it looks at the matte of a picture that is not cut out, `cuts_out` that
    it needs the subject cut out, so that the networks that looked for it are recorded, `fetches`
    that it needs something of the origin, beside the original.
    """

    op: ClassVar[str]
    wants_matte: ClassVar[bool] = False
    cuts_out: ClassVar[bool] = False
    fetches: ClassVar[bool] = False

    def after(self, state: PlanState) -> PlanState:
        """The state of the picture after this step."""
        return state

    def scaled(self, across: float, down: float) -> Self:
        """This step for a picture decoded smaller by these factors (each 0 to 1)."""
        return self

    def factors_after(self, across: float, down: float) -> tuple[float, float]:
        """Those factors for the step that follows this one."""
        return across, down

    def settled(self, models: Models | None) -> "Self | Step":
        """This step for these networks; None: as it is done without any."""
        return self

    @property
    def models(self) -> tuple[str, ...]:
        """The networks that this step needs, by name; any makes the plan a network one."""
        return ()

    @property
    def needs_full_decode(self) -> bool:
        """Whether the original has to be decoded in full: networks want all pixels there are."""
        return bool(self.models)

    @property
    def resize_scale(self) -> float | None:
        """Where it brings the picture to its size in the canvas: that side for one pixel of the
        picture's, the greater axis, so that fewer may be decoded below 1. None for other steps."""
        return None

    @property
    def framing(self) -> Framing | None:
        """Where it places the picture in the canvas. None for other steps."""
        return None

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        """The entry of this step in the provenance, or none where it only cuts the photo to
        size."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on this step for `explain`, one sentence each."""
        return ()

    def facts(self) -> dict[str, Any]:
        """The op and its numbers, JSON-able."""
        return {"op": self.op} | {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class PixelStep(_Step, ABC):
    """Work on pixels only: runs on an engine thread.

    `turns` says that it turns or mirrors the whole picture and does no more.
    """

    waits: ClassVar[Literal[False]] = False
    turns: ClassVar[bool] = False

    @property
    def undone(self) -> "PixelStep":
        """Of a step that `turns`: the one that brings back what it was given."""
        return self

    @abstractmethod
    def apply(self, picture: Picture) -> Picture:
        """Carry the step out, as `after` promises."""


@dataclass(frozen=True, slots=True)
class AsyncStep(_Step, ABC):
    """Waits for a network or an origin: runs on the event loop, pixel work through the engine."""

    waits: ClassVar[Literal[True]] = True

    @abstractmethod
    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        """Carry the step out with these tools, as `after` promises."""


Step = PixelStep | AsyncStep
"""One step of a plan; `waits` tells which of the two it is."""


def _plain(value: Any) -> Any:
    if isinstance(value, Box | Area):
        return [round(edge, 3) for edge in value.as_tuple()]
    if isinstance(value, Size):
        return [value.width, value.height]
    if isinstance(value, Color):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
