"""Reads a transform's canonical form back: what shows that it loses nothing."""

from edge.variants.decoding import words_of
from edge.variants.parameters import BY_NAME
from edge.variants.transform import WORDS, Transform, settle


def parse(canonical: str) -> Transform:
    """The Transform whose `canonical()` this is. Presets are named in it, not applied again.

    Raises:
        InvalidParameter: this is not a canonical form.
    """
    words, _ = words_of(canonical, strict=True)
    preset, _, version = words.pop("preset", "").partition("@")
    fields = {WORDS[name]: BY_NAME[name].read(text) for name, text in words.items()}
    return settle({**fields, "preset": preset, "preset_version": version})
