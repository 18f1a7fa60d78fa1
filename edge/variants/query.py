"""Reading a query string into a Request: percent-decoded once, aliases and presets folded in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from edge.errors import InvalidParameter, OutputTooLarge
from edge.images import FORMAT_WORDS, Format
from edge.kinds import nearest, shown
from edge.variants import device as devices
from edge.variants.decoding import words_of
from edge.variants.device import PLAIN, Device
from edge.variants.parameters import BY_NAME, PARAMETERS, Parameter
from edge.variants.presets import Presets
from edge.variants.transform import WORDS, Transform, settle
from edge.variants.values import AUTO
from edge.variants.words import MAX_SIDE

__all__ = ["PARAMETERS", "AcceptClass", "ImageRequest", "Parameter", "read"]


class AcceptClass(StrEnum):
    """The classes that an Accept header is reduced to.

    `AVIF` and `WEBP` are named outright. Of the others, `BASE` takes whatever it gets, by a
    wildcard; `NO_AVIF` and `NO_WEBP` take all but the one, `PLAIN` neither.
    """

    AVIF = "avif"
    WEBP = "webp"
    BASE = "base"
    NO_AVIF = "no-avif"
    NO_WEBP = "no-webp"
    PLAIN = "plain"


_REFUSED = MappingProxyType(
    {
        AcceptClass.NO_AVIF: frozenset({Format.AVIF}),
        AcceptClass.NO_WEBP: frozenset({Format.WEBP}),
        AcceptClass.PLAIN: frozenset({Format.AVIF, Format.WEBP}),
    }
)
_BY_CLASS = MappingProxyType({AcceptClass.AVIF: Format.AVIF, AcceptClass.WEBP: Format.WEBP})


@dataclass(frozen=True)
class ImageRequest:
    """Everything that one query asks for.

    Attributes:
        transform: the picture; its format is None while it is to be negotiated.
        version: `v`, the caller's word for the original's version.
        download: the file name to offer, or None to show the picture in place.
        wait: most milliseconds to wait for the networks, or None for the server's own.
        strict: a rendition that breaks its preset's rules is refused.
        hints: the request headers beside Accept that the transform depends on.
        ignored: names that were passed over, in order.
        expires, key_id, signature: `exp` (Unix time in seconds), `kid`, `sig`, as given.
    """

    transform: Transform
    version: str | None = None
    download: str | None = None
    wait: int | None = None
    strict: bool = False
    hints: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    expires: int | None = None
    key_id: str | None = None
    signature: str | None = field(default=None, repr=False)
    _resolved: dict[Format | None, Transform] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def negotiates(self) -> bool:
        """The answer depends on the Accept header."""
        return self.transform.format is None

    def resolve(self, accept: AcceptClass, extension: str) -> Transform:
        """The transform with a definite format; without one where it depends on the picture: PNG
        if something of it is see-through, JPEG if nothing is.

        Args:
            accept: what the caller takes; counts only where the request negotiates.
            extension: of the path, with or without its dot, in any case.
        """
        if self.transform.format is not None:
            return self.transform
        chosen = _BY_CLASS.get(accept) or self._base(extension, _REFUSED.get(accept, frozenset()))
        if chosen not in self._resolved:  # a request is read once and resolved for many requests
            self._resolved[chosen] = replace(self.transform, format=chosen)
        return self._resolved[chosen]

    def _base(self, extension: str, refused: frozenset[Format]) -> Format | None:
        """The format that the path names, if the caller takes it and it can hold the picture."""
        word = extension.lower().removeprefix(".")
        named = Format.PNG if word == "gif" else FORMAT_WORDS.get(word)
        if named in refused:
            named = None
        background = self.transform.background
        if background is not None and not background.opaque and named in (None, Format.JPEG):
            return Format.PNG
        return named


def read(
    raw_query: str,
    presets: Presets,
    *,
    strict: bool = False,
    widths: Sequence[int] = (),
    device: Device | None = None,
) -> ImageRequest:
    """What a query asks for.

    The lenient grammar passes over unknown parameters and takes the last of several; the strict one
    refuses both. An empty value is as good as an absent parameter.

    Args:
        raw_query: as it stands in the URL after the question mark, still percent-encoded.
        strict: the grammar, not the caller's `strict=1`.
        widths: widths in pixels, ascending, that asked lengths are rounded up to. `w` leads and `h`
            keeps its proportion to it; lengths that a preset sets are not touched.
        device: what the client tells of itself; None where nobody listens to that.

    Raises:
        InvalidParameter, UnknownParameter, DuplicateParameter, OutputTooLarge.
    """
    return _read(raw_query, presets.now, strict, tuple(widths), device)


@lru_cache(maxsize=4096)
def _read(
    raw_query: str, presets: Presets, strict: bool, widths: tuple[int, ...], device: Device | None
) -> ImageRequest:
    words, ignored = words_of(raw_query, strict)
    values = {name: BY_NAME[name].read(text) for name, text in words.items()}
    transform, hints = _transform(values, presets, widths, device)
    return ImageRequest(
        transform=transform,
        version=values.get("v"),
        download=values.get("dl"),
        wait=values.get("wait"),
        strict=values.get("strict", False),
        hints=hints,
        ignored=ignored,
        expires=values.get("exp"),
        key_id=values.get("kid"),
        signature=values.get("sig"),
    )


_SIDES = ("width", "height", "long_side")


def _transform(
    values: Mapping[str, Any], presets: Presets, widths: tuple[int, ...], device: Device | None
) -> tuple[Transform, tuple[str, ...]]:
    """The transform, and the headers that it depends on."""
    fields, own = _named(values, presets), _own(values)
    if any(side in own for side in _SIDES):
        fields = {name: value for name, value in fields.items() if name not in _SIDES}
    fields |= own
    dpr, hints = values.get("dpr", 1), tuple[str, ...]()
    if device is not None:
        preset = presets.get(fields.get("preset", ""))
        ruled = preset is not None and bool(preset.rules)
        hints = devices.hints_read(fields, dpr, ruled=ruled)
        fields = devices.suited(fields, device, ruled=ruled)
    if dpr is AUTO:
        dpr = (device or PLAIN).density
    _multiply(fields, dpr)
    if widths and (dpr != 1 or any(side in own for side in _SIDES)):
        _snap(fields, widths)
    transform = settle(fields)
    if transform.longest > MAX_SIDE:
        raise OutputTooLarge(
            "the requested canvas has a side that no format holds",
            param="dpr" if dpr != 1 else "ar",
            allowed=f"sides of at most {MAX_SIDE:,} pixels",
        )
    return transform, hints


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the query's own words set."""
    return {
        WORDS[name]: value for name, value in values.items() if name in WORDS and name != "preset"
    }


