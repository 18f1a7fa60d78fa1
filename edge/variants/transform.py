"""A transform: the complete request for one picture, after preset and query, in one canonical
form."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

from edge.images import Color, Format
from edge.variants.values import (
    AUTO,
    CENTER,
    TRANSPARENT,
    Auto,
    Background,
    BackgroundKind,
    CropRegion,
    Fit,
    FlipMode,
    Gravity,
    MatteMode,
    Ratio,
    UpscaleMode,
)

FRAME = 0.85
"""Share of the canvas that a framed subject fills unless the caller says otherwise: what the
stricter marketplaces ask for at least."""


@dataclass(frozen=True)
class Transform:
    """The complete request. What means the same picture is the same value: making one folds it.

    A ratio with one known side becomes two sides; `fit=max` becomes `inside` with `up=off`; a fit,
    gravity, frame or upscale that cannot show is dropped. So `Transform(width=8, ratio=Ratio(1, 1),
    fit=Fit.COVER)` has `height == 8` and no ratio.

    Attributes:
        width, height: the asked canvas in device pixels (`dpr` is multiplied in), or None.
        ratio: of the canvas, only where no length is asked for.
        long_side: pixels of the longer side, only where neither width, height nor ratio is set.
        crop: the region of the upright original to start from.
        trim: tolerance in 8-bit steps for cutting away a uniform border; 0 leaves it.
        rotate: degrees clockwise: 0, 90, 180, 270.
        sharpen: strength in percent, 0 for none, AUTO for what the reduction in size asks for.
        blur: radius (sigma) in pixels of the output, 0 to 100.
        background: the background; None as it was shot.
        frame: share of the canvas that the subject fills; set exactly where fit is PRODUCT.
        swatch: the brand's colour that the product's is measured against, or None.
        quality: 1 to 100 or AUTO.
        max_bytes: the largest file, or None.
        format: None as long as it is still to be negotiated; after that, None is PNG where
            something of the picture is see-through, and JPEG elsewhere.
        preset, preset_version: whose rules count for `verify`; empty for none.
    """

    width: int | None = None
    height: int | None = None
    ratio: Ratio | None = None
    long_side: int | None = None
    fit: Fit = Fit.INSIDE
    gravity: Gravity = CENTER
    crop: CropRegion | None = None
    trim: int = 0
    rotate: int = 0
    flip: FlipMode = FlipMode.NONE
    sharpen: int | Auto = 0
    blur: float = 0.0
    background: Background | None = None
    matte: MatteMode = MatteMode.OFF
    upscale: UpscaleMode = UpscaleMode.OFF
    frame: float | None = None
    shadow: bool = False
    harmonize: bool = False
    swatch: Color | None = None
    quality: int | Auto = AUTO
    max_bytes: int | None = None
    format: Format | None = None
    preset: str = ""
    preset_version: str = ""

    def __post_init__(self) -> None:
        self._fold_sides()
        self._fold_fit()
        if self.matte is MatteMode.ON and self.background is None:
            self._set(background=TRANSPARENT)
        if self.crop is not None and self.crop.whole:
            self._set(crop=None)
        if not self.preset:
            self._set(preset_version="")

    def _fold_sides(self) -> None:
        ratio, width, height = self.ratio, self.width, self.height
        if ratio is not None and width is not None and height is None:
            height = ratio.height_of(width)
        elif ratio is not None and height is not None and width is None:
            width = ratio.width_of(height)
        elif ratio is not None and self.long_side is not None and width is None:
            size = ratio.size_of(self.long_side)
            width, height = size.width, size.height
        if width is not None or height is not None:
            self._set(width=width, height=height, ratio=None, long_side=None)

    def _fold_fit(self) -> None:
        if self.fit is Fit.MAX:
            self._set(fit=Fit.INSIDE, upscale=UpscaleMode.OFF)
        if self.upscale is UpscaleMode.AUTO and not self.has_size:
            self._set(upscale=UpscaleMode.OFF)
        if self.fit is not Fit.PRODUCT and not self.has_canvas:
            self._set(fit=Fit.INSIDE)
        if self.fit is Fit.INSIDE:
            self._set(ratio=None)
        if self.fit in (Fit.INSIDE, Fit.FILL):
            self._set(gravity=CENTER)
        if self.fit is not Fit.PRODUCT:
            self._set(frame=None)
        elif self.frame is None:
            self._set(frame=FRAME)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def has_canvas(self) -> bool:
        """Both sides or their ratio are asked for, so that a fit can show."""
        return self.ratio is not None or (self.width is not None and self.height is not None)

    @property
    def has_size(self) -> bool:
        """Some length in pixels is asked for."""
        return self.longest > 0

    @property
    def longest(self) -> int:
        """The longest side that is asked for, in pixels; 0 where none is."""
        return max(side or 0 for side in (self.width, self.height, self.long_side))

    @property
    def cuts_out(self) -> bool:
        """The subject is cut out of its background, where there is one."""
        if self.matte is MatteMode.AUTO:
            return self.background is not None
        return self.matte is MatteMode.ON

    @property
    def requires_matte(self) -> bool:
        """A picture as shot would break the request: then a missing network is an error."""
        return self.matte is MatteMode.ON or (bool(self.preset) and self.cuts_out)

    @property
    def needs_segmentation(self) -> bool:
        """A segmentation is needed: to cut the subject out, or to keep it whole in a crop that may
        enlarge; other crops make do with the analysis."""
        keeps = self.fit is Fit.COVER and self.gravity.subject
        return self.cuts_out or (keeps and self.upscale is not UpscaleMode.OFF)

    def canonical(self) -> str:
        """`bg=ffffff&fit=product&h=2048&...`: sorted words, defaults dropped, nothing to escape.

        Two equal Transforms have one, and two that differ never do.
        """
        return self._canonical

    @cached_property
    def _canonical(self) -> str:
        words = (f"{word}={self._text(name)}" for word, name in WORDS.items() if self._says(name))
        return "&".join(sorted(words))

    def _says(self, name: str) -> bool:
        if name == "matte" and self.background and self.background.kind is BackgroundKind.SCENE:
            return True  # a scene alone would be read as `matte=auto`
        return bool(getattr(self, name) != DEFAULTS[name])

    def _text(self, name: str) -> str:
        value = getattr(self, name)
        if name == "preset":
            return f"{value}@{self.preset_version}"
        if isinstance(value, float):
            return f"{value:g}"
        return str(int(value)) if isinstance(value, bool) else str(value)


WORDS: Mapping[str, str] = MappingProxyType({
    "w": "width", "h": "height", "ar": "ratio", "size": "long_side", "fit": "fit", "g": "gravity",
    "crop": "crop", "trim": "trim", "rot": "rotate", "flip": "flip", "sharp": "sharpen",
    "blur": "blur", "bg": "background", "matte": "matte", "up": "upscale", "frame": "frame",
    "shadow": "shadow", "harmonize": "harmonize", "swatch": "swatch", "q": "quality",
    "maxbytes": "max_bytes", "fm": "format", "preset": "preset",
})  # fmt: skip
"""The URL's word of each field."""

DEFAULTS: Mapping[str, Any] = MappingProxyType({f.name: f.default for f in fields(Transform)})


def settle(given: Mapping[str, Any]) -> Transform:
    """The transform for some fields, and for what they imply.

    A frame without a fit means `product`, a ratio without a fit `cover`, a scene without a matte
    `auto`.
    """
    values = dict(given)
    if "fit" not in values:
        values["fit"] = _implied_fit(values)
    background = values.get("background")
    if "matte" not in values and background and background.kind is BackgroundKind.SCENE:
        values["matte"] = MatteMode.AUTO
    return Transform(**values)


def _implied_fit(values: Mapping[str, Any]) -> Fit:
    if values.get("frame") is not None:
        return Fit.PRODUCT
    return Fit.COVER if values.get("ratio") is not None else Fit.INSIDE
