"""Presets: named requests with the rules that their renditions must hold. Data, read from TOML."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from edge.errors import PresetsFileError
from edge.images import Format
from edge.text_files import read_text
from edge.variants.tables import EMPTY, Draft, PresetsSource, drafts
from edge.variants.transform import Transform, settle
from edge.variants.values import Background, Ratio
from edge.variants.words import MAX_SIDE


@dataclass(frozen=True, slots=True)
class Rules:
    """What `verify` holds a finished rendition against; None or empty where nothing is ruled.

    Attributes:
        background: exactly this colour, or transparent, around the subject.
        background_neutral: the background is white or grey: any lightness, hardly any chroma.
        fill_min: least share of the canvas that the subject's box spans in its longer direction.
        ratios: the canvas has one of these, to the rounding of a pixel.
        long_min, long_max: bounds of the longer side, in pixels.
        short_min: least length of the shorter side, in pixels.
        formats: the encodings that are taken.
        bytes_max: largest file.
        srgb: the colours are sRGB.
        no_alpha: the file has no alpha channel.
        no_border: no frame is drawn around the picture.
        no_detail: the product is cut out: the photo shows all of it, not a part that fills the
            frame, and its cut is not too unsure.
        no_second_view: no picture stands in the picture, and the product not twice at two sizes.
        no_text: nothing is written beside the product, a watermark neither (needs a network).
        no_head: no face is seen (needs a network).
        drift_max: how far the product's colours may have moved from the photo's: the CIEDE2000
            that 95 % of its pixels stay under.
        swatch_max: how far the product's colour may be from the one that `swatch` names, in
            CIEDE2000.
        synthesized_max: greatest share of the canvas that may lie beyond the photo's edge.
        guessed_max: the same, of what does not just continue a plain background.
    """

    background: Background | None = None
    background_neutral: bool = False
    fill_min: float | None = None
    ratios: tuple[Ratio, ...] = ()
    long_min: int | None = None
    long_max: int | None = None
    short_min: int | None = None
    formats: tuple[Format, ...] = ()
    bytes_max: int | None = None
    srgb: bool = False
    no_alpha: bool = False
    no_border: bool = False
    no_detail: bool = False
    no_second_view: bool = False
    no_text: bool = False
    no_head: bool = False
    drift_max: float | None = None
    swatch_max: float | None = None
    synthesized_max: float | None = None
    guessed_max: float | None = None

    def __bool__(self) -> bool:
        return self != Rules()

    @property
    def networks(self) -> tuple[str, ...]:
        """Those of the rules that a network is asked for."""
        return ("no_text",) * self.no_text + ("no_head",) * self.no_head

    @property
    def needs_analysis(self) -> bool:
        """Whether some rule is about what is seen on the whole picture."""
        return self.no_text or self.no_head or self.no_second_view


@dataclass(frozen=True)
class Preset:
    """One preset. `fields` are the fields of a Transform that it sets."""

    name: str
    version: str
    title: str
    fields: Mapping[str, Any]
    rules: Rules = field(default_factory=Rules)

    def __reduce__(self) -> tuple[Any, ...]:
        """To travel to another process, which no read-only mapping does by itself."""
        return _sent, (self.name, self.version, self.title, dict(self.fields), self.rules)

    @cached_property
    def transform(self) -> Transform:
        """The transform of the preset alone; its format is None where it negotiates."""
        return settle({**self.fields, "preset": self.name, "preset_version": self.version})


def _sent(name: str, version: str, title: str, fields: dict[str, Any], rules: Rules) -> Preset:
    return Preset(name, version, title, MappingProxyType(fields), rules)


@dataclass(frozen=True, eq=False)
class Presets:
    """All presets of a server, by name. Compared by identity: there is one for each server."""

    by_name: Mapping[str, Preset] = field(repr=False)

    def get(self, name: str) -> Preset | None:
        return self.by_name.get(name)

    def __getitem__(self, name: str) -> Preset:
        return self.by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[Preset]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.by_name)

    @property
    def now(self) -> "Presets":
        """These presets as they are now, which never change: what a memory is kept by."""
        return self

    def revision(self, name: str, version: str) -> Preset | None:
        """The preset of that version, where it is still known; else as it is now."""
        return self.get(name)


class LivePresets(Presets):
    """Presets that are exchanged as a whole while a server runs.

    Those before are kept once more, for the renders that began under them: a picture is held
    against the rules of the version in its name.
    """

    def __init__(self, first: Presets) -> None:
        super().__init__(first.by_name)
        object.__setattr__(self, "_held", (first, first))

    def exchange(self, new: Presets) -> None:
        """From now on these count."""
        object.__setattr__(self, "_held", (new, self.now))
        object.__setattr__(self, "by_name", new.by_name)

    @property
    def now(self) -> Presets:
        held: tuple[Presets, Presets] = self._held  # type: ignore[attr-defined]
        return held[0]

    def revision(self, name: str, version: str) -> Preset | None:
        held: tuple[Presets, Presets] = self._held  # type: ignore[attr-defined]
        for presets in held:
            preset = presets.get(name)
            if preset is not None and preset.version == version:
                return preset
        return self.get(name)


def load(path: str | None = None) -> Presets:
    """The shipped presets, and a user's file merged over them key by key where a path is given.

    A preset that the user's file touches gets a digest of its contents as part of its version, so
    that a forgotten new version cannot leave old renditions in the caches.

    Raises:
        PresetsFileError: with file, line, table and reason.
    """
    merged = drafts(_shipped())
    for name, draft in (drafts(_users(path)) if path else {}).items():
        merged[name] = merged.get(name, EMPTY).under(draft)
    return Presets(MappingProxyType({name: _preset(name, d) for name, d in merged.items()}))


def _shipped() -> PresetsSource:
    text = files("edge.variants").joinpath("presets.toml").read_text(encoding="utf-8")
    return PresetsSource("presets.toml", text)


def _users(path: str) -> PresetsSource:
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise PresetsFileError(f"{path}: the presets file cannot be read: {error}") from error
    if not text.strip():  # as a file is whose writing was cut off
        raise PresetsFileError(f"{path}: the presets file is empty")
    return PresetsSource(path, text, users=True)


def _preset(name: str, draft: Draft) -> Preset:
    preset = Preset(
        name,
        draft.about.get("version", "1"),
        draft.about.get("title", name),
        MappingProxyType(draft.fields),
        Rules(**draft.rules),
    )
    if preset.transform.longest > MAX_SIDE:
        raise PresetsFileError(f"[{name}]: its canvas has a side of more than {MAX_SIDE:,} pixels")
    return replace(preset, version=_revision(preset)) if draft.users else preset


def _revision(preset: Preset) -> str:
    contents = repr((sorted(preset.fields.items()), preset.rules))
    return f"{preset.version}.{hashlib.sha256(contents.encode()).hexdigest()[:8]}"