def _named(values: Mapping[str, Any], presets: Presets) -> dict[str, Any]:
    """The fields that `fmt` and `preset` set."""
    name, format = _requested(values["fmt"], presets) if "fmt" in values else (None, {})
    name = values.get("preset", name)
    if name is None:
        return format
    preset = presets.get(name.lower())
    if preset is None:
        raise _no_preset("preset", name, presets)
    identity = {"preset": preset.name, "preset_version": preset.version}
    return {**preset.fields, **identity, **format}


def _requested(fmt: str, presets: Presets) -> tuple[str | None, dict[str, Format | None]]:
    """The preset that `fmt` names, and the field of the format where it names one."""
    named: list[str] = []
    formats: list[Format | None] = []
    for word in (part.strip().lower() for part in fmt.split(",")):
        if word == "auto":
            formats.append(None)
        elif word in FORMAT_WORDS:
            formats.append(FORMAT_WORDS[word])
        elif word in presets:
            named.append(word)
        else:
            raise _no_preset("fmt", word, presets)
    if len(named) > 1 or len(formats) > 1:
        raise InvalidParameter(
            f"fmt={shown(fmt)} names two of a kind",
            param="fmt",
            allowed="one preset, one format, or one of each",
        )
    return (named[0] if named else None), ({"format": formats[0]} if formats else {})


def _no_preset(param: str, word: str, presets: Presets) -> InvalidParameter:
    known = (*presets.names, *(("auto", *(f.value for f in Format)) if param == "fmt" else ()))
    return InvalidParameter(
        f"{param}={shown(word)} is not known",
        param=param,
        allowed=known,
        nearest=nearest(word, frozenset(known)),
    )


def _multiply(fields: dict[str, Any], dpr: float) -> None:
    for side in _SIDES:
        if dpr != 1 and side in fields:
            fields[side] = max(1, int(fields[side] * dpr + 0.5))


def _snap(fields: dict[str, Any], widths: tuple[int, ...]) -> None:
    """Round the leading length up to one of `widths`; the other one keeps its proportion."""
    leading = next((side for side in _SIDES if side in fields), None)
    if leading is None:
        return
    requested = fields[leading]
    snapped = next((width for width in widths if width >= requested), widths[-1])
    fields[leading] = snapped
    if leading == "width" and "height" in fields:
        fields["height"] = max(1, int(fields["height"] * snapped / requested + 0.5))
